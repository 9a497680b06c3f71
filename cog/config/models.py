"""The shape of cog.yaml as pydantic models: which keys there are and what type each has.

They judge the tree of document.py, in which numbers are still text, so nothing is converted and
nothing is guessed: "yes" in quotes is no boolean and an unquoted 11.8 no string. The JSON Schema
for editors comes from here, and so does the table of shape.py. Rules about values are in rules.py.

pydantic 1.10.27 needs no workaround on any Python from 3.9 to 3.14 (tried to 3.13).
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Type, Union

from pydantic import BaseModel, Field, StrictBool
from typing_extensions import Literal

from .document import Number

__all__ = ["CogYaml"]

Validator = Callable[[Any], Any]

# Default of keys that may be left out but not be null; pydantic reads a default of None as
# "null is fine". Nobody looks at defaults here: values are taken from the tree.
ABSENT = ""


class Text(str):
    """Text that YAML, too, takes for text."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Validator]:
        yield cls._check

    @classmethod
    def __modify_schema__(cls, schema: Dict[str, Any]) -> None:
        schema.update(type="string")

    @staticmethod
    def _check(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Number):
            raise TypeError("not a string")
        return value


class Version(Text):
    """Text or a number; the number counts as it is written."""

    @classmethod
    def __modify_schema__(cls, schema: Dict[str, Any]) -> None:
        schema.update(type=["string", "number"])

    @staticmethod
    def _check(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError("not a version")
        return value


class Integer(int):
    """A number without a fraction, unquoted."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Validator]:
        yield cls._check

    @classmethod
    def __modify_schema__(cls, schema: Dict[str, Any]) -> None:
        schema.update(type="integer", minimum=1)

    @staticmethod
    def _check(value: Any) -> Any:
        if not isinstance(value, Number) or value.kind != "int":
            raise TypeError("not an integer")
        return value


class _Mapping(BaseModel):
    class Config:
        extra = "forbid"

        @staticmethod
        def schema_extra(schema: Dict[str, Any], model: Type[BaseModel]) -> None:
            """Say what pydantic leaves out: which keys may be null. Drop what only adds noise."""
            for name, field in model.__fields__.items():
                entry = schema["properties"][name]
                entry.pop("title", None)
                if entry.get("default") == ABSENT:
                    del entry["default"]
                if field.allow_none and "allOf" in entry:
                    entry["anyOf"] = [*entry.pop("allOf"), {"type": "null"}]
                elif field.allow_none:
                    entry["type"] = [entry["type"], "null"]

    @classmethod
    def validate(cls, value: Any) -> Any:
        # pydantic would accept anything that dict() accepts, an empty list for example.
        if not isinstance(value, dict):
            raise TypeError("not a mapping")
        return super().validate(value)


class Mount(_Mapping):
    type: Literal["secret"] = Field(..., description="Only `secret` is supported.")
    id: Text = Field(..., description="The id given to `cog build --secret id=...`.")
    target: Text = Field(..., description="The path at which the command finds the secret.")


class RunItem(_Mapping):
    command: Text = Field(..., description="A shell command in one line.")
    mounts: Optional[List[Mount]] = Field(None, description="Secrets this command may read.")


class Build(_Mapping):
    gpu: StrictBool = Field(False, description="Build for an NVIDIA GPU.")
    python_version: Version = Field(
        ABSENT,
        description="Python in the image: minor (3.11) or patch (3.11.1) version.",
        examples=["3.12", "3.11.4"],
    )
    python_requirements: Text = Field(
        ABSENT, description="A pip requirements file, relative to cog.yaml."
    )
    python_packages: Optional[List[Text]] = Field(
        None,
        description="Python packages; cannot be combined with python_requirements.",
        examples=[["torch==2.3.1", "pillow==10.4.0"]],
    )
    system_packages: Optional[List[Text]] = Field(
        None, description="Packages that apt installs.", examples=[["ffmpeg", "git"]]
    )
    run: Optional[List[Union[RunItem, Text]]] = Field(
        None, description="Commands to run after all packages are installed."
    )
    pre_install: Optional[List[Text]] = Field(
        None, description="Deprecated: commands that run after those of `run`.", deprecated=True
    )
    cuda: Text = Field(
        ABSENT,
        description="CUDA version, if the one that is chosen does not suit. In quotes.",
        examples=["12.4", "11.8.0"],
    )
    cudnn: Text = Field(ABSENT, description="Major version of cuDNN. In quotes.", examples=["9"])
    sdk_version: Version = Field(
        ABSENT, description="Ignored: the SDK comes with the tool.", deprecated=True
    )


class Concurrency(_Mapping):
    max: Integer = Field(..., description="How many predictions may run at the same time.")
    default_target: Integer = Field(ABSENT, description="Accepted and kept for deployments.")


class CogYaml(_Mapping):
    """How to build a model into an image and how to run predictions in it."""

    build: Optional[Build] = Field(None, description="What the image is made of.")
    image: Text = Field(ABSENT, description="Name of the image, with its registry for `cog push`.")
    predict: Text = Field(
        ABSENT,
        description="File and name of the predictor.",
        examples=["predict.py:Predictor"],
    )
    run: Text = Field(ABSENT, description="Newer name of `predict`; give only one of them.")
    train: Text = Field(
        ABSENT, description="File and name of the training function.", examples=["train.py:train"]
    )
    concurrency: Concurrency = Field(ABSENT, description="Predictions at the same time.")
    environment: Optional[List[Text]] = Field(
        None, description="Variables in the image, NAME=value.", examples=[["HF_HOME=/src/cache"]]
    )
    tests: Optional[List[Any]] = Field(None, description="Accepted, not used.", deprecated=True)

    class Config(_Mapping.Config):
        title = "cog.yaml"
