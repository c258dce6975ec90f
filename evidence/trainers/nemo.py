"""NeMo: its data module takes the list."""

import json

from evidence.stacks import SHARES, alone, off, planted, reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "NeMo's PreTrainingDataModule accepts the written list, finds the sources' indexed datasets, "
    "and keeps the asked weights (NeMo 2)."
)


def run() -> Finding:
    module, at = reader("nemo.collections.llm.gpt.data.pre_training", "nemo-toolkit")
    with scratch() as folder:
        settings = with_tokenizer(folder)
        for name in SHARES:
            stack = trainers.load("megatron_indexed", name=f"{name}_text_document", **settings)
            (folder / name).mkdir()
            stack.write(alone(name), folder / name)
        (folder / "out").mkdir()
        template = f"{folder}/{{name}}/{{name}}_text_document"
        trainers.load("nemo", path=template).write(planted(folder), folder / "out")
        paths = json.loads((folder / "out" / "paths.json").read_text())
        module.validate_dataset_asset_accessibility(paths)
        data = module.PreTrainingDataModule(paths=paths, seq_length=16, tokenizer=object())
        prefixes, weights = data.build_kwargs["blend"]
    shares = dict(zip((prefix.split("/")[-2] for prefix in prefixes), weights))
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {len(prefixes)} paths found, weights off by at most {off(shares):.5f}.",
        holds=list(shares) == list(SHARES) and off(shares) < 1e-9,
        numbers={"shares": shares, "off": off(shares)},
    )
