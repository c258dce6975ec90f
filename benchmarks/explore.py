"""Round trip of the page of `cuvee explore`: a question over HTTP, 12 sources and 12 targets."""

import http.client
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import cuvee
from benchmarks.shared import Figure, Options, corpora
from cuvee import explore

QUESTIONS = 40
BUDGET = 1_000_000


def run(options: Options) -> list[Figure]:
    """Milliseconds from asking for other shares, or another budget, to all losses."""
    texts, of = corpora()
    with tempfile.TemporaryDirectory() as name:
        folder, specs = Path(name) / "mixed", {}
        for source, documents in texts.items():
            specs[source] = str(Path(name) / f"{source}.parquet")
            pq.write_table(pa.table({"text": documents}), specs[source])
        cuvee.blend(specs, budget=BUDGET, method="natural").write(folder)
        with explore.explore(folder) as page:
            shares, budgets = _asked(page, options.rounds)
    note = f"{of}, each a target too; median of {QUESTIONS} questions in each round"
    return [
        Figure("other shares", shares, "ms", "<= 50", note=note),
        Figure("another budget, its rivals computed, too", budgets, "ms", note=note),
    ]


def _asked(page: explore.Explorer, rounds: int) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(0)
    connection = http.client.HTTPConnection("127.0.0.1", page.port)
    many = len(page.session.trainer.sources)
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for moved, into in zip((False, True), found):
            took = []
            for i in range(QUESTIONS):
                tokens = BUDGET + (1 + i + QUESTIONS * number) * moved
                question = {"shares": rng.dirichlet(np.ones(many)).tolist(), "tokens": tokens}
                begin = time.perf_counter()
                _ask(connection, page.token, question)
                took.append(time.perf_counter() - begin)
            into.append(1e3 * float(np.median(took)))
    connection.close()
    return found


def _ask(connection: http.client.HTTPConnection, token: str, question: dict[str, object]) -> None:
    body = json.dumps(question).encode()
    connection.request("POST", "/api/predict", body, {"X-Cuvee-Token": token})
    reply = connection.getresponse()
    told = json.loads(reply.read())
    if reply.status != 200:
        raise RuntimeError(told["error"])
