"""What a prediction can ask about itself, and the metrics it reports.

The scope of a prediction is found through a context variable, so that async predictions side by
side have one each. Threads that a model starts have no such context: when one prediction runs,
they get its scope.
"""

from __future__ import annotations

from _contextvars import ContextVar  # the C module: `contextvars` adds only an import

from cog.runtime_stdlib.sdk.exceptions import ExperimentalFeatureWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    Key = Tuple[str, ...]

MODES = ("replace", "incr", "append")
LONGEST_KEY = 128
DEEPEST_KEY = 4


class Metrics:
    """The numbers, texts and lists that a prediction reports: `metrics["tokens"] = 12`."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: Dict[Key, Any] = {}

    def record(self, key: str, value: Any, mode: str = "replace") -> None:
        self._record(split_key(key), value, mode)

    def _record(self, key: Key, value: Any, mode: str) -> None:
        if mode not in MODES:
            raise ValueError("mode is one of %s, not %r" % (", ".join(MODES), mode))
        if value is None:
            self._values.pop(key, None)
            return
        value = plain(value)
        values = self._values
        held = values.get(key)
        for other in values:
            shorter = min(len(other), len(key))
            if other != key and other[:shorter] == key[:shorter]:
                raise TypeError("%s is already a metric; delete it first" % ".".join(other))
        if mode == "append":
            if held is None:
                values[key] = [value]
            elif isinstance(held, list):
                held.append(value)
            else:
                values[key] = [held, value]
        elif mode == "incr":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError("only numbers can be added up, not %s" % type(value).__name__)
            if held is not None and (isinstance(held, bool) or not isinstance(held, (int, float))):
                raise TypeError("%s is %s, not a number" % (".".join(key), type(held).__name__))
            values[key] = value if held is None else held + value
        else:
            if held is not None and kind_of(held) != kind_of(value):
                raise TypeError(
                    "%s is %s; delete it before it becomes %s" % (".".join(key), type(held).__name__, type(value).__name__)
                )
            values[key] = value

    def delete(self, key: str) -> None:
        self._values.pop(split_key(key), None)

    def __setitem__(self, key: str, value: Any) -> None:
        self.record(key, value)

    def __delitem__(self, key: str) -> None:
        if split_key(key) not in self._values:
            raise KeyError(key)
        self.delete(key)

    def __getitem__(self, key: str) -> Any:
        return self._values[split_key(key)]

    def __contains__(self, key: str) -> bool:
        return split_key(key) in self._values

    def snapshot(self) -> Dict[str, Any]:
        """Plain nested data, a copy."""
        result: Dict[str, Any] = {}
        for key, value in self._values.items():
            holder = result
            for part in key[:-1]:
                holder = holder.setdefault(part, {})
            holder[key[-1]] = list(value) if isinstance(value, list) else value
        return result


class Scope:
    """One prediction, as its own code sees it."""

    __slots__ = ("context", "metrics")

    def __init__(self, context: Optional[Dict[str, str]] = None) -> None:
        self.context: Dict[str, str] = {} if context is None else context  # the request's `context`
        self.metrics = Metrics()

    def record_metric(self, name: str, value: Any, mode: str = "replace") -> None:
        """Report a metric under exactly this name; the last value wins."""
        # Models of 0.14 use any name and change types at will: only the newer doors are strict.
        if not isinstance(name, str):
            raise TypeError("the name of a metric is a text, not %s" % type(name).__name__)
        key = (name,)
        if mode == "replace":
            self.metrics._values[key] = plain(value)
        else:
            self.metrics._record(key, value, mode)

    def snapshot(self) -> Dict[str, Any]:
        return self.metrics.snapshot()


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def plain(value: Any) -> Any:
    """A metric's value as data that JSON knows; scalars of numpy and torch are asked for theirs."""
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [None if item is None else plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): None if item is None else plain(item) for key, item in value.items()}
    item = getattr(value, "item", None)
    if callable(item):
        found = item()
        if isinstance(found, (bool, int, float, str)):
            return found
    raise TypeError("a metric is a number, text, bool, list or dict, not %s" % type(value).__name__)


def split_key(key: str) -> Key:
    if not isinstance(key, str):
        raise TypeError("the name of a metric is a text, not %s" % type(key).__name__)
    parts = key.split(".")
    if len(key) > LONGEST_KEY or len(parts) > DEEPEST_KEY:
        raise ValueError("a metric's name has at most 4 parts and 128 characters: %r" % key[:200])
    for part in parts:
        words = part.split("_")
        fine = part[:1].isalpha() and all([word.isalnum() and word.isascii() for word in words])
        if not fine:
            raise ValueError("not the name of a metric: %r (letters, digits, single _ inside)" % key)
    if key == "predict_time" or parts[0] == "cog":
        raise ValueError("the metric %s is Cog's own" % key)
    return tuple(parts)


_scope: ContextVar[Optional[Scope]] = ContextVar("cog_scope", default=None)
_entered: List[Scope] = []  # Invariant: the scopes of the predictions that run right now.


def enter(scope: Scope) -> Any:
    """Make it the scope of the code that follows in this context."""
    _entered.append(scope)
    return (scope, _scope.set(scope))


def leave(token: Any) -> None:
    scope, before = token
    try:
        _entered.remove(scope)
    except ValueError:  # left twice
        pass
    try:
        _scope.reset(before)
    except ValueError:  # left from another task than it was entered from: that one's is gone anyway
        pass


def running_scope() -> Optional[Scope]:
    scope = _scope.get()
    if scope is None and len(_entered) == 1:
        return _entered[0]
    return scope


def current_scope() -> Scope:
    """The scope of the running prediction."""
    import warnings  # a model that calls this pays for it

    warnings.warn(
        "current_scope() may change in a later release; self.record_metric() will not",
        ExperimentalFeatureWarning,
        stacklevel=2,
    )
    scope = running_scope()
    if scope is None:
        raise RuntimeError("No scope available: current_scope() works only while a prediction runs")
    return scope


def emit_metric(name: str, value: Any) -> None:
    """Deprecated: use self.record_metric()."""
    import warnings  # a model that calls this pays for it

    warnings.warn("emit_metric() is now self.record_metric()", DeprecationWarning, stacklevel=2)
    scope = running_scope()
    if scope is not None:
        scope.record_metric(name, value)


for _public in (current_scope, emit_metric):
    _public.__module__ = "cog"
