"""A process that keeps its memory asks the system for no page twice."""

import subprocess
import sys

PROGRAM = """
import resource
from mlipbench_hpc.architectures.shared.memory import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
given_back = faults()
keep_memory()
faults()
print(given_back, faults())
"""


def test_an_array_beyond_32_mb_costs_faults_once() -> None:
    """2^26 bytes are 16,384 pages of 4 kB, or 32 of 2 MB."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    given_back, kept = map(int, ended.stdout.split())
    assert given_back >= 32
    assert kept < 8
