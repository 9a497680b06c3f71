"""Requirements files: nested ones put in place, everything else as it was."""

from __future__ import annotations

from typing import Callable, Dict, List

import pytest

from cog.compat import ConstraintLine, RequirementsLoop, inline
from cog.compat.markers import holds
from cog.compat.requirements import logical_lines, parse


def reading(files: Dict[str, str]) -> Callable[[str], str]:
    return files.__getitem__


@pytest.mark.parametrize(
    "line",
    [
        "-r more.txt",
        "-rmore.txt",
        "-r  more.txt  # why",
        "--requirement more.txt",
        "--requirement=more.txt",
        "  -r ./more.txt",
        '-r "more.txt"',
        "-r sub/../more.txt",
    ],
)
def test_a_nested_file_takes_the_place_of_its_line(line: str) -> None:
    files = {"requirements.txt": f"a\n{line}\nb\n", "more.txt": "one\ntwo"}
    assert inline("requirements.txt", reading(files)) == ["a", "one", "two", "b"]


def test_a_nested_path_is_relative_to_the_file_that_names_it() -> None:
    files = {
        "deep/requirements.txt": "-r more/base.txt\n-r ../top.txt",
        "deep/more/base.txt": "-r gpu.txt\nbase",
        "deep/more/gpu.txt": "gpu",
        "top.txt": "top",
    }
    assert inline("deep/requirements.txt", reading(files)) == ["gpu", "base", "top"]


def test_the_same_file_may_be_named_twice() -> None:
    files = {"requirements.txt": "-r a.txt\n-r a.txt", "a.txt": "a"}
    assert inline("requirements.txt", reading(files)) == ["a", "a"]


def test_a_file_that_includes_itself_is_refused_with_the_chain() -> None:
    files = {"requirements.txt": "-r a.txt", "a.txt": "-r sub/b.txt", "sub/b.txt": "-r ../a.txt"}
    with pytest.raises(RequirementsLoop) as caught:
        inline("requirements.txt", reading(files))
    assert caught.value.report() == (
        "the requirements file a.txt includes itself\n"
        "requirements.txt -> a.txt -> sub/b.txt -> a.txt\n"
        "fix: remove one of these lines, for example `-r a.txt` from sub/b.txt"
    )


def test_files_on_the_web_are_left_to_pip() -> None:
    lines = ["-r https://x.example/r.txt", "-c https://x.example/c.txt"]
    assert inline("r.txt", reading({"r.txt": "\n".join(lines)})) == lines


def test_lines_of_constraints_are_marked_and_so_is_what_they_include() -> None:
    files = {"r.txt": "a\n-c c.txt\n", "c.txt": "b==1\n-r d.txt", "d.txt": "d==2"}
    lines = inline("r.txt", reading(files))
    assert lines == ["a", "b==1", "d==2"]
    assert [isinstance(line, ConstraintLine) for line in lines] == [False, True, True]


@pytest.mark.parametrize("text", ["a\r\n\r\nb\r\n", "\ufeffa\n\nb", "a\r\rb"])
def test_line_ends_and_byte_order_marks_do_not_matter(text: str) -> None:
    assert inline("r.txt", reading({"r.txt": text})) == ["a", "", "b"]


@pytest.mark.parametrize("line", ["# -r more.txt", "-rx --hash=1 b", "requests -r more.txt"])
def test_what_only_looks_like_a_nested_file_stays(line: str) -> None:
    assert inline("r.txt", reading({"r.txt": line})) == [line]


def test_what_the_reader_raises_comes_through() -> None:
    with pytest.raises(KeyError, match="nope.txt"):
        inline("r.txt", reading({"r.txt": "-r nope.txt"}))


def test_continued_lines_are_one_logical_line_and_comments_are_not_continued() -> None:
    assert list(logical_lines(["a \\", "  --hash=1", "# b \\", "c", "d \\"])) == [
        "a \\\n  --hash=1",
        "# b \\",
        "c",
        "d \\",
    ]


@pytest.mark.parametrize(
    ("line", "name", "version"),
    [
        ("torch==2.3", "torch", "2.3"),
        ("Torch_Vision[x, y] == 1.0", "torch-vision", "1.0"),
        ("a==1;python_version<'3'", "a", "1"),
        ("a==1#not-a-comment", "a", None),
        ("a==1 # comment", "a", "1"),
        ("a==1,<2", "a", None),
        ("a==1.*", "a", None),
        ("a", "a", None),
        ("a~=1.0", "a", None),
        ("a @ https://x.example/a-1.whl", "a", None),
        ("a==1 \\\n --hash=sha256:b", "a", "1"),
        ("git+ssh://git@x.example/y.git@v1#egg=Zed", "zed", None),
        ("wheels/x-1.0-py3-none-any.whl", "", None),
    ],
)
def test_names_and_pins(line: str, name: str, version: "str | None") -> None:
    requirement = parse(line)
    assert requirement is not None
    assert (requirement.name, requirement.version) == (name, version)


@pytest.mark.parametrize("line", ["", "  ", "# torch==1", "-f https://x", "--pre", "--extra-index-url https://x", "-c c.txt"])
def test_lines_that_install_nothing(line: str) -> None:
    assert parse(line) is None


MARKERS: List["tuple[str, bool]"] = [
    ("", True),
    ("sys_platform == 'linux'", True),
    ("sys_platform == 'win32'", False),
    ("'linux' in sys_platform", True),
    ("'win' not in sys_platform", True),
    ('platform_system != "Darwin"', True),
    ("python_version < '3.11'", False),
    ("python_version >= '3.11'", True),
    ("python_version == '3.11'", True),
    ("python_full_version > '3.11.2'", True),
    ("python_full_version > '3.11.4'", False),
    ("python_full_version >= '3.11.4'", True),
    ("python_full_version < '3.11.4'", False),
    ("python_full_version <= '3.11.4'", True),
    ("python_full_version != '3.11.4'", False),
    ("python_version != '3.10'", True),
    ("os_name == 'nt' or sys_platform == 'linux'", True),
    ("os_name == 'nt' and sys_platform == 'linux'", False),
    ("(os_name == 'nt' or os_name == 'posix') and python_version < '3'", False),
    ("implementation_name == 'pypy'", False),
    ("platform_machine == 'aarch64'", True),  # not ours to decide
    ("extra == 'gpu'", True),
    ("python_version", True),
    ("??", True),
    ("sys_platform ~= 'linux'", True),
]


@pytest.mark.parametrize(("marker", "answer"), MARKERS)
def test_markers_in_the_image(marker: str, answer: bool) -> None:
    assert holds(marker, "3.11.4") is answer


def test_a_marker_about_python_holds_while_python_is_not_chosen() -> None:
    assert holds("python_version < '3'", None)


@pytest.mark.parametrize(("version", "answer"), [("3.12", True), ("3.11", True), ("3.10", False)])
def test_a_full_version_that_is_known_to_two_parts_only(version: str, answer: bool) -> None:
    assert holds("python_full_version >= '3.11.2'", version) is answer
