"""Arrow arrays and Python strings into batches of clean text."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from cuvee.core.data import Batch, Reject
from cuvee.core.errors import CuveeError, unknown
from cuvee.sources.files import BLOCK

USUAL = (
    "text", "content", "document", "body", "code", "markdown", "sentence", "raw_content",
    "article", "story", "completion", "abstract",
)  # fmt: skip
"""Names under which text is found without asking."""
NOT_UTF8 = "not UTF-8 text"
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
    if isinstance(array, pa.DictionaryArray):
        array = array.cast(array.type.value_type)
    array = array.cast(pa.large_binary())
    ends = np.frombuffer(array.buffers()[1] or b"", np.int64)
    ends = ends[array.offset : array.offset + len(array) + 1]
    start = 0
    while start < len(array):
        stop = int(np.searchsorted(ends, ends[start] + BLOCK, "right")) - 1
        stop = min(max(stop, start + 1), len(array))
        yield _batch(array.slice(start, stop - start), lambda i, first=start: place(first + i))
        start = stop


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
    for i, value in enumerate(array.to_pylist()):
        try:
            texts.append(value.decode())
        except (AttributeError, UnicodeDecodeError):
            reason = "null instead of text" if value is None else NOT_UTF8
            rejected.append(Reject(place(i), reason, sample(value)))
    return string_batch(texts, rejected)


def _rebased(array: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """The same bytes as text, from offset 0, so that nobody downstream need think of slices."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    data = pa.py_buffer(b"") if data is None else data.slice(int(ends[0]), int(ends[-1] - ends[0]))
    buffers = [None, pa.py_buffer(ends - ends[0]), data]
    return pa.Array.from_buffers(pa.large_string(), len(array), buffers)


def string_batch(texts: list[str], rejected: list[Reject]) -> Batch:
    """Clean strings as a batch."""
    return Batch(pa.array(texts, pa.large_string()), tuple(rejected))


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
