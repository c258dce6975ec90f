"""From a mixed dataset, or an answer that is not written yet, to what a trainer reads."""

from pathlib import Path
from typing import Any

from cuvee import export as room
from cuvee import trainers
from cuvee.answer import Blend
from cuvee.core import CuveeError
from cuvee.core.apart import check_apart
from cuvee.core.dataset import Dataset, Part
from cuvee.core.files import explained, remove_tree, sha256, sync_tree
from cuvee.core.methods import SETTING, load
from cuvee.datasets import open_dataset, paths_of


def export_dataset(
    dataset: Blend | Dataset | str | Path,
    to: str,
    out: str | Path,
    *,
    resume: bool = False,
    **settings: Any,
) -> str:
    """Write a mixture in the form that a training stack reads.

    Args:
        dataset: Folder of a mixed dataset, or one that is open; or an answer that was not written,
            for stacks that read each source's own files.
        to: Name of the stack, see `cuvee methods trainers`; settings may stand in it:
            `"tokens:tokenizer=tokenizer.json"`.
        out: New or empty folder. It is there once all of it is.
        resume: Accept a folder in which the same is there already, to the byte: it is made again
            and compared.
        settings: Of the stack.

    Returns:
        What to write on the trainer's side.

    Raises:
        CuveeError: The folder is not empty, lies in what is read, or the stack cannot read such a
            dataset.

    Example:
        >>> import tempfile, cuvee
        >>> texts = {"a": ["red green blue"] * 50 + ["blue"], "b": ["one two three"] * 50}
        >>> answer = cuvee.blend(texts, target=["red blue"], budget=100)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manifest = answer.write(f"{folder}/mixed")
        ...     said = cuvee.export_dataset(f"{folder}/mixed", "datasets", f"{folder}/saved")
    """
    if settings.get("tokenizer") and not _cuts(to):
        raise CuveeError(f"{to} holds text, not tokens: leave the tokenizer out.")
    stack = trainers.load(to, **settings)
    folder = dataset if isinstance(dataset, str | Path) else None
    if isinstance(dataset, Blend):
        dataset = _planned(dataset)
    elif not isinstance(dataset, Dataset):
        dataset = open_dataset(dataset)
    if "://" in str(out):
        raise CuveeError(f"{out}: exports are written on this machine; copy the finished folder.")
    out = Path(out)
    held = folder or [str(Path(file).parent) for file in dataset.files]
    check_apart(out, {part.name: list(part.paths) for part in dataset.parts}, mixed=held)
    with explained(out):
        there = out.exists() and (not out.is_dir() or any(out.iterdir()))
        if there and not (resume and out.is_dir()):
            raise CuveeError(
                f"{out} is not empty: choose a new or an empty folder; --resume (resume=True) "
                "accepts one that this command has written."
            )
        part = out.absolute().with_name(f".{out.name}.part")
        part.mkdir(parents=True, exist_ok=True)
    with room.locked(part):
        fresh = part / "whole"
        with explained(out):
            remove_tree(fresh)  # of a process that was killed
            fresh.mkdir()
        try:
            said = stack.write(dataset, fresh)
            with explained(out):
                if not there:
                    sync_tree(fresh)
                    fresh.replace(out)
                elif different := _difference(fresh, out):
                    raise CuveeError(f"{out} holds something else: {different} is not the same.")
        finally:
            remove_tree(part)
    return said.replace(str(fresh), str(out))


def _cuts(to: str) -> bool:
    """Whether a stack has a setting for a tokenizer; one that is not known is named later."""
    name = SETTING.split(to)[0]
    known = name not in trainers.METHODS
    return known or "tokenizer" in load(trainers.METHODS, name, "trainers").__dataclass_fields__


def _difference(one: Path, other: Path) -> str:
    """The first file that is not in both folders with the same bytes; "" if there is none."""
    names = {p.relative_to(f) for f in (one, other) for p in f.rglob("*") if p.is_file()}
    for name in sorted(names):
        pair = (one / name, other / name)
        if not all(p.is_file() for p in pair) or sha256(pair[0]) != sha256(pair[1]):
            return str(name)
    return ""


def _planned(answer: Blend) -> Dataset:
    """An answer as a dataset that nobody has written: its documents are an expectation."""
    shares, problem = answer.shares.mean, answer.problem
    written = answer.recipe.settings["sources"]
    parts = []
    for i, name in enumerate(problem.sources):
        documents = sum(map(len, answer.survey.lengths[i]))  # empty ones too: they are drawn
        tokens, available = round(shares[i] * problem.tokens), int(problem.available[i])
        parts.append(
            Part(
                name, paths_of(written[name]), float(shares[i]),
                tokens, round(tokens * documents / max(available, 1)), available, documents,
            )
        )  # fmt: skip

    def read(*where: int) -> Any:
        raise CuveeError("this answer was not written: write it first, then export its folder.")

    seed = int(answer.recipe.settings["seed"])
    return Dataset(tuple(parts), answer.data.units.name, seed, (), read)


__all__ = ["export_dataset"]
