"""Rules about values, each in a few lines: versions, references, commands, variables.

They look at the tree rather than at a Config, so that they can speak while other parts of the
file still have the wrong shape, and so that each finding has its line and column.
"""

from __future__ import annotations

import re

from .document import Number
from .problems import ConfigInvalid, Problem, Source
from .values import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, List, Optional, Tuple

    from .problems import Where

__all__ = ["OLDEST_PYTHON", "PYTHON_FOR_CONCURRENCY", "check", "check_files", "problem_at"]

OLDEST_PYTHON = (3, 8)
PYTHON_FOR_CONCURRENCY = (3, 11)

# The image's own working depends on these, or the base image sets them.
RESERVED_NAMES = frozenset(
    "PATH LD_LIBRARY_PATH PYTHONPATH VIRTUAL_ENV PYTHONUNBUFFERED LIBRARY_PATH "
    "HF_ENDPOINT HF_HUB_ENABLE_HF_TRANSFER".split()
)
RESERVED_PREFIXES = ("R8_", "REPLICATE_", "CUDA_", "NVIDIA_", "NV_", "PGET_", "KUBERNETES_")

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?")
_REFERENCE = re.compile(r"[^:]+\.py:[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(tree: object, source: Source) -> List[Problem]:
    """All findings of the rules, warnings and notes among them."""
    look = _Look(tree, source)
    return [problem for rule in _RULES for problem in rule(look)]


def check_files(config: Config, exists: Callable[[str], bool]) -> None:
    problems = []
    requirements = config.build.python_requirements
    if requirements is not None and not exists(requirements):
        problems.append(
            problem_at(
                config.source,
                ("build", "python_requirements"),
                "requirements-file-missing",
                f"build.python_requirements names {requirements}, which does not exist",
                category="requirements-file",
                fix="create the file, or correct its path; it is relative to cog.yaml",
            )
        )
    for key, reference in (("predict", config.predict), ("train", config.train)):
        file = (reference or "").rpartition(":")[0]
        if file and not exists(file):
            where: Where = (key,) if (key,) in config.source.values else ("run",)
            problems.append(
                problem_at(
                    config.source,
                    where,
                    "file-missing",
                    f"{where[0]} names {file}, which does not exist",
                    fix=f"create {file}, or correct the path; it is relative to cog.yaml",
                )
            )
    if problems:
        raise ConfigInvalid(sorted(problems, key=lambda p: p.mark.line if p.mark else 0))


def problem_at(
    source: Source,
    where: Where,
    code: str,
    message: str,
    *,
    key: bool = False,
    severity: str = "error",
    category: str = "validation",
    field: str = "",
    label: str = "",
    fix: str = "",
) -> Problem:
    """A finding about this place, with its line from the source."""
    mark = source.mark(where, key=key)
    return Problem(
        code,
        message,
        severity=severity,
        category=category,
        field=field or ".".join(str(step) for step in where),
        path=source.path,
        mark=mark,
        before=source.line(mark.line - 1) if mark else "",
        text=source.line(mark.line) if mark else "",
        label=label,
        fix=fix,
    )


class _Look:
    """The tree, asked only for what has the right type."""

    def __init__(self, tree: object, source: Source) -> None:
        self.tree, self.source = tree, source

    def value(self, *where: "str | int") -> object:
        found = self.tree
        for step in where:
            try:
                found = found[step]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def has(self, *where: "str | int") -> bool:
        around = self.value(*where[:-1])
        return isinstance(around, dict) and where[-1] in around

    def text(self, *where: "str | int", number: bool = False) -> Optional[str]:
        found = self.value(*where)
        if isinstance(found, str) and (number or not isinstance(found, Number)):
            return str(found)
        return None

    def items(self, *where: "str | int") -> Iterator[Tuple[Where, str]]:
        """The texts of a list, each with its place."""
        found = self.value(*where)
        if isinstance(found, list):
            for index in range(len(found)):
                text = self.text(*where, index)
                if text is not None:
                    yield (*where, index), text


def _python_version(look: _Look) -> Iterator[Problem]:
    where = ("build", "python_version")
    version = look.text(*where, number=True)
    if version is None:
        return
    if not _VERSION.fullmatch(version):
        yield problem_at(
            look.source,
            where,
            "python-version-invalid",
            f"build.python_version {version!r} is not a Python version: "
            + ("it needs numbers and dots only" if "." in version else "missing minor version"),
            fix=f'write major.minor in quotes, for example "{version}.12"'
            if version == "3"
            else 'write major.minor in quotes, for example "3.12"',
        )
    elif numbers(version)[:2] < OLDEST_PYTHON:
        yield problem_at(
            look.source,
            where,
            "python-version-too-old",
            f"the minimum supported Python version is 3.8; build.python_version is {version}",
            fix='use "3.10"' if version == "3.1" else "use 3.8 or newer",
        )


def _concurrency(look: _Look) -> Iterator[Problem]:
    for name in ("max", "default_target"):
        value = look.value("concurrency", name)
        if not isinstance(value, Number) or value.kind != "int":
            continue
        count = whole(value)
        if count < 1:
            yield problem_at(
                look.source,
                ("concurrency", name),
                "concurrency-too-small",
                f"concurrency.{name} must be at least 1, not {value!s}",
                fix=f"write {name}: 1, or remove `concurrency`",
            )
        elif name == "max" and count > 1:
            version = look.text("build", "python_version", number=True) or ""
            if _VERSION.fullmatch(version) and numbers(version)[:2] < PYTHON_FOR_CONCURRENCY:
                yield problem_at(
                    look.source,
                    ("concurrency", name),
                    "concurrency-needs-newer-python",
                    f"concurrency.max above 1 needs Python 3.11 or newer; "
                    f"build.python_version is {version}",
                    fix='set build.python_version to "3.11" or newer, or concurrency.max to 1',
                )


def _references(look: _Look) -> Iterator[Problem]:
    examples = {
        "predict": "predict.py:Predictor",
        "run": "predict.py:Predictor",
        "train": "train.py:train",
    }
    for key, example in examples.items():
        reference = look.text(key)
        if reference and not _REFERENCE.fullmatch(reference):
            yield problem_at(
                look.source,
                (key,),
                "train-invalid" if key == "train" else "predict-invalid",
                f"{key} must be in the form '{example}', not {reference!r}",
                fix=f'write the file, a colon and the name in it: {key}: "{example}"',
            )
    if look.text("predict") and look.text("run"):
        yield problem_at(
            look.source,
            ("run",),
            "predict-and-run",
            "predict and run are two names of one key; only one may be given",
            key=True,
            fix="remove one of them",
        )


def _packages(look: _Look) -> Iterator[Problem]:
    if look.value("build", "python_packages") and look.text("build", "python_requirements"):
        yield problem_at(
            look.source,
            ("build", "python_packages"),
            "packages-twice",
            "build.python_packages and build.python_requirements cannot be used together",
            key=True,
            fix="move the packages into the requirements file, or the other way round",
        )


def _cuda(look: _Look) -> Iterator[Problem]:
    cuda, cudnn = look.text("build", "cuda"), look.text("build", "cudnn")
    if look.value("build", "gpu") is not True:
        for name, value in (("cuda", cuda), ("cudnn", cudnn)):
            if value:
                yield problem_at(
                    look.source,
                    ("build", name),
                    "ignored-key",
                    f"build.{name} has no effect without `gpu: true`",
                    key=True,
                    severity="note",
                    fix=f"add `gpu: true`, or remove `{name}`",
                )
        return
    if cuda and not _VERSION.fullmatch(cuda):
        yield problem_at(
            look.source,
            ("build", "cuda"),
            "cuda-invalid",
            f"build.cuda {cuda!r} is not a CUDA version: it needs major and minor version",
            fix='write for example cuda: "12.4"',
        )
    elif cuda and numbers(cuda)[0] < 11:
        yield problem_at(
            look.source,
            ("build", "cuda"),
            "cuda-too-old",
            f"the minimum supported CUDA version is 11; build.cuda is {cuda}",
            fix='use "11.8" or newer; without `cuda` a suitable version is chosen',
        )
    if cudnn and not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})*", cudnn):
        yield problem_at(
            look.source,
            ("build", "cudnn"),
            "cudnn-invalid",
            f"build.cudnn {cudnn!r} is not a cuDNN version",
            fix='write the major version, for example cudnn: "9"',
        )


def _commands(look: _Look) -> Iterator[Problem]:
    places: List[Tuple[Where, str]] = []
    run = look.value("build", "run")
    for index in range(len(run) if isinstance(run, list) else 0):
        here: Where = ("build", "run", index)
        for where in (here, (*here, "command")):
            text = look.text(*where)
            if text is not None:
                places.append((where, text))
    places.extend(look.items("build", "pre_install"))
    for where, text in places:
        command = text.strip()
        name = ".".join(str(step) for step in where)
        if not command:
            yield problem_at(
                look.source,
                where,
                "run-empty",
                f"{name} is an empty command",
                fix="remove the item, or write a command",
            )
        elif "\n" in command or "\r" in command:
            shown = command if len(command) <= 60 else command[:57] + "..."
            yield problem_at(
                look.source,
                where,
                "run-line-break",
                f"{name} has a line break in it: {shown!r}",
                category="run-newline",
                fix="make each line an item of its own, join them with `&&`, or fold with `>-`",
            )


def _mounts(look: _Look) -> Iterator[Problem]:
    run = look.value("build", "run")
    for index, item in enumerate(run if isinstance(run, list) else []):
        mounts = item.get("mounts") if isinstance(item, dict) else None
        for number in range(len(mounts) if isinstance(mounts, list) else 0):
            for name in ("id", "target"):
                where: Where = ("build", "run", index, "mounts", number, name)
                text = look.text(*where)
                if text is not None and not re.fullmatch(r"[^\s,]+", text):
                    yield problem_at(
                        look.source,
                        where,
                        "mount-invalid",
                        f"{'.'.join(map(str, where))} must have neither spaces nor commas",
                        fix="the Dockerfile cannot express it; choose another name",
                    )


def _environment(look: _Look) -> Iterator[Problem]:
    seen: "dict[str, int]" = {}
    for where, text in look.items("environment"):
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            yield problem_at(
                look.source,
                where,
                "environment-invalid",
                f"environment: {text!r} must be in the form NAME=value",
                fix="a name is letters, digits and _ and does not begin with a digit",
            )
            continue
        if "\n" in value or "\r" in value or "\0" in value:
            yield problem_at(
                look.source,
                where,
                "environment-invalid",
                f"environment: the value of {name} has a line break in it",
                fix="write it in one line",
            )
        if name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES):
            yield problem_at(
                look.source,
                where,
                "environment-reserved",
                f"environment: {name} is reserved and cannot be set here",
                fix="set it when the container starts: docker run -e NAME=value",
            )
        if name in seen:
            yield problem_at(
                look.source,
                where,
                "environment-duplicate",
                f"environment: {name} is set twice; the first is in line {seen[name]}",
                fix="keep one of the two",
            )
        mark = look.source.mark(where)
        seen.setdefault(name, mark.line if mark else 0)


def _faded_keys(look: _Look) -> Iterator[Problem]:
    if look.value("build", "pre_install"):
        yield problem_at(
            look.source,
            ("build", "pre_install"),
            "deprecated-key",
            "build.pre_install is deprecated; its commands run after those of `run`",
            key=True,
            severity="warning",
            fix="move the commands to the end of `run`",
        )
    if look.has("build", "sdk_version"):
        yield problem_at(
            look.source,
            ("build", "sdk_version"),
            "ignored-key",
            "build.sdk_version is ignored: the SDK in the image is the one of this tool",
            key=True,
            severity="note",
            fix="remove it",
        )
    if look.has("tests"):
        yield problem_at(
            look.source,
            ("tests",),
            "ignored-key",
            "tests is accepted and not used",
            key=True,
            severity="note",
            fix="remove it",
        )


_RULES: Tuple[Callable[[_Look], Iterator[Problem]], ...] = (
    _python_version,
    _concurrency,
    _references,
    _packages,
    _cuda,
    _commands,
    _mounts,
    _environment,
    _faded_keys,
)


def numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def whole(value: str) -> int:
    """A number in any of YAML's spellings: 16, 0x10, 0b10000, 020, 1_6; what is too odd is 0."""
    digits = value.replace("_", "").lstrip("+")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    try:
        return int(digits, 8) if octal else int(digits, 0)
    except ValueError:
        return 0
