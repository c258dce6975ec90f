"""LitGPT: shares of the blocks that the data module gives."""

from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path
from typing import Any

from evidence.stacks import SHARES, alone, off, planted, reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.trainers.encoding import encoder

CLAIM = (
    "The written data module runs in LitGPT and draws blocks of the sources in the asked shares, "
    "to 0.05 over 600 blocks (LitGPT, LitData)."
)
BLOCKS = 600
LETTERS = {"web": "w", "code": "c", "books": "k"}
"""A letter that no other source has."""


def run() -> Finding:
    _, at = reader("litgpt.data", "litgpt")
    names = []
    with scratch() as folder:
        settings = with_tokenizer(folder)
        source = encoder("litdata", settings["tokenizer"], "", settings["eos"])
        for name in SHARES:
            (folder / name).mkdir()
            trainers.load("litdata", **settings).write(alone(name), folder / name)
        (folder / "out").mkdir()
        trainers.load("litgpt").write(planted(folder), folder / "out")
        data = _module(folder / "out" / "mixture.py").Mixture(str(folder), num_workers=0)
        data.connect(batch_size=1, max_seq_length=15)
        for block in islice(data.train_dataloader(), BLOCKS):
            text = source.loaded.decode(block[0].tolist())
            names.append(max(LETTERS, key=lambda name: text.count(LETTERS[name])))
    shares = {name: names.count(name) / len(names) for name in SHARES}
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {len(names)} blocks, shares off by at most {off(shares):.4f}.",
        holds=len(names) == BLOCKS and off(shares) <= 0.05,
        numbers={"shares": shares, "off": off(shares), "blocks": len(names)},
    )


def _module(path: Path) -> Any:
    spec = spec_from_file_location("mixture", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
