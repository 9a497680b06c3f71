"""YAML text -> a tree of plain values that still knows where everything stands.

PyYAML composes the node graph; we walk it ourselves instead of letting it construct values. So a
number keeps its source text (`3.10` never becomes 3.1), every key and value keeps its line and
column, a duplicate key is noticed, and anchors and merge keys work as in any YAML file.
"""

from __future__ import annotations

import yaml

from .problems import ConfigInvalid, Mark, Problem, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set, Tuple, Union

    from .problems import Where

    # None, bool, str, Number, or lists and dicts of these. Recursive aliases upset older checkers.
    Tree = Union[None, bool, str, List["object"], Dict[str, "object"]]

__all__ = ["Number", "Tree", "read"]

# Aliases may be used many times, and each use is walked again; this many nodes is far more than
# any honest file has, and stops "a billion laughs".
_MOST_NODES = 50_000

_TAG = "tag:yaml.org,2002:"


class Number(str):
    """A plain scalar that YAML calls a number, as it was written. `kind` is int or float."""

    kind: str

    def __new__(cls, text: str, kind: str) -> Number:
        number = super().__new__(cls, text)
        number.kind = kind
        return number


def read(text: str, path: str) -> Tuple[Tree, Source, List[Problem]]:
    """The tree, its places, and what can be said against it so far.

    Raises ConfigInvalid when the text is not YAML at all.
    """
    text = text[1:] if text.startswith("\ufeff") else text
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigInvalid([_syntax_problem(error, text, path)]) from None
    except RecursionError:
        problem = Problem("yaml-syntax", "lists or mappings are nested too deeply", path=path)
        raise ConfigInvalid([_categorised(problem)]) from None
    walk = _Walk(text, path)
    tree = walk.value(root, ()) if root is not None else None
    return tree, Source(path, text, walk.keys, walk.values), walk.problems


class _Walk:
    def __init__(self, text: str, path: str) -> None:
        self.keys: Dict[Where, Mark] = {}
        self.values: Dict[Where, Mark] = {}
        self.problems: List[Problem] = []
        self._lines = text.splitlines()
        self._path = path
        self._seen = 0
        self._open: Set[int] = set()  # nodes being walked: an alias to one of them is a loop

    def value(self, node: yaml.Node, where: Where) -> Tree:
        self._seen += 1
        self.values[where] = self._mark(node)
        if self._seen > _MOST_NODES:
            if self._seen == _MOST_NODES + 1:
                self._problem(node, "yaml-too-large", "the file expands to too many values", "")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._problem(node, "yaml-alias-loop", "this alias refers to something it is inside of")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            assert isinstance(node, yaml.SequenceNode)
            return [self.value(item, (*where, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, where: Where) -> Dict[str, object]:
        found: Dict[str, object] = {}
        merged: Dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._problem(key, "yaml-key", "a key must be a plain word", "write it as text")
                continue
            name = key.value
            if key.tag == _TAG + "merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    inner = self.value(source, where)
                    if isinstance(inner, dict):
                        merged = {**inner, **merged}
                    else:
                        self._problem(value, "yaml-key", "`<<` takes a mapping or its alias")
                continue
            inside = (*where, name)
            if name in found:
                first = self.keys[inside]
                self._problem(
                    key,
                    "yaml-duplicate-key",
                    f"key `{name}` appears twice; the first is in line {first.line}",
                    "keep one of the two",
                )
                continue
            self.keys[inside] = self._mark(key)
            found[name] = self.value(value, inside)
        return {**merged, **found}

    def _scalar(self, node: yaml.ScalarNode) -> Tree:
        tag = node.tag[len(_TAG) :] if node.tag.startswith(_TAG) else node.tag
        text: str = node.value
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in ("yes", "true", "on")
        if tag in ("int", "float"):
            # YAML 1.1 reads 12:30 as a number in base 60. Nobody means that.
            return text if ":" in text else Number(text, tag)
        if tag not in ("str", "timestamp", "value"):
            self._problem(node, "yaml-tag", f"the tag `{node.tag}` has no meaning here", "remove it")
        return text

    def _mark(self, node: yaml.Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        line = self._lines[start.line] if start.line < len(self._lines) else ""
        stop = end.column if end.line == start.line else len(line)
        return Mark(start.line + 1, start.column + 1, max(1, stop - start.column))

    def _problem(self, node: yaml.Node, code: str, message: str, fix: str = "") -> None:
        problem = Problem(code, message, path=self._path, fix=fix)
        self.problems.append(_categorised(_placed(problem, self._mark(node), self._lines)))


def _categorised(problem: Problem) -> Problem:
    from cog.records import replace  # problems are rare; keep the good path short

    return replace(problem, category="yaml-parse")


def _placed(problem: Problem, mark: Mark, lines: List[str]) -> Problem:
    from cog.records import replace  # as above

    def line(number: int) -> str:
        return lines[number - 1] if 0 < number <= len(lines) else ""

    return replace(problem, mark=mark, text=line(mark.line), before=line(mark.line - 1))


def _syntax_problem(error: yaml.YAMLError, text: str, path: str) -> Problem:
    lines = text.splitlines()
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, error.position - before.rfind("\n"))
        character = error.character
        number = character if isinstance(character, int) else ord(character)
        return _categorised(
            Problem(
                "yaml-encoding",
                f"the character U+{number:04X} is not allowed in YAML",
                path=path,
                mark=mark,
                fix="remove it, or save the file as plain UTF-8",
            )
        )
    assert isinstance(error, yaml.MarkedYAMLError)
    found = error.problem or "not valid YAML"
    at = error.problem_mark or error.context_mark
    begun = error.context_mark
    if begun is not None and ("quoted scalar" in (error.context or "") or "flow" in (error.context or "")):
        at = begun  # where the quotation mark or the bracket is that has no partner
    mark = Mark(at.line + 1, at.column + 1) if at is not None else Mark(1, 1)
    if mark.line > len(lines) and lines:
        mark = Mark(len(lines), len(lines[-1]) + 1)
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    code, message, fix = _explain(found, error.context or "", line)
    return _categorised(_placed(Problem(code, message, path=path, fix=fix), mark, lines))


def _explain(found: str, context: str, line: str) -> Tuple[str, str, str]:
    """PyYAML speaks of tokens; say what the author of the line most likely did."""
    indent = line[: len(line) - len(line.lstrip())]
    if "'\\t'" in found or "\t" in indent:
        return "yaml-tab", "a tab character is used for indentation", "indent with spaces"
    if "mapping values are not allowed" in found:
        return (
            "yaml-syntax",
            "a second `: ` in this value, or a wrong indentation",
            "put quotes around the value, or line the key up with its neighbours",
        )
    if "undefined alias" in found:
        name = _quoted(found)
        return "yaml-syntax", f"`*{name}` refers to an anchor that does not exist", _anchor_fix(line)
    if "another document" in found or "but found another" in found:
        return "yaml-syntax", "a second document begins here", "remove the `---` line"
    if "found unexpected end of stream" in found and "quoted scalar" in context:
        return "yaml-syntax", "a quotation mark is not closed", "close it on the same line"
    if "unknown escape" in found:
        return "yaml-syntax", found, "use single quotes, or double each backslash"
    if "cannot start any token" in found:
        return "yaml-syntax", f"a value cannot begin with {_quoted(found)!r}", "put quotes around it"
    if "could not find expected ':'" in found:
        return "yaml-syntax", "a key without `:`", "write `key: value`, with a space after the colon"
    if "<block end>" in found:
        return (
            "yaml-syntax",
            "this line does not fit the lines above it",
            "indent it like its neighbours, and quote values that contain `\"`, `[` or `{`",
        )
    if "flow" in context:
        return "yaml-syntax", "a `[` or `{` list is not closed properly", "check commas and brackets"
    return "yaml-syntax", found, "check the indentation and the quotes around this place"


def _quoted(found: str) -> str:
    return found.split("'")[1] if found.count("'") >= 2 else found


def _anchor_fix(line: str) -> str:
    return "put quotes around the value if the `*` is meant literally"


def nearest(name: str, known: List[str]) -> Optional[str]:
    """The known word that this one is most likely a slip of."""
    from difflib import get_close_matches  # needed for wrong files only

    matches = get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return matches[0] if matches else None
