"""MosaicML streaming: shares of what the streams give."""

from evidence.stacks import SHARES, alone, off, planted, reader, scratch, token_shares

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "With the written streams, StreamingDataset draws the asked number of documents and the asked "
    "shares of the tokens, to 0.01 in an epoch (MosaicML streaming)."
)


def run() -> Finding:
    streaming, at = reader("streaming", "mosaicml-streaming")
    yaml, _ = reader("yaml", "PyYAML")
    with scratch() as folder:
        for name in SHARES:
            (folder / name).mkdir()
            trainers.load("mds").write(alone(name), folder / name)
        (folder / "out").mkdir()
        dataset = planted(folder)
        stack = trainers.load("streaming", path=f"{folder}/{{name}}")
        stack.write(dataset, folder / "out")
        content = yaml.safe_load((folder / "out" / "streams.yaml").read_text())
        mixed = streaming.StreamingDataset(
            streams=[streaming.Stream(**one) for one in content.pop("streams").values()],
            shuffle=True, batch_size=1, **content,
        )  # fmt: skip
        names = [row["source"] for row in mixed]
    shares = token_shares(names)
    right = len(names) == dataset.documents
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {len(names)} documents, shares off by at most {off(shares):.4f}.",
        holds=right and off(shares) <= 0.01,
        numbers={"shares": shares, "off": off(shares), "documents": len(names)},
    )
