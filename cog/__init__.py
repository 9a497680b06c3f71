"""Cog: the names that models import.

Nothing is imported here when the program runs: each name is fetched when it is first used, so a
command-line tool does not pay for the SDK, nor the SDK for a module that the model does not
touch. Type checkers read the plain imports.
"""

import sys  # built in: no file of the model's directory can stand in for it

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.runtime_stdlib.sdk.coder import Coder as Coder
    from cog.runtime_stdlib.sdk.decorators import Opaque as Opaque
    from cog.runtime_stdlib.sdk.decorators import concurrent as concurrent
    from cog.runtime_stdlib.sdk.decorators import streaming as streaming
    from cog.runtime_stdlib.sdk.exceptions import CancelationException as CancelationException
    from cog.runtime_stdlib.sdk.exceptions import ExperimentalFeatureWarning
    from cog.runtime_stdlib.sdk.files import File
    from cog.runtime_stdlib.sdk.files import URLFile as URLFile
    from cog.runtime_stdlib.sdk.files import URLPath as URLPath
    from cog.runtime_stdlib.sdk.inputs import Input
    from cog.runtime_stdlib.sdk.iterators import AsyncConcatenateIterator, ConcatenateIterator
    from cog.runtime_stdlib.sdk.model import BaseModel
    from cog.runtime_stdlib.sdk.model import ValidationError as ValidationError
    from cog.runtime_stdlib.sdk.paths import Path
    from cog.runtime_stdlib.sdk.predictor import BasePredictor
    from cog.runtime_stdlib.sdk.predictor import BaseRunner as BaseRunner
    from cog.runtime_stdlib.sdk.scope import Scope as Scope
    from cog.runtime_stdlib.sdk.scope import current_scope
    from cog.runtime_stdlib.sdk.scope import emit_metric as emit_metric
    from cog.runtime_stdlib.sdk.secret import Secret
else:
    _HOMES = {
        "AsyncConcatenateIterator": "sdk.iterators",
        "BaseModel": "sdk.model",
        "BasePredictor": "sdk.predictor",
        "BaseRunner": "sdk.predictor",
        "CancelationException": "sdk.exceptions",
        "Coder": "sdk.coder",
        "ConcatenateIterator": "sdk.iterators",
        "ExperimentalFeatureWarning": "sdk.exceptions",
        "File": "sdk.files",
        "Input": "sdk.inputs",
        "Opaque": "sdk.decorators",
        "Path": "sdk.paths",
        "Scope": "sdk.scope",
        "Secret": "sdk.secret",
        "URLFile": "sdk.files",
        "URLPath": "sdk.files",
        "ValidationError": "sdk.model",
        "concurrent": "sdk.decorators",
        "current_scope": "sdk.scope",
        "emit_metric": "sdk.scope",
        "streaming": "sdk.decorators",
    }

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError("module 'cog' has no attribute %r" % name)
        full = "cog.runtime_stdlib." + home
        __import__(full)
        value = globals()[name] = getattr(sys.modules[full], name)
        return value

    def __dir__():
        return sorted(set(globals()) | set(_HOMES))


__all__ = [
    "AsyncConcatenateIterator",
    "BaseModel",
    "BasePredictor",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "File",
    "Input",
    "Path",
    "Secret",
    "__version__",
    "current_scope",
]


class _KnowsWebp:
    """Gives `mimetypes` the type image/webp, which it lacks before Python 3.13, when it is imported.

    Importing it here would cost every model as much as the rest of `import cog`.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> object:
        if name != "mimetypes":
            return None
        hook: object = _KnowsWebp
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not hook]
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)  # type: ignore[arg-type]
            if spec is not None:
                break
        else:
            return None
        execute = getattr(spec.loader, "exec_module", None)
        if execute is not None:

            def execute_and_add(module: object) -> None:
                execute(module)
                _add_webp(module)

            try:
                spec.loader.exec_module = execute_and_add  # type: ignore[union-attr,method-assign]
            except AttributeError:  # a loader that cannot be told
                pass
        return spec


def _add_webp(module: object) -> None:
    add_type = getattr(module, "add_type", None)
    if add_type is not None:
        add_type("image/webp", ".webp")


if "mimetypes" in sys.modules:
    _add_webp(sys.modules["mimetypes"])
else:
    sys.meta_path.insert(0, _KnowsWebp)  # type: ignore[arg-type]
