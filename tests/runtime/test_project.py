"""The runtime's own reader of cog.yaml, against PyYAML where it is installed."""

from __future__ import annotations

import pytest

from cog.runtime_stdlib.project import parse, read

DOCUMENTS = [
    'predict: "predict.py:Predictor"\n',
    "# comment\npredict: predict.py:Predictor # here\n",
    "build:\n  gpu: true\n  run:\n    - command: pip install\n      mounts:\n        - type: secret\n          id: pip\n"
    "predict: 'predict.py:P'\n",
    "build: {gpu: true, python_packages: [a, \"b, c\"]}\npredict: 'x.py:P'\n",
    "---\npredict: a.py:P\n...\nignored: x\n",
    "build:\r\n  run:\r\n    - |\r\n      predict: fake\r\n      echo\r\npredict: real.py:P\r\n",
    "build:\n  run:\n  - >-\n    predict: fake\n    more\n  - two\nconcurrency:\n  max: 4\npredict: real.py:P\n",
    'build:\n  python_packages:\n    - "a: b # c"\n    - plain\nimage: ~\npredict: "p.py:P"\n',
    "build:\n  python_packages: [\n    a,\n    b\n  ]\npredict: p.py:P\n",
    "",
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_it_reads_what_a_yaml_library_reads(text):
    yaml = pytest.importorskip("yaml", reason="PyYAML is the oracle")

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        key: [pair for pair in pairs if pair[0] == "tag:yaml.org,2002:null"]
        for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    oracle = next(iter(yaml.load_all(text, Loader)), None) or {}
    assert parse(text) == oracle


@pytest.mark.parametrize(
    "text", ["predict: [unclosed\n  : :\n", "predict: 'open\n", "\tpredict: x\n", "just text\n", "a: b: c\n"]
)
def test_broken_documents_are_refused_with_their_line(text):
    with pytest.raises(ValueError, match="line [0-9]+"):
        parse(text)


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "cog.yaml").write_text("predict: a.py:A\ntrain: t.py:t\nconcurrency:\n  max: 3\n")
    project = read(str(tmp_path), {"COG_PREDICT_TYPE_STUB": "b.py:B", "COG_MAX_CONCURRENCY": "7"})
    assert (project.predict, project.train, project.concurrency) == ("b.py:B", "t.py:t", 7)


def test_with_both_entries_in_the_environment_there_need_be_no_file(tmp_path):
    project = read(str(tmp_path), {"COG_PREDICT_TYPE_STUB": "b.py:B", "COG_TRAIN_TYPE_STUB": "t.py:t"})
    assert (project.predict, project.train, project.failure) == ("b.py:B", "t.py:t", "")


def test_a_missing_file_is_a_failure_that_names_it(tmp_path):
    assert "Could not find %s/cog.yaml" % tmp_path in read(str(tmp_path), {}).failure
