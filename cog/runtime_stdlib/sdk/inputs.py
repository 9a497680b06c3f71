"""Input(): what a parameter accepts, in its default's place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence, Union


class FieldInfo:
    """What Input() returns. `default` is `...` when there is none."""

    __slots__ = (
        "accept",
        "choices",
        "default",
        "deprecated",
        "description",
        "ge",
        "le",
        "max_length",
        "min_length",
        "regex",
    )

    def __init__(
        self,
        default: Any = ...,
        description: Optional[str] = None,
        ge: Union[int, float, None] = None,
        le: Union[int, float, None] = None,
        min_length: Optional[int] = None,
        max_length: Optional[int] = None,
        regex: Optional[str] = None,
        choices: Optional[Sequence[Union[str, int]]] = None,
        deprecated: Optional[bool] = None,
        accept: Union[str, Sequence[str], None] = None,
    ) -> None:
        self.default = default
        self.description = description
        self.ge = ge
        self.le = le
        self.min_length = min_length
        self.max_length = max_length
        self.regex = regex
        self.choices = choices
        self.deprecated = deprecated
        self.accept = accept

    def __repr__(self) -> str:
        # Never the default itself: that of a Secret would be shown.
        given = [name for name in self.__slots__ if getattr(self, name) not in (None, ...)]
        return "Input(%s)" % ", ".join(["%s=..." % name for name in given])


def Input(
    default: Any = ...,
    description: Optional[str] = None,
    ge: Union[int, float, None] = None,
    le: Union[int, float, None] = None,
    min_length: Optional[int] = None,
    max_length: Optional[int] = None,
    regex: Optional[str] = None,
    choices: Optional[Sequence[Union[str, int]]] = None,
    deprecated: Optional[bool] = None,
    accept: Union[str, List[str], None] = None,
    **unknown: Any,
) -> Any:
    """Describe a parameter of predict() or train(). Without `default` it is required."""
    if "default_factory" in unknown:
        raise TypeError(
            "Input() takes no default_factory: give the value itself as default; lists and dicts are copied for each prediction"
        )
    if unknown:
        raise TypeError("Input() got an unexpected keyword argument '%s'" % next(iter(unknown)))
    return FieldInfo(default, description, ge, le, min_length, max_length, regex, choices, deprecated, accept)


Input.__module__ = "cog"
