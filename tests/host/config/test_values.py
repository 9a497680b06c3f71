"""What a right cog.yaml means."""

from __future__ import annotations

import textwrap

import pytest

from cog.config import (
    Build,
    Concurrency,
    Config,
    ConfigInvalid,
    Mount,
    RunItem,
    check_files,
    parse,
)


def read(text: str) -> Config:
    return parse(textwrap.dedent(text))


def test_every_key_arrives() -> None:
    config = read(
        """\
        build:
          gpu: true
          python_version: "3.11"
          python_packages: [torch==2.3.1]
          system_packages: [ffmpeg, git]
          run:
            - "  echo one  "
            - command: pip install x
              mounts:
                - {type: secret, id: pip, target: /etc/pip.conf}
            - command: echo three
              mounts:
          cuda: "12.1"
          cudnn: "8"
        image: r8.im/me/model
        predict: "predict.py:Predictor"
        train: "train.py:train"
        concurrency:
          max: 0x10
          default_target: 2
        environment:
          - HF_HOME=/src/cache
          - EMPTY=
          - GREETING=a = b
        """
    )
    assert config == Config(
        build=Build(
            gpu=True,
            python_version="3.11",
            python_packages=("torch==2.3.1",),
            system_packages=("ffmpeg", "git"),
            run=(
                RunItem("echo one"),
                RunItem("pip install x", (Mount(id="pip", target="/etc/pip.conf"),)),
                RunItem("echo three"),
            ),
            cuda="12.1",
            cudnn="8",
        ),
        image="r8.im/me/model",
        predict="predict.py:Predictor",
        train="train.py:train",
        concurrency=Concurrency(max=16, default_target=2),
        environment={"HF_HOME": "/src/cache", "EMPTY": "", "GREETING": "a = b"},
    )


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "build:\n", "{}", "build: {}", "---\n", "~"])
def test_an_empty_file_means_the_defaults(text: str) -> None:
    assert parse(text) == Config()


def test_null_lists_are_empty_lists() -> None:
    text = "".join(f"\n  {key}:" for key in ("python_packages", "system_packages", "run", "pre_install"))
    assert parse(f"build:{text}\nenvironment:\ntests:\n").build == Build()


@pytest.mark.parametrize("written", ["3.10", '"3.10"', "'3.10'", "!!str 3.10", "3.8", "3.13", "3.14", "3.15", "3.11.4"])
def test_a_python_version_stays_as_it_is_written(written: str) -> None:
    config = parse(f"build:\n  python_version: {written}\n")
    assert config.build.python_version == written.replace("!!str ", "").strip("\"'")
    assert type(config.build.python_version) is str


@pytest.mark.parametrize(
    ("written", "meaning"),
    [("true", True), ("True", True), ("yes", True), ("on", True), ("false", False), ("No", False), ("off", False)],
)
def test_all_booleans_of_yaml_are_understood(written: str, meaning: bool) -> None:
    assert parse(f"build:\n  gpu: {written}\n").build.gpu is meaning


def test_a_folded_command_is_one_line() -> None:
    config = read(
        """\
        build:
          run:
            - >-
              echo a
              && echo b
        """
    )
    assert config.build.run == (RunItem("echo a && echo b"),)


def test_pre_install_runs_after_run_and_is_deprecated() -> None:
    config = parse("build:\n  pre_install: [two]\n  run: [one]\n")
    assert config.build.commands == (RunItem("one"), RunItem("two"))
    assert [(note.code, note.severity, note.place) for note in config.notes] == [
        ("deprecated-key", "warning", "cog.yaml:2:3")
    ]


def test_run_at_the_top_is_the_newer_name_of_predict() -> None:
    assert parse('run: "run.py:Runner"\n').predict == "run.py:Runner"


def test_keys_without_effect_are_noted_and_nothing_else() -> None:
    config = parse('build:\n  sdk_version: 0.16\n  cuda: "11.8"\ntests: [1, {a: b}]\n')
    assert [(note.code, note.severity, note.field) for note in config.notes] == [
        ("ignored-key", "note", "build.sdk_version"),
        ("ignored-key", "note", "build.cuda"),
        ("ignored-key", "note", "tests"),
    ]
    assert config.build.cuda == "11.8"


@pytest.mark.parametrize("written", ["16", "0x10", "0b10000", "020", "+16", "1_6"])
def test_whole_numbers_in_all_spellings_of_yaml(written: str) -> None:
    assert parse(f"concurrency:\n  max: {written}\n").concurrency == Concurrency(16)


@pytest.mark.parametrize("written", ["0", "-1", "0x0", "-0x10", "08", "0b"])
def test_what_is_less_than_one(written: str) -> None:
    with pytest.raises(ConfigInvalid):
        parse(f"concurrency:\n  max: {written}\n")


@pytest.mark.parametrize(("length", "shown"), [(60, "a\\n" + "b" * 58), (61, "a\\n" + "b" * 55 + "...")])
def test_a_long_command_is_quoted_in_part(length: int, shown: str) -> None:
    command = "a\\n" + "b" * (length - 2)
    with pytest.raises(ConfigInvalid) as caught:
        parse(f'build:\n  run: ["{command}"]\n')
    assert caught.value.problems[0].message == f"build.run.0 has a line break in it: '{shown}'"


def test_a_very_long_line_is_shown_around_the_place() -> None:
    packages = ", ".join(f"package{n}==1.0" for n in range(100))
    with pytest.raises(ConfigInvalid) as caught:
        parse(f"build: {{python_packages: [{packages}], python_verson: 3.11}}")
    line, caret = caught.value.problems[0].excerpt()
    assert len(line) <= 130
    assert line[caret.index("^") :][: len("python_verson")] == "python_verson"
    assert caret.endswith("^^^^^^^^^^^^^ did you mean `python_version`?")


def test_an_old_cuda_does_not_matter_without_a_gpu() -> None:
    assert parse('build:\n  cuda: "9.0"\n').build.cuda == "9.0"


def test_anchors_aliases_and_merge_keys_work() -> None:
    config = read(
        """\
        build: &base
          <<: [{gpu: true}, {gpu: false, cuda: "12.4"}]
          system_packages: &both [git, curl]
          pre_install: *both
        """
    )
    assert config.build == Build(
        gpu=True, cuda="12.4", system_packages=("git", "curl"), pre_install=("git", "curl")
    )


def test_aliases_that_multiply_without_end_are_refused() -> None:
    lines = ["a: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(ConfigInvalid) as caught:
        parse("\n".join(lines))
    assert "yaml-too-large" in [problem.code for problem in caught.value.problems]


def test_very_deep_nesting_is_a_problem_and_no_traceback() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("[" * 5000)
    assert caught.value.problems[0].category == "yaml-parse"


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert parse("\ufeffbuild:\r\n  gpu: true\r\n").build.gpu is True


def test_sixty_based_numbers_of_old_yaml_are_text() -> None:
    assert parse("image: 12:30\n").image == "12:30"


def test_the_source_knows_where_things_are() -> None:
    config = parse('build:\n  python_version: "3.11"\n', path="other.yaml")
    mark = config.source.mark(("build", "python_version"))
    assert mark is not None and (mark.line, mark.column, mark.length) == (2, 19, 6)
    assert config.source.path == "other.yaml"


def test_one_problem_does_not_hide_another_and_all_come_in_the_order_of_lines() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse('predict: x\nbuild:\n  gpu: "no"\n  python_version: "2.7"\n  foo: 1\n')
    assert [(p.code, p.category, p.place) for p in caught.value.problems] == [
        ("predict-invalid", "validation", "cog.yaml:1:10"),
        ("wrong-type", "schema", "cog.yaml:3:8"),
        ("python-version-too-old", "validation", "cog.yaml:4:19"),
        ("unknown-key", "schema", "cog.yaml:5:3"),
    ]


def test_a_problem_can_be_read_by_machines() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("build:\n  cuda: 11.8\n", path="a.yaml")
    assert [problem.to_data() for problem in caught.value.problems] == [
        {
            "path": "a.yaml",
            "line": 2,
            "column": 9,
            "severity": "error",
            "code": "wrong-type",
            "field": "build.cuda",
            "message": "build.cuda must be a string, not the number 11.8",
            "fix": 'quote it: cuda: "11.8"',
        }
    ]


def test_the_error_takes_code_and_category_from_its_first_problem() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("build:\n  run: [\"a\\nb\"]\n")
    assert (caught.value.code, caught.value.category) == ("run-line-break", "run-newline")
    assert str(caught.value) == "cog.yaml:2:9: build.run.0 has a line break in it: 'a\\nb'"


@pytest.mark.parametrize("name", ["R8_X", "REPLICATE_X", "CUDA_X", "NVIDIA_X", "NV_X", "PGET_X", "KUBERNETES_X"])
def test_reserved_prefixes_of_variables_are_refused(name: str) -> None:
    with pytest.raises(ConfigInvalid, match="is reserved"):
        parse(f"environment: [{name}=1]\n")


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONUNBUFFERED", "LIBRARY_PATH"]
    + ["HF_ENDPOINT", "HF_HUB_ENABLE_HF_TRANSFER"],
)
def test_reserved_variables_are_refused(name: str) -> None:
    with pytest.raises(ConfigInvalid, match="is reserved"):
        parse(f"environment: [{name}=1]\n")


@pytest.mark.parametrize("python", ['"3.11"', '"3.12.1"', "3.14"])
def test_concurrency_is_fine_from_python_3_11_on(python: str) -> None:
    assert parse(f"build:\n  python_version: {python}\nconcurrency:\n  max: 5\n").concurrency == Concurrency(5)


def test_one_prediction_at_a_time_is_fine_on_any_python() -> None:
    assert parse('build:\n  python_version: "3.8"\nconcurrency:\n  max: 1\n').concurrency == Concurrency(1)


@pytest.mark.parametrize("reference", ["predict.py:Predictor", "src/deep/predict.py:run", "a b.py:P_1"])
def test_references_to_code(reference: str) -> None:
    assert parse(f'predict: "{reference}"\n').predict == reference


@pytest.mark.parametrize("reference", ["predict.py", "predict.py:", ":P", ".py:P", "a.py:b.py:C", "predict:P", "a.py:1x"])
def test_what_is_no_reference_to_code(reference: str) -> None:
    with pytest.raises(ConfigInvalid, match="must be in the form 'predict.py:Predictor'"):
        parse(f'predict: "{reference}"\n')


def test_files_that_are_named_and_missing_are_all_reported_with_their_lines() -> None:
    config = parse('predict: "p.py:P"\ntrain: "t.py:t"\nbuild:\n  python_requirements: r.txt\n')
    with pytest.raises(ConfigInvalid) as caught:
        check_files(config, lambda path: path == "p.py")
    assert [(p.code, p.category, p.place) for p in caught.value.problems] == [
        ("file-missing", "validation", "cog.yaml:2:8"),
        ("requirements-file-missing", "requirements-file", "cog.yaml:4:24"),
    ]
    check_files(config, lambda path: True)


def test_a_missing_file_of_the_newer_key_is_reported_there() -> None:
    with pytest.raises(ConfigInvalid, match=r"cog.yaml:1:6: run names r\.py"):
        check_files(parse('run: "r.py:R"\n'), lambda path: False)
