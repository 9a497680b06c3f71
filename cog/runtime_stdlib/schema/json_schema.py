"""JSON Schema of today to the dialect of OpenAPI 3.0: for models of the user's own pydantic 2."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


def for_openapi(schema: Any) -> Any:
    """The schema in words that OpenAPI 3.0 knows. `X | None` becomes X, as for Optional elsewhere."""
    if isinstance(schema, list):
        return [for_openapi(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: Dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: for_openapi(item) for name, item in value.items()}
        elif key in ("default", "examples", "enum", "required"):
            made[key] = value
        else:
            made[key] = for_openapi(value)
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if made.get("default", ...) is None:
        del made["default"]
    if "prefixItems" in made:
        items = made.pop("prefixItems")
        made["items"] = {"anyOf": items} if items else {}
    for limit, flag in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if limit in made and not isinstance(made[limit], bool):
            made[flag] = made[limit]
            made[limit] = True
    made.pop("examples", None)
    made.pop("patternProperties", None)
    for key in ("anyOf", "oneOf"):
        members = made.get(key)
        if isinstance(members, list) and {"type": "null"} in members:
            rest = [member for member in members if member != {"type": "null"}]
            del made[key]
            if len(rest) == 1 and not ("$ref" in rest[0] and len(made) > 0):
                made = {**rest[0], **made}
            elif len(rest) == 1:
                made["allOf"] = rest
            else:
                made[key] = rest
    return made
