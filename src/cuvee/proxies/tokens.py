"""Sources as files of token numbers, from which many runs read at once."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from cuvee.core import CuveeError, stream
from cuvee.core.data import Cut, Data, Piece, Source, Survey
from cuvee.core.files import explained, whole_file
from cuvee.core.methods import missing
from cuvee.core.order import shuffled
from cuvee.core.remote import content
from cuvee.core.units import Tokenizer

SAMPLE = 8_000_000
"""Bytes of text, of all sources together, from which a vocabulary is learnt."""
SPREAD = 8
"""Pieces of a large source that the sample is from."""
HOLDS = 600 << 20
"""Bytes in memory while a piece is tokenised."""
TURN, WHICH = 1, 2
"""Keys of the two shuffles of windows."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A source's documents one behind the other, each followed by the mark of its end.

    Args:
        name: Of the source.
        tokens: On disk, mapped.
        ratio: Of these tokens to those that the budget is counted in.
        part: Of the source's documents that are here.
    """

    name: str
    tokens: Int[np.ndarray, "tokens"]
    ratio: float
    part: float

    def __reduce__(self) -> Any:
        """Another process maps the file for itself."""
        if isinstance(self.tokens, np.memmap) and self.tokens.filename is not None:
            file = str(self.tokens.filename)
            return _mapped, (self.name, file, self.tokens.dtype.str, self.ratio, self.part)
        return Stream, (self.name, self.tokens, self.ratio, self.part)

    def many(self, context: int, part: float = 1.0) -> int:
        """Windows of a part of the stream; at least one."""
        return max(round(-(-len(self.tokens) // context) * part), 1)

    def windows(
        self, numbers: Int[np.ndarray, "rows"], context: int, part: float, seed: int
    ) -> Int[np.ndarray, "rows context+1"]:
        """Windows of an endless shuffle, each with the token that follows.

        Args:
            numbers: Which of the shuffle.
            context: Tokens of a window.
            part: Of the stream that may be used: the rest is as if it were not there.
            seed: Of the shuffle.
        """
        some, every = self.many(context, part), self.many(context)
        place = shuffled(shuffled(numbers, some, seed, TURN), every, seed, WHICH)
        at = place[:, None] * context + np.arange(context + 1)
        return np.asarray(self.tokens[at % len(self.tokens)], dtype=np.int64)


class Content:
    """Tally of what was read: a hash of the units of each piece, and of where documents end."""

    def __init__(self) -> None:
        self._units, self._lengths = blake2b(digest_size=16), blake2b(digest_size=16)

    def add(self, cut: Cut) -> None:
        """Read some documents."""
        self._units.update(np.ascontiguousarray(cut.ids).data)
        self._lengths.update(np.diff(cut.offsets).astype(np.int64).data)

    def result(self) -> tuple[str, ...]:
        """One hash a piece."""
        return (self._units.hexdigest() + self._lengths.hexdigest(),)


def vocabulary_file(data: Data, survey: Survey, size: int, path: Path) -> None:
    """Learn byte-pair tokens from a sample of all sources, and write them as `tokenizer.json`.

    References: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword
    units", arXiv 1508.07909, 2015; on bytes as in Radford et al., "Language models are unsupervised
    multitask learners", 2019.
    """
    try:
        from tokenizers import Tokenizer as Model
        from tokenizers import decoders, models, pre_tokenizers, trainers
    except ModuleNotFoundError as error:
        raise missing(error) from error
    model = Model(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore
    model.decoder = decoders.ByteLevel()  # type: ignore
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    each = SAMPLE // len(data.sources)
    held = zip(data.sources, survey.text_bytes)
    texts = (text for s, many in held for text in _sample(s, each if many > each else None))
    model.train_from_iterator(texts, trainer)
    with whole_file(path, shared=True) as temporary:
        # Not model.save: what goes wrong on the disk would come as a bare Exception.
        temporary.write_text(model.to_str(pretty=True), encoding="utf-8")


def _sample(source: Source, size: int | None) -> Iterator[str]:
    """All text, or so many characters: the first of each of some pieces spread over the source."""
    pieces = source.pieces()
    chosen = pieces if size is None else pieces[:: max(len(pieces) // SPREAD, 1)]
    for piece in chosen:
        left = sys.maxsize if size is None else size // len(chosen)
        for text in (t for batch in source.read(piece) for t in batch.text.to_pylist()):
            yield text
            left -= len(text)
            if left <= 0:
                break


def vocabulary_of(path: str | Path) -> int:
    """One more than the largest number of a token of a `tokenizer.json`."""
    try:
        from tokenizers import Tokenizer as Model
    except ModuleNotFoundError as error:
        raise missing(error) from error
    return 1 + max(Model.from_str(content(path).decode()).get_vocab().values())


def write_streams(
    data: Data, survey: Survey, units: Tokenizer, end: int, pool: float, seed: int, folder: Path
) -> None:
    """Tokenise the sources: one file each, and what there is to know of it, in a folder.

    Args:
        data: The sources.
        survey: What they hold, in tokens of the budget.
        units: Cuts into the model's tokens.
        end: Number of the mark of a document's end.
        pool: Tokens of the budget of each source beyond which a random part of its documents is
            enough.
        seed: Of that part.
        folder: Where; what is there already is kept.
    """
    kind = np.dtype(np.uint16 if end < 1 << 16 else np.uint32)
    parts = [min(1.0, pool / max(a, 1)) for a in survey.available]
    # Asked as a job, so that processes which share the work decide alike.
    look = partial(_lacking, folder)
    todo = list(*data.engine(look, [len(data.sources)], label="looking for tokens"))
    drawn = {i: _drawn(survey.lengths[i], parts[i], seed, data.sources[i].name) for i in todo}
    jobs = [(i, j, piece) for i in todo for j, piece in enumerate(data.sources[i].pieces())]
    encode = partial(_encode, data.sources, survey, units, end, drawn, kind)
    done = data.engine(encode, jobs, label="tokenising", holds=HOLDS)
    for i in todo:
        tokens = counted = 0
        with whole_file(folder / f"{i}.tokens", shared=True) as path, path.open("wb") as file:
            for _ in drawn[i]:
                found, whole = next(done)
                with explained(folder):
                    file.write(found.tobytes())
                tokens, counted = tokens + len(found), counted + whole
            if not tokens:  # a source that nothing may be asked of
                file.write(np.array([end], kind).tobytes())
        about = {"ratio": tokens / counted if counted else 1.0, "part": parts[i], "kind": kind.str}
        with whole_file(_about(folder, i), shared=True) as path:
            path.write_text(json.dumps(about), encoding="utf-8")


def _lacking(folder: Path, sources: int) -> list[int]:
    return [i for i in range(sources) if not _about(folder, i).exists()]


def _about(folder: Path, i: int) -> Path:
    return folder / f"{i}.json"


def read_streams(names: Sequence[str], folder: Path) -> tuple[Stream, ...]:
    """The streams that `write_streams` wrote.

    Raises:
        CuveeError: A file is damaged, or is not there.
    """
    found = []
    for i, name in enumerate(names):
        path, file = _about(folder, i), str(folder / f"{i}.tokens")
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            ratio, part = float(about["ratio"]), float(about["part"])
            found.append(_mapped(name, file, str(about["kind"]), ratio, part))
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise CuveeError(
                f"{path}: expected what is known of the tokens of source {name!r} in {file}, but "
                "one of them is damaged or gone: remove both and run it again."
            ) from error
    return tuple(found)


def _mapped(name: str, file: str, kind: str, ratio: float, part: float) -> Stream:
    """The stream in a file.

    Raises:
        CuveeError: It is not there, as on a node that does not reach the cache folder.
    """
    try:
        return Stream(name, np.memmap(file, dtype=np.dtype(kind), mode="r"), ratio, part)
    except FileNotFoundError as error:
        raise CuveeError(
            f"{file}: expected tokens of source {name!r}, but there is no such file: give a "
            "CUVEE_CACHE that all nodes reach."
        ) from error


def _drawn(
    lengths: Sequence[np.ndarray], part: float, seed: int, name: str
) -> list[Bool[np.ndarray, "documents"]]:
    """Which documents of each piece are tokenised, whatever the pieces; one at least."""
    full = np.concatenate([np.zeros(0, np.uint32), *lengths]) > 0
    turn = stream(seed, "pool", name).random(len(full), dtype=np.float32)
    found = turn < part
    if full.any() and not found[full].any():
        found[np.flatnonzero(full)[turn[full].argmin()]] = True
    return np.split(found, np.cumsum([len(piece) for piece in lengths])[:-1]) if lengths else []


def _encode(
    sources: Sequence[Source], survey: Survey, units: Tokenizer, end: int,
    drawn: Mapping[int, Sequence[np.ndarray]], kind: Any, job: tuple[int, int, Piece],
) -> tuple[np.ndarray, int]:  # fmt: skip
    """Tokens of a piece, and how many of the budget's tokens they are."""
    i, j, piece = job
    lengths, wanted = survey.lengths[i][j], drawn[i][j]
    found, at = [np.zeros(0, kind)], 0
    for batch in sources[i].read(piece):
        here = wanted[at : at + len(batch.text)]
        at += len(batch.text)
        cuts = units.cut(batch.text.filter(pa.array(here)))
        found.extend(_with_ends(cut.ids, cut.offsets, end).astype(kind) for cut in cuts)
    return np.concatenate(found), int(lengths[wanted].sum(dtype=np.int64))


def _with_ends(ids: np.ndarray, offsets: np.ndarray, end: int) -> np.ndarray:
    """Documents that are not empty, each followed by the mark."""
    stops = offsets[1:][np.diff(offsets) > 0]
    return np.insert(ids.astype(np.int64), stops, end)
