"""From `path/to/file.py:Name` to a callable: the one place of the whole runtime that imports model code.

The file is loaded by its path under the name of its base name, as `predict` for `predict.py`, so that
dataclasses, pickle and relative file names work in it as they do in any module. No bytecode is written beside it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, Tuple

CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200  # inspect's own numbers; inspect costs 15 ms


class LoadFailed(Exception):
    """The entry of cog.yaml leads to nothing that can be called. The text says why and what to do."""


def split(ref: str) -> Tuple[str, str]:
    """`predict.py:Predictor` -> (`predict.py`, `Predictor`); the name may be empty."""
    path, _, name = ref.rpartition(":") if ".py:" in ref else (ref, "", "")
    return path, name


def load_module(path: str, directory: str) -> ModuleType:
    """Run the file as a module. Raises what the file raises, FileNotFoundError when there is none."""
    from importlib.machinery import ModuleSpec, SourceFileLoader

    name = os.path.basename(path)[:-3] if path.endswith(".py") else os.path.basename(path)
    full = os.path.join(directory, path)
    if not os.path.isfile(full):
        raise FileNotFoundError(2, "No such file or directory", path)
    loader = SourceFileLoader(name, full)
    module = type(sys)(name)
    module.__file__ = full
    module.__loader__ = loader
    module.__spec__ = ModuleSpec(name, loader, origin=full)
    module.__package__ = ""
    sys.modules[name] = module
    try:
        code = compile(loader.get_data(full), full, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except BaseException:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        raise
    return module


class Entry:
    """What an entry of cog.yaml names: a class to instantiate or a function, and the function that is called."""

    __slots__ = ("named", "mode", "is_class")

    def __init__(self, named: Any, mode: str) -> None:
        self.named = named
        self.mode = mode
        self.is_class = isinstance(named, type)

    def method_name(self) -> str:
        for name in (self.mode, "run") if self.mode == "predict" else (self.mode,):
            if callable(getattr(self.named, name, None)) and not _is_stub(self.named, name):
                return name
        return ""

    def function(self) -> Callable[..., Any]:
        """What declares the types: unbound for a class, so that no `__init__` has to run for it.

        Raises TypeError when there is nothing to call.
        """
        name = self.method_name()
        if name:
            function: Callable[..., Any] = getattr(self.named, name)
            return function
        if self.is_class:
            if "__call__" in dir(self.named):
                called: Callable[..., Any] = self.named.__call__
                if getattr(called, "__code__", None) is not None:
                    return called
            raise TypeError("%r is not a callable object" % (self.named(),))
        if not callable(self.named):
            raise TypeError("%r is not a callable object" % (self.named,))
        plain: Callable[..., Any] = self.named
        return plain

    def takes_self(self) -> bool:
        return self.is_class

    def instantiate(self) -> Any:
        return self.named() if self.is_class else self.named

    def bound(self, instance: Any) -> Callable[..., Any]:
        name = self.method_name()
        target: Callable[..., Any] = getattr(instance, name) if name else instance
        return target


def _is_stub(named: Any, name: str) -> bool:
    """Whether a class only inherits the SDK's own placeholder (`predict` that forwards to `run`, and so on)."""
    return bool(getattr(getattr(named, name, None), "__cog_stub__", False))


def find(module: ModuleType, name: str, mode: str) -> Entry:
    """The class or function of that name. Raises AttributeError with the names there are when it is missing."""
    if not name:
        for candidate in ("Runner", "Predictor") if mode == "predict" else ("train",):
            if hasattr(module, candidate):
                name = candidate
                break
    try:
        return Entry(getattr(module, name), mode)
    except AttributeError:
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise AttributeError(
            "module '%s' has no '%s'. It has: %s" % (module.__name__, name, ", ".join(there) or "nothing to call")
        ) from None


def unwrapped(function: Any) -> Any:
    """Through bound methods and functools.wraps to the function that was written."""
    function = getattr(function, "__func__", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
        function = getattr(function, "__func__", function)
    return function


def flags(function: Any) -> int:
    code = getattr(unwrapped(function), "__code__", None)
    return code.co_flags if code is not None else 0


def is_async(function: Any) -> bool:
    own = getattr(getattr(getattr(function, "__func__", function), "__code__", None), "co_flags", 0)
    return bool((own | flags(function)) & (CO_COROUTINE | CO_ASYNC_GENERATOR))
