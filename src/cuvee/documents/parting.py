"""Text to choose by, and text to judge by: halves of the target, or a part of the pool."""

from dataclasses import dataclass, replace

import pyarrow as pa

from cuvee.core import CuveeError
from cuvee.core.data import Source, batches
from cuvee.documents.selecting import Selection, targets_of
from cuvee.sources import open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without, halves, hold_out, sample
from cuvee.sources.table import holds_rows

BYTES = 300_000
"""Of text that judges, about."""


class Others(Apart):
    """Keeps what an `Apart` would leave out, and leaves out all else."""

    def among(self, text: pa.LargeStringArray) -> list[int]:
        """Documents that are none of these."""
        mine = set(Apart.among(self, text))
        return [i for i in range(len(text)) if i not in mine]


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """A selection that sees a part of the text, and what judges it.

    Args:
        asked: The selection; of its target it sees one half.
        judges: What judges.
        what: The same in words.
        apart: Documents that must not be chosen.
    """

    asked: Selection
    judges: tuple[Source, ...]
    what: str
    apart: tuple[Source, ...]


def parted(asked: Selection) -> Parted:
    """One half of each target to choose by and the other to judge by; or a part of the pool.

    Raises:
        CuveeError: There is too little text to part.
    """
    question = asked.question
    targets = targets_of(question)
    if not targets:
        return _held_out(asked)
    columns = asked.columns.of_target
    # A file of points has a row for each document of the target as it was given.
    plain = not columns and asked.columns.target_embeddings is None
    parts = [_halved(one, question.seed, plain and not holds_rows(one)) for one in targets]
    chooses = {one.name: first for one, (first, _) in zip(targets, parts)}
    given = next(iter(chooses.values())) if len(chooses) == 1 else chooses
    what = "the other half of the target" if len(targets) == 1 else "the other half of each target"
    seen = replace(asked, question=replace(question, target=given))
    return Parted(seen, tuple(judges for _, judges in parts), what, tuple(targets))


def _halved(whole: Source, seed: int, plain: bool) -> tuple[Source, Memory]:
    """Half of a target, with all of its columns unless nothing but text is wanted; the other."""
    if plain:
        return halves(sample(whole, 2 * BYTES, seed), seed)
    some = sample(whole, 2 * BYTES, seed, cut=False)
    texts = {text for batch in batches(some) for text in batch.text.to_pylist()}
    if len(texts) < 2:
        raise CuveeError(
            f"{whole.name}: expected two different documents or more, one to choose by and one to "
            "judge by, got one."
        )
    chooses, judges = halves(some, seed)
    held = Apart.of(batches(chooses))
    return Without(whole, Others(held.keys, held.digests)), judges


def _held_out(asked: Selection) -> Parted:
    question = asked.question
    judges: list[str] = []
    wholes: list[Source] = []
    for name, spec in question.sources.items():
        source = open_source(name, spec, question.text_of(name))
        size, cut = BYTES // len(question.sources), not holds_rows(source)
        part, whole = hold_out(source, size, seed=question.seed, cut=cut)
        judges += [text for batch in batches(part) for text in batch.text.to_pylist()]
        wholes.append(whole)
    judge = Memory("judge", tuple(judges))
    return Parted(asked, (judge,), "a held-out part of the pool", tuple(wholes))
