"""What to serve: from the environment (as images bake it), else from cog.yaml.

The runtime has no YAML library. It reads the few keys it needs with a reader of its own for the block style that
cog.yaml files are written in: comments, quotes, flow maps and lists, block scalars, document markers, CRLF.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple


class ProjectInvalid(Exception):
    """There is no cog.yaml, or it cannot be read."""


class Project:
    """The entries of cog.yaml that matter to the runtime. An empty text: not given."""

    __slots__ = ("predict", "train", "concurrency", "failure")

    def __init__(self, predict: str = "", train: str = "", concurrency: int = 0, failure: str = "") -> None:
        self.predict = predict
        self.train = train
        self.concurrency = concurrency
        self.failure = failure  # why there is nothing to serve: a traceback's text


def read(directory: str, environ: Dict[str, str]) -> Project:
    """The project in that directory. A missing or broken cog.yaml is told as `failure`, never raised."""
    predict = environ.get("COG_PREDICT_TYPE_STUB", "")
    train = environ.get("COG_TRAIN_TYPE_STUB", "")
    project = Project(predict, train)
    path = os.path.join(directory, "cog.yaml")
    if not (predict and train):
        try:
            with open(path, encoding="utf-8-sig") as file:
                document = parse(file.read())
            project.predict = predict or _text(document.get("predict") or document.get("run"))
            project.train = train or _text(document.get("train"))
            concurrency = document.get("concurrency")
            if isinstance(concurrency, dict) and _text(concurrency.get("max")).isdigit():
                project.concurrency = int(_text(concurrency["max"]))
        except FileNotFoundError:
            if not predict and not train:
                project.failure = (
                    "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No such file or directory: '%s'\n\n"
                    "The above exception was the direct cause of the following exception:\n\n"
                    "Traceback (most recent call last):\ncog.errors.ConfigDoesNotExist: Could not find %s\n" % (path, path)
                )
        except (OSError, ValueError) as error:
            project.failure = "Traceback (most recent call last):\ncog.errors.ConfigInvalid: %s: %s\n" % (path, error)
    limit = environ.get("COG_MAX_CONCURRENCY", "")
    if limit.isdigit():
        project.concurrency = int(limit)
    return project


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def parse(text: str) -> Dict[str, Any]:
    """A YAML mapping of texts, mappings and lists. Raises ValueError with the line for what it cannot read."""
    lines: List[Tuple[int, int, str]] = []  # line number, indentation, text
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("..."):
            break
        if line.startswith("---"):
            if lines:
                break
            line = line[3:]
        if line.startswith("%"):
            continue
        lines.append((number, len(line) - len(line.lstrip(" ")), line.rstrip()))
    reader = _Reader(lines)
    value = reader.block(-1)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("line 1: expected 'key: value' pairs")
    return value


class _Reader:
    def __init__(self, lines: List[Tuple[int, int, str]]) -> None:
        self._lines = lines
        self._at = 0

    def _peek(self) -> Optional[Tuple[int, int, str]]:
        """The next line that says something, without its comment."""
        while self._at < len(self._lines):
            number, indent, line = self._lines[self._at]
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                if "\t" in line[: len(line) - len(line.lstrip())]:
                    raise ValueError("line %d: a tab cannot indent YAML" % number)
                return number, indent, line
            self._at += 1
        return None

    def block(self, parent: int) -> Any:
        first = self._peek()
        if first is None or first[1] <= parent:
            return None
        indent = first[1]
        if first[2].strip() == "-" or first[2].strip().startswith("- "):
            return self._list(indent)
        if _key_end(first[2].strip()) < 0:
            if first[2].strip()[0] in "{[":
                return self._flow_lines(first[0], "")
            raise ValueError("line %d: expected 'key: value'" % first[0])
        return self._map(indent)

    def _map(self, indent: int) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        while True:
            line = self._peek()
            if line is None or line[1] < indent:
                return found
            number, at, text = line
            if at > indent:
                raise ValueError("line %d: unexpected indentation" % number)
            text = text.strip()
            end = _key_end(text)
            if end < 0:
                raise ValueError("line %d: expected 'key: value'" % number)
            key = _unquote(text[:end].strip(), number)
            self._at += 1
            found[key] = self._value(text[end + 1 :].strip(), indent, number)

    def _list(self, indent: int) -> List[Any]:
        found: List[Any] = []
        while True:
            line = self._peek()
            if line is None or line[1] != indent or not (line[2].strip() + " ").startswith("- "):
                if line is not None and line[1] > indent:
                    raise ValueError("line %d: unexpected indentation" % line[0])
                return found
            number, _, text = line
            rest = text.strip()[1:]
            inner = rest.strip()
            offset = indent + 1 + len(rest) - len(rest.lstrip())
            if inner and inner[0] not in "{[\"'|>&*#" and _key_end(inner) >= 0:
                self._lines[self._at] = (number, offset, " " * offset + inner)
                found.append(self._map(offset))
                continue
            self._at += 1
            found.append(self._value(inner, indent, number))

    def _value(self, text: str, indent: int, number: int) -> Any:
        text = _uncomment(text)
        while text[:1] in ("&", "!"):  # an anchor or a tag changes nothing for us
            text = text.partition(" ")[2].strip()
        if not text:
            following = self._peek()
            if following is not None and following[1] == indent and (following[2].strip() + " ").startswith("- "):
                return self._list(indent)  # a list may stand right below its key
            return self.block(indent)
        if text[0] in "|>":
            return self._scalar_block(indent, folded=text[0] == ">", strip="-" in text)
        if text[0] in "{[":
            return self._flow_lines(number, text)
        if text[0] in "\"'":
            while not _closed(text):
                following = self._lines[self._at] if self._at < len(self._lines) else None
                if following is None:
                    raise ValueError("line %d: a quote is not closed" % number)
                self._at += 1
                text += " " + following[2].strip()
            return _unquote(_uncomment(text), number)
        while True:  # a plain text may go on, indented, on the following lines
            following = self._peek()
            if following is None or following[1] <= indent:
                break
            if _key_end(following[2].strip()) >= 0:
                raise ValueError("line %d: unexpected indentation" % following[0])
            self._at += 1
            text += " " + _uncomment(following[2].strip())
        if _key_end(text) >= 0:
            raise ValueError("line %d: ': ' inside a value needs quotes" % number)
        return _plain(text)

    def _scalar_block(self, indent: int, *, folded: bool, strip: bool) -> str:
        taken: List[str] = []
        depth = -1
        while self._at < len(self._lines):
            _, at, line = self._lines[self._at]
            if line.strip() and at <= indent:
                break
            if line.strip() and depth < 0:
                depth = at
            taken.append(line[depth:] if depth >= 0 else "")
            self._at += 1
        text = (" " if folded else "\n").join(taken).rstrip()
        return text if strip else text + "\n"

    def _flow_lines(self, number: int, text: str) -> Any:
        """A flow map or list, which may go over several lines."""
        while True:
            value, rest = _flow(text, number)
            if rest is not None:
                if _uncomment(rest.strip()):
                    raise ValueError("line %d: unexpected text after a bracket" % number)
                return value
            if self._at >= len(self._lines):
                raise ValueError("line %d: a bracket is not closed" % number)
            text += " " + _uncomment(self._lines[self._at][2].strip())
            self._at += 1


def _key_end(text: str) -> int:
    """Where the colon after a key is; -1 when the text is not a key and a value."""
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        if end < 0:
            return -1
        rest = text[end + 1 :]
        at = len(rest) - len(rest.lstrip())
        if rest[at : at + 1] == ":" and rest[at + 1 : at + 2] in ("", " "):
            return end + 1 + at
        return -1
    if text[:1] in ("{", "["):
        return -1
    at = -1
    while True:
        at = text.find(":", at + 1)
        if at < 0:
            return -1
        if at + 1 == len(text) or text[at + 1] == " ":
            hash_at = text.find(" #")
            return -1 if 0 <= hash_at < at else at


def _uncomment(text: str) -> str:
    quote = ""
    for index, letter in enumerate(text):
        if quote:
            if letter == quote and not (quote == '"' and text[index - 1] == "\\"):
                quote = ""
        elif letter in "\"'" and (index == 0 or text[index - 1] in " [{,:"):
            quote = letter
        elif letter == "#" and (index == 0 or text[index - 1] == " "):
            return text[:index].rstrip()
    return text.rstrip()


def _closed(text: str) -> bool:
    quote = text[0]
    body = text[1:]
    if quote == "'":
        return body.replace("''", "").find("'") >= 0
    return body.replace("\\\\", "").replace('\\"', "").find('"') >= 0


def _unquote(text: str, number: int) -> str:
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
        return text[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
    if text[:1] in ("'", '"'):
        raise ValueError("line %d: a quote is not closed" % number)
    return text


def _plain(text: str) -> Any:
    return None if text in ("~", "null", "Null", "NULL") else text


def _flow(text: str, number: int) -> Tuple[Any, Optional[str]]:
    """One flow value at the start of the text, and what follows it; None as rest when it is not complete."""
    text = text.lstrip()
    if not text:
        return None, None
    if text[0] == "[":
        items: List[Any] = []
        rest = text[1:].lstrip()
        while True:
            if not rest:
                return None, None
            if rest[0] == "]":
                return items, rest[1:]
            value, after = _flow(rest, number)
            if after is None:
                return None, None
            after = after.lstrip()
            if after[:1] == ":":
                second, after = _flow(after[1:], number)
                if after is None:
                    return None, None
                value = {value: second}
                after = after.lstrip()
            items.append(value)
            if not after:
                return None, None
            if after[0] == ",":
                after = after[1:].lstrip()
            elif after[0] != "]":
                raise ValueError("line %d: expected ',' or ']'" % number)
            rest = after
    if text[0] == "{":
        found: Dict[str, Any] = {}
        rest = text[1:].lstrip()
        while True:
            if not rest:
                return None, None
            if rest[0] == "}":
                return found, rest[1:]
            key, after = _flow(rest, number)
            if after is None:
                return None, None
            after = after.lstrip()
            if not after:
                return None, None
            value = None
            if after[0] == ":":
                if after[1:].lstrip()[:1] in (",", "}"):
                    after = after[1:].lstrip()
                else:
                    value, after = _flow(after[1:], number)
                    if after is None:
                        return None, None
                    after = after.lstrip()
            found[str(key)] = value
            if not after:
                return None, None
            if after[0] == ",":
                after = after[1:].lstrip()
            elif after[0] != "}":
                raise ValueError("line %d: expected ',' or '}'" % number)
            rest = after
    if text[0] in "\"'":
        end = 1
        while True:
            end = text.find(text[0], end)
            if end < 0:
                return None, None
            if text[0] == '"' and text[end - 1] == "\\":
                end += 1
                continue
            if text[0] == "'" and text[end + 1 : end + 2] == "'":
                end += 2
                continue
            return _unquote(text[: end + 1], number), text[end + 1 :]
    end = len(text)
    for index, letter in enumerate(text):
        if letter in ",]}" or (letter == ":" and text[index + 1 : index + 2] in (" ", "")):
            end = index
            break
    else:
        return None, None
    if end == 0:
        raise ValueError("line %d: unexpected %r" % (number, text[0]))
    return _plain(text[:end].strip()), text[end:]
