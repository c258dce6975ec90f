"""The transformer proxy: real training of a small network on each mixture."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from numpy.random import Generator

from cuvee.core import CuveeError, parse_tokens
from cuvee.core.data import Data, Survey
from cuvee.core.files import explained, sha256
from cuvee.core.leftovers import sweep
from cuvee.core.methods import missing
from cuvee.core.remote import content
from cuvee.core.units import Tokenizer
from cuvee.proxies.recipe import Course
from cuvee.proxies.shapes import shape_of
from cuvee.proxies.target_text import cut_all
from cuvee.proxies.tokens import (
    Content,
    read_streams,
    vocabulary_file,
    vocabulary_of,
    write_streams,
)

if TYPE_CHECKING:
    from cuvee.proxies.network_trainer import NetworkTrainer

VERSION = 2
"""Of what is kept in the cache: what another version wrote is not read."""


@dataclass(frozen=True, slots=True)
class Transformer:
    """Trains a small decoder on each mixture and measures its loss on the targets.

    RMSNorm, rotary positions, SwiGLU, tied embeddings; AdamW with learning rate and batch from a
    published law. Windows of the sources are mixed in the exact proportions of a trial; a trial
    that continues another goes on from its state, and with another seed meets the same windows in
    another order. Tokens are those of the given tokenizer, or
    byte-pair tokens learnt from the sources. Tokenised sources, finished runs and recent states
    are kept in a cache folder: what was stopped goes on where it was.

    Args:
        size: Parameters, such as 0.3M, 1M, 3M, 10M, 30M, or any number.
        context: Tokens that the network sees.
        vocabulary: Tokens to learn where no tokenizer is given.
        lr: Highest learning rate; 0: from the law.
        batch: Tokens of a batch; 0: from the law.
        course: Of the learning rate: wsd (plateau, then a linear fall), cosine or constant.
        warmup: Part of a run in which the learning rate rises.
        decay: Part of a run in which it falls, for wsd.
        weight_decay: Of matrices.
        tokens: Most tokens of a run; a longer one is scaled down, sources and all, so that
            repeats stay as they are. Runs that continue it are scaled as it is. Empty: no limit.
        pool: Tokens of each source from which runs draw; a random part of the documents of
            larger ones is tokenised.
        target_tokens: Tokens of each target on which losses are measured.
        draws: Resamples of the target documents behind the stated spread.
        start: Checkpoint that runs start from instead of random parameters; its network has the
            same tokenizer and the same shape.
        device: auto, cpu, cuda.
        precision: Of matrix products: auto (bf16 where the hardware has it), bf16, fp32.
        threads: Of one run on a CPU; results depend on it in the last bits.
        cache: Folder; by default `$CUVEE_CACHE`, or `cuvee` in the user's cache folder.
        keep: Bytes of states that are kept; those used longest ago are deleted, and trained again
            when needed.

    Fails when: the order of mixtures changes with size or length of training; the loss of a single
    run is too noisy for what is asked of it.

    References: Touvron et al., "LLaMA", arXiv 2302.13971, 2023 (the shape); Loshchilov and Hutter,
    "Decoupled weight decay regularization", arXiv 1711.05101, 2017; Hu et al., "MiniCPM", arXiv
    2404.06395, 2024 (wsd); Li et al., "Predictable scale: part I", arXiv 2503.04715, 2025 (law).
    """

    real: ClassVar[bool] = True
    prior: ClassVar[str] = "counts"

    size: str = "0.3M"
    context: int = 128
    vocabulary: int = 4096
    lr: float = 0.0
    batch: float = 0.0
    course: Course = "wsd"
    warmup: float = 0.15
    decay: float = 0.3
    weight_decay: float = 0.1
    tokens: str = ""
    pool: str = "20M"
    target_tokens: int = 12_000
    draws: int = 40
    start: str = ""
    device: str = "auto"
    precision: str = "auto"
    threads: int = 1
    cache: str = ""
    keep: float = 2e9

    def __post_init__(self) -> None:
        for library in ("torch", "tokenizers"):  # before any waiting
            if find_spec(library) is None:
                raise missing(ModuleNotFoundError(name=library))
        if self.course not in ("wsd", "cosine", "constant"):
            raise CuveeError(f"transformer: course must be wsd, cosine or constant: {self.course}.")
        if self.context < 2 or self.draws < 1 or self.threads < 1 or self.target_tokens < 1:
            raise CuveeError(
                "transformer: context must be at least 2; draws, threads, target_tokens at least 1."
            )
        if self.vocabulary < 257:
            raise CuveeError("transformer: vocabulary must be at least 257: 256 bytes and more.")
        if not all(isfinite(x) and x >= 0 for x in (self.lr, self.batch, self.weight_decay)):
            raise CuveeError(
                f"transformer: lr, batch and weight_decay are numbers that cannot be below 0, got "
                f"{self.lr}, {self.batch} and {self.weight_decay}."
            )
        if not self.keep >= 0:
            raise CuveeError(f"transformer: keep is in bytes, 0 or more, got {self.keep}.")
        if not (0 <= self.warmup < 1 and 0 <= self.decay <= 1):
            raise CuveeError("transformer: warmup and decay are parts of a run, from 0 to 1.")
        for amount in (self.size, self.pool, self.tokens or "1"):
            parse_tokens(amount)
        self._check_place()

    def _check_place(self) -> None:
        """What else can be known to be wrong without waiting for the library."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise CuveeError(
                f"transformer: device {self.device!r} cannot be used, expected auto, cpu or cuda."
            )
        if self.precision not in ("auto", "bf16", "fp32"):
            raise CuveeError(
                f"transformer: precision must be auto, bf16 or fp32, got {self.precision!r}."
            )
        if self.start and not Path(self.start).expanduser().is_file():
            raise CuveeError(
                f"transformer: start={self.start} is no file: expected a checkpoint, such as a "
                "state (.pt) in the cache folder."
            )

    def prepare(self, data: Data, *, rng: Generator) -> tuple["NetworkTrainer", Survey]:
        """Learn or read the vocabulary, and tokenise the sources, unless that was done before."""
        from cuvee.proxies import training  # here, as it takes a second to import torch
        from cuvee.proxies.network_trainer import NetworkTrainer, Test

        device = training.best_device(self.device)
        seed = int(rng.integers(2**31))
        survey, contents = data.survey(Content)
        folder = self._folder(data, contents, seed)
        units, vocabulary = self._units(data, survey, folder)
        shape = shape_of(parse_tokens(self.size), vocabulary + 1, self.context)
        write_streams(data, survey, units, vocabulary, parse_tokens(self.pool), seed, folder)
        tests = tuple(
            Test.of(
                cut_all(units, t), self.target_tokens, self.context, vocabulary, self.draws, rng
            )
            for t in data.targets
        )
        names = tuple(s.name for s in data.sources)
        trainer = NetworkTrainer(
            names, tuple(t.name for t in data.targets), survey.available, self, shape,
            read_streams(names, folder), tests, folder, _hash(units.path),
            sha256(Path(self.start).expanduser()) if self.start else "", seed, device,
            training.precision_of(self.precision, device),
        )  # fmt: skip
        return trainer, survey

    def _folder(self, data: Data, contents: Sequence[tuple[str, ...]], seed: int) -> Path:
        """Where everything that belongs to these sources is kept: to what was read of them, as the
        same file may be read in several ways.
        """
        what = [(s.name, content) for s, content in zip(data.sources, contents)]
        same = repr((VERSION, what, data.units.name, self.vocabulary, self.pool, seed))
        if isinstance(data.units, Tokenizer):
            same += _hash(data.units.path)
        sweep(cache_folder(self.cache))
        folder = cache_folder(self.cache) / hashlib.sha256(same.encode()).hexdigest()[:16]
        with explained(folder):
            for name in ("runs", "states"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        return folder

    def _units(self, data: Data, survey: Survey, folder: Path) -> tuple[Tokenizer, int]:
        """What cuts text into the network's tokens, and how many there are."""
        if isinstance(data.units, Tokenizer):
            return data.units, vocabulary_of(data.units.path)
        path = folder / "tokenizer.json"
        if not path.exists():
            vocabulary_file(data, survey, self.vocabulary, path)
        return Tokenizer(str(path)), vocabulary_of(path)


def _hash(path: str) -> str:
    return hashlib.sha256(content(path)).hexdigest()


def cache_folder(given: str) -> Path:
    """Where runs are kept: as asked for, or as the environment says."""
    if given:
        return Path(given).expanduser()
    if found := os.environ.get("CUVEE_CACHE"):
        return Path(found)
    root = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(root, "cuvee")
