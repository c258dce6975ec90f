"""Packed tokens: read by NumPy and by OLMo-core."""

import json

import numpy as np
from evidence.stacks import reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.testing.trainers import PLANTED
from cuvee.trainers.encoding import encoder

CLAIM = (
    "`np.load` reads the files with a header, and OLMo-core's NumpyFSLDataset those without, to "
    "the same tokens in the same order (NumPy, OLMo-core)."
)
SEQUENCE = 16


def run() -> Finding:
    data, at = reader("olmo_core.data.numpy_dataset", "ai2-olmo-core")
    plain = raw = tokens = 0
    with scratch() as folder:
        settings = with_tokenizer(folder)
        for i, planted in enumerate(PLANTED.values()):
            source = encoder("tokens", settings["tokenizer"], "", settings["eos"])
            ids = np.concatenate(list(source.documents(planted.dataset())))
            out = {form: folder / f"{form}-{i}" for form in ("npy", "raw")}
            for form, place in out.items():
                place.mkdir()
                stack = trainers.load("tokens", form=form, size=2**12, **settings)
                stack.write(planted.dataset(), place)
            files = [np.load(path) for path in sorted(out["npy"].glob("*.npy"))]
            plain += np.array_equal(np.concatenate(files), ids)
            meta = json.loads((out["raw"] / "metadata.json").read_text())
            whole = []  # each file is cut into sequences, what is left over is not read
            for one in meta["files"]:
                whole.append(ids[: one["tokens"] // SEQUENCE * SEQUENCE])
                ids = ids[one["tokens"] :]
            back = data.NumpyFSLDataset(
                *sorted(out["raw"].glob("*.npy")), sequence_length=SEQUENCE,
                pad_token_id=meta["eos_id"], eos_token_id=meta["eos_id"],
                vocab_size=meta["vocab_size"], dtype=np.dtype(meta["dtype"]).type,
            )  # fmt: skip
            found = [back[k]["input_ids"].numpy() for k in range(len(back))]
            raw += np.array_equal(np.concatenate(found), np.concatenate(whole))
            tokens += meta["tokens"]
    return Finding(
        claim=CLAIM,
        measured=f"{at}: with a header {plain}, without {raw} of {len(PLANTED)} datasets came "
        f"back, {tokens} tokens.",
        holds=plain == raw == len(PLANTED),
        numbers={"npy": plain, "raw": raw, "of": len(PLANTED), "tokens": tokens},
    )
