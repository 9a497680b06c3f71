"""Defaults of inputs that their own limits refuse: found in the schema, before an image bears a name."""

from __future__ import annotations

import re
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

COMPONENTS = ("Input", "TrainingInput")


def problems(document: object) -> list[str]:
    """One sentence for each default outside its limits."""
    found = []
    schemas = at(at(document, "components"), "schemas")
    for component in COMPONENTS:
        properties = at(at(schemas, component), "properties")
        for name, shape in properties.items():
            if not isinstance(shape, Mapping) or "default" not in shape:
                continue
            problem = refused(shape["default"], with_references(shape, schemas))
            if problem:
                found.append(f"the default of input {name} is {shape['default']!r}: {problem}")
    return found


def at(value: object, key: str) -> Mapping[str, object]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def with_references(shape: Mapping[str, object], schemas: Mapping[str, object]) -> dict[str, object]:
    """The shape with what `allOf: [{$ref: ...}]` adds: that is where choices are."""
    whole = dict(shape)
    parts = shape.get("allOf")
    for part in parts if isinstance(parts, list) else []:
        reference = part.get("$ref") if isinstance(part, Mapping) else None
        if isinstance(reference, str):
            whole.update(at(schemas, reference.rpartition("/")[2]))
    return whole


def refused(value: object, shape: Mapping[str, object]) -> Optional[str]:
    if value is None:
        return None
    choices = shape.get("enum")
    if isinstance(choices, list) and value not in choices:
        return f"it must be one of {', '.join(map(repr, choices))}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        least, most = shape.get("minimum"), shape.get("maximum")
        if isinstance(least, (int, float)) and value < least:
            return f"it must be at least {least}"
        if isinstance(most, (int, float)) and value > most:
            return f"it must be at most {most}"
    if isinstance(value, str):
        shortest, longest, pattern = shape.get("minLength"), shape.get("maxLength"), shape.get("pattern")
        if isinstance(shortest, int) and len(value) < shortest:
            return f"it must have at least {shortest} characters"
        if isinstance(longest, int) and len(value) > longest:
            return f"it must have at most {longest} characters"
        if isinstance(pattern, str) and not matches(pattern, value):
            return f"it must match {pattern}"
    return None


def matches(pattern: str, value: str) -> bool:
    try:
        return re.match(pattern, value) is not None
    except re.error:
        return True  # not ours to judge
