"""-i and --json: from words to the `input` object of a request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cog.actions.inputs import (
    InputFile,
    InputInvalid,
    InputSyntax,
    Schema,
    bytes_of_files,
    check_files,
    from_flags,
    from_json,
    read_file,
    split,
    with_files,
)
from cog.client import FileContent

FILE = {"type": "string", "format": "uri"}
PROPERTIES: dict[str, object] = {
    "s": {"type": "string"},
    "n": {"type": "integer"},
    "f": {"type": "number"},
    "b": {"type": "boolean"},
    "p": FILE,
    "ps": {"type": "array", "items": FILE},
    "l": {"type": "array", "items": {"type": "string"}},
    "ns": {"type": "array", "items": {"type": "integer"}},
    "o": {"type": "object"},
    "any": {"title": "Any"},
    "style": {"allOf": [{"$ref": "#/components/schemas/style"}], "default": "ink"},
    "size": {"allOf": [{"$ref": "#/components/schemas/size"}]},
    "u": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "uf": {"anyOf": [FILE, {"type": "string"}]},
    "ul": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string"}]},
    "r": {"type": "integer", "minimum": 1, "maximum": 10.0},
    "t": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
}
DEFINITIONS = {
    "style": {"enum": ["ink", "oil"], "type": "string"},
    "size": {"enum": [256, 512], "type": "integer"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def body(*flags: str) -> dict[str, object]:
    return from_flags(flags, PROPERTIES, definitions=DEFINITIONS)


def problems(*flags: str, required: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    with pytest.raises(InputInvalid) as caught:
        from_flags(flags, PROPERTIES, definitions=DEFINITIONS, required=required)
    return caught.value.problems


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("s=a=b", "a=b"),
        ("s=", ""),
        ("s=42", "42"),
        ('s="hello world"', "hello world"),
        ('s="', '"'),
        ('s=""', ""),
        ('s=""x""', '"x"'),
        ("s=@@home", "@home"),
        ("s=@", "@"),
        ("s=@nobody", "@nobody"),
        ("n=3", 3),
        ("n=-3", -3),
        ("n=4294967296", 4294967296),
        ("f=1.5", 1.5),
        ("f=0.1", 0.1),
        ("f=3", 3),
        ("f=1e-4", 1e-4),
        ("b=true", True),
        ("b=FALSE", False),
        ("b=1", True),
        ("b=no", False),
        ("p=https://example.com/x.png", "https://example.com/x.png"),
        ("p=data:text/plain,hi", "data:text/plain,hi"),
        ("l=x", ["x"]),
        ('l=["x", "y"]', ["x", "y"]),
        ("l=[not json", ["[not json"]),
        ("ns=7", [7]),
        ("ns=[1, 2]", [1, 2]),
        ('o={"a": 1}', {"a": 1}),
        ("any=x", "x"),
        ("style=oil", "oil"),
        ("size=512", 512),
        ("u=7", 7),
        ("u=seven", "seven"),
        ("uf=plain", "plain"),
        ("uf=http://x/y", "http://x/y"),
        ("ul=[1]", [1]),
        ("r=10", 10),
        ("t=abc", "abc"),
    ],
)
def test_a_value_gets_the_type_that_the_model_declares(flag: str, value: object) -> None:
    name = flag.partition("=")[0]
    result = body(flag)
    assert result == {name: value}
    assert type(result[name]) is type(value)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("n=3.5", "'3.5' is not a whole number"),
        ("n=", "'' is not a whole number"),
        ("f=x", "'x' is not a number"),
        ("f=nan", "'nan' is not a number"),
        ("b=maybe", "'maybe' is neither true nor false"),
        ("p=input.jpg", "'input.jpg' is not a URL; for a file of this machine write @ before its name: @input.jpg"),
        ("o=[1]", "a JSON object is expected"),
        ("style=inc", "'inc' is not one of 'ink', 'oil'; did you mean ink?"),
        ("size=100", "'100' is not one of 256, 512"),
        ("ns=x", "'x' is not a whole number"),
        ("r=0", "0 is too small: it must be at least 1"),
        ("r=11", "11 is too large: it must be at most 10"),
        ("t=a", "too short: it must have at least 2 characters"),
        ("t=abcde", "too long: it must have at most 4 characters"),
        ("t=AB", "it does not match the pattern ^[a-z]+$"),
    ],
)
def test_a_value_of_another_type_is_refused(flag: str, text: str) -> None:
    assert problems(flag) == ((flag.partition("=")[0], text),)


def test_a_file_becomes_a_data_url(folder: Path) -> None:
    (folder / "in.txt").write_text("hi")
    (folder / "in.webp").write_bytes(b"\0")
    (folder / "in.unheard-of").write_bytes(b"\0")
    assert body("p=@in.txt") == {"p": "data:text/plain;base64,aGk="}
    assert body("p=@in.webp") == {"p": "data:image/webp;base64,AA=="}
    assert body("p=@in.unheard-of") == {"p": "data:application/octet-stream;base64,AA=="}
    assert body("s=@in.txt") == {"s": "data:text/plain;base64,aGk="}
    assert body("s=@@in.txt") == {"s": "@in.txt"}
    assert body("any=@in.txt") == {"any": "data:text/plain;base64,aGk="}


def test_a_big_file_is_left_where_it_is_until_it_is_sent(folder: Path) -> None:
    (folder / "in.bin").write_bytes(b"x" * ((1 << 20) + 1))
    value = body("p=@in.bin")["p"]
    assert isinstance(value, FileContent)
    assert (value.path, value.head, value.size) == ("in.bin", "data:application/octet-stream;base64,", (1 << 20) + 1)
    assert bytes_of_files(["@in.bin", "@in.bin", "@nowhere", "text", "@"]) == 2 * ((1 << 20) + 1)


def test_a_tilde_is_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "in.txt").write_text("hi")
    assert body("p=@~/in.txt") == {"p": "data:text/plain;base64,aGk="}


def test_a_repeated_name_is_a_list_in_order(folder: Path) -> None:
    (folder / "1.txt").write_text("a")
    (folder / "2.txt").write_text("b")
    assert body("ps=@1.txt", "ps=@2.txt") == {"ps": ["data:text/plain;base64,YQ==", "data:text/plain;base64,Yg=="]}
    assert body("ns=1", "s=x", "ns=2") == {"ns": [1, 2], "s": "x"}
    assert body("ul=1", "ul=2") == {"ul": [1, 2]}


def test_a_name_that_is_no_list_may_not_be_repeated() -> None:
    assert problems("s=a", "s=b") == (("s", "given 2 times, but it is not a list"),)


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(InputFile, match="the input file missing.png cannot be read") as caught:
        body("p=@missing.png")
    assert caught.value.why == "No such file or directory"


def test_a_file_that_may_not_be_read_is_refused_before_the_schema_is_known(folder: Path) -> None:
    (folder / "folder").mkdir()
    with pytest.raises(InputFile, match="the input file folder cannot be read"):
        check_files(split(["s=@folder"]))
    check_files(split(["s=@nobody"]))


def test_every_problem_comes_out_at_once() -> None:
    assert problems("promt=x", "n=x", required=("s", "p")) == (
        (
            "promt",
            "unknown input; the inputs are: s, n, f, b, p, ps, l, ns, o, any, style, size, u, uf, ul, r, t",
        ),
        ("n", "'x' is not a whole number"),
        ("s", "missing required input"),
        ("p", "missing required input"),
    )


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(InputInvalid) as caught:
        from_flags(["promt=x"], {"prompt": {"type": "string"}, "seed": {"type": "integer"}})
    assert caught.value.what == (
        "the model does not take these inputs:\n"
        "- promt: unknown input; did you mean prompt? The inputs are: prompt, seed"
    )
    assert caught.value.fix == "for example\ncog predict -i blur=3.5\ncog predict -i path=@image.jpg"


def test_the_hints_name_the_command() -> None:
    with pytest.raises(InputInvalid) as caught:
        from_flags(["x=1"], {}, command="train")
    assert caught.value.what == "the model does not take these inputs:\n- x: unknown input: the model takes none"
    assert "cog train -i" in caught.value.fix


def test_words_without_an_equals_sign_are_refused() -> None:
    with pytest.raises(InputSyntax, match="failed to parse input 'oops', expected name=value"):
        body("oops")


def test_a_reference_that_leads_to_itself_ends() -> None:
    loop = {"loop": {"$ref": "#/components/schemas/loop"}}
    assert from_flags(["x=1"], {"x": {"$ref": "#/components/schemas/loop"}}, definitions=loop) == {"x": "1"}


# --- --json ----------------------------------------------------------------------------------


def test_json_is_taken_inline_from_a_file_and_from_standard_input(folder: Path) -> None:
    (folder / "in.json").write_text('{"n": 2}')
    nothing = "".__str__
    assert from_json('{"n": 1}', read=read_file, standard_input=nothing) == {"n": 1}
    assert from_json("@in.json", read=read_file, standard_input=nothing) == {"n": 2}
    assert from_json("-", read=read_file, standard_input='{"n": 3}'.__str__) == {"n": 3}
    assert from_json("@-", read=read_file, standard_input='{"n": 3}'.__str__) == {"n": 3}


@pytest.mark.parametrize("text", ["{", "[1]", "3", ""])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InputSyntax):
        from_json(text, read=read_file, standard_input="".__str__)


def test_files_named_in_json_are_put_in_their_place(folder: Path) -> None:
    (folder / "in.txt").write_text("hi")
    schema = Schema(PROPERTIES, (), DEFINITIONS)
    values = {"p": "@in.txt", "ps": ["@in.txt"], "s": "@@x", "n": 1}
    assert with_files(values, schema, read_file) == {
        "p": "data:text/plain;base64,aGk=",
        "ps": ["data:text/plain;base64,aGk="],
        "s": "@x",
        "n": 1,
    }


def test_unknown_and_missing_names_in_json_are_refused() -> None:
    schema = Schema({"prompt": {"type": "string"}}, ("prompt",), {})
    with pytest.raises(InputInvalid) as caught:
        with_files({"promt": "x"}, schema, read_file)
    assert [name for name, _ in caught.value.problems] == ["promt", "prompt"]


# --- the cases that were recorded ---------------------------------------------------------------

CASES = Path(__file__).parent / "input_cases.json"


@pytest.mark.parametrize("case", json.loads(CASES.read_text()), ids=lambda case: case["id"])
def test_a_recorded_case_gives_the_recorded_body(case: dict[str, object], folder: Path) -> None:
    files, flags, properties = case.get("files", {}), case["flags"], case["input_schema"]
    assert isinstance(files, dict) and isinstance(flags, list) and isinstance(properties, dict)
    for name, text in files.items():
        (folder / name).write_text(text)
    expected = case["expect"]
    assert isinstance(expected, dict)
    if "body" in expected:
        assert {"input": from_flags(flags, properties)} == expected["body"]
    else:
        with pytest.raises(InputSyntax) as caught:
            from_flags(flags, properties)
        assert caught.value.exit_status == expected["exit"]
        for word in expected["error"]["keywords"]:
            assert word in caught.value.what
