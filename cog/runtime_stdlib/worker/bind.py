"""From the values of a request to the arguments of predict().

Strategy: everything that is the same for each prediction is worked out once. Without files,
secrets and mutable defaults, binding is one dict copy and one update.
"""

from __future__ import annotations

from cog.runtime_stdlib.schema.introspect import defaults_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

    from cog.runtime_stdlib.schema.spec import Spec

    Where = Tuple[Union[str, int], ...]
    FetchedLeaf = Tuple[Where, str, Optional[str], Optional[str]]  # where, kind, local path, name


class Binder:
    """Builds the keyword arguments of one callable."""

    def __init__(self, function: Callable[..., Any], spec: Spec) -> None:
        defaults, mutable = defaults_of(function, spec)
        self._defaults: Dict[str, Any] = defaults
        self._mutable: Dict[str, Any] = mutable

    def bind(self, values: Dict[str, Any], leaves: Sequence[FetchedLeaf] = ()) -> Dict[str, Any]:
        arguments = self._defaults.copy()
        if self._mutable:
            from copy import deepcopy  # only models with such defaults need it

            for name, default in self._mutable.items():
                if name not in values:
                    arguments[name] = deepcopy(default)
        arguments.update(values)
        for where, kind, path, given_name in leaves:
            place(arguments, where, build(kind, arguments, where, path, given_name))
        return arguments


def build(kind: str, arguments: Dict[str, Any], where: Where, path: Optional[str], name: Optional[str]) -> Any:
    if kind == "secret":
        from cog.runtime_stdlib.sdk.secret import Secret  # a model with secrets has imported it

        text: Any = arguments
        for step in where:
            text = text[step]
        return Secret(text)
    if path is None:
        raise ValueError("nothing was fetched for %s" % (where,))
    if kind == "path":
        from cog.runtime_stdlib.sdk.paths import Path  # likewise

        return Path(path)
    from cog.runtime_stdlib.sdk.files import FetchedFile  # likewise

    return FetchedFile(path, name)


def place(arguments: Dict[str, Any], where: Where, value: Any) -> None:
    holder: Any = arguments
    for step in where[:-1]:
        holder = holder[step]
    holder[where[-1]] = value
