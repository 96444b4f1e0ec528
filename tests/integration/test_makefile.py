"""The Makefile: what a target runs."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("target", "said", "unsaid"),
    [
        pytest.param(["simulate"], "--out docs/measured/incentives.json", "--small", id="the whole study"),
        pytest.param(["simulate", "QUICK=1"], "--small", "--out", id="a try"),
        pytest.param(["test"], "-m 'not slow'", "VOICE_FUZZ_CASES", id="a change"),
        pytest.param(["test", "SLOW=1"], "-m 'not small'", "not slow", id="everything"),
    ],
)
def test_make_runs_what_its_help_says(target: list[str], said: str, unsaid: str) -> None:
    """A variable that is set for one target must not change another."""
    clean = {"PATH": os.environ["PATH"]}  # without what a make above this process has set
    told = subprocess.run(["make", "-n", *target], cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout
    assert said in told
    assert unsaid not in told
