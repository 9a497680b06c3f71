"""One prediction, or one training, from the command line's words to the output.

    flags -> project and engine -> target -> server -> schema -> typed inputs -> prediction -> output

What can be refused is refused as early as it is known: the shape of the flags and the place of
the output before anything is built, names and types as soon as the model has described itself,
which is before its setup() has run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from cog.actions import inputs, outputs
from cog.actions.target import engine_for_project, prepared, reference_to
from cog.client import Client, PredictionRefused, ServerGone, wait_until_ready
from cog.engine.interface import PREDICT, TRAIN, BuildOptions, Engine, Reporter, ServeOptions, Target
from cog.engine.selection import image_engine
from cog.errors import CogError
from cog.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

Json = object

SCHEMA_LABELS = ("run.cog.openapi_schema", "org.cogmodel.openapi_schema")
HUGE = 512 << 20  # bytes of files; as base64 they come near the server's own bound of 1 GiB
CONFIG_LABELS = ("run.cog.config", "org.cogmodel.config")


class ImageLooksLikeInput(CogError):
    code = "forgotten-input-flag"

    def __init__(self, image: str, command: str) -> None:
        super().__init__(
            f"{image} is taken for the name of an image",
            why="an image name has no equals sign, an input needs -i in front",
            fix=f"cog {command} -i {image}",
        )


class JsonAndInputs(CogError):
    code = "json-and-inputs"


class NotACogModel(CogError):
    code = "not-a-cog-model"


_WORKER_DIED = "see what the model printed; if it was killed for memory, give it more or make the input smaller"


class PredictionFailed(CogError):
    """The model ran, and what it did ended in an error."""

    code = "prediction-failed"

    def __init__(self, noun: str, status: str, error: str) -> None:
        super().__init__(
            f"{noun} {status}: {error}" if error else f"{noun} {status}",
            fix=_WORKER_DIED if "(exitcode" in error else "the model's own code raised this; what it printed is above",
        )
        self.status = status


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    mode: str = PREDICT
    image: str = ""
    inputs: tuple[str, ...] = ()
    json: str = ""
    json_given: bool = False
    output: str = ""
    environment: tuple[str, ...] = ()
    gpus: str = ""
    setup_timeout: int = 300
    engine: str = "auto"
    build: BuildOptions = field(default_factory=BuildOptions)

    @property
    def noun(self) -> str:
        return "training" if self.mode == TRAIN else "prediction"

    @property
    def path(self) -> str:
        return "/trainings" if self.mode == TRAIN else "/predictions"

    @property
    def component(self) -> str:
        return "TrainingInput" if self.mode == TRAIN else "Input"


class Inputs:
    """The inputs in their raw form, and typed as soon as the schema is known."""

    def __init__(self, request: Request, read: inputs.Read, standard_input: Callable[[], str]) -> None:
        if request.json_given and request.inputs:
            raise JsonAndInputs("--json and -i are mutually exclusive", fix="put all inputs into the object of --json")
        self._request = request
        self._read = read
        self._pairs = inputs.split(request.inputs)
        inputs.check_files(self._pairs)
        self._object: Optional[dict[str, Json]] = None
        if request.json_given:
            self._object = inputs.from_json(request.json, read=read, standard_input=standard_input)

    def environment(self) -> tuple[str, ...]:
        """What the server needs to be told so that it takes our request: nothing, unless it is huge."""
        texts = [text for values in self._pairs.values() for text in values]
        if self._object is not None:
            texts += [value for value in self._object.values() if isinstance(value, str)]
        size = inputs.bytes_of_files(texts)
        return (f"COG_MAX_BODY_SIZE={size * 2}",) if size > HUGE else ()

    def typed(self, document: Mapping[str, Json]) -> dict[str, Json]:
        schema = inputs.Schema.of(document, self._request.component)
        if self._object is not None:
            return inputs.with_files(self._object, schema, self._read, self._request.mode)
        return inputs.typed(self._pairs, schema, self._read, self._request.mode)


def predict(
    request: Request,
    reporter: Reporter,
    *,
    result: Callable[[str], None],
    start: Path,
    standard_input: Callable[[], str] = sys.stdin.read,
) -> None:
    """Make the prediction, hand text results to `result`, write files. Raises PredictionFailed."""
    if "=" in request.image:
        raise ImageLooksLikeInput(request.image, request.mode)
    given = Inputs(request, inputs.read_file, standard_input)
    path = outputs.destination(request.output)
    outputs.check_destination(path)
    engine, target = _target(request, given, reporter, start)
    reporter.info("Starting the model ...")
    environment = (*given.environment(), *request.environment)
    options = ServeOptions(mode=request.mode, environment=environment, gpus=request.gpus, debug=reporter.debugging)
    server = engine.start(target, options)
    try:
        client = Client(server.url)
        ready: dict[str, Json] = {}
        document = wait_until_ready(
            client,
            server,
            timeout=request.setup_timeout,
            described=lambda document: ready.update(given.typed(document)),
        )
        reporter.info(f"Running the {request.noun} ...")
        answer = _answer(client, request, ready, server.alive, server.tail)
    finally:
        server.stop()
    deliver(request, answer, document, path, result, reporter)


def _target(request: Request, given: Inputs, reporter: Reporter, start: Path) -> tuple[Engine, Target]:
    if not request.image:
        project, engine = engine_for_project(request.engine, request.build.config_file, start, reporter)
        reference_to(project, request.mode)
        return engine, prepared(project, engine, request.build, reporter)
    docker = image_engine(request.engine, f"cog {request.mode} {request.image}", reporter)
    labels = docker.labels(request.image)
    if labels is None:
        reporter.info(f"Pulling image {request.image} ...")
        docker.pull(request.image)
        labels = docker.labels(request.image) or {}
    config = next((labels[name] for name in CONFIG_LABELS if labels.get(name)), "")
    if not config:
        raise NotACogModel(
            f"image {request.image} does not appear to be a Cog model",
            why=f"it has no label {CONFIG_LABELS[0]}",
            fix="build it with `cog build -t NAME`, or check its name",
        )
    _preflight(labels, given)
    return docker, Target(image=request.image, gpus="all" if _wants_gpu(config) else "")


def _wants_gpu(config: str) -> bool:
    try:
        document = json.loads(config)
    except ValueError:
        return False
    build = document.get("build") if isinstance(document, dict) else None
    return isinstance(build, dict) and build.get("gpu") is True


def _preflight(labels: Mapping[str, str], given: Inputs) -> None:
    """Check the inputs against the schema label: no container is started for a typing error."""
    for name in SCHEMA_LABELS:
        try:
            document = json.loads(labels.get(name, ""))
        except ValueError:
            continue
        if isinstance(document, dict):
            given.typed(document)
            return


def _answer(
    client: Client, request: Request, ready: Mapping[str, Json], alive: Callable[[], bool], tail: Callable[[], str]
) -> dict[str, Json]:
    identifier = uuid4().hex
    try:
        status, document = client.create(request.path, {"id": identifier, "input": ready})
    except KeyboardInterrupt:
        client.cancel(request.path, identifier)
        raise
    except (OSError, EOFError, ValueError) as error:
        raise ServerGone(f"the server of the model went away during the {request.noun}: {error}", tail=tail()) from error
    if status == 422 and isinstance(document, dict):
        problems = _server_problems(document.get("detail"))
        if problems:
            raise inputs.InputInvalid(problems, command=request.mode)
    if not 200 <= status < 300 or not isinstance(document, dict):
        raise PredictionRefused(status, document)
    return document


def _server_problems(detail: Json) -> list[tuple[str, str]]:
    """(name, message) of each entry, if all of them are about inputs."""
    problems = []
    for entry in detail if isinstance(detail, list) else ():
        where = entry.get("loc") if isinstance(entry, dict) else None
        if not isinstance(where, list) or where[:2] != ["body", "input"] or len(where) < 3:
            return []
        problems.append((".".join(map(str, where[2:])), str(entry.get("msg"))))
    return problems


def deliver(
    request: Request,
    answer: Mapping[str, Json],
    document: Mapping[str, Json],
    path: str,
    result: Callable[[str], None],
    reporter: Reporter,
) -> None:
    """Print or write what the server answered. Raises PredictionFailed unless it succeeded."""
    status = answer.get("status")
    if request.json_given:
        _deliver_whole(answer, path, result, reporter)
    if status in ("failed", "canceled"):
        error = answer.get("error")
        raise PredictionFailed(request.noun, str(status), error if isinstance(error, str) else "")
    if request.json_given:
        return
    schema = inputs.Schema.of(document, request.component)
    declared = _output_schema(document, request.path, schema)
    plan = outputs.plan(answer.get("output"), declared, schema, path)
    if plan.nothing:
        reporter.warning("no output generated")
        return
    _carry_out(plan, result, reporter)


def _deliver_whole(
    answer: Mapping[str, Json], path: str, result: Callable[[str], None], reporter: Reporter
) -> None:
    output, files = outputs.with_files_beside(answer.get("output"), path)
    plan = outputs.as_json({**answer, "output": output}, path)
    if path and not path.endswith(".json"):
        reporter.warning(f"{path} gets JSON, though its name does not end in .json")
    _carry_out(outputs.Plan(text=plan.text, files=files + plan.files), result, reporter)


def _carry_out(plan: outputs.Plan, result: Callable[[str], None], reporter: Reporter) -> None:
    outputs.write(plan.files)
    for file in plan.files:
        reporter.info(f"Written output to {file.path}")
    if plan.text is not None:
        result(plan.text)


def _output_schema(document: Mapping[str, Json], path: str, schema: inputs.Schema) -> Mapping[str, Json]:
    """The `output` property of the 200 answer of the endpoint."""
    node: Json = document
    for key in ("paths", path, "post", "responses", "200", "content", "application/json", "schema"):
        node = node.get(key) if isinstance(node, dict) else None
    properties = schema.resolved(node).get("properties")
    output = properties.get("output") if isinstance(properties, dict) else None
    if output is None:
        output = schema.definitions.get("TrainingOutput" if path == "/trainings" else "Output")
    return schema.resolved(output)


__all__ = ["PredictionFailed", "Request", "deliver", "predict"]
