"""From what a user writes to data that can be read: sources, targets, units, recipe."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cuvee import sources as room
from cuvee.core import CuveeError, Limits, check_names, parse_objective, parse_tokens, unknown
from cuvee.core.data import Batch, Data, Engine, Reject, Source, Units, batches, checked
from cuvee.core.files import sha256
from cuvee.core.recipe import Recipe, versions
from cuvee.core.units import Tokenizer, Words
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without, hold_out, sample

BYTES_PER_TOKEN = 5
"""Rough, to turn a wanted number of target tokens into bytes before anything is cut."""

Sources = Mapping[str, Any]
"""Name -> path, glob, folder, list of paths or texts, or function that returns texts."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a user asks: the same settings in Python, in the terminal and in a recipe.

    Args:
        sources: By name: a path, a glob, a folder, several of them, a list of texts, or a
            function that returns an iterator of texts.
        target: Text on which a low loss is wanted: a path, the name of a source (a part of it
            is held out), or several by name. None: a held-out part of every source.
        budget: Tokens to train on, e.g. `"10M"`.
        method: Mixer.
        objective: `"mean"`, `"worst"`, a target's name, or weights by target.
        max_epochs: How often a source may be repeated; one number, or by name.
        min_share: Floor of every share; one number, or by name.
        fixed: Shares that are decided already, by name.
        proxy: Stand-in for training.
        tokenizer: A `tokenizer.json`; tokens are then its tokens. None: built-in words.
        text: Column or field that holds the text. None: found.
        seed: Of everything random.
        strict: Stop at the first record that cannot be read, instead of counting it.
        target_tokens: At most about so many tokens of each target are used.
    """

    sources: Sources
    target: Any = None
    budget: str | float = "10M"
    method: str = "descent"
    objective: str | Mapping[str, float] = "mean"
    max_epochs: float | Mapping[str, float] = 4.0
    min_share: float | Mapping[str, float] = 0.0
    fixed: Mapping[str, float] | None = None
    proxy: str = "counts"
    tokenizer: str | None = None
    text: str | None = None
    seed: int = 0
    strict: bool = False
    target_tokens: int = 60_000

    def __post_init__(self) -> None:
        if not isinstance(self.sources, Mapping):
            raise CuveeError('sources must be given by name, as {"web": "web/*.parquet", ...}.')
        check_names(list(self.sources), "source")
        if self.target_tokens < 1:
            raise CuveeError(f"target_tokens must be at least 1, got {self.target_tokens}.")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise CuveeError(f"the seed must be a whole number from 0 on, got {self.seed!r}.")
        parse_tokens(self.budget)

    @property
    def tokens(self) -> int:
        """The budget."""
        return parse_tokens(self.budget)

    @property
    def limits(self) -> Limits:
        """What the shares must obey."""
        return Limits(self.max_epochs, self.min_share, self.fixed)

    def settings(self) -> dict[str, Any]:
        """Plain JSON values; data in memory is named, not stored."""
        plain = {f: getattr(self, f) for f in self.__dataclass_fields__}
        plain["sources"] = {name: _written(spec) for name, spec in self.sources.items()}
        plain["target"] = _written(self.target)
        for name in ("max_epochs", "min_share"):
            plain[name] = _finite(plain[name])
        return plain


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A question with its data at hand."""

    question: Question
    data: Data
    recipe: Recipe


def open_question(question: Question, engine: Engine) -> Opened:
    """Find and check all files, set target documents apart, and fingerprint the content.

    Raises:
        CuveeError: A source or target cannot be read.
    """
    units: Units = Words() if question.tokenizer is None else Tokenizer(question.tokenizer)
    sources = {
        name: room.open_source(name, spec, question.text) for name, spec in question.sources.items()
    }
    targets, files = _open_targets(question, sources)
    unread: dict[str, list[Reject]] = {target.name: [] for target in targets}
    # All documents of a target stay out of the sources, not only the ones that are looked at.
    whole = [*targets, *files]
    taken = Apart.of(b for t in whole for b in _noted(t, unread[t.name], question.strict))
    parse_objective(question.objective, [target.name for target in targets])  # early: cheap
    everything = [*sources.values(), *files]
    prints = list(engine(lambda s: dict(s.fingerprint()), everything, label="fingerprinting"))
    named = [f"source {n}" for n in sources] + [f"target {f.name}" for f in files]
    content = dict(zip(named, prints))
    if question.tokenizer is not None:
        content["tokenizer"] = {question.tokenizer: f"sha256:{sha256(Path(question.tokenizer))}"}
    recipe = Recipe(question.settings(), content, versions())
    apart = tuple(Without(source, taken) for source in sources.values())
    rejects = tuple(map(tuple, unread.values()))
    data = Data(apart, targets, units, engine, question.strict, rejects)
    return Opened(question, data, recipe)


def _noted(source: Source, rejects: list[Reject], strict: bool) -> Iterator[Batch]:
    """The batches of a target, and a note of what could not be read."""
    for batch in checked(batches(source), strict):
        rejects.extend(batch.rejected)
        yield batch


def _open_targets(
    question: Question, sources: Mapping[str, Source]
) -> tuple[tuple[Memory, ...], list[Source]]:
    """The targets as they are used, and in full those that have files of their own."""
    wanted = question.target
    if wanted is None:
        wanted = {name: name for name in sources}
    elif isinstance(wanted, str):
        wanted = {wanted if wanted in sources else Path(wanted).name.split(".")[0]: wanted}
    elif not isinstance(wanted, Mapping):
        wanted = {"target": wanted}
    check_names(list(wanted), "target")
    size = question.target_tokens * BYTES_PER_TOKEN
    targets: list[Memory] = []
    files: list[Source] = []
    for name, spec in wanted.items():
        if isinstance(spec, str) and spec in sources:
            part = hold_out(sources[spec], size, seed=question.seed)
        else:
            files.append(_open_target(name, spec, question.text, sources))
            part = sample(files[-1], size, seed=question.seed)
        part = replace(part, name=name)
        targets.append(part)
    return tuple(targets), files


def _open_target(name: str, spec: Any, text: str | None, sources: Mapping[str, Source]) -> Source:
    if isinstance(spec, str) and not any(c in spec for c in "*?[,") and not Path(spec).exists():
        raise unknown("target (neither a file nor a source)", spec, sources)
    return room.open_source(name, spec, text)


def _written(spec: Any) -> Any:
    """A source's specification as a recipe holds it."""
    if spec is None or isinstance(spec, str):
        return spec
    if isinstance(spec, Path):
        return str(spec)
    if isinstance(spec, Mapping):
        return {name: _written(value) for name, value in spec.items()}
    if isinstance(spec, (list, tuple)) and spec and all(_is_path(s) for s in spec):
        return [str(s) for s in spec]
    paths = getattr(spec, "paths", None)  # a Source of files
    return None if paths is None else [str(path) for path in paths]


def _is_path(spec: Any) -> bool:
    if not isinstance(spec, str):
        return isinstance(spec, Path)
    try:
        return Path(spec).exists()
    except OSError:  # longer than any name of a file: a text
        return False


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    return "inf" if value == float("inf") else value


__all__ = ["Opened", "Question", "open_question"]
