"""Corpora of known size, in every form that a look has to find its way into."""

import gzip

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

WORDS = np.array([f"w{i:x}" for i in range(3000)])
FORMS = (
    "parquet", "groups.parquet", "jsonl", "jsonl.zst", "jsonl.gz", "csv", "arrow", "folder", "txt",
    "list", "function",
)  # fmt: skip


def texts(size: int, seed: int = 0) -> list[str]:
    """Documents of about so many bytes in all, of very different lengths."""
    rng = np.random.default_rng(seed)
    found, held = [], 0
    while held < size:
        lengths = np.minimum(rng.lognormal(4, 1, 200).astype(int) + 1, 4000)
        drawn = WORDS[np.minimum(rng.zipf(1.3, lengths.sum()), len(WORDS)) - 1]
        for words in np.split(drawn, np.cumsum(lengths)[:-1]):
            found.append(" ".join(words))
            held += len(found[-1])
    return found


def spec(folder, form, documents):
    """What a user writes for the documents in one of the forms."""
    path = folder / f"a.{form}"
    table = pa.table({"text": pa.array(documents, pa.large_string())})
    lines = b"".join(orjson.dumps({"text": text, "n": 1}) + b"\n" for text in documents)
    if form.endswith("parquet"):
        pq.write_table(table, path, row_group_size=len(documents) // (9 if "groups" in form else 1))
    elif form == "jsonl":
        path.write_bytes(lines)
    elif form == "jsonl.zst":
        path.write_bytes(zstandard.ZstdCompressor().compress(lines))
    elif form == "jsonl.gz":
        path.write_bytes(gzip.compress(lines))
    elif form == "csv":
        path.write_text("n,text\n" + "".join(f'1,"{text}"\n' for text in documents))
    elif form == "arrow":
        pyarrow.feather.write_feather(table, path, compression="uncompressed", chunksize=200)
    elif form == "folder":
        path.mkdir()
        for i, text in enumerate(documents):
            (path / f"{i:05}.txt").write_text(text)
    elif form == "txt":
        path.write_text("\n\n".join(documents))
    elif form == "list":
        return documents
    else:
        return lambda: iter(documents)
    return str(path)


def held(source):
    """Documents and bytes of text that a source really has."""
    lengths = [
        len(text.encode())
        for piece in source.pieces()
        for batch in source.read(piece)
        for text in batch.text.to_pylist()
    ]
    return len(lengths), sum(lengths)
