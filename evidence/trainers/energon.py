"""Megatron-Energon: its loader of metadatasets."""

from evidence.stacks import LENGTHS, SHARES, off, planted, reader, scratch

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "Megatron-Energon loads the metadataset, and its weights of documents mean the asked shares of "
    "the tokens (Megatron-Energon)."
)


def run() -> Finding:
    config, at = reader("megatron.energon.dataset_config", "megatron-energon")
    kinds, _ = reader("megatron.energon.metadataset.metadataset_v2", "megatron-energon")
    paths, _ = reader("megatron.energon.epathlib", "megatron-energon")
    with scratch() as folder:
        (folder / "out").mkdir()
        trainers.load("energon").write(planted(folder), folder / "out")
        place = paths.EPath(folder / "out" / "metadataset.yaml")
        loaded = config.load_config(
            place, default_type=kinds.MetadatasetV2, default_kwargs={"path": place}
        )
        blend = loaded.splits["train"].blend
    tokens = {str(e.path).removeprefix("./"): e.weight for e in blend}
    tokens = {name: weight * LENGTHS[name] for name, weight in tokens.items()}
    shares = {name: tokens[name] / sum(tokens.values()) for name in SHARES}
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {len(blend)} datasets loaded, shares off by at most {off(shares):.5f}.",
        holds=len(blend) == len(SHARES) and off(shares) < 1e-9,
        numbers={"shares": shares, "off": off(shares)},
    )
