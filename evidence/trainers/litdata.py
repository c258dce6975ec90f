"""LitData: texts and blocks of tokens."""

import numpy as np
from evidence.stacks import reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.testing.trainers import PLANTED
from cuvee.trainers.encoding import encoder

CLAIM = (
    "LitData's StreamingDataset reads the texts back in the order of the mixture, and with "
    "TokensLoader every whole block of every chunk (LitData)."
)
BLOCK = 17


def run() -> Finding:
    litdata, at = reader("litdata", "litdata")
    texts = blocks = documents = 0
    with scratch() as folder:
        settings = with_tokenizer(folder)
        for i, planted in enumerate(PLANTED.values()):
            dataset, rows = planted.dataset(), planted.table()
            out = folder / f"text-{i}"
            out.mkdir()
            trainers.load("litdata", size=4096).write(dataset, out)
            back = litdata.StreamingDataset(str(out), shuffle=False)
            wanted = rows.select(["text", "source"]).to_pylist()
            texts += [back[k] for k in range(len(back))] == wanted
            documents += len(wanted)
            out = folder / f"tokens-{i}"
            out.mkdir()
            trainers.load("litdata", size=2**26, **settings).write(dataset, out)
            loader = litdata.TokensLoader(block_size=BLOCK)
            back = litdata.StreamingDataset(str(out), shuffle=False, item_loader=loader)
            found = np.concatenate([np.asarray(back[k]) for k in range(len(back))])
            source = encoder("litdata", settings["tokenizer"], "", settings["eos"])
            ids = np.concatenate(list(source.documents(dataset)))
            blocks += np.array_equal(found, ids[: len(ids) // BLOCK * BLOCK])
    return Finding(
        claim=CLAIM,
        measured=f"{at}: texts of {texts}, tokens of {blocks} of {len(PLANTED)} datasets came "
        f"back, {documents} documents.",
        holds=texts == blocks == len(PLANTED),
        numbers={"texts": texts, "blocks": blocks, "of": len(PLANTED), "documents": documents},
    )
