"""Who may ask the page's server, what it answers, and what it writes."""

import http.client
import json
import threading
from contextlib import contextmanager

import numpy as np
import pytest

import cuvee
from cuvee import CuveeError, explore
from cuvee.cli import main


@contextmanager
def connected(page):
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def get(page, path):
    """Status, headers and content of a page."""
    with connected(page) as connection:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()


def ask(page, path, question=None, **headers):
    """Status and answer of one question."""
    given = {"X-Cuvee-Token": page.token} | {k.replace("_", "-"): v for k, v in headers.items()}
    body = question if isinstance(question, bytes) else json.dumps(question or {}).encode()
    with connected(page) as connection:
        connection.request("POST", f"/api/{path}", body, given)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def about(page):
    return ask(page, "about")[1]


def test_forecast_is_that_of_trial(page, place):
    told = about(page)
    assert told["sources"] == ["web", "code", "<b>bad"]
    shares = [0.5, 0.3, 0.2]
    status, found = ask(page, "predict", {"shares": shares, "tokens": 4000})
    assert status == 200
    sources = {"web": "web.jsonl", "code": "code.jsonl", "<b>bad": "bad.jsonl"}
    losses = cuvee.trial(sources, dict(zip(sources, shares)), budget="4k", seed=1)
    assert np.allclose([found["losses"][t]["mean"] for t in told["targets"]], losses.mean[0])
    assert found["epochs"] == pytest.approx(
        [s * 4000 / a for s, a in zip(shares, told["available"])]
    )
    for rival in ("uniform", "natural"):
        assert set(found["rivals"][rival]["gains"]) == set(told["targets"])
    equal = ask(page, "predict", {"shares": [1 / 3] * 3, "tokens": 4000})[1]
    assert equal["rivals"]["uniform"]["gain"]["mean"] == pytest.approx(0, abs=1e-4)


def test_it_begins_with_the_shares_that_were_written(page, place):
    written = json.loads((place / "mixed" / "blend.json").read_text())["shares"]
    told = about(page)
    assert told["shares"] == [written[name]["mean"] for name in told["sources"]]


def test_without_the_token_nothing_is_said(page):
    for token in ("", "x", page.token[:-1], page.token + "é"):
        with connected(page) as connection:
            connection.putrequest("POST", "/api/about")
            connection.putheader("X-Cuvee-Token", token.encode("utf-8"))
            connection.putheader("Content-Length", "2")
            connection.endheaders(b"{}")
            reply = connection.getresponse()
            assert reply.status == 403
            assert b"web" not in reply.read()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]:80"])
def test_other_names_of_this_machine_are_refused(page, host):
    assert ask(page, "about", Host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_other_pages_are_refused(page, origin):
    assert ask(page, "about", Origin=origin)[0] == 403
    assert ask(page, "about", Origin=f"http://127.0.0.1:{page.port}")[0] == 200


@pytest.mark.parametrize("path", ["/../session.py", "/%2e%2e/session.py", "/page.html", "/x"])
def test_only_the_page_itself_is_served(page, path):
    assert get(page, path)[0] == 404


def test_pages_may_run_nothing_but_the_script(page):
    for path in ("/", "/page.js", "/page.css"):
        status, headers, content = get(page, path)
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.token.encode() not in content


@pytest.mark.parametrize(
    ("path", "question", "said"),
    [
        ("predict", b"[1]", "JSON object"),
        ("predict", b"{", "JSON object"),
        ("predict", b'{"tokens": NaN}', "JSON object"),
        ("predict", b"[" * 100_000, "JSON object"),
        ("predict", {}, "the budget"),
        ("predict", {"tokens": 4000}, "a share for each"),
        ("predict", {"tokens": 4000, "shares": [1, 1, 1]}, "sum to 1"),
        ("predict", {"tokens": 4000, "shares": [2, -1, 0]}, "from 0 on"),
        ("predict", {"tokens": 4000, "shares": ["1", 0, 0]}, "expected a number"),
        ("predict", {"tokens": 0, "shares": [1, 0, 0]}, "1 or more"),
        ("predict", {"tokens": 10**14, "shares": [1, 0, 0]}, "beyond the data"),
        ("suggest", {"tokens": 4000, "method": "doremi"}, "unknown method"),
        ("add", {"tokens": 4000, "shares": [1, 0, 0], "losses": {}}, "expected a loss"),
        ("write", {"tokens": 4000, "shares": [1, 0, 0], "name": "../x"}, "no folders"),
        ("write", {"tokens": 4000, "shares": [1, 0, 0], "name": ""}, "no folders"),
        ("nonsense", {}, "there is no"),
    ],
)
def test_bad_questions_get_one_clear_line(page, path, question, said):
    status, answer = ask(page, path, question)
    assert 400 <= status < 500
    assert said in answer["error"]
    assert "\n" not in answer["error"]


def test_a_question_too_long_is_refused(page):
    assert ask(page, "about", b"x", Content_Length=str(1 << 30))[0] == 413


def test_many_at_a_time(page):
    found = []

    def one(i):
        part = i / 20
        found.append(ask(page, "predict", {"shares": [part, 1 - part, 0], "tokens": 4000})[0])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 20


def test_methods_recommend(page):
    told = about(page)
    best = ask(page, "suggest", {"tokens": 4000, "method": "descent"})[1]
    equal = ask(page, "suggest", {"tokens": 4000, "method": "uniform"})[1]
    assert {"descent", "uniform", "regmix"} <= set(told["methods"])
    assert sum(best["shares"]) == pytest.approx(1)
    assert best["objective"]["mean"] <= equal["objective"]["mean"] + 1e-6


def test_what_is_written_can_be_made_again(page, place):
    question = {"shares": [0.5, 0.3, 0.2], "tokens": 3000, "name": "mine"}
    status, done = ask(page, "write", question)
    assert status == 200
    folder = place / "mixed-explored" / "mine"
    assert done["tokens"] == 3000
    told = json.loads((folder / "blend.json").read_text())
    assert [s["mean"] for s in told["shares"].values()] == pytest.approx([0.5, 0.3, 0.2])
    assert ask(page, "write", question)[1]["error"].startswith("mine exists already")
    assert main(["rerun", str(folder / "recipe.json"), "--out", "again", "--quiet"]) == 0
    shards = [sorted((f / "data").glob("*.parquet")) for f in (folder, place / "again")]
    assert [p.read_bytes() for p in shards[0]] == [p.read_bytes() for p in shards[1]]


def test_runs_correct_the_forecast_and_are_kept(place):
    rng = np.random.default_rng(2)
    with explore.explore("mixed", out="runs-here") as page:
        told = about(page)
        assert told["runs"] == 0
        before = ask(page, "predict", {"shares": told["shares"], "tokens": 4000})[1]
        for _ in range(4):
            shares = rng.dirichlet(np.ones(3)).tolist()
            losses = ask(page, "predict", {"shares": shares, "tokens": 4000})[1]["losses"]
            higher = {target: losses[target]["mean"] + 0.5 for target in told["targets"]}
            if about(page)["corrected"]:
                higher = {target: losses[target]["mean"] for target in told["targets"]}
            run = {"shares": shares, "tokens": 4000, "losses": higher}
            assert ask(page, "add", run)[0] == 200
        after = ask(page, "predict", {"shares": told["shares"], "tokens": 4000})[1]
        assert after["corrected"]
        assert after["objective"]["mean"] - before["objective"]["mean"] == pytest.approx(
            0.5, abs=0.2
        )
    with explore.explore("mixed", out="runs-here") as page:
        assert about(page)["runs"] == 4
        again = ask(page, "predict", {"shares": told["shares"], "tokens": 4000})[1]
        assert again["objective"]["mean"] == pytest.approx(after["objective"]["mean"])


def test_command_line(place, capsys):
    assert main(["explore", "mixed", "--check", "--quiet"]) == 0
    assert "The page answers: loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nothing"], "nothing"), (["."], "manifest"), (["mixed", "--port", "70000"], "0 to 65535")],
)
def test_bad_commands(place, capsys, words, said):
    assert main(["explore", *words, "--check", "--quiet"]) != 0
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken(page):
    with pytest.raises(CuveeError, match="cannot be had"):
        explore.Explorer(page.session, page.port)
