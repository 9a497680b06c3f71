"""The page at /docs: what the model takes and gives, and how to call it, readable without a network.

Written on the server from the OpenAPI document, as plain HTML: nothing is loaded from elsewhere,
and no script runs. Everything that comes from the model is escaped.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    Json = Dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #777; --mark: #0b7285; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { margin: 0 0 .2rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--soft); padding: .8rem 1rem; overflow-x: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-top: 1px solid var(--line); }
th { border: 0; font-weight: 600; color: var(--quiet); }
.verb { display: inline-block; min-width: 3.6rem; font-weight: 700; color: var(--mark); }
.quiet { color: var(--quiet); } .must { color: #c92a2a; } .old { text-decoration: line-through; }
a { color: var(--mark); }
"""


def escape(value: Any) -> str:
    text = value if isinstance(value, str) else as_text(value)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, entity)
    return text


def as_text(value: Any) -> str:
    import json  # the server has it loaded; the page is rarely asked for

    return json.dumps(value, ensure_ascii=False)


def type_of(schema: Json, schemas: Json, depth: int = 0) -> str:
    """A schema in a few words."""
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            return " or ".join([type_of(part, schemas, depth) for part in schema[key]])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = schemas.get(name, {})
        if "enum" in target:
            return type_of(target, schemas, depth)
        return name if depth or "properties" in target else type_of(target, schemas, depth + 1)
    if "enum" in schema:
        return "one of " + ", ".join(map(as_text, schema["enum"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        inner = type_of(schema.get("items", {}), schemas, depth + 1)
        if schema.get("x-cog-array-display") == "concatenate":
            return "text, streamed"
        return ("stream of " if schema.get("x-cog-array-type") == "iterator" else "list of ") + inner
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "object of " + type_of(schema["additionalProperties"], schemas, depth + 1)
    if kind == "string":
        named = {"uri": "file (URL)", "password": "secret", "date-time": "time"}
        return named.get(schema.get("format", ""), "text")
    return {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(kind, kind)


def limits_of(schema: Json) -> str:
    words = []
    for key, said in (
        ("minimum", "at least %s"),
        ("maximum", "at most %s"),
        ("minLength", "at least %s characters"),
        ("maxLength", "at most %s characters"),
        ("pattern", "matches %s"),
    ):
        if key in schema:
            value = schema[key]
            if isinstance(value, float) and value == int(value):
                value = int(value)
            words.append(said % value)
    return ", ".join(words)


def rows(schema: Json, schemas: Json) -> List[str]:
    required = schema.get("required", [])
    properties = sorted(schema.get("properties", {}).items(), key=lambda item: item[1].get("x-order", 0))
    made = []
    for name, part in properties:
        if name in required:
            default = '<span class="must">required</span>'
        elif "default" in part:
            default = "<code>%s</code>" % escape(as_text(part["default"]))
        else:
            default = '<span class="quiet">optional</span>'
        told = [escape(part.get("description", "")), escape(limits_of(part))]
        if part.get("deprecated"):
            told.append("deprecated")
        made.append(
            "<tr><td><code%s>%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>"
            % (
                ' class="old"' if part.get("deprecated") else "",
                escape(name),
                escape(type_of(part, schemas)),
                default,
                " &middot; ".join([word for word in told if word]),
            )
        )
    return made


def table(schema: Json, schemas: Json) -> str:
    made = rows(schema, schemas)
    if not made:
        return '<p class="quiet">none</p>'
    head = "<tr><th>name</th><th>type</th><th>default</th><th></th></tr>"
    return "<table>%s%s</table>" % (head, "".join(made))


def sample(schema: Json, schemas: Json) -> Any:
    """A value that would be accepted, for the example."""
    if "default" in schema:
        return schema["default"]
    for key in ("allOf", "anyOf"):
        if key in schema:
            return sample(schema[key][0], schemas)
    if "$ref" in schema:
        return sample(schemas.get(schema["$ref"].rpartition("/")[2], {}), schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "string":
        return "https://example.com/file" if schema.get("format") == "uri" else "..."
    if kind in ("integer", "number"):
        low = schema.get("minimum", 1)
        return int(low) if kind == "integer" else low
    return {"boolean": True, "array": [], "object": {}}.get(kind or "", "...")


def half(document: Json, route: str, inputs: str, output: str, heading: str) -> str:
    schemas = document["components"]["schemas"]
    schema = schemas[inputs]
    needed = {name: sample(schema["properties"][name], schemas) for name in schema.get("required", [])}
    body = as_text({"input": needed})
    result = schemas[output]
    target = schemas.get(result.get("$ref", "").rpartition("/")[2], result)
    shown = table(target, schemas) if "properties" in target else "<p>%s</p>" % escape(type_of(result, schemas))
    command = "curl -X POST http://localhost:5000%s \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'" % (
        route,
        body.replace("'", "'\\''"),
    )
    return "<h2>%s</h2><h3>Input</h3>%s<h3>Output</h3>%s<h3>Try it</h3><pre>%s</pre>" % (
        heading,
        table(schema, schemas),
        shown,
        escape(command),
    )


def page(document: Json) -> bytes:
    """The whole page."""
    schemas = document.get("components", {}).get("schemas", {})
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Cog</title>"
        '<meta name=viewport content="width=device-width,initial-scale=1"><style>%s</style>' % STYLE,
        '<h1>Cog</h1><p class="quiet">The interface of this model. '
        'For programs: <a href="/openapi.json">openapi.json</a>, OpenAPI %s.</p>' % escape(document["openapi"]),
    ]
    if "/predictions" in document["paths"]:
        parts.append(half(document, "/predictions", "Input", "Output", "Predictions"))
    if "/trainings" in document["paths"]:
        parts.append(half(document, "/trainings", "TrainingInput", "TrainingOutput", "Trainings"))
    if not schemas:
        parts.append("<p>The model could not be loaded: see <a href=/health-check>/health-check</a>.</p>")
    parts.append("<h2>Routes</h2><table>")
    for route, operations in document["paths"].items():
        for verb, operation in operations.items():
            parts.append(
                '<tr><td><span class="verb">%s</span> <code>%s</code></td><td>%s</td></tr>'
                % (verb.upper(), escape(route), escape(operation.get("description") or operation["summary"]))
            )
    parts.append("</table></html>")
    return "".join(parts).encode("utf-8", "replace")
