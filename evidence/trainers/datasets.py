"""Hugging Face datasets: a saved dataset."""

from evidence.stacks import reader, scratch

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.testing.trainers import PLANTED, Planted

CLAIM = (
    "`datasets.load_from_disk` reads all documents back in the order of the mixture, with id, "
    "source and tokens, from several files (Hugging Face datasets)."
)
LONG = Planted(drawn=(1500, 1500, 200))
"""More documents than a file holds here."""


def run() -> Finding:
    library, at = reader("datasets", "datasets")
    same = documents = files = 0
    with scratch() as folder:
        for i, planted in enumerate([*PLANTED.values(), LONG]):
            out = folder / str(i)
            out.mkdir()
            trainers.load("datasets", size=1024).write(planted.dataset(), out)
            back = library.load_from_disk(str(out))
            rows = planted.table().to_pylist()
            same += back.to_list() == rows
            documents += len(rows)
            files += len(list(out.glob("*.arrow")))
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {same} of {len(PLANTED) + 1} datasets came back whole, "
        f"{documents} documents in {files} files.",
        holds=same == len(PLANTED) + 1,
        numbers={"same": same, "of": len(PLANTED) + 1, "documents": documents, "files": files},
    )
