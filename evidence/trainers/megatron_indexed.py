"""Megatron-Core: its writer and reader of indexed datasets."""

import numpy as np
from evidence.stacks import reader, scratch, with_tokenizer

from cuvee import trainers
from cuvee.testing.evidence import Finding
from cuvee.testing.trainers import PLANTED
from cuvee.trainers.encoding import encoder

CLAIM = (
    "Megatron-Core's IndexedDatasetBuilder makes the same .bin and .idx to the byte, and its "
    "IndexedDataset reads every document (Megatron-Core)."
)


def run() -> Finding:
    indexed, at = reader("megatron.core.datasets.indexed_dataset", "megatron-core")
    torch, _ = reader("torch", "torch")
    same = read = documents = 0
    with scratch() as folder:
        settings = with_tokenizer(folder)
        for i, planted in enumerate(PLANTED.values()):
            dataset, out = planted.dataset(), folder / str(i)
            out.mkdir()
            trainers.load("megatron_indexed", **settings).write(dataset, out)
            source = encoder("megatron_indexed", settings["tokenizer"], "", settings["eos"])
            ids = list(source.documents(dataset))
            builder = indexed.IndexedDatasetBuilder(
                str(out / "theirs.bin"), dtype=indexed.DType.optimal_dtype(source.size)
            )
            for one in ids:
                builder.add_document(torch.from_numpy(one.astype(np.int64)), [len(one)])
            builder.finalize(str(out / "theirs.idx"))
            ours = out / "mixed_text_document"
            same += all(
                ours.with_suffix(end).read_bytes() == (out / f"theirs{end}").read_bytes()
                for end in (".bin", ".idx")
            )
            back = indexed.IndexedDataset(str(ours))
            read += len(back) == len(ids) and all(map(np.array_equal, back, ids))
            documents += len(ids)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {same} of {len(PLANTED)} datasets the same bytes, {read} read back whole, "
        f"{documents} documents.",
        holds=same == read == len(PLANTED),
        numbers={"same": same, "read": read, "of": len(PLANTED), "documents": documents},
    )
