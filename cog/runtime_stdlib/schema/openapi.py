"""The OpenAPI 3.0.2 document of a model.

Strategy: the frame is fixed text of the interface (its summaries, operation ids and titles are
what clients and generators of the reference have seen for years); only the input and output
components come from the Spec. Pure: Specs in, a dict out.
"""

from __future__ import annotations

from cog.runtime_stdlib.schema.spec import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from cog.runtime_stdlib.schema.spec import Field, InputSpec, Shape, Spec

    Json = Dict[str, Any]

REF = "#/components/schemas/"
STATUSES = ["starting", "processing", "succeeded", "canceled", "failed"]
EVENTS = ["start", "output", "logs", "completed"]
SIMPLE: Dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "path": {"type": "string", "format": "uri"},
    "file": {"type": "string", "format": "uri"},
    "secret": {"type": "string", "format": "password", "x-cog-secret": True},
    "none": {"type": "null"},
    "bytes": {"type": "string", "format": "binary"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timedelta": {"type": "number", "format": "time-delta"},
    "uuid": {"type": "string", "format": "uuid"},
    "decimal": {"type": "number"},
}


def title_of(name: str) -> str:
    return name.title().replace("_", " ")


class Components:
    """The schemas by name. Two different ones never share a name: the second gets another."""

    def __init__(self) -> None:
        self.schemas: Dict[str, Json] = {}
        self._reserved: Dict[str, bool] = {}

    def reserve(self, *names: str) -> None:
        for name in names:
            self._reserved[name] = True

    def add(self, name: str, schema: Json) -> str:
        """Store a schema; the reference to it."""
        wanted = name
        count = 1
        while wanted in self._reserved or self.schemas.get(wanted, schema) != schema:
            count += 1
            wanted = name + "Item" if count == 2 else "%s%d" % (name, count)
        self.schemas[wanted] = schema
        return REF + wanted

    def name_for(self, name: str) -> str:
        wanted = name
        count = 1
        while wanted in self._reserved or wanted in self.schemas:
            count += 1
            wanted = name + "Item" if count == 2 else "%s%d" % (name, count)
        return wanted


# -- inputs


def limits_of(kind: str, spec: InputSpec) -> Json:
    limits: Json = {}
    if kind in ("int", "float"):
        if spec.ge is not None:
            limits["minimum"] = float(spec.ge)
        if spec.le is not None:
            limits["maximum"] = float(spec.le)
    elif kind in ("str", "secret"):
        if spec.min_length is not None:
            limits["minLength"] = spec.min_length
        if spec.max_length is not None:
            limits["maxLength"] = spec.max_length
        if spec.regex is not None:
            limits["pattern"] = spec.regex
    return limits


def literal_schema(options: Any) -> Json:
    """One enum per kind of option."""
    kinds: Dict[str, Any] = {}
    for option in options:
        if isinstance(option, bool):
            kind = "boolean"
        elif isinstance(option, int):
            kind = "integer"
        elif isinstance(option, float):
            kind = "number"
        else:
            kind = "string"
        kinds.setdefault(kind, []).append(option)
    schemas: Any = [{"enum": values, "type": kind} for kind, values in kinds.items()]
    return dict(schemas[0]) if len(schemas) == 1 else {"anyOf": schemas}


def input_schema(shape: Shape, spec: InputSpec) -> Json:
    kind = shape.kind
    if kind == "list":
        return {"type": "array", "items": input_schema(shape.args[0], spec)}
    if kind == "union":
        return {"anyOf": [input_schema(arg, spec) for arg in shape.args]}
    if kind == "literal":
        return literal_schema(shape.options)
    if kind == "dict":
        if shape.args and shape.args[0].kind != "any":
            return {"type": "object", "additionalProperties": input_schema(shape.args[0], spec)}
        return {"type": "object"}
    if kind == "object":
        made: Json = {
            "title": shape.name,
            "type": "object",
            "properties": {f.name: {"title": title_of(f.name), **input_schema(f.shape, spec)} for f in shape.fields},
        }
        required = [f.name for f in shape.fields if f.required]
        if required:
            made["required"] = required
        return made
    if kind == "opaque":
        return {"type": "array", "items": {"type": "object"}} if shape.args else {"type": "object"}
    if kind == "any":
        return {}
    return {**SIMPLE[kind], **limits_of(kind, spec)}


def input_property(spec: InputSpec, components: Components) -> Json:
    made: Json
    if spec.choices is not None:
        kind = "string" if spec.shape.kind == "str" else "integer"
        ref = components.add(
            spec.name,
            {
                "title": spec.name,
                "description": "An enumeration.",
                "enum": list(spec.choices),
                "type": kind,
            },
        )
        made = {"allOf": [{"$ref": ref}]}
    else:
        made = {**input_schema(spec.shape, spec), "title": title_of(spec.name)}
        inner = spec.shape
        while inner.kind == "list":  # limits of the items are repeated beside them
            inner = inner.args[0]
            made.update(limits_of(inner.kind, spec))
    if spec.description is not None:
        made["description"] = spec.description
    if spec.default is not MISSING and spec.default is not None and spec.shape.kind != "secret":
        made["default"] = spec.default
    if spec.deprecated:
        made["deprecated"] = True
    if spec.accept is not None:
        made["x-accept"] = spec.accept
    made["x-order"] = spec.order
    return made


def inputs_component(spec: Spec, title: str, components: Components) -> Json:
    made: Json = {
        "title": title,
        "type": "object",
        "properties": {item.name: input_property(item, components) for item in spec.inputs},
    }
    required = [item.name for item in spec.inputs if item.required]
    if required:
        made["required"] = required
    return made


# -- outputs


def output_schema(shape: Shape, components: Components, seen: Dict[str, str]) -> Json:
    """The schema of a value inside an output; records and enums become components."""
    kind = shape.kind
    if kind in SIMPLE:
        return dict(SIMPLE[kind])
    if kind == "any":
        return {}
    if kind in ("list", "set", "iterator"):
        made: Json = {"type": "array", "items": output_schema(shape.args[0], components, seen)}
        if kind == "set":
            made["uniqueItems"] = True
        if kind == "iterator":
            made["x-cog-array-type"] = "iterator"
            if shape.raw == "concatenate":
                made["x-cog-array-display"] = "concatenate"
        return made
    if kind == "tuple":
        members = [output_schema(arg, components, seen) for arg in shape.args]
        return {
            "type": "array",
            "items": {"anyOf": members} if members else {},
            "minItems": len(members),
            "maxItems": len(members),
        }
    if kind == "union":
        return {"anyOf": [output_schema(arg, components, seen) for arg in shape.args]}
    if kind == "literal":
        return literal_schema(shape.options)
    if kind == "dict":
        if shape.args and shape.args[0].kind != "any":
            return {"type": "object", "additionalProperties": output_schema(shape.args[0], components, seen)}
        return {"type": "object"}
    if kind == "enum":
        schema = {"title": shape.name, "description": "An enumeration.", "enum": list(shape.options)}
        if shape.raw is not None:
            schema["type"] = shape.raw
        return {"$ref": components.add(shape.name, schema)}
    if kind == "object":
        if shape.raw == "again":
            return {"$ref": REF + seen.get(shape.name, shape.name)}
        if shape.name not in seen:
            seen[shape.name] = components.name_for(shape.name)
        components.schemas.setdefault(seen[shape.name], {})
        schema = object_schema(shape, components, seen)
        components.schemas[seen[shape.name]] = schema
        return {"$ref": REF + seen[shape.name]}
    if kind == "raw":
        return {"$ref": components.add(shape.name, raw_schema(shape, components))}
    raise ValueError("no schema for a %s output" % kind)


def raw_schema(shape: Shape, components: Components) -> Json:
    for name, schema in shape.options:
        components.schemas.setdefault(name, schema)
    return {"title": shape.name, **shape.raw}


def object_schema(shape: Shape, components: Components, seen: Dict[str, str]) -> Json:
    properties = {field.name: property_schema(field, components, seen) for field in shape.fields}
    made: Json = {"title": shape.name, "type": "object", "properties": properties}
    if shape.raw:
        made["description"] = shape.raw
    required = [field.name for field in shape.fields if field.required]
    if required:
        made["required"] = required
    return made


def property_schema(field: Field, components: Components, seen: Dict[str, str]) -> Json:
    inner = output_schema(field.shape, components, seen)
    extra: Json = {}
    if field.description:
        extra["description"] = field.description
    if field.default is not MISSING and field.default is not None:
        extra["default"] = without_nulls(field.default)
    titled = field.description or not is_of_enums(field.shape)
    if "$ref" in inner:
        if not extra:
            return inner
        inner = {"allOf": [inner]}
    return {"title": title_of(field.name), **inner, **extra} if titled else {**inner, **extra}


def is_of_enums(shape: Shape) -> bool:
    """An enumeration, or a list or dict of one: those properties have no title, as ever."""
    if shape.kind in ("list", "set", "dict") and shape.args:
        shape = shape.args[0]
    return shape.kind == "enum"


def without_nulls(value: Any) -> Any:
    """A default without its nulls: schemas here do not say that a property may be null, so it would not fit."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def output_component(spec: Spec, title: str, components: Components) -> Json:
    shape = spec.output
    seen: Dict[str, str] = {}
    if shape.kind == "object" and shape.name == title:  # used as it is
        seen[title] = title
        return object_schema(shape, components, seen)
    if shape.kind == "raw" and shape.name == title:
        return raw_schema(shape, components)
    return {"title": title, **output_schema(shape, components, seen)}


# -- the frame


def answer(schema: Json) -> Json:
    return {"description": "Successful Response", "content": {"application/json": {"schema": schema}}}


def simple_operation(summary: str, operation: str, title: str) -> Json:
    return {
        "summary": summary,
        "operationId": operation,
        "responses": {"200": answer({"title": "Response " + title})},
    }


def header_parameter() -> Json:
    return {"in": "header", "name": "prefer", "required": False, "schema": {"title": "Prefer", "type": "string"}}


def path_parameter(name: str, title: str) -> Json:
    return {"in": "path", "name": name, "required": True, "schema": {"title": title, "type": "string"}}


def invalid_answer() -> Json:
    return {
        "description": "Validation Error",
        "content": {"application/json": {"schema": {"$ref": REF + "HTTPValidationError"}}},
    }


def creation(response: str, request: Json, summary: str, operation: str, parameters: Any, *, required: bool) -> Json:
    body: Json = {"content": {"application/json": {"schema": request}}}
    if required:
        body["required"] = True
    return {
        "summary": summary,
        "operationId": operation,
        "parameters": parameters,
        "requestBody": body,
        "responses": {"200": answer({"$ref": REF + response}), "422": invalid_answer()},
    }


def prediction_paths(streaming: bool) -> Json:
    request = {"$ref": REF + "PredictionRequest"}
    post = creation("PredictionResponse", request, "Predict", "predict_predictions_post", [header_parameter()], required=False)
    post["description"] = "Run a single prediction on the model"
    put = creation(
        "PredictionResponse",
        {"title": "Prediction Request", "allOf": [request]},
        "Predict Idempotent",
        "predict_idempotent_predictions__prediction_id__put",
        [path_parameter("prediction_id", "Prediction ID"), header_parameter()],
        required=True,
    )
    put["description"] = "Run a single prediction on the model (idempotent creation)."
    cancel = simple_operation(
        "Cancel",
        "cancel_predictions__prediction_id__cancel_post",
        "Cancel Predictions  Prediction Id  Cancel Post",
    )
    cancel["description"] = "Cancel a running prediction"
    cancel["parameters"] = [path_parameter("prediction_id", "Prediction ID")]
    cancel["responses"]["422"] = invalid_answer()
    if streaming:
        post["x-cog-streaming"] = put["x-cog-streaming"] = True
    return {
        "/predictions": {"post": post},
        "/predictions/{prediction_id}": {"put": put},
        "/predictions/{prediction_id}/cancel": {"post": cancel},
    }


def training_paths() -> Json:
    request = {"$ref": REF + "TrainingRequest"}
    cancel = simple_operation(
        "Cancel Training",
        "cancel_training_trainings__training_id__cancel_post",
        "Cancel Training Trainings  Training Id  Cancel Post",
    )
    cancel["parameters"] = [path_parameter("training_id", "Training ID")]
    cancel["responses"]["422"] = invalid_answer()
    return {
        "/trainings": {
            "post": creation("TrainingResponse", request, "Train", "train_trainings_post", [header_parameter()], required=False)
        },
        "/trainings/{training_id}": {
            "put": creation(
                "TrainingResponse",
                {"title": "Training Request", "allOf": [request]},
                "Train Idempotent",
                "train_idempotent_trainings__training_id__put",
                [path_parameter("training_id", "Training ID"), header_parameter()],
                required=True,
            )
        },
        "/trainings/{training_id}/cancel": {"post": cancel},
    }


def request_component(title: str, inputs: str) -> Json:
    return {
        "title": title,
        "type": "object",
        "properties": {
            "input": {"$ref": REF + inputs},
            "id": {"title": "Id", "type": "string"},
            "created_at": {"title": "Created At", "type": "string", "format": "date-time"},
            "output_file_prefix": {"title": "Output File Prefix", "type": "string"},
            "webhook": {"title": "Webhook", "type": "string", "format": "uri", "minLength": 1, "maxLength": 65536},
            "webhook_events_filter": {
                "type": "array",
                "items": {"$ref": REF + "WebhookEvent"},
                "default": list(EVENTS),
            },
        },
    }


def response_component(title: str, inputs: str, output: str) -> Json:
    times = {
        name: {"title": title_of(name), "type": "string", "format": "date-time"}
        for name in ("created_at", "started_at", "completed_at")
    }
    return {
        "title": title,
        "type": "object",
        "properties": {
            "input": {"$ref": REF + inputs},
            "output": {"$ref": REF + output},
            "id": {"title": "Id", "type": "string"},
            "version": {"title": "Version", "type": "string"},
            **times,
            "logs": {"title": "Logs", "type": "string", "default": ""},
            "error": {"title": "Error", "type": "string"},
            "status": {"$ref": REF + "Status"},
            "metrics": {"title": "Metrics", "type": "object"},
        },
    }


def enumeration(title: str, values: Any) -> Json:
    return {"title": title, "description": "An enumeration.", "type": "string", "enum": list(values)}


def fixed_components() -> Json:
    return {
        "Status": enumeration("Status", STATUSES),
        "WebhookEvent": enumeration("WebhookEvent", EVENTS),
        "HTTPValidationError": {
            "title": "HTTPValidationError",
            "type": "object",
            "properties": {"detail": {"title": "Detail", "type": "array", "items": {"$ref": REF + "ValidationError"}}},
        },
        "ValidationError": {
            "title": "ValidationError",
            "type": "object",
            "required": ["loc", "msg", "type"],
            "properties": {
                "loc": {
                    "title": "Location",
                    "type": "array",
                    "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                },
                "msg": {"title": "Message", "type": "string"},
                "type": {"title": "Error Type", "type": "string"},
            },
        },
    }


def document(predict: Optional[Spec], train: Optional[Spec]) -> Json:
    """The whole document. With `train` alone it has only the training half."""
    components = Components()
    frame = fixed_components()
    components.reserve(*frame)
    paths: Json = {
        "/": {"get": simple_operation("Root", "root__get", "Root  Get")},
        "/health-check": {"get": simple_operation("Healthcheck", "healthcheck_health_check_get", "Healthcheck Health Check Get")},
    }
    halves = [(spec, prefix) for spec, prefix in ((predict, ""), (train, "Training")) if spec is not None]
    for _, prefix in halves:
        kind = prefix or "Prediction"
        components.reserve(prefix + "Input", prefix + "Output", kind + "Request", kind + "Response")
    for spec, prefix in halves:
        kind = prefix or "Prediction"
        inputs, output = prefix + "Input", prefix + "Output"
        frame[inputs] = inputs_component(spec, inputs, components)
        frame[output] = output_component(spec, output, components)
        frame[kind + "Request"] = request_component(kind + "Request", inputs)
        frame[kind + "Response"] = response_component(kind + "Response", inputs, output)
        paths.update(training_paths() if prefix else prediction_paths(spec.streaming))
    paths["/shutdown"] = {"post": shutdown_operation()}
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": paths,
        "components": {"schemas": {**components.schemas, **frame}},
    }


def shutdown_operation() -> Json:
    return simple_operation("Start Shutdown", "start_shutdown_shutdown_post", "Start Shutdown Shutdown Post")


def failed_document() -> Json:
    """What is left of the document when the model's types could not be read."""
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {
            "/health-check": {
                "get": simple_operation(
                    "Healthcheck Startup Failed",
                    "healthcheck_startup_failed_health_check_get",
                    "Healthcheck Startup Failed Health Check Get",
                )
            },
            "/shutdown": {"post": shutdown_operation()},
        },
    }
