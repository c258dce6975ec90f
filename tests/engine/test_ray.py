"""What is special to Ray: several nodes, lost processes, lost nodes, and an end without leftovers.

The cluster has three nodes, all on this machine; what they share is the file system.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

import cuvee
from cuvee import driver, export
from cuvee.core import CuveeError
from cuvee.engine import Kept, cluster
from cuvee.engine import ray as engine
from cuvee.engine.local import Local
from cuvee.engine.ray import Ray


@pytest.fixture(scope="module", autouse=True)
def nodes():
    """Three; we are on the first."""
    cluster.end()
    store = 100 << 20
    beat = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200}
    head = {
        "num_cpus": 1, "object_store_memory": store, "include_dashboard": False,
        "_system_config": beat,
    }  # fmt: skip
    made = Cluster(initialize_head=True, head_node_args=head)
    for cpus in (2, 1):
        made.add_node(wait=False, num_cpus=cpus, object_store_memory=store)
    made.wait_for_nodes()
    with cluster.joined(made.address, 0):
        yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two kinds of text in six files each, with lines that are no documents."""
    folder, rng = tmp_path_factory.mktemp("sources"), np.random.default_rng(0)
    for name in ("numbers", "letters"):
        (folder / name).mkdir()
        for part in range(6):
            digits = rng.integers(0, 40, (40, 60)) + (0 if name == "numbers" else 60)
            lines = [json.dumps({"text": " ".join(map(str, row))}) for row in digits.tolist()]
            (folder / name / f"{part}.jsonl").write_text("\n".join([*lines, "{broken"]))
    return {name: f"{folder}/{name}/*.jsonl" for name in ("numbers", "letters")}


def written(sources, out, where):
    """Hash of every file of the main job's output."""
    asked = driver.ask(sources, target="numbers", budget="20k", seed=3)
    driver.decide(driver.opened_for(asked, where)).write(out)
    files = sorted(p for p in out.rglob("*") if p.is_file())
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def expected(sources, tmp_path_factory):
    """The output of one worker on one machine, of several shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "write_dataset", partial(export.write_dataset, shard_bytes=6_000))
        found = written(sources, tmp_path_factory.mktemp("expected"), Local(1))
        assert sum("part-" in name for name in found) > 5
        yield found


def test_the_same_bytes_on_one_machine_and_on_several(nodes, sources, expected, tmp_path):
    assert written(sources, tmp_path / "local", Local(3)) == expected
    assert written(sources, tmp_path / "ray", Ray(nodes.address)) == expected


def test_training_gives_the_same_bits(sources, tmp_path, monkeypatch):
    small = "transformer:size=30000:vocabulary=300:context=32:target_tokens=300"
    found = []
    for name, where in (("local", Local(2)), ("ray", Ray(workers=1))):
        monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / name))
        settings = {"target": "numbers", "budget": "1k", "proxy": small, "seed": 5}
        losses = cuvee.trial(sources, [[0.5, 0.5], [0.9, 0.1]], engine=where, **settings)
        found.append(losses.draws.tobytes())
        assert len(list(tmp_path.glob(f"{name}/*/runs/*.npz"))) == 2
    assert found[0] == found[1]


def test_jobs_run_on_every_node(nodes):
    def job(i):
        time.sleep(0.2)
        return os.environ["CUVEE_CACHE"], ray.get_runtime_context().get_node_id()

    found = []
    for _ in range(10):  # a node that is busy elsewhere may come late
        found += Ray(nodes.address)(job, range(9), label="where")
        if len({node for _, node in found}) == 3:
            break
    assert len({node for _, node in found}) == 3
    assert {cache for cache, _ in found} == {os.environ["CUVEE_CACHE"]}


def test_no_more_jobs_on_a_node_than_fit_into_its_memory():
    def job(i):
        begin = time.monotonic()
        time.sleep(0.1)
        return begin, time.monotonic(), ray.get_runtime_context().get_node_id()

    for holds, most in ((60, 1), (50, 2)):
        found = list(Ray(memory=100)(job, range(16), label="large", holds=holds))
        at_once = [sum(b <= t < e and n == node for b, e, n in found) for t, _, node in found]
        assert max(at_once) == most


def test_a_killed_worker_makes_no_difference(sources, expected, tmp_path):
    driver_process, mark = os.getpid(), tmp_path / "killed"

    class Deadly:
        """A source whose first reader does not survive it."""

        def __init__(self, source):
            self.source, self.name, self.paths = source, source.name, source.paths

        def pieces(self):
            return self.source.pieces()

        def fingerprint(self):
            return self.source.fingerprint()

        def read(self, piece):
            for batch in self.source.read(piece):
                if os.getpid() != driver_process and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield batch

    from cuvee.sources import open_source

    deadly = {name: Deadly(open_source(name, spec)) for name, spec in sources.items()}
    found = written(deadly, tmp_path / "out", Ray())
    assert mark.exists()
    # Where the sources lie is in these; how they are given is not the same.
    given = {"recipe.json", "blend.json", "report.html", "README.md"}
    assert {k: v for k, v in found.items() if k not in given} == {
        k: v for k, v in expected.items() if k not in given
    }


def test_a_worker_that_always_dies_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(engine, "RETRIES", 1)

    def job(i):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(CuveeError, match=r"deadly: the Ray cluster failed .* fewer --workers"):
        list(Ray()(job, range(2), label="deadly"))


def test_a_node_with_other_libraries_is_refused(monkeypatch):
    monkeypatch.setattr(engine, "versions", lambda: {"numpy": "0.1"})
    with pytest.raises(CuveeError, match=r"a node of the Ray cluster has numpy .* expected 0.1"):
        list(Ray()(abs, range(3), label="numbers"))


def test_what_cannot_travel_is_named():
    lock = threading.Lock()
    with pytest.raises(CuveeError) as found:
        list(Ray()(lambda i: lock.acquire(), range(3), label="reading"))
    assert str(found.value).startswith("reading: this cannot be sent to other processes (")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("made", [Ray("auto", 3, print), Local(3, print), Kept(Ray(), Path())])
def test_an_engine_inside_a_job_runs_where_it_is(made):
    inside = engine.unpacked(engine.packed(made))
    assert isinstance(inside, Local)
    assert inside.workers == 1
    inside.progress("label", 0, 1)


def test_another_cluster_than_the_one_we_are_in(nodes):
    with pytest.raises(CuveeError, match=r"connected to the Ray cluster at .*: expected 10\.0"):
        list(Ray("10.0.0.1:6379")(abs, range(3), label="numbers"))


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:{port}", "cannot join the Ray cluster at 127.0.0.1:.*refused.*: start it with"),
        ("ray://127.0.0.1:{port}", "at ray://.* .expected auto, or host:port of a cluster that"),
        ("nowhere", "cannot join the Ray cluster at nowhere .expected auto, or host:port"),
    ],
)
def test_a_cluster_that_cannot_be_reached(monkeypatch, address, message):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    begin = time.monotonic()
    with pytest.raises(CuveeError, match=message) as found:
        list(Ray(address.format(port=free_port()))(abs, range(3), label="numbers"))
    assert "\n" not in str(found.value)
    assert time.monotonic() - begin < 15


def test_a_cluster_that_does_not_start(monkeypatch):
    tried = []

    def fail(**settings):
        tried.append(Path(settings["_temp_dir"]))
        raise Exception("The current node timed out during startup.\nThis could happen")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = dict(os.environ)
    with pytest.raises(CuveeError, match=r"could not be started .* timed out during startup. This"):
        list(Ray()(abs, range(3), label="numbers"))
    assert len(tried) == 2
    assert not any(folder.exists() for folder in tried)
    assert dict(os.environ) == before


def test_other_versions_of_ray(monkeypatch):
    def refuse(**settings):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.0.0")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(CuveeError, match=r"Ray: 2.0.0.: install the same versions of Python, Ray"):
        list(Ray("auto")(abs, range(3), label="numbers"))


def test_the_library_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CuveeError, match=r'pip install "cuvee\[ray\]"'):
        cuvee.trial({"a": ["b c"], "d": ["e f"]}, [0.5, 0.5], target=["b"], engine="ray")


def test_a_lost_node_makes_no_difference(nodes, sources, expected, tmp_path):
    def lose(label, done, total):
        if label == "drawing documents" and done == 2:
            nodes.remove_node(list(nodes.worker_nodes)[-1], allow_graceful=False)

    assert len(nodes.worker_nodes) == 2
    assert written(sources, tmp_path / "out", Ray(progress=lose)) == expected
    assert len(nodes.worker_nodes) == 1


def test_results_that_were_lost_with_a_node_are_made_again(nodes):
    def job(i):
        time.sleep(0.1)
        return np.full(300_000, i)

    found = []
    for i, result in enumerate(Ray()(job, range(24), label="large")):
        found.append(bool((result == i).all()))
        if i == 4:
            nodes.remove_node(*nodes.worker_nodes, allow_graceful=False)
    assert found == [True] * 24


ENDED = """
import signal, sys, time
from functools import partial
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
from cuvee.engine.ray import Ray
def job(folder, i):
    Path(folder, str(i)).touch()
    time.sleep(60)
try:
    list(Ray(workers=1)(partial(job, sys.argv[1]), range(4), label="sleep"))
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_nothing_is_left_whatever_ends_the_program(tmp_path):
    started = {}
    own = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    for how in (signal.SIGINT, signal.SIGKILL):
        folder = tmp_path / how.name
        folder.mkdir()
        process = subprocess.Popen([sys.executable, "-c", ENDED, str(folder)], env=own)
        started[how] = process, folder
    for how, (process, folder) in started.items():
        while not (folder / "0").exists():
            assert process.poll() is None
            time.sleep(0.05)
        others = psutil.Process(process.pid).children(recursive=True)
        if how is signal.SIGKILL:  # two processes of Ray's own look around for a minute or so
            others = [p for p in others if not p.name().endswith("Agent")]
        assert len(others) > 3
        begin = time.monotonic()
        os.kill(process.pid, how)
        assert process.wait(timeout=30) == (7 if how is signal.SIGINT else -signal.SIGKILL)
        assert time.monotonic() - begin < 20
        assert not psutil.wait_procs(others, timeout=20)[1], "processes were left"
