"""Files and requests that cannot be met are told in one line."""

import gzip
import json
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core.errors import CuveeError
from cuvee.sources import csv as csv_module
from cuvee.sources import load, open_source
from cuvee.sources.memory import Memory
from cuvee.testing.sources import documents, save_dataset

LINES = b"".join(orjson.dumps({"text": f"document {i} " * 20}) + b"\n" for i in range(500))


def told(*parts):
    """The message is one line and holds these parts."""
    return pytest.raises(CuveeError, match=r"(?s)^(?!.*\n).*" + ".*".join(parts))


def rejected(source):
    return [bad for p in source.pieces() for b in source.read(p) for bad in b.rejected]


@pytest.mark.parametrize("cut", [1, 5, 100, 2000])
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_file_cut_short(tmp_path, suffix, cut):
    whole = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}[suffix](LINES)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes((whole + whole)[:-cut])
    with told("a.jsonl", "expected JSON Lines", "damaged, cut short"):
        documents(open_source("s", path, "text"))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.csv.gz", "a.txt.zst"])
def test_not_really_compressed(tmp_path, name):
    (tmp_path / name).write_bytes(LINES)
    with told(name, "expected", "fetch or write it again"):
        documents(open_source("s", tmp_path / name, "text"))


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_file_of_no_bytes(tmp_path, suffix):
    (tmp_path / f"a.jsonl.{suffix}").write_bytes(b"")
    (tmp_path / "b.jsonl").write_bytes(LINES)
    for spec in (f"a.jsonl.{suffix}", "*.jsonl*"):
        with told(f"a.jsonl.{suffix}", "it holds no bytes at all"):
            open_source("s", str(tmp_path / spec))


def test_zst_that_asks_for_too_much_memory(tmp_path):
    settings = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(writer.compress(LINES) + writer.flush())
    with told("too much memory"):
        documents(open_source("s", path))


def test_zst_bomb_streams(tmp_path):
    path = tmp_path / "a.txt.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
        for _ in range(400):
            writer.write(b"a" * (1 << 20))
    source = open_source("s", path)
    tracemalloc.start()
    sizes = [b.text.nbytes for p in source.pieces() for b in source.read(p)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 400 << 20 <= sum(sizes) < 401 << 20
    assert max(sizes) < 4 << 20
    assert peak < 200 << 20


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"ARROW1", b"plain text " * 99, b"FEA1" * 9])
def test_not_a_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    method = "parquet" if name == "a.parquet" else "arrow"
    source = load(method, name="s", paths=(str(tmp_path / name),))
    with told(name, "expected (a Parquet|an Arrow)|Feather version 1"):
        source.pieces()
    with pytest.raises(CuveeError):
        open_source("s", tmp_path / name)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
def test_table_cut_short(tmp_path, name):
    path = tmp_path / name
    table = pa.table({"text": ["some words"] * 1000})
    if name == "a.parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_stream if name == "a.arrow" else pa.ipc.new_file
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    path.write_bytes(path.read_bytes()[:-2000] if name != "a.parquet" else path.read_bytes()[:-9])
    with told(name, "expected"):
        documents(open_source("s", path))


def test_permission_denied(tmp_path, monkeypatch):
    """Refused by hand, as the tests may run as root, who may read everything."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    source = open_source("s", path)
    pieces = source.pieces()

    def refuse(*args, **settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    for use in (source.fingerprint, lambda: list(source.read(pieces[0]))):
        with told("a.jsonl: may not be read"):
            use()


def test_nothing_matches(tmp_path):
    (tmp_path / "corpus.parquet").write_bytes(b"x")
    with told("no file matches", "Did you mean .*corpus.parquet", "holds corpus.parquet"):
        open_source("s", tmp_path / "corpsu.parquet")
    with told("no file matches", "holds corpus.parquet"):
        open_source("s", str(tmp_path / "deep" / "*.jsonl"))
    with told("holds no files"):
        (tmp_path / "void").mkdir()
        open_source("s", tmp_path / "void")
    with told("nothing to read"):
        (tmp_path / "void.txt").write_bytes(b"")
        open_source("s", tmp_path / "void.txt")


def test_text_column(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"story": ["a"], "title": ["b"], "n": [1], "l": [["x"]]}), path)
    assert documents(open_source("s", path)) == ["a"]
    assert documents(open_source("s", path, "title")) == ["b"]
    with told("unknown text column 'titel'", "Did you mean 'title'"):
        open_source("s", path, "titel")
    with told("'n' should hold text but holds int64"):
        open_source("s", path, "n")
    with told("'l' should hold text but holds list"):
        open_source("s", path, "l")
    pq.write_table(pa.table({"x": ["a"], "y": ["b"]}), path)
    with told("Columns: 'x', 'y'", "text=...", "--text-column"):
        open_source("s", path)
    (tmp_path / "a.jsonl").write_bytes(LINES)
    with told("unknown text column 'txt'", "Did you mean 'text'"):
        open_source("s", tmp_path / "a.jsonl", "txt")


def test_json_that_is_not_lines(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "a"}], indent=1))
    with told("one JSON value is spread over lines", "jq -c"):
        open_source("s", path)
    path.write_text(json.dumps([{"text": "a"}]))
    with told("expected JSON Lines"):
        open_source("s", path)


def test_one_huge_line_is_a_document(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "' + b"a" * (200 << 20) + b'"}\n{"text": "b"}\n')
    source = open_source("s", path)
    assert len(source.pieces()) == 7
    assert [len(b.text[0].as_py()) for p in source.pieces() for b in source.read(p)] == [
        200 << 20,
        1,
    ]


def test_rejects_say_where(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n\n{"text": 7}\n{"text": "b", "score": NaN}\nno\x01\n')
    source = open_source("s", path)
    assert documents(source) == ["a", "b"]
    first, second = rejected(source)
    assert (first.place, first.reason) == (f"{path}:3", "field 'text' is int instead of text")
    assert (second.place, second.sample) == (f"{path}:5", "no\\x01")


def test_lines_are_counted_across_pieces(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes((b'{"text": "' + b"a" * 1000 + b'"}\n') * 80_000 + b"bad\n")
    source = open_source("s", path)
    assert len(source.pieces()) == 3
    assert [bad.place for bad in rejected(source)] == [f"{path}:80001"]


def test_csv_with_a_lost_quote(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,text\r\n1,a\r\n\r\n2,"b\nb"\r\n3,"c\r\n4,d\r\n')
    source = open_source("s", path)
    assert documents(source) == ["a", "b\nb", "d"]
    (bad,) = rejected(source)
    assert bad.place == f"{path}:6"
    assert "unexpected end of data" in bad.reason
    path.write_text("id;text\n1;a\n")
    with told("expected columns apart by ','"):
        open_source("s", path)


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("bad", [[10], [0, 999], [3, 4, 5, 700]])
def test_csv_lost_quotes_cost_only_their_lines(tmp_path, quoted, bad):
    mark = '"' if quoted else ""
    rows = [f"{mark}{i}{mark},{mark}text {i}{mark}\n" for i in range(1000)]
    for i in bad:
        rows[i] = rows[i].rstrip('\n"') + "\n" if quoted else rows[i].replace(",", ',"')
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "".join(rows))
    source = open_source("s", path)
    assert documents(source) == [f"text {i}" for i in range(1000) if i not in bad]
    assert [r.place for r in rejected(source)] == [f"{path}:{i + 2}" for i in bad]


def test_csv_rows_of_another_width_over_lines(tmp_path):
    """One reject if the row is whole; a row that swallowed others gives them back."""
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"a\nb",c\n2,d\n3,"e\n4,f\n5,g",h\n6,i\n')
    source = open_source("s", path)
    assert documents(source) == ["d", "f", "i"]
    assert [r.place[-2:] for r in rejected(source)] == [":2", ":5", ":7"]
    path.write_text('id,"text\n1,a\n')
    with told("the header is not CSV"):
        open_source("s", path)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["1,a", '1,"a', '1,a"', '1,"a"', "1,a,b", ""])))
def test_csv_lines_are_in_a_row_or_counted(lines):
    """Whatever the quotes: each line is part of exactly one document, or rejected once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("\n".join(["id,text", "0,first", *lines, "9,last"]))
        source = open_source("s", path)
        found, bad = documents(source), rejected(source)
    assert found[0] == "first"
    assert len({r.place for r in bad}) == len(bad)
    in_rows = sum(line != "" for text in found for line in text.split("\n"))
    assert in_rows + len(bad) == 2 + sum(line != "" for line in lines)


def test_csv_with_a_quote_that_never_ends(tmp_path, monkeypatch):
    """Memory and time are bounded: lines like these look like one endless row from each of them."""
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + 'a","b\n' * 10_000 + "1,c\n")
    monkeypatch.setattr(csv_module, "REACH", 1 << 16)
    monkeypatch.setattr(csv_module, "AGAIN", 1 << 18)
    source = open_source("s", path)
    assert documents(source) == ["c"]
    assert len(rejected(source)) == 10_000
    path.write_text('id,text\n1,"' + "word\n" * 20_000 + '"\n2,c\n')
    assert documents(source) == ["c"]
    assert "not closed within" in rejected(source)[0].reason


def test_csv_of_long_fields(tmp_path):
    path = tmp_path / "a.csv"
    book = "a line, of a book\n" * 100_000
    path.write_text(f'id,text\n1,"{book}"\n2,"c"\n')
    assert documents(open_source("s", path)) == [book, "c"]


def test_tsv(tmp_path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"n\ttext\n1\ta, b\n2\t" + b"c" * 200_000 + b"\n"))
    assert documents(open_source("s", path)) == ["a, b", "c" * 200_000]


def test_folder_of_documents(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    files = {".git/x": b"no", "b.py": b"print()", "sub/a.md": b"\xef\xbb\xbf# A\r\n",
             "z.png": b"\x89PNG\xff", "empty.txt": b"", "sub/t.csv": b"a,b\n"}  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    source = open_source("s", tmp_path)
    assert documents(source) == ["print()", "# A\r\n", "a,b\n"]
    (bad,) = rejected(source)
    assert (Path(bad.place).name, bad.reason) == ("z.png", "not UTF-8 text")


def test_folder_of_data(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.jsonl", "sub/a.jsonl"):
        (tmp_path / name).write_bytes(LINES)
    (tmp_path / "README.md").write_text("about")
    source = open_source("s", tmp_path)
    assert [Path(p).name for p in source.paths] == ["b.jsonl", "a.jsonl"]
    (tmp_path / "c.csv").write_bytes(b"text\n" + b"word\n" * 9000)
    with told("several formats", "csv, jsonl"):
        open_source("s", tmp_path)


def test_saved_dataset(tmp_path):
    save_dataset(tmp_path / "one", ["a", "b"], pa.string())
    assert documents(open_source("s", tmp_path / "one")) == ["a", "b"]
    save_dataset(tmp_path / "dict" / "train", ["c", "d"], pa.large_string())
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert documents(open_source("s", tmp_path / "dict")) == ["c", "d"]
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["validation", "test"]}')
    with told("without a split 'train'", "dict/validation, .*dict/test"):
        open_source("s", tmp_path / "dict")
    (tmp_path / "one" / "state.json").write_text("{")
    with told("state.json", "no JSON"):
        open_source("s", tmp_path / "one")


def test_paths_are_sorted_and_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "c.md"):
        Path(name).write_text(name)
    for spec in (["b.txt", "a.txt", "./a.txt"], "*.txt", "b.txt, a.txt", [Path("a.txt"), "b.txt"],
                 "**/*.txt"):  # fmt: skip
        source = open_source("s", spec)
        assert documents(source) == ["a.txt", "b.txt"]
        assert list(source.fingerprint()) == ["a.txt", "b.txt"]
    with told("most entries of the list are files, but 'd.txt' is not"):
        open_source("s", ["a.txt", "b.txt", "d.txt"])
    Path("a,b.txt").write_text("comma")
    assert documents(open_source("s", "a,b.txt")) == ["comma"]
    Path("d.jsonl").write_bytes(LINES)
    with told("files of one format", "a,b.txt is text, d.jsonl is jsonl"):
        open_source("s", "*.*")


def test_requests_that_make_no_sense():
    once = iter(["a"])
    for spec in (once, lambda: once, (text for text in "ab")):
        with told("s: expected something that can be read again", "pass a list, or a function"):
            open_source("s", spec)
    for spec in (3, None, {"text": "a"}, b"a", lambda: 3, lambda: "text", []):
        with told("s: "):
            open_source("s", spec)
    with told("fsspec knows no 'cellar'"):
        open_source("s", "cellar://bucket/a.parquet")


def test_sources_pass_through_under_the_new_name():
    source = Memory("a", ("x",))
    assert open_source("a", source) is source
    assert open_source("b", source) == Memory("b", ("x",))
    assert documents(open_source("s", np.array(["x", "y"]))) == ["x", "y"]


def test_unknown_suffix(tmp_path):
    (tmp_path / "a.tex").write_text("so")
    assert documents(open_source("s", tmp_path / "a.tex")) == ["so"]
    (tmp_path / "a.pdf").write_bytes(b"%PDF\xff\xfe" * 9)
    with told("not UTF-8 text", "suffix is not known"):
        open_source("s", tmp_path / "a.pdf")


def test_long_text_is_cut_at_line_ends(tmp_path):
    text = "".join(f"line {i} é\n" for i in range(300_000))
    (tmp_path / "a.txt").write_text(text)
    found = documents(open_source("s", tmp_path / "a.txt"))
    assert "".join(found) == text
    assert all(doc.endswith("\n") and len(doc.encode()) <= 1 << 14 for doc in found)
    (tmp_path / "b.txt").write_text("é世" * 900_000)
    found = documents(open_source("s", tmp_path / "b.txt"))
    assert "".join(found) == "é世" * 900_000
    assert len(found) == 275


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_book_is_many_documents(tmp_path, ending):
    lines = [f"line {i} of a book{ending}" + ending * (i % 40 == 0) for i in range(9000)]
    path = tmp_path / "book.txt"
    path.write_bytes("".join(lines).encode())
    found = documents(open_source("s", path))
    assert "".join(found) == "".join(lines)
    assert len(found) >= 10
    assert all(doc.endswith(2 * ending) and 8192 <= len(doc) <= 16384 for doc in found[:-1])
    spaced = "".join(lines).replace(ending, " ")
    path.write_text(spaced)
    found = documents(open_source("s", path))
    assert "".join(found) == spaced
    assert all(doc.endswith(" ") and 16000 < len(doc) <= 16384 for doc in found[:-1])


def test_a_file_of_a_folder_stays_whole(tmp_path):
    code = "print()\n" * 100_000
    (tmp_path / "a.py").write_text(code)
    assert documents(open_source("s", tmp_path)) == [code]
    (tmp_path / "a.py").write_text(code * 2)
    assert [len(doc) for doc in documents(open_source("s", tmp_path))] == [1 << 20, 551_424]
