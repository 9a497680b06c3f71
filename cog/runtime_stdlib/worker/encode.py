"""From what predict() returned to the JSON text of `output`.

Strategy: the C encoder of json does the work and calls back only for values it does not know
(records, files, arrays ...). A file cannot be text yet, so it leaves a mark in the JSON, which is
then cut out: the answer is a list of segments, almost always one. The mark holds random digits
made for that one output, so no text of a model can be taken for one. Types of other people's
libraries are known by what they can do, never imported.

What the encoder refuses as a whole (a key that is no text, a NaN somewhere) is repaired by a walk
through the value and tried again: outputs that need it pay for it, others do not.
"""

from __future__ import annotations

import os

from cog.runtime_stdlib.sdk import annotations as a
from cog.runtime_stdlib.worker.mismatch import compile_check, explain

c_json: Any = None
try:
    import _json  # the C half alone: `json` would import `re`

    c_json = _json
except ImportError:  # an interpreter without it
    pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple, Union

    from cog.runtime_stdlib.schema.spec import Spec

SMALL_FILE = 1 << 20  # a file object's content up to here travels in memory, larger ones by disk
LONGEST_NUMBER = 4300  # digits
UNKNOWN_TYPE = "application/octet-stream"


class EncodeFailed(Exception):
    """The value cannot be sent; the text says why."""


class FileMissing(EncodeFailed):
    """A file result that cannot be read."""


class OutFile:
    """A file in an output: on disk, or in memory."""

    __slots__ = ("data", "delete", "mime", "name", "path")

    def __init__(
        self,
        *,
        name: str,
        path: Optional[str] = None,
        data: Optional[bytes] = None,
        mime: Optional[str] = None,
        delete: bool = False,
    ) -> None:
        self.name = name  # "" when it has none
        self.path = path
        self.data = data
        self.mime = mime
        self.delete = delete  # the file is ours: remove it when it has been sent

    def __repr__(self) -> str:
        return "OutFile(%r)" % self.name


class Encoded:
    """JSON text, cut where the URL of a file (with its quotes) goes."""

    __slots__ = ("mismatch", "segments")

    def __init__(self, segments: List[Union[bytes, OutFile]], mismatch: Optional[str] = None) -> None:
        self.segments = segments
        self.mismatch = mismatch  # how the value does not fit the annotation, if it does not


class Marks:
    """The files met while one output is encoded."""

    __slots__ = ("_nonce", "files", "read")

    def __init__(self) -> None:
        self.files: List[OutFile] = []
        self.read: Dict[int, Tuple[Any, Any]] = {}  # what can be read only once, and what it gave
        self._nonce = ""

    def mark(self, file: OutFile) -> str:
        if not self._nonce:
            self._nonce = "cog-file-%s-" % os.urandom(16).hex()
        self.files.append(file)
        return "%s%08d" % (self._nonce, len(self.files) - 1)

    def cut(self, text: str) -> List[Union[bytes, OutFile]]:
        segments: List[Union[bytes, OutFile]] = []
        rest = text
        while True:
            before, found, rest = rest.partition('"' + self._nonce)
            if before:
                segments.append(utf8(before))
            if not found:
                return segments
            segments.append(self.files[int(rest[:8])])
            rest = rest[9:]  # its number and the closing quote


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON can say it only as \\u
        return "".join([c if not "\ud800" <= c <= "\udfff" else "\\u%04x" % ord(c) for c in text]).encode()


def make_writer(default: Callable[[Any], Any]) -> Callable[[Any], str]:
    """A function from a value to JSON text; `default` turns what JSON does not know into what it does."""
    if c_json is None:
        from json import JSONEncoder  # where there is no C half

        return JSONEncoder(
            default=default,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            check_circular=False,
        ).encode
    arguments = (None, default, c_json.encode_basestring, None, ":", ",", False, False, False)
    encode = c_json.make_encoder(*arguments)
    join = "".join

    def text(value: Any) -> str:
        return join(encode(value, 0))

    return text


quote_text: Callable[[str], str] = make_writer(repr) if c_json is None else c_json.encode_basestring


class Encoder:
    """Writes the outputs of one callable."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        output = spec.output
        self._check = compile_check(output)
        self._plain_text = output.kind in ("str", "any")
        item = output.args[0] if output.kind in ("iterator", "list") and output.args else None
        self._check_item = None if item is None else compile_check(item)
        self._plain_item = item is None or item.kind in ("str", "any")

    def encode(self, value: Any) -> Encoded:
        if type(value) is str and self._plain_text:
            try:
                return Encoded([quote_text(value).encode()])
            except UnicodeEncodeError:
                return Encoded([utf8(quote_text(value))])
        marks = Marks()
        value = settled(value, marks)
        mismatch = None
        if value is not None and self._check is not None:
            mismatch = explain(self._check, value, self._spec, ("output", "__root__"))
        return Encoded(write(value, marks), mismatch)

    def encode_item(self, value: Any, index: int = 0) -> Encoded:
        """One yielded item; `index` is its place, for the mismatch text."""
        if type(value) is str and self._plain_item:
            try:
                return Encoded([quote_text(value).encode()])
            except UnicodeEncodeError:
                return Encoded([utf8(quote_text(value))])
        marks = Marks()
        value = settled(value, marks)
        mismatch = None
        if value is not None and self._check_item is not None:
            mismatch = explain(self._check_item, value, self._spec, ("output", "__root__", index))
        return Encoded(write(value, marks), mismatch)


def settled(value: Any, marks: Marks) -> Any:
    """A generator in a value's place can be read once only: as a list, it can be checked and then written."""
    kind = type(value)
    if kind is dict or kind is list or kind is float or kind is int or kind is str:
        return value
    if hasattr(value, "__next__") and not hasattr(value, "read"):
        return list(value)
    return value


def write(value: Any, marks: Marks) -> List[Union[bytes, OutFile]]:
    """The segments of a value. Raises EncodeFailed."""

    def default(unknown: Any) -> Any:
        return once(unknown, marks)

    writer = make_writer(default)
    try:
        text = writer(value)
    except EncodeFailed:
        raise
    except (TypeError, ValueError):
        try:
            text = writer(repaired(value, marks, 0))
        except RecursionError:
            raise EncodeFailed(TOO_DEEP) from None
        except (TypeError, ValueError) as error:  # a number of more digits than Python will write
            raise EncodeFailed(str(error)) from error
    except RecursionError:
        raise EncodeFailed(TOO_DEEP) from None
    if marks.files:
        return marks.cut(text)
    return [utf8(text)]


TOO_DEEP = "the output contains itself, or is nested too deeply to be JSON"


def repaired(value: Any, marks: Marks, depth: int) -> Any:
    """A copy that the encoder cannot refuse: NaN and infinities are null, keys are text."""
    if value is None or isinstance(value, (str, int)) and not a.is_enum(type(value)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if depth > 900:
        raise RecursionError
    if isinstance(value, dict):
        return {key_text(key): repaired(item, marks, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [repaired(item, marks, depth + 1) for item in value]
    return repaired(once(value, marks), marks, depth + 1)


def key_text(key: Any) -> str:
    if isinstance(key, str):
        return str(getattr(key, "value", key)) if a.is_enum(type(key)) else key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if a.is_enum(type(key)):
        return key_text(key.value)
    if hasattr(key, "isoformat"):
        return str(key.isoformat())
    return str(key)


def once(value: Any, marks: Marks) -> Any:
    """simpler(), but files and generators are not read again when the encoder has to try twice."""
    if not hasattr(value, "read") and not hasattr(value, "__next__"):
        return simpler(value, marks)
    held = marks.read.get(id(value))
    if held is None:
        held = marks.read[id(value)] = (value, simpler(value, marks))
    return held[1]


def simpler(value: Any, marks: Marks) -> Any:
    """One step from a value that JSON does not know towards one that it does."""
    kind = type(value)
    if hasattr(value, "__fspath__"):
        return marks.mark(file_at(value))
    if a.is_enum(kind):
        return value.value
    if hasattr(kind, "__cog_fields__"):
        from cog.runtime_stdlib.sdk.model import values_of  # the value comes from there

        return values_of(value)
    if hasattr(value, "get_secret_value"):
        return str(value)
    coder = find_coder(kind)
    if coder is not None:
        return coder.encode(value)
    if a.is_pydantic(kind):
        return from_pydantic(value)
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in kind.__dataclass_fields__ if hasattr(value, name)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in kind.__attrs_attrs__}
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes_text(bytes(value))
    if hasattr(value, "read"):
        return marks.mark(file_object(value))
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return None if text == "NaT" else text  # what pandas has for "no time"
    if hasattr(value, "total_seconds"):
        return value.total_seconds()
    found = from_array(value)
    if found is not value:
        return found
    if kind.__name__ == "Decimal":
        if not value.is_finite():
            return None
        # 1E+999999999 as an int would take all memory: such a number goes the way of infinity.
        return int(value) if 0 <= value.as_tuple().exponent < LONGEST_NUMBER else float(value)
    if kind.__module__ in ("uuid", "ipaddress"):
        return str(value)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key_text(key): value[key] for key in value.keys()}
    if hasattr(value, "__next__") or hasattr(value, "__iter__") and not isinstance(value, type):
        return list(value)
    raise EncodeFailed(
        "cannot send a value of type %s as JSON: return a str, int, float, bool, a cog.Path, "
        "a list or dict of those, or a cog.BaseModel" % a.readable(kind)
    )


def from_pydantic(value: Any) -> Any:
    """A model of the user's pydantic, one level deep.

    Where version 2 would use serializers of the model's own, it is asked; otherwise its fields are read, because
    its model_dump() takes a file object for a list of lines.
    """
    kind = type(value)
    fields = getattr(kind, "model_fields", None)
    own = getattr(kind, "__pydantic_decorators__", None)
    if not isinstance(fields, dict) or own is None:
        return value.model_dump() if hasattr(value, "model_dump") else value.dict()
    for field in fields.values():
        if any(["Serialize" in type(mark).__name__ for mark in getattr(field, "metadata", ())]):
            return value.model_dump()
    if getattr(own, "field_serializers", None) or getattr(own, "model_serializers", None):
        return value.model_dump()
    if getattr(kind, "__pydantic_root_model__", False):
        return value.root
    names = [name for name, field in fields.items() if not getattr(field, "exclude", None)]
    made = {name: getattr(value, name) for name in [*names, *getattr(kind, "model_computed_fields", ())]}
    made.update(getattr(value, "__pydantic_extra__", None) or {})
    return made


def find_coder(kind: type) -> Any:
    import sys  # built in

    home = sys.modules.get("cog.runtime_stdlib.sdk.coder")  # a model that registers one has imported it
    return None if home is None else home.Coder.lookup(kind)


def from_array(value: Any) -> Any:
    """Arrays, tensors, series and their scalars as Python's own; anything else as it is."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a table
        try:
            return value.to_dict(orient="records")
        except TypeError:  # not pandas: polars calls it to_dicts
            pass
    if hasattr(value, "to_dicts"):
        return value.to_dicts()
    if hasattr(value, "tolist") and not isinstance(value, type):
        return value.tolist()
    if hasattr(value, "to_list"):
        return value.to_list()
    if hasattr(value, "numpy") and hasattr(value, "shape"):  # a tensor of tensorflow
        return value.numpy().tolist()
    return value


def bytes_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EncodeFailed(
            "the output has bytes that are not UTF-8 text: write binary data to a file and return its "
            "cog.Path, or return io.BytesIO(data)"
        ) from None


def file_at(value: Any) -> OutFile:
    """A path in an output."""
    source = getattr(value, "source", None)
    if source is not None and hasattr(value, "convert"):  # a path whose content is at a URL
        try:
            value = value.convert()
        except (OSError, ValueError) as error:
            raise FileMissing("%s: %s" % (source, error)) from None
    path = os.fspath(value)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        raise FileMissing(str(error)) from None
    name = os.path.basename(path)
    return OutFile(name=name, path=os.path.abspath(path), mime=media_type(name))


def media_type(name: str) -> str:
    """By the extension, the same on every Python."""
    from cog.runtime_stdlib.service.mime import guess  # only outputs with files need the table

    return guess(name) or UNKNOWN_TYPE


def file_object(value: Any) -> OutFile:
    """An open file in an output, from its beginning."""
    try:
        if hasattr(value, "flush") and hasattr(value, "writable") and value.writable():
            value.flush()
        if not hasattr(value, "seekable") or value.seekable():
            value.seek(0)
    except (OSError, ValueError, AttributeError, TypeError):  # a pipe, a stream
        pass
    given = getattr(value, "name", None)
    name = os.path.basename(given) if isinstance(given, str) else ""
    mime = media_type(name)
    try:
        data = as_bytes(value.read(SMALL_FILE))
        rest = as_bytes(value.read(SMALL_FILE)) if data else b""
        if not rest:
            return OutFile(name=name, data=data, mime=mime)
        import tempfile  # only for large ones

        with tempfile.NamedTemporaryFile(delete=False) as copy:
            copy.write(data)
            while rest:
                copy.write(rest)
                rest = as_bytes(value.read(SMALL_FILE))
    except TypeError:  # a read() that takes no size
        return OutFile(name=name, data=as_bytes(value.read()), mime=mime)
    except (OSError, ValueError) as error:
        raise FileMissing(str(error)) from None
    return OutFile(name=name, path=copy.name, mime=mime, delete=True)


def as_bytes(data: Any) -> bytes:
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
