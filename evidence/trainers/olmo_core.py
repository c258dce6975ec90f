"""OLMo-core: its source mixture."""

import math

from evidence.stacks import SHARES, alone, off, planted, reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "OLMo-core builds the written mixture from raw token files and selects the asked shares of the "
    "tokens, to one sequence a source (OLMo-core)."
)
SEQUENCE = 16
"""Tokens of a sequence."""


def run() -> Finding:
    mixture, at = reader("olmo_core.data.source_mixture", "ai2-olmo-core")
    types, _ = reader("olmo_core.data.types", "ai2-olmo-core")
    with scratch() as folder:
        tokens = trainers.load("tokens", form="raw", **with_tokenizer(folder))
        for name in SHARES:
            (folder / name).mkdir()
            tokens.write(alone(name), folder / name)
        (folder / "out").mkdir()
        dataset = planted(folder)
        stack = trainers.load("olmo_core", path=f"{folder}/{{name}}/*.npy")
        stack.write(dataset, folder / "out")
        config = mixture.SourceMixtureDatasetConfig(
            source_list=mixture.SourceMixtureList.from_yaml(str(folder / "out" / "mixture.yaml")),
            requested_tokens=dataset.tokens, global_batch_size=SEQUENCE * 4, seed=dataset.seed,
            render_tables=False, quiet=True,
        )  # fmt: skip
        built = config.build(npdtype=types.NumpyDatasetDType.uint16.as_np_dtype(),
                             sequence_length=SEQUENCE)  # fmt: skip
    counts = {one.name: sum(p.tokens for p in one.path_tokens) for one in built.sources}
    total = sum(counts.values())
    shares = {name: counts[name] / total for name in SHARES}
    bound = 2 * SEQUENCE / total
    whole = math.isclose(total, dataset.tokens, rel_tol=0.02)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {total} tokens selected of {dataset.tokens} asked, shares off by at most "
        f"{off(shares):.4f}.",
        holds=whole and off(shares) <= bound,
        numbers={"shares": shares, "off": off(shares), "bound": bound, "tokens": total},
    )
