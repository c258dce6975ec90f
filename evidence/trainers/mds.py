"""MDS: the library's own writer and reader."""

from evidence.stacks import reader, scratch

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.testing.trainers import PLANTED

CLAIM = (
    "MosaicML streaming's writer makes the same shards to the byte, and its StreamingDataset reads "
    "all documents back in the order of the mixture (MosaicML streaming, format MDS)."
)
SIZE = 4096


def run() -> Finding:
    streaming, at = reader("streaming", "mosaicml-streaming")
    same = read = documents = 0
    with scratch() as folder:
        for i, planted in enumerate(PLANTED.values()):
            dataset = planted.dataset()
            rows = planted.table().select(["id", "source", "text", "tokens"]).to_pylist()
            ours, theirs = folder / f"ours-{i}", folder / f"theirs-{i}"
            ours.mkdir()
            trainers.load("mds", size=SIZE).write(dataset, ours)
            columns = {"id": "str", "source": "str", "text": "str", "tokens": "int"}
            with streaming.MDSWriter(columns=columns, out=str(theirs), size_limit=SIZE) as out:
                for row in rows:
                    out.write(row)
            names = sorted(path.name for path in theirs.iterdir())
            found = sorted(path.name for path in ours.iterdir())
            same += names == found and all(
                (ours / name).read_bytes() == (theirs / name).read_bytes() for name in names
            )
            back = streaming.StreamingDataset(local=str(ours), shuffle=False, batch_size=1)
            read += list(back) == rows
            documents += len(rows)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {same} of {len(PLANTED)} datasets the same bytes, {read} read back whole, "
        f"{documents} documents.",
        holds=same == read == len(PLANTED),
        numbers={"same": same, "read": read, "of": len(PLANTED), "documents": documents},
    )
