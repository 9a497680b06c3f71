"""The classes that models derive from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cog.runtime_stdlib.sdk.scope import Scope


class RunningScope:
    """`self.scope`: the scope of the running prediction, or one that leads nowhere.

    No setter: a model may have an attribute of that name for itself.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Scope:
        from cog.runtime_stdlib.sdk.scope import Scope, running_scope  # only when it is used

        return running_scope() or Scope()


class BaseRunner:
    """A model: `setup()` once, then `run()` for each prediction."""

    scope = RunningScope()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        defined = {"run": False, "predict": False}
        for parent in cls.__mro__:
            if parent is BaseRunner or parent is BasePredictor:
                break
            for name in defined:
                defined[name] = defined[name] or name in parent.__dict__
        wanted = "predict" if issubclass(cls, BasePredictor) else "run"
        if not defined["run"] and not defined["predict"]:
            raise TypeError("Can't instantiate abstract class %s with abstract method %s" % (cls.__name__, wanted))
        # A predictor of 0.14 may well have a method of its own called run; a runner has no excuse.
        if wanted == "run" and defined["run"] and defined["predict"]:
            raise TypeError("%s defines both run() and predict(): keep run()" % cls.__name__)
        return super().__new__(cls)

    if TYPE_CHECKING:  # written so, a subclass may have any parameters

        def setup(self, *args: Any, **kwargs: Any) -> Any: ...

    else:

        def setup(self, weights=None):
            """Prepare the model; called once, before the first prediction."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run a single prediction."""
        raise NotImplementedError("%s has no run()" % type(self).__name__)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """The old name of run()."""
        import warnings  # only callers of the old name need it

        warnings.warn("predict() of a runner is now run()", DeprecationWarning, stacklevel=2)
        return self.run(*args, **kwargs)

    def record_metric(self, key: str, value: Any, mode: str = "replace") -> None:
        """Report a metric of the running prediction; does nothing outside of one."""
        from cog.runtime_stdlib.sdk.scope import running_scope  # only when it is used

        scope = running_scope()
        if scope is not None:
            scope.metrics.record(key, value, mode)


class BasePredictor(BaseRunner):
    """A model: `setup()` once, then `predict()` for each prediction."""


# How the loader knows that a class has not defined these itself.
for _stub in (BaseRunner.setup, BaseRunner.run, BaseRunner.predict):
    _stub.__cog_stub__ = True  # type: ignore[attr-defined]

for _public in (BaseRunner, BasePredictor):
    _public.__module__ = "cog"
