"""Instructions, names, local sources, labels and defaults: values in, values out."""

from __future__ import annotations

import re

import pytest

from cog.compat import load_tables, resolve
from cog.config import parse
from cog.dockerfile import defaults, names, seal
from cog.dockerfile.instructions import Copy, Env, From, Label, Run, base_of, literal
from cog.dockerfile.plan import mirrored, shell_word
from cog.dockerfile.sources import local_sources


def test_values_of_variables_are_quoted_so_that_nothing_is_expanded() -> None:
    env = Env((("A", "plain"), ("B", "two words"), ("C", 'a"b$c\\d'), ("E", "")))
    assert str(env) == 'ENV A=plain B="two words" C="a\\"b\\$c\\\\d" E=""'


def test_a_copy_of_odd_names_is_written_as_json_and_means_only_that_name() -> None:
    assert str(Copy(("a b", "c*"), "/src/")) == 'COPY ["a b", "c[*]", "/src/"]'
    assert str(Copy(("a",), "/b", source="cog")) == "COPY --from=cog a /b"
    assert literal("a[1]?$x") == "a[[]1][?]\\$x"


def test_a_long_label_is_cut_into_lines_that_read_as_one() -> None:
    value = "".join(chr(33 + n % 90) + " # \\ " for n in range(20000))
    text = str(Label("x", value))
    lines = text.split("\n")
    assert len(lines) > 2
    assert max(len(line.encode()) for line in lines) < 65535
    assert not any(re.match(r"[\s#]", line) for line in lines[1:])
    assert all(re.search(r"[^\\]\\$", line) for line in lines[:-1]), "one backslash continues, two are a backslash"
    inside = re.sub(r"\\\n", "", text)[len('LABEL x="') : -1]
    assert re.sub(r"\\(.)", r"\1", inside) == value


def test_the_base_is_that_of_the_last_stage() -> None:
    assert base_of((From("w", alias="weights"), From("python:3.12-slim"), Run("x"))) == "python:3.12-slim"


@pytest.mark.parametrize(
    ("folder", "image"),
    [
        ("foo", "cog-foo"),
        ("My_Model.v2", "cog-mymodelv2"),
        ("my great model", "cog-my-great-model"),
        ("very" + "long" * 10, "cog-verylonglonglonglonglonglo"),
        ("cog-already", "cog-already"),
        ("模型", "cog-model"),
        ("---", "cog-model"),
        ("a---b", "cog-a--b"),
        ("trailing-", "cog-trailing"),
        ("exactly twenty-five chars x", "cog-exactly-twenty-five-chars"),
    ],
)
def test_the_name_of_a_folder_becomes_a_name_that_registries_take(folder: str, image: str) -> None:
    assert names.derived(folder) == image
    assert re.fullmatch(r"[a-z0-9]+(?:-{1,2}[a-z0-9]+)*", image)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("m", "m:latest"),
        ("m:1", "m:1"),
        ("docker.io/library/m", "m:latest"),
        ("localhost:5000/m", "localhost:5000/m:latest"),
        ("r8.im/a/b:c", "r8.im/a/b:c"),
    ],
)
def test_names_are_compared_as_the_engine_lists_them(name: str, full: str) -> None:
    assert names.full(name) == full


@pytest.mark.parametrize("name", ["m", "m:1", "r8.im/a/b-c_d:v1.2", "127.0.0.1:5000/x", "[::1]:5000/x", "a/b@sha256:" + "0" * 64])
def test_a_name_that_the_engine_takes(name: str) -> None:
    assert names.valid(name)


@pytest.mark.parametrize("name", ["Upper", "a b", "-a", "a-", "a//b", "a:", "", "a/", "a:b:c", "é"])
def test_a_name_that_the_engine_refuses(name: str) -> None:
    assert not names.valid(name)


def test_a_mirror_replaces_docker_hub_alone() -> None:
    assert mirrored("python:3.12-slim", "mirror.example.com") == "mirror.example.com/library/python:3.12-slim"
    assert mirrored("nvidia/cuda:12", "mirror.example.com/hub/") == "mirror.example.com/hub/nvidia/cuda:12"
    assert mirrored("r8.im/cog-base:x", "mirror.example.com") == "r8.im/cog-base:x"
    assert mirrored("python:3.12-slim", "") == "python:3.12-slim"


def test_words_for_the_shell() -> None:
    assert shell_word("libgl1=1.7.0-1+b2") == "libgl1=1.7.0-1+b2"
    assert shell_word("a b'c") == "'a b'\\''c'"


def test_what_lies_in_the_project_is_found_in_requirements() -> None:
    lines = [
        "--find-links wheels",
        "-f ./more",
        "--find-links=https://example.com/simple",
        "./mine-1.0-py3-none-any.whl",
        "sub/other.tar.gz ; python_version > '3'",
        "./package[extra]",
        "../outside.whl",
        "/absolute.whl",
        "https://example.com/a.whl",
        "name @ https://example.com/b.whl",
        "torch==2.0.1  # comment",
        "# ./comment.whl",
        "-e ./editable",
        "./mine-1.0-py3-none-any.whl",
    ]
    assert local_sources(lines) == ["wheels", "more", "mine-1.0-py3-none-any.whl", "sub/other.tar.gz", "package"]


def test_the_config_label_is_complete_and_has_nothing_empty() -> None:
    config = parse("build:\n  gpu: true\n  python_packages: [torch==2.0.1]\n  run: [a]\npredict: p.py:P\n")
    resolution = resolve(config, config.build.python_packages, load_tables())
    assert seal.config_label(config, resolution) == (
        '{"build":{"gpu":true,"python_version":"3.11","python_packages":["torch==2.0.1"],"run":[{"command":"a"}],'
        '"cuda":"11.8","cudnn":"8"},"predict":"p.py:P"}'
    )


def test_labels_that_are_unknown_are_absent() -> None:
    assert seal.labels(version="1", config="{}", schema="s", freeze=None) == {
        "run.cog.version": "1",
        "run.cog.config": "{}",
        "run.cog.has_init": "true",
        "run.cog.openapi_schema": "s",
    }


def test_a_cog_base_is_named_with_its_last_layer_when_that_is_known() -> None:
    found = seal.labels(
        version="1", config="{}", schema=None, freeze=None, cog_base="r8.im/b", base_layers=["sha256:a", "sha256:b"]
    )
    assert found["run.cog.cog-base-image-name"] == "r8.im/b"
    assert found["run.cog.cog-base-image-last-layer-sha"] == "sha256:b"
    assert found["run.cog.cog-base-image-last-layer-idx"] == "1"
    unknown = seal.labels(version="1", config="{}", schema=None, freeze=None, cog_base="r8.im/b")
    assert [name for name in unknown if "cog-base" in name] == ["run.cog.cog-base-image-name"]


def test_a_default_that_its_own_limits_refuse_is_named() -> None:
    document = {
        "components": {
            "schemas": {
                "Input": {
                    "properties": {
                        "high": {"type": "integer", "default": 20, "maximum": 10},
                        "low": {"type": "number", "default": -0.5, "minimum": 0},
                        "short": {"type": "string", "default": "a", "minLength": 2},
                        "wrong": {"type": "string", "default": "x", "pattern": "^a"},
                        "choice": {"default": "c", "allOf": [{"$ref": "#/components/schemas/choice"}]},
                        "fine": {"type": "integer", "default": 5, "minimum": 0, "maximum": 10},
                        "none": {"type": "integer", "default": None, "minimum": 0},
                        "flag": {"type": "boolean", "default": True},
                    }
                },
                "choice": {"enum": ["a", "b"]},
            }
        }
    }
    assert defaults.problems(document) == [
        "the default of input high is 20: it must be at most 10",
        "the default of input low is -0.5: it must be at least 0",
        "the default of input short is 'a': it must have at least 2 characters",
        "the default of input wrong is 'x': it must match ^a",
        "the default of input choice is 'c': it must be one of 'a', 'b'",
    ]
    assert defaults.problems({}) == defaults.problems(None) == []
