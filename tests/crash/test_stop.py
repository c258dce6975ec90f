"""Ctrl-C and a request to end: one line, the right status, no traceback, and nothing is lost."""

import random
import signal
import subprocess
import sys
import time

import pytest
from soak.process import Started
from tests.crash.world import BLEND, OUT, tree

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
LINES = ("cuvee: stopped. What is finished stays; --resume goes on.\n", "cuvee: stopped.\n")
START = """
import sys

def hook(event, details):
    if event == "import" and details[0] == "cuvee.cli":
        print("here", flush=True)

sys.addaudithook(hook)
from cuvee.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("number", STATUS)
def test_stopped_at_random_moments(world, whole, number):
    times, stopped, case = random.Random(number), 0, 0
    while stopped < 4:
        assert case < 30
        case += 1
        place = world.place(f"case{case}")
        words = (*BLEND, *OUT)
        for _ in range(2):
            begun = Started(words, place, first=_ready)
            while "ready" not in begun.said and begun.wait(0.001) is None:
                continue
            begun.wait(times.uniform(0, 0.5))
            begun.send(number)
            status = begun.wait(60)
            words = (*BLEND, *OUT, "--resume")
            if status == 0:
                break
            stopped += 1
            assert status == STATUS[number], begun.said
            assert begun.said.removeprefix("ready\n") in LINES
            # Stopped while it tidied up or printed, all of it is there.
            left = {n: content for n, content in tree(place.out).items() if ".cuvee" not in str(n)}
            assert left == whole or not [name for name in left if "d/manifest.json" in str(name)]
        world.again(place, *words)
        assert tree(place.out) == whole


def _ready() -> None:
    print("ready", flush=True)


@pytest.mark.parametrize("number", STATUS)
def test_stopped_while_the_program_is_loaded(world, number):
    times = random.Random(number)
    for _ in range(5):
        command = [sys.executable, "-c", START, *BLEND, "--out", "d"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=world.work, stdout=pipe, stderr=pipe, text=True, preexec_fn=_heed
        ) as begun:
            assert begun.stdout is not None and begun.stderr is not None
            assert begun.stdout.readline() == "here\n"
            time.sleep(times.uniform(0.002, 0.3))
            begun.send_signal(number)
            said = begun.stderr.read()
            assert begun.wait() == STATUS[number], said
            assert said in LINES


def _heed() -> None:
    """Where tests run in the background, a shell has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
