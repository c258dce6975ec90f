"""What cannot be done whatever the sources hold: refused in an instant, with `--dry-run` or not."""

from collections.abc import Sequence
from pathlib import Path

from cuvee import export, mix, real_runs
from cuvee.answer import format_for
from cuvee.core import CuveeError
from cuvee.core.apart import check_apart
from cuvee.core.capacity import check_disk, check_writable
from cuvee.export.space import PACKED
from cuvee.question import Question


def check_start(
    question: Question,
    out: Path | None,
    *,
    command: str = "blend",
    format: str = "parquet",
    resume: bool = False,
    rank: int = 0,
) -> None:
    """Refuse what a command cannot do, before it reads anything.

    Args:
        question: What is asked.
        out: Folder or file that would be written; None: nothing.
        command: blend, trial or compare.
        format: Of a dataset.
        resume: Whether the folder may hold the beginnings of the dataset.
        rank: Of this process among those that write it together.

    Raises:
        CuveeError: With what to do instead.
    """
    if command == "blend":
        real_runs.check(question)
    if out is None:
        return
    check_apart(out, question.sources, question.target, file=command == "trial")
    if command != "blend":
        return
    written = format_for(question.settings(), format)
    if not rank:  # others find what the first one has begun
        export.check_free(out, resume=resume)
    check_writable(out)
    if not isinstance(written, export.Index):
        check_disk(out, PACKED * question.tokens)  # a token takes a byte at least


def check_methods(proxy: str, methods: Sequence[str], seeds: int | None = None) -> None:
    """Refuse what cannot be compared, before anything is read.

    Args:
        proxy: That is asked for trials.
        methods: Names.
        seeds: How often each is run.

    Raises:
        CuveeError: It says what to ask for instead.
    """
    if seeds is not None and seeds < 1:
        raise CuveeError(f"seeds must be at least 1, got {seeds}.")
    if not real_runs.is_real(proxy):
        return
    if len(methods) >= len(mix.METHODS):
        raise CuveeError(
            f"with proxy {proxy!r} every method makes about {real_runs.RUNS + 1} real runs: name "
            f"the methods that you can afford, as in --methods surrogate,regmix."
        )
    for name in methods:
        real_runs.check_gradient(name, proxy)
