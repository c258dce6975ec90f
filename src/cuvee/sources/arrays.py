"""Arrow arrays and Python strings into batches of clean text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

from cuvee.core.data import Batch, Reject
from cuvee.core.errors import CuveeError, unknown
from cuvee.sources.files import BLOCK

USUAL = (
    "text", "content", "document", "body", "code", "markdown", "sentence", "raw_content",
    "article", "story", "completion", "abstract",
)  # fmt: skip
"""Names under which text is found without asking."""
NOT_UTF8 = "not UTF-8 text"
BYTES = {"string": pa.binary(), "large_string": pa.large_binary(),
         "string_view": pa.binary_view()}  # fmt: skip
"""Kinds of text, and the bytes that they are."""
ASK = "say which holds the text: text=... in Python, --text-column on the command line"


def text_column(path: str, columns: Mapping[str, bool], wanted: str | None) -> str:
    """The name of the text column.

    Args:
        path: For the message.
        columns: Name -> whether it holds strings.
        wanted: What the user asked for.

    Raises:
        CuveeError: It does not exist, or cannot be guessed.
    """
    if wanted is not None:
        if wanted not in columns:
            raise CuveeError(f"{path}: {unknown('text column', wanted, columns)}")
        return wanted
    by_name = {name.casefold(): name for name, is_text in columns.items() if is_text}
    for name in USUAL:
        if name in by_name:
            return by_name[name]
    if len(by_name) == 1:
        return next(iter(by_name.values()))
    found = ", ".join(repr(name) for name in columns) or "none"
    raise CuveeError(f"{path}: no column is known to be the text. Columns: {found}; {ASK}.")


def schema_column(path: str, schema: pa.Schema, wanted: str | None) -> str:
    """The name of the text column of a table.

    Raises:
        CuveeError: As `text_column`, or the column holds no text.
    """
    columns = {
        f.name: _holds_strings(f.type) or (f.name.casefold() in USUAL and _holds_bytes(f.type))
        for f in schema
    }
    name = text_column(path, columns, wanted)
    if len(schema.get_all_field_indices(name)) > 1:
        raise CuveeError(f"{path}: two columns are called {name!r}; rename one.")
    kind = schema.field(name).type
    if not (_holds_strings(kind) or _holds_bytes(kind)):
        raise CuveeError(f"{path}: column {name!r} should hold text but holds {kind}; {ASK}.")
    return name


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if isinstance(kind, pa.DictionaryType) else kind


def _holds_strings(kind: pa.DataType) -> bool:
    return str(_value_type(kind)) in ("string", "large_string", "string_view")


def _holds_bytes(kind: pa.DataType) -> bool:
    return str(_value_type(kind)) in ("binary", "large_binary", "binary_view")


def array_batches(array: pa.Array, place: Callable[[int], str]) -> Iterator[Batch]:
    """A column of text as batches of about a megabyte; nulls and bytes that are no text rejected.

    Args:
        array: Strings or bytes, dictionary-encoded or not.
        place: Where the record of that index stands.
    """
    array = checked_bytes(array)
    ends = _ends(array)
    start = 0
    while start < len(array):
        stop = int(np.searchsorted(ends, ends[start] + BLOCK, "right")) - 1
        stop = min(max(stop, start + 1), len(array))
        part = array.slice(start, stop - start).cast(pa.large_binary())
        yield _batch(part, lambda i, first=start: place(first + i))
        start = stop


def array_records(array: pa.Array, records: Int64[np.ndarray, "wanted"]) -> Batch:
    """Some records of a column of text, as one batch.

    Args:
        array: Strings or bytes, dictionary-encoded or not.
        records: Their indices.
    """
    if not len(records):
        return string_batch([], [])
    array = checked_bytes(array)
    if array.type == pa.binary_view():  # nothing can be taken of it
        array = array.cast(pa.large_binary())
    return _batch(array.take(pa.array(records)).cast(pa.large_binary()), str)


def checked_bytes(array: pa.Array) -> pa.Array:
    """The same as bytes, once nothing in it points outside of it: a file may lie.

    Raises:
        pa.ArrowInvalid: Something does.
    """
    array.validate()  # before anything is asked of it: even its length may be negative
    if isinstance(array, pa.DictionaryArray):
        values = checked_bytes(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, values, safe=True)
    kind = BYTES.get(str(array.type))
    if kind is not None:  # text that is no UTF-8 costs its record, not the file
        array = pa.Array.from_buffers(kind, len(array), array.buffers(), offset=array.offset)
    array.validate(full=True)
    return array


def _ends(array: pa.Array) -> np.ndarray:
    """Where each value ends, if they all stand in a row, and before them where the first starts."""
    if isinstance(array, pa.DictionaryArray):
        sizes = _sizes(array.dictionary)
        numbers = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
        sizes = sizes[numbers] if len(sizes) else np.zeros(len(array), np.int64)
    else:
        sizes = _sizes(array)
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def longest_value(array: pa.Array) -> int:
    """Bytes of the longest value, of the dictionary if there is one; at least 1."""
    array = checked_bytes(array)
    values = array.dictionary if isinstance(array, pa.DictionaryArray) else array
    return max(1, int(_sizes(values).max(initial=0)))


def _sizes(array: pa.Array) -> np.ndarray:
    """Bytes of each value; 0 for null."""
    if array.type == pa.binary_view():  # a view starts with the size, and has 16 bytes
        stop = array.offset + len(array)
        sizes = np.frombuffer(array.buffers()[1] or b"", np.int32)[: 4 * stop : 4][array.offset :]
        return np.where(array.is_valid().to_numpy(zero_copy_only=False), sizes, 0)
    return pc.call_function("binary_length", [array]).fill_null(0).to_numpy(zero_copy_only=False)


def _batch(array: pa.LargeBinaryArray, place: Callable[[int], str]) -> Batch:
    if not array.null_count:
        text = _rebased(array)
        try:
            text.validate(full=True)
        except pa.ArrowInvalid:
            pass
        else:
            return Batch(text)
    texts: list[str] = []
    rejected: list[Reject] = []
    gaps: list[int] = []
    for i, value in enumerate(array.to_pylist()):
        try:
            texts.append(value.decode())
        except (AttributeError, UnicodeDecodeError):
            reason = "null instead of text" if value is None else NOT_UTF8
            rejected.append(Reject(place(i), reason, sample(value)))
            gaps.append(i)
    return string_batch(texts, rejected, gaps)


def _rebased(array: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """The same bytes as text, from offset 0, so that nobody downstream need think of slices."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    data = pa.py_buffer(b"") if data is None else data.slice(int(ends[0]), int(ends[-1] - ends[0]))
    buffers = [None, pa.py_buffer(ends - ends[0]), data]
    return pa.Array.from_buffers(pa.large_string(), len(array), buffers)


def string_batch(texts: list[str], rejected: list[Reject], gaps: Sequence[int] = ()) -> Batch:
    """Clean strings as a batch."""
    return Batch(pa.array(texts, pa.large_string()), tuple(rejected), gaps=tuple(gaps))


def string_batches(records: Iterable[str | Reject]) -> Iterator[Batch]:
    """Clean strings and rejects as batches of about a megabyte."""
    texts: list[str] = []
    rejected: list[Reject] = []
    held = 0
    for record in records:
        if isinstance(record, Reject):
            rejected.append(record)
        else:
            texts.append(record)
        held += 64 if isinstance(record, Reject) else len(record) + 8
        if held >= BLOCK:
            yield string_batch(texts, rejected)
            texts, rejected, held = [], [], 0
    if held:
        yield string_batch(texts, rejected)


def encodes(text: str) -> bool:
    """Whether a string is Unicode text: no half of a surrogate pair stands alone."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def sample(record: object) -> str:
    """The first 200 characters of a bad record, control characters escaped."""
    if record is None:
        return ""
    if isinstance(record, bytes):
        record = record[:800].decode(errors="backslashreplace")
    return repr(record[:200])[1:-1] if isinstance(record, str) else repr(record)[:200]
