"""What every training stack must do. Run it on your own: `check_stack(YourStack(), folder)`."""

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa

from cuvee.contracts import Stack
from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset, Part
from cuvee.testing.export import STRANGE

NEEDS = {"documents", "paths", "tokenizer"}
EOS = "<eos>"


@dataclass(frozen=True, slots=True)
class Planted:
    """Sources of a dataset: names, shares of the tokens, mean tokens of a document, epochs.

    Args:
        names: Of the sources.
        shares: Of the tokens.
        lengths: Tokens of each document, by source.
        drawn: Documents of each source in the mixture.
        held: Documents that each source holds.
        paths: Of each source; `<name>.jsonl` by default.
    """

    names: tuple[str, ...] = ("web", "code", "books")
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    lengths: tuple[int, ...] = (10, 6, 40)
    drawn: tuple[int, ...] = (50, 50, 5)
    held: tuple[int, ...] = (100, 60, 12)
    paths: tuple[tuple[str, ...], ...] | None = None

    def dataset(self, rows: int = 40) -> Dataset:
        """As cuvee hands it over, so many documents a table."""
        paths = self.paths or tuple((f"{n.replace('/', '_')}.jsonl",) for n in self.names)
        parts = tuple(
            Part(name, path, share, length * drawn, drawn, length * held, held)
            for name, path, share, length, drawn, held in zip(
                self.names, paths, self.shares, self.lengths, self.drawn, self.held
            )
        )
        table = self.table()
        return Dataset(parts, "words", 7, (), lambda: cut(table, rows))

    def table(self) -> pa.Table:
        """All documents, in order."""
        rows = [(n, i) for n, k in zip(self.names, self.drawn) for i in range(k)]
        rows.sort(key=lambda row: (row[1], row[0]))
        lengths = dict(zip(self.names, self.lengths))
        texts = [
            f"{STRANGE[i % len(STRANGE)]} {n} {i} " + "word " * min(lengths[n], 50) for n, i in rows
        ]
        return pa.table(
            {
                "id": pa.array([f"{n}/{i}" for n, i in rows], pa.large_string()),
                "text": pa.array(texts, pa.large_string()),
                "source": pa.array([n for n, _ in rows], pa.large_string()),
                "tokens": pa.array([lengths[n] for n, _ in rows], pa.uint32()),
            }
        )


def cut(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """A table in pieces, an empty one among them."""
    yield table.slice(0, 0)
    for start in range(0, len(table), rows):
        yield table.slice(start, rows)


PLANTED = {
    "three sources": Planted(),
    "one source": Planted(("web",), (1.0,), (8,), (30,), (40,)),
    "a share of zero": Planted(shares=(0.75, 0.0, 0.25), drawn=(50, 0, 5)),
    "strange names": Planted(
        ("my web", "don't \"quote\": #1", "Grüße 世界 🎻 \u2028\x85", "{path} %s\\n", "no", "1e5"),
        (0.2, 0.2, 0.2, 0.2, 0.1, 0.1), (5,) * 6, (9,) * 6, (20,) * 6,
    ),
    "many epochs": Planted(shares=(0.1, 0.1, 0.8), drawn=(20, 30, 40), held=(100, 60, 4)),
    "a tiny share": Planted(shares=(1 - 2e-9, 1e-9, 1e-9), drawn=(50, 1, 1)),
    "big counts": Planted(lengths=(10**9, 10**8, 4 * 10**9), held=(10**10, 10**11, 10**9)),
}  # fmt: skip


def save_tokenizer(folder: Path) -> Path:
    """A tokenizer of single bytes, with a token that ends a document."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    letters = [chr(b) for b in kept] + [chr(256 + i) for i in range(len(others))]
    added = {
        "id": 256, "content": EOS, "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": True,
    }  # fmt: skip
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}  # fmt: skip
    content = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [added],
        "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False,
                  "vocab": {letter: i for i, letter in enumerate(letters)}, "merges": []},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content))
    return path


def ready(stack: Stack, folder: Path) -> Stack:
    """The stack with a tokenizer, if it has a setting for one."""
    settings: Any = stack
    if "tokenizer" not in {field.name for field in fields(settings)}:
        return stack
    return replace(settings, tokenizer=str(save_tokenizer(folder / "given")), eos=EOS)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def written(stack: Stack, dataset: Dataset, out: Path) -> dict[str, bytes]:
    """What it writes into a new folder; nothing if it says that it cannot."""
    out.mkdir(parents=True)
    try:
        said = stack.write(dataset, out)
    except CuveeError as error:
        assert "\n" not in str(error), "an error is one line"
        assert str(error), "an error says something"
        return {}
    assert said.strip(), "nothing was said about how it is read"
    return tree(out)


def refusal(stack: Stack, dataset: Dataset, out: Path) -> str:
    """The message with which it refuses; the folder stays empty."""
    out.mkdir(parents=True)
    try:
        stack.write(dataset, out)
    except CuveeError as error:
        assert not tree(out), "files were left of what was refused"
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError("what cannot be written was no error")


def check_is_a_frozen_value_of_settings(stack: Stack, planted: Planted, folder: Path) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(stack)
    assert stack.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(stack)) == stack == type(stack)()
    for setting in fields(stack):
        assert f"{setting.name}:" in (type(stack).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(stack.write).parameters) == ["dataset", "out"]
    assert "needs" in get_type_hints(type(stack))
    assert set(stack.needs) <= NEEDS


def check_fills_its_folder_and_no_other(stack: Stack, planted: Planted, folder: Path) -> None:
    """No file elsewhere, no temporary one; data big enough for an error are the exception."""
    stack = ready(stack, folder)
    before = tree(folder)
    found = written(stack, planted.dataset(), folder / "out")
    assert found or max(planted.held) > 10**6, "an ordinary dataset was refused"
    assert all(found.values()), "an empty file"
    assert not [name for name in found if name.startswith(".") or name.endswith(".tmp")]
    assert tree(folder) == before | {f"out/{name}": content for name, content in found.items()}


def check_writes_the_same_bytes_every_time(stack: Stack, planted: Planted, folder: Path) -> None:
    """In any folder, and however the documents are cut into tables."""
    stack = ready(stack, folder)
    first = written(stack, planted.dataset(), folder / "first")
    assert written(stack, planted.dataset(), folder / "below" / "second") == first
    for rows in (7, 100_000):
        assert written(stack, planted.dataset(rows), folder / f"cut-{rows}") == first


def check_refuses_an_empty_mixture(stack: Stack, planted: Planted, folder: Path) -> None:
    """No shares and no documents: an error, and no files."""
    stack = ready(stack, folder)
    whole = planted.dataset()
    parts = tuple(replace(p, share=0.0, tokens=0, documents=0) for p in whole.parts)
    nothing = replace(whole, parts=parts, read=lambda: cut(planted.table().slice(0, 0), 10))
    refusal(stack, nothing, folder / "nothing")
    refusal(stack, replace(nothing, parts=()), folder / "none")


def check_refuses_what_lacks_its_needs(stack: Stack, planted: Planted, folder: Path) -> None:
    """Texts in memory for a stack that names files, no tokenizer for one that writes tokens."""
    whole = planted.dataset()
    if "paths" in stack.needs:
        parts = tuple(replace(part, paths=()) for part in whole.parts)
        assert "source" in refusal(stack, replace(whole, parts=parts), folder / "paths")
    if "tokenizer" in stack.needs:
        assert "tokenizer" in refusal(stack, whole, folder / "tokenizer")
        unsaid: Any = ready(stack, folder)
        assert "eos" in refusal(replace(unsaid, eos=""), whole, folder / "eos")


def check_notices_lost_documents(stack: Stack, planted: Planted, folder: Path) -> None:
    """Fewer documents than were drawn are an error, and the index is not written."""
    if "documents" not in stack.needs:
        return
    stack = ready(stack, folder)
    whole = planted.dataset()
    table = planted.table()
    complete = written(stack, whole, folder / "complete")
    short = replace(whole, read=lambda: cut(table.slice(0, len(table) - 1), 10))
    (folder / "short").mkdir()
    try:
        stack.write(short, folder / "short")
    except CuveeError as error:
        assert str(len(table)) in str(error)
    else:
        raise AssertionError("a lost document was no error")
    assert tree(folder / "short").keys() < complete.keys()


def check_leaves_no_index_of_what_broke(stack: Stack, planted: Planted, folder: Path) -> None:
    """A reader that fails half-way: its error comes through, and no temporary file stays."""
    if "documents" not in stack.needs:
        return
    stack = ready(stack, folder)
    whole = planted.dataset()
    complete = written(stack, whole, folder / "complete")

    def broken() -> Iterator[pa.Table]:
        yield planted.table().slice(0, 5)
        raise OSError("the disk is gone")

    out = folder / "broken"
    out.mkdir()
    try:
        stack.write(replace(whole, read=broken), out)
    except (OSError, CuveeError) as error:
        assert "the disk is gone" in f"{error} {error.__cause__}"
    else:
        raise AssertionError("a broken reader was no error")
    found: Sequence[str] = list(tree(out))
    assert set(found) < set(complete), "an index was written, or a temporary file stayed"


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_stack(stack: Stack, folder: Path) -> None:
    """Every check on every planted dataset; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for i, planted in enumerate(PLANTED.values()):
            place = folder / f"{check.__name__}-{i}"
            place.mkdir()
            check(stack, planted, place)
