"""Coder: how values of a type of one's own become JSON, for outputs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Dict, List, Optional, Type


class Coder:
    """Derive from it, say in `factory` which types it is for, and register it with `Coder.register`."""

    _known: ClassVar[List[Type[Coder]]] = []
    _found: ClassVar[Dict[type, Optional[Coder]]] = {}

    @staticmethod
    def register(coder: Type[Coder]) -> Type[Coder]:
        Coder._known.append(coder)
        Coder._found.clear()
        return coder

    @staticmethod
    def lookup(tpe: type) -> Optional[Coder]:
        """The coder for a type, the one registered last first."""
        if tpe not in Coder._found:
            made = None
            for coder in reversed(Coder._known):
                made = coder.factory(tpe)
                if made is not None:
                    break
            Coder._found[tpe] = made
        return Coder._found[tpe]

    @staticmethod
    def factory(tpe: type) -> Optional[Coder]:
        """A coder for this type, or None."""
        raise NotImplementedError

    def encode(self, value: Any) -> Dict[str, Any]:
        raise NotImplementedError

    def decode(self, value: Dict[str, Any]) -> Any:
        raise NotImplementedError


Coder.__module__ = "cog"
