"""Opening a mixed dataset: one that was written out, or one of which only the index was."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cuvee import engine as engines
from cuvee import mix
from cuvee.core import CuveeError, unknown
from cuvee.core.data import Engine
from cuvee.core.dataset import Dataset, Part
from cuvee.core.files import place
from cuvee.core.recipe import Recipe
from cuvee.core.spelled import spelled
from cuvee.export.reading import finished, listed, shards
from cuvee.export.virtual import open_index
from cuvee.question import IN_MEMORY, Opened, Question, in_memory, open_question

MEMORY = 2**30
"""Bytes that a program may take that streams from an index."""
RUNS = "content of runs "
"""How a change of a table of runs begins: it has no say in which documents are drawn."""
LEAST = 5 * 2**27
"""Less would not hold a window, its order and what is read."""


def open_dataset(
    folder: str | Path,
    *,
    verify: bool = False,
    memory: int = MEMORY,
    engine: str | Engine = "local",
    workers: int = 0,
) -> Dataset:
    """Open a mixed dataset, to read its documents in order or to export it.

    Of a dataset written out, the files of the manifest must be there with their sizes. For one of
    which only the index was written (`--format index`), the sources are opened again as its recipe
    names them, from the same working folder, and every file is hashed, save large ones that this
    process hashed before and that have the same size and times: other content is refused.
    Its documents, their order and its tables are those of the dataset written out.

    Reading from an index makes as many tables at a time as fit in memory, and goes through the
    sources once for them: about as often in all as `memory`, less half a gigabyte, goes into the
    bytes of the mixture. For 10 GB that is 19 times with 1 GiB of memory, and twice with 8 GiB.

    Args:
        folder: Of the dataset; an address such as `s3://bucket/mixed` is read as well.
        verify: Hash every file of the dataset, too.
        memory: Bytes that the program may take to read from an index; beyond eight workers, some
            30 MB more for each.
        engine: Where an index is read: `"local"`, `"ray"`, or an engine that is made already.
        workers: At a time; all cores by default.

    Raises:
        CuveeError: No dataset is there, or it or its sources are not what they were.

    Example:
        >>> import tempfile, cuvee
        >>> texts = {"a": ["red green blue"] * 50 + ["blue"], "b": ["one two three"] * 50}
        >>> answer = cuvee.blend(texts, target=["red blue"], budget=100)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manifest = answer.write(folder)
        ...     sum(document["tokens"] for document in open_dataset(folder).stream())
        100
    """
    out = place(folder)
    if not isinstance(memory, int) or memory < LEAST:
        raise CuveeError(f"memory: expected at least {LEAST} bytes (640 MiB), got {memory!r}.")
    manifest, recipe = finished(out, hashed=verify), Recipe.load(out / "recipe.json")
    try:
        parts, seed = _parts(manifest, recipe), int(recipe.settings["seed"])
        if "index" in manifest:
            data = opened_again(recipe, engines.load(engine, workers), str(out)).data
            read, files, of = open_index(out, data, manifest, memory).read, (), "windows"
        else:
            paths = [out / shard["file"] for shard in listed(manifest)]
            read, files, of = shards(paths), tuple(map(str, paths)), "shards"
        sizes = tuple((int(t["documents"]), int(t["tokens"])) for t in manifest[of])
        return Dataset(parts, str(manifest["unit"]), seed, files, read, sizes)
    except (KeyError, TypeError) as error:
        raise CuveeError(
            f"{out}: manifest.json and recipe.json are not of one dataset that this version of "
            f"cuvee wrote, {error} is missing or of another kind: write it again."
        ) from error


def question_of(recipe: Recipe, where: str) -> Question:
    """The question that a recipe answers.

    Args:
        recipe: How a dataset was made.
        where: Its file, or the dataset's folder, for messages.

    Raises:
        CuveeError: Some of its data was in memory, or it is no recipe.
    """
    settings = {name: value for name, value in recipe.settings.items() if name != "format"}
    if not isinstance(settings.get("sources"), dict):
        raise CuveeError(f"{where} is not a recipe.json that cuvee wrote: no sources.")
    if name := in_memory(settings):
        raise CuveeError(
            f"{name!r} of the recipe was in memory and cannot be read again: call cuvee.blend "
            "from Python with the same settings."
        )
    if settings.get("max_epochs") == "inf":
        settings["max_epochs"] = float("inf")
    known = Question.__dataclass_fields__
    if others := set(settings) - set(known):
        raise unknown("setting in the recipe", min(others), known)
    return Question(**settings)


def opened_again(recipe: Recipe, engine: Engine, where: str) -> Opened:
    """The sources of a recipe, without the documents of its targets.

    Raises:
        CuveeError: They are not what they were; the first difference is named.
    """
    question = replace(question_of(recipe, where), runs=None)  # the shares are known already
    needs = getattr(mix.load(question.method), "needs", ())
    opened = open_question(question, engine, own="own" in needs)
    changes = opened.recipe.changes(recipe)
    changed = [c for c in changes if c.startswith("content") and not c.startswith(RUNS)]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise CuveeError(
            f"{where} was made from other data: {changed[0]}{more}. Bring the old content back, or "
            "make the dataset again."
        )
    return opened


def _parts(manifest: Mapping[str, Any], recipe: Recipe) -> tuple[Part, ...]:
    rows = manifest["sources"]
    asked = sum(int(row["tokens_asked"]) for row in rows.values())
    return tuple(
        Part(
            name, paths_of(recipe.settings["sources"][name]), int(row["tokens_asked"]) / asked,
            int(row["tokens_written"]), int(row["documents"]), int(row["tokens_available"]),
            int(row["documents_available"]),
        )
        for name, row in rows.items()
    )  # fmt: skip


def paths_of(written: Any) -> tuple[str, ...]:
    """Paths and globs of a source, one by one, from what stands in a recipe."""
    if written == IN_MEMORY:
        return ()
    entries = (written,) if isinstance(written, str) else tuple(map(str, written))
    return tuple(path for entry in entries for path in spelled(entry))
