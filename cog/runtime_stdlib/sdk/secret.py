"""A text that shows itself to nobody who does not ask."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

MASK = "**********"


class Secret:
    """Holds a text. `str()` and `repr()` give asterisks; `get_secret_value()` gives the text."""

    __slots__ = ("_secret_value",)

    def __init__(self, secret_value: str) -> None:
        self._secret_value = secret_value

    def get_secret_value(self) -> str:
        return self._secret_value

    def __str__(self) -> str:
        return MASK if self._secret_value else ""

    def __repr__(self) -> str:
        return "SecretStr(%r)" % str(self)

    def __format__(self, how: str) -> str:
        return format(str(self), how)

    def __len__(self) -> int:
        return len(self._secret_value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._secret_value == other._secret_value

    def __hash__(self) -> int:
        return hash(self._secret_value)

    @classmethod
    def validate(cls, value: Any) -> Secret:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        raise TypeError("str type expected")

    # A field of the user's own pydantic model: version 1 asks for these two ...
    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Secret]]:
        yield cls.validate

    @classmethod
    def __modify_schema__(cls, schema: Any) -> None:
        schema.update({"type": "string", "format": "password", "x-cog-secret": True})

    # ... and version 2 for these.
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from cog.runtime_stdlib.sdk.pydantic2 import plain_schema  # pydantic is there: it is asking

        return plain_schema(cls.validate)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"type": "string", "format": "password", "x-cog-secret": True}


Secret.__module__ = "cog"
