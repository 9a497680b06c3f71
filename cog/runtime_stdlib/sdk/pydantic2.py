"""What pydantic 2 wants to know about our classes when a model of its own has them as fields."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def plain_schema(validate: Callable[[Any], Any]) -> Any:
    from importlib import import_module  # the user's pydantic, never ours: not a name to import

    def checked(value: Any) -> Any:
        try:
            return validate(value)
        except TypeError as error:  # pydantic 2 collects only ValueError
            raise ValueError(str(error)) from error

    return import_module("pydantic_core").core_schema.no_info_plain_validator_function(checked)
