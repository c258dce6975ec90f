"""Datasets written to a store: the same bytes, and nobody else meanwhile."""

import logging
import os
import threading
import time

import pytest

import cuvee
from cuvee.core import CuveeError
from cuvee.core.files import place, remove_tree, write_whole
from cuvee.engine import Kept
from cuvee.engine.local import Local
from cuvee.engine.roll import Roll
from cuvee.export import lease as leases
from cuvee.export import locked

TEXTS = {
    "verse": [f"a rose is a rose number {i}" for i in range(300)],
    "prose": [f"the {i}th guest came late and left early" for i in range(300)],
}
NAMES = {"README.md", "blend.json", "data/part-00000.parquet", "manifest.json", "recipe.json",
         "report.html", "trials.parquet"}  # fmt: skip


@pytest.fixture(scope="module")
def bucket():
    server = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    store = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    names = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "some",
             "AWS_SECRET_ACCESS_KEY": "some", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    yield "s3://bucket"
    s3fs.S3FileSystem.clear_instance_cache()
    store.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(params=["s3", "memory"])
def store(request, bucket):
    address = f"{bucket if request.param == 's3' else 'memory:/'}/{time.time_ns()}"
    yield address
    remove_tree(place(address))


def answer():
    return cuvee.blend(TEXTS, target="verse", budget="1k")


def tree(folder):
    return {
        str(p)[len(str(folder)) + 1 :]: p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_same_bytes_as_on_this_machine(store, tmp_path):
    found = answer()
    manifest = found.write(f"{store}/mixed")
    assert found.write(tmp_path / "mixed") == manifest
    assert set(tree(tmp_path / "mixed")) == NAMES
    assert tree(place(f"{store}/mixed")) == tree(tmp_path / "mixed")
    with pytest.raises(CuveeError, match="holds a finished dataset"):
        found.write(f"{store}/mixed")
    assert found.write(f"{store}/mixed", resume=True) == manifest


def test_what_is_not_ours_is_left_alone(store):
    write_whole(place(f"{store}/mixed") / "notes.txt", lambda path: path.write_text("mine"))
    with pytest.raises(CuveeError, match=r"mixed is not empty \(notes.txt"):
        answer().write(f"{store}/mixed")
    assert list(tree(place(f"{store}/mixed"))) == ["notes.txt"]


def test_goes_on_where_it_was_stopped(store, tmp_path, monkeypatch):
    found = answer()
    found.write(tmp_path / "whole")
    monkeypatch.setattr("cuvee.answer.to_json", lambda answer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        found.write(f"{store}/mixed")
    monkeypatch.undo()
    begun = tree(place(f"{store}/mixed"))
    assert "manifest.json" not in begun
    assert begun["data/part-00000.parquet"]
    found.write(f"{store}/mixed", resume=True)
    assert tree(place(f"{store}/mixed")) == tree(tmp_path / "whole")


def roll(store, rank):
    return Roll.join(place(f"{store}/ranks"), rank, 2, {})


def test_results_are_shared_through_a_store(store):
    found = {}

    def process(rank):
        engine = Kept(Local(1), place(f"{store}/jobs"), roll(store, rank), 20)
        found[rank] = list(engine(lambda i: i * i, range(6), label="squares"))
        engine.leave()

    threads = [threading.Thread(target=process, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {rank: [0, 1, 4, 9, 16, 25] for rank in (0, 1)}


def test_a_second_writer_is_refused(store):
    out, second = place(f"{store}/mixed"), []

    def try_it():
        try:
            with locked(out):
                second.append("in")
        except CuveeError as error:
            second.append(str(error))

    with locked(out):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert len(second) == 1
    assert "another process is writing to" in second[0]
    with locked(out):
        pass  # free again


def test_a_holder_that_was_killed_is_forgotten(store, monkeypatch):
    monkeypatch.setattr(leases, "RENEW", 0.1)
    monkeypatch.setattr(leases, "LAPSE", 0.3)
    path = place(f"{store}/mixed") / ".cuvee" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'{"holder": "nobody", "time": 5.0}')
    with locked(place(f"{store}/mixed")):
        first = path.fs.cat_file(path.path)
        assert b"nobody" not in first
        time.sleep(0.5)
        assert path.fs.cat_file(path.path) != first  # renewed


@pytest.mark.parametrize("address", ["ftp://x/y", "https://example.org/mixed", "sftp://a/b"])
def test_other_places_are_refused(address):
    with pytest.raises(CuveeError, match="cuvee writes to this machine and to s3"):
        place(address)
