"""Results of jobs as bytes, so that another process can go on with them, without pickle.

What was made by somebody else may be read: nothing is executed, and only dataclasses of cuvee
itself are built. Numbers, arrays and their types come back exactly.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from math import isfinite
from typing import Any

import numpy as np
import orjson
import zstandard

from cuvee.core.errors import CuveeError

LARGEST = 2**63


class Unknown(TypeError):
    """A value of a kind that has no bytes here."""


def to_bytes(value: Any) -> bytes:
    """Plain values, arrays, rows of sparse ones, dataclasses of cuvee, and what is made of these.

    Raises:
        Unknown: It holds anything else.
    """
    arrays: list[bytes] = []
    head = orjson.dumps(_tree(value, arrays))
    parts = [len(head).to_bytes(8, "little"), head]
    for array in arrays:
        parts += [len(array).to_bytes(8, "little"), array]
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(b"".join(parts))


def from_bytes(data: bytes) -> Any:
    """The value.

    Raises:
        CuveeError: These are no such bytes.
    """
    try:
        # A frame may lie about its size: no memory is asked for before it is needed.
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        whole = memoryview(frame.decompress(data))
        if not frame.eof:
            raise ValueError("cut short")
        parts, at = [], 0
        while at < len(whole):
            size = int.from_bytes(whole[at : at + 8], "little")
            parts.append(whole[at + 8 : at + 8 + size])
            at += 8 + size
        return _value(orjson.loads(parts[0]), parts[1:])
    except CuveeError:
        raise
    except Exception as error:  # whatever a class of cuvee says of values that are not its own
        raise CuveeError(f"these are not the results of a job: {error}.") from error


def _tree(value: Any, arrays: list[bytes]) -> Any:
    """As JSON; what JSON cannot say is a mapping from its kind to what it needs."""
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int:
        return value if -LARGEST <= value < LARGEST else {"int": str(value)}
    if type(value) is float:
        return value if isfinite(value) else {"float": repr(value)}
    if type(value) is str:
        return (
            value
            if value.isascii()
            else {"text": _put(value.encode(errors="surrogatepass"), arrays)}
        )
    if type(value) is bytes:
        return {"bytes": _put(value, arrays)}
    if type(value) is list:
        return [_tree(v, arrays) for v in value]
    if type(value) is tuple:
        return {"tuple": [_tree(v, arrays) for v in value]}
    if isinstance(value, Mapping):
        return {"map": [[_tree(k, arrays), _tree(v, arrays)] for k, v in value.items()]}
    simple = isinstance(value, np.ndarray | np.generic) and value.dtype.fields is None
    if simple and not value.dtype.hasobject:
        kind = "array" if isinstance(value, np.ndarray) else "number"
        order = "F" if value.flags.fnc else "C"  # sums go along the memory
        content = _put(value.tobytes(order), arrays)
        return {kind: [value.dtype.str, list(np.shape(value)), content, order]}
    if type(value).__name__ == "csr_array":
        rows: Any = value
        parts = (rows.data, rows.indices, rows.indptr)
        return {"csr": [*(_tree(part, arrays) for part in parts), list(value.shape)]}
    if is_dataclass(value) and type(value).__module__.startswith("cuvee."):
        name = f"{type(value).__module__}:{type(value).__qualname__}"
        return {name: {f.name: _tree(getattr(value, f.name), arrays) for f in fields(value)}}
    raise Unknown(f"a {type(value).__name__} cannot be kept")


def _put(data: bytes, arrays: list[bytes]) -> int:
    arrays.append(data)
    return len(arrays) - 1


def _value(tree: Any, arrays: list[memoryview]) -> Any:
    if isinstance(tree, list):
        return [_value(v, arrays) for v in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, what),) = tree.items()
    if kind == "map":
        return {_value(k, arrays): _value(v, arrays) for k, v in what}
    if kind == "tuple":
        return tuple(_value(v, arrays) for v in what)
    if kind in ("array", "number"):
        dtype, shape, at, order = what
        array = np.frombuffer(arrays[at], np.dtype(dtype)).reshape(shape, order=order).copy(order)
        return array if kind == "array" else array[()]
    if kind == "csr":
        from scipy.sparse import csr_array

        *parts, shape = (_value(part, arrays) for part in what)
        return csr_array(tuple(parts), shape=tuple(shape))
    plain = {
        "int": int,
        "float": float,
        "bytes": lambda at: bytes(arrays[at]),
        "text": lambda at: bytes(arrays[at]).decode(errors="surrogatepass"),
    }
    if kind in plain:
        return plain[kind](what)
    made = _class(kind)
    return made(**{name: _value(v, arrays) for name, v in what.items()})


def _class(name: str) -> type:
    module, _, attribute = name.partition(":")
    found = getattr(import_module(module), attribute, None) if module.startswith("cuvee.") else None
    if not isinstance(found, type) or not is_dataclass(found):
        raise TypeError(f"{name} is no dataclass of cuvee")
    return found
