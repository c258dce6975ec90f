"""What threads side by side need: memory that stays, and an interpreter that is handed on."""

import platform
import subprocess
import sys

import pytest

from cuvee.engine import local
from cuvee.engine.local import Local

FAULTS = """
import resource, sys
import numpy as np
from cuvee.core.threads import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
def work():
    return [np.ones(3 << 17) for _ in range(6)] and None  # 3 MB each
work()
begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


def faults(word: str) -> int:
    command = [sys.executable, "-c", FAULTS, word]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_freed_memory_stays_with_the_process():
    most = 0.1 if platform.libc_ver()[0] == "glibc" else 1.5  # others do as they like
    assert faults("keep") <= most * faults("leave") + 100


def test_threads_give_way_while_jobs_run_and_only_then():
    usual = sys.getswitchinterval()
    engine = Local(2)
    during = list(engine(lambda _: sys.getswitchinterval(), range(4), label="looking"))
    assert during == pytest.approx([local.BRIEF] * 4)
    assert sys.getswitchinterval() == usual
    with pytest.raises(ZeroDivisionError):
        list(engine(lambda item: 1 // item, range(2), label="failing"))
    assert sys.getswitchinterval() == usual
