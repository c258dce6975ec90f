"""From shares of tokens to the weights, paths and texts that stacks expect."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset, Part
from cuvee.core.files import write_whole

UNITS = ("tokens", "documents")
"""What a stack draws: sequences of one length, or whole documents."""
_UNSAFE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that JSON writes as they are, and readers of YAML refuse or take for line ends."""


def drawn(dataset: Dataset) -> tuple[Part, ...]:
    """The sources that have a share; several stacks refuse a weight of zero.

    Raises:
        CuveeError: None has.
    """
    parts = tuple(part for part in dataset.parts if part.share > 0)
    if not parts:
        raise CuveeError("the mixture is empty: expected at least one source with a share above 0.")
    return parts


def weights(parts: Sequence[Part], unit: str = "tokens") -> Float[np.ndarray, "parts"]:
    """What each source is drawn with; they sum to 1.

    Args:
        parts: Sources with a share.
        unit: `tokens` for a stack that draws sequences of one length. For one that draws whole
            `documents`, a source of long documents must be drawn less often for the same share of
            the tokens: its share is divided by the mean length of its documents.

    Raises:
        CuveeError: A source holds no documents, so that their length is unknown.
    """
    shares = np.array([part.share for part in parts])
    if unit == "documents":
        for part in parts:
            if part.available <= 0 or part.available_documents <= 0:
                raise CuveeError(
                    f"source {part.name!r} has a share but holds no documents: "
                    f"expected at least one, with at least one token."
                )
        shares = shares / [part.available / part.available_documents for part in parts]
    return shares / shares.sum()


def check_unit(stack: str, unit: str) -> None:
    """Refuse a setting that is no unit."""
    if unit not in UNITS:
        raise CuveeError(f"{stack}: unit must be tokens or documents, got {unit!r}.")


def decimal(weight: float) -> str:
    """A number in full: parsers that split or match words do not know 1e-05."""
    return np.format_float_positional(weight, unique=True, trim="0")


def check_template(stack: str, template: str) -> None:
    """Refuse a template for paths that cannot be filled in."""
    fields = re.findall(r"\{[^{}]*\}", template)
    rest = re.sub(r"\{[^{}]*\}", "", template)
    if set(fields) - {"{name}", "{path}"} or "{" in rest or "}" in rest or not fields:
        raise CuveeError(
            f"{stack}: path must hold {{name}} or {{path}} and no other brace, got {template!r}."
        )


def prepared(parts: Sequence[Part], template: str) -> tuple[str, ...]:
    """Where each source lies in the form of its own that the stack reads.

    Args:
        parts: Sources.
        template: `{name}` stands for the source's name, `{path}` for its path without endings.

    Raises:
        CuveeError: `{path}`, and a source has no path or several; or two sources get one place.
    """
    places = []
    for part in parts:
        values = {"{name}": part.name}
        if "{path}" in template:
            values["{path}"] = _stem(part.name, the_path(part))
        # In one go: a name may hold braces itself.
        places.append(re.sub(r"\{name\}|\{path\}", lambda m, v=values: v[m[0]], template))
    twice = [place for i, place in enumerate(places) if place in places[:i]]
    if twice:
        raise CuveeError(f"two sources get the path {twice[0]!r}: use {{name}} in the template.")
    return tuple(places)


def paths_of(part: Part) -> tuple[str, ...]:
    """A source's files as the user wrote them.

    Raises:
        CuveeError: It has none.
    """
    if not part.paths:
        raise CuveeError(
            f"source {part.name!r} has no files, its texts were in memory: "
            f"write them to a file, or export the mixed documents instead, e.g. as datasets."
        )
    return part.paths


def the_path(part: Part) -> str:
    """A source's only path.

    Raises:
        CuveeError: It has none, or several.
    """
    path, *others = paths_of(part)
    if others:
        raise CuveeError(
            f"source {part.name!r} has {len(part.paths)} paths, the stack reads one a source: "
            f"put them into one folder, or use {{name}} in the template."
        )
    return path


def _stem(name: str, path: str) -> str:
    """`web/part.jsonl.zst` -> `web/part`; a glob is the folder before it.

    Raises:
        CuveeError: No folder is before it.
    """
    if path.startswith(("http://", "https://")):
        path = re.split(r"[?#]", path)[0]  # what a server is asked beside the address
    kept = re.split(r"/[^/]*[*?\[]", path, maxsplit=1)[0].rstrip("/")
    if kept != path:
        return kept  # a folder: its name has no ending
    folder, slash, last = kept.rpartition("/")
    if has_magic(last):
        raise CuveeError(
            f"source {name!r}: the glob {path} has no path without endings: put its files into a "
            "folder, or use {name} in the template."
        )
    return folder + slash + re.sub(r"(\.[A-Za-z][A-Za-z0-9]*)+$", "", last)


def quoted(text: str) -> str:
    """A text as a scalar of YAML 1.1 and 1.2, whatever it holds."""
    return _UNSAFE.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def yaml(value: Any, indent: int = 0) -> str:
    """Plain values as YAML in blocks: texts quoted, numbers in full."""
    pad = "  " * indent
    if isinstance(value, Mapping) and value:
        lines = [f"{pad}{_key(k)}:{_below(v, indent)}" for k, v in value.items()]
    elif isinstance(value, list | tuple) and value:
        lines = [f"{pad}-{_below(v, indent)}" for v in value]
    else:
        return pad + _scalar(value)
    return "\n".join(lines)


def _below(value: Any, indent: int) -> str:
    nested = isinstance(value, Mapping | list | tuple) and value
    return "\n" + yaml(value, indent + 1) if nested else " " + _scalar(value)


def _key(key: str) -> str:
    words = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key, re.ASCII)
    return key if plain and key.lower() not in words else quoted(key)


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return decimal(value)
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def put(out: Path, name: str, text: str) -> None:
    """Write a small file, whole."""
    put_bytes(out, name, text.encode("utf-8", "surrogatepass"))


def put_json(out: Path, name: str, value: Any) -> None:
    """Write a small JSON file, whole; ASCII only, for readers that ask the locale."""
    put(out, name, json.dumps(value, indent=2) + "\n")


def put_bytes(out: Path, name: str, content: bytes) -> None:
    """Write a file, whole."""
    write_whole(out / name, partial(_write, content))


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
