"""Standard output holds the answer and nothing else."""

import json
import subprocess
import sys

PROGRAM = """
import ctypes
from neurons.cli.options import answer
from neurons.cli.output import prints_aside

with prints_aside():
    print("from Python")
    ctypes.CDLL(None).printf(b"from C\\n")
    ctypes.CDLL(None).puts(b"also from C")
answer(True, {"score": 1}, lambda: None)
"""


def test_what_a_library_prints_is_no_part_of_the_answer() -> None:
    """One JSON document on standard output, all else on standard error, whoever printed it."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(run.stdout) == {"score": 1}
    assert sorted(run.stderr.splitlines()) == ["also from C", "from C", "from Python"]
