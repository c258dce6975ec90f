"""The dataset card: a README.md as the Hugging Face hub reads it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from cuvee.report import numbers, say
from cuvee.report.facts import Facts, finite, read, visible

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
          (10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip

_CAVEATS = """- Losses are predictions of a proxy for training, not of a trained model. {spread}
{counted}- The sources' own licences and contents apply; cuvee does not check either.
- Where epochs are above 1, {samples} occur more than once, with their own `id`.
"""
_COUNTED = "- Shares and tokens are counted in {token}; another tokenizer counts otherwise.\n"


def as_card(answer: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The dataset card: what is in it, what it should give, how to load it and make it again.

    Args:
        answer: Content of `blend.json`.
        manifest: Of the dataset.
    """
    facts = read(answer)
    parts = [
        _front(facts, manifest),
        f"# {say.title(facts)}",
        f"{_plain(say.sentence(facts))} {_plain(say.chances(facts))} {_plain(say.losers(facts))}"
        " Made with cuvee.",
        "## Sources",
        _sources(facts, manifest),
        "## Predicted losses",
        _losses(facts),
        "## Load",
        _load(facts, manifest),
        "## Make it again",
        "`recipe.json` holds the settings, the seed, the versions and a hash of every input file. "
        + (
            "Where the sources are at hand:\n\n```sh\ncuvee rerun recipe.json --out again/\n```"
            if facts.can_rerun
            else "Some of the data was in memory: do it again from Python."
        ),
        "## Caveats",
        _caveats(facts),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _front(facts: Facts, manifest: Mapping[str, Any]) -> str:
    """YAML; JSON strings are YAML strings."""
    documents = sum(finite(r.get("documents")) or 0 for r in manifest["sources"].values())
    size = next((name for limit, name in _SIZES if documents < limit), "n>1B")
    lines = [
        "---",
        f"pretty_name: {_yaml(say.title(facts))}",
        "tags:",
        '- "cuvee"',
        "size_categories:",
        f"- {_yaml(size)}",
    ]
    if not _is_index(manifest):
        lines += [
            "configs:",
            '- config_name: "default"',
            "  data_files:",
            '  - split: "train"',
            f"    path: {_yaml('data/*' + _suffix(manifest))}",
        ]
    return "\n".join([*lines, "---"])


def _sources(facts: Facts, manifest: Mapping[str, Any]) -> str:
    found = {visible(name): row for name, row in manifest["sources"].items()}
    rows, amount = [], {facts.counted: "tokens_written", facts.samples: "documents"}
    for s in say.by_share(facts):
        row = found.get(s.name, {})
        share = finite(row.get("share_written"))
        amounts = [finite(row.get(key)) for key in amount.values()]
        epochs = numbers.epochs(finite(row.get("epochs")))
        rows.append([s.name, numbers.percent(share, 2), *map(numbers.whole, amounts), epochs])
    return _table(["source", "share", *amount, "epochs"], rows)


def _losses(facts: Facts) -> str:
    rows = []
    for t in say.with_objective(facts):
        others = [numbers.fixed(t.rivals[name].mean) for name in facts.rivals]
        gain = [numbers.signed(t.gain.mean)] if facts.baseline else []
        rows.append([t.name, numbers.with_spread(t.loss), *others, *gain])
    gain = [f"gain over {facts.baseline}"] if facts.baseline else []
    note = f"In {facts.unit}; lower is better, a gain above 0 is better. {say.spread(facts)}"
    return _plain(note) + "\n\n" + _table(["target", "blend", *facts.rivals, *gain], rows)


def _load(facts: Facts, manifest: Mapping[str, Any]) -> str:
    columns = "Columns: `id`, `text`, `source`, `tokens`."
    if _is_index(manifest):
        return (
            "There is no text here, only an index: the mixture is streamed from the sources, which "
            "must be where they were. From the folder in which it was made:\n\n"
            "```python\nimport cuvee\n\n"
            'data = cuvee.open_dataset("FOLDER")\nfor table in data.tables():\n    ...\n```\n\n'
            f"{columns} The {facts.samples} are shuffled already."
        )
    suffix = _suffix(manifest)
    kind = "parquet" if suffix == ".parquet" else "json"
    lines = ["```python", "from datasets import load_dataset", "",
             f'data = load_dataset("{kind}", data_files="data/*{suffix}", split="train")',
             "```"]  # fmt: skip
    if kind == "parquet":
        lines += ["", "or", "", "```python", "import pyarrow.dataset", "",
                  'data = pyarrow.dataset.dataset("data", format="parquet")', "```"]  # fmt: skip
    return "\n".join([*lines, "", f"{columns} The {facts.samples} are shuffled already."])


def _caveats(facts: Facts) -> str:
    warnings = "".join(f"- {_plain(warning)}\n" for warning in facts.warnings)
    counted = "" if facts.counted == "rows" else _COUNTED.format(token=_plain(facts.token))
    spread = _plain(say.spread(facts))
    return _CAVEATS.format(spread=spread, counted=counted, samples=facts.samples) + warnings


def _is_index(manifest: Mapping[str, Any]) -> bool:
    """Whether the dataset holds no text of its own."""
    return "index" in manifest


def _suffix(manifest: Mapping[str, Any]) -> str:
    """Of the shards; only letters and dots, as it stands in code."""
    names = [str(shard.get("file", "")) for shard in manifest.get("shards") or ()]
    suffix = "".join(PurePosixPath(names[0]).suffixes) if names else ".parquet"
    return suffix if re.fullmatch(r"[.A-Za-z0-9]+", suffix) else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---", *["---:"] * (len(head) - 1)]
    lines = [[_plain(cell) for cell in row] for row in (head, *rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (lines[0], align, *lines[1:]))


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is; line ends are escaped by `visible` already."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!$])", r"\\\1", text)


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
