"""The soak, small: three validators, a few rounds, a node that fails. `make soak` is the long one."""

import json
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from neurons.devchain.faults import Kind, check
from scoring.types import Hotkey, Uid
from tests.soak import checks
from tests.soak.storm import storm

ROOT = Path(__file__).parents[2]
SMALL = ("--rounds", "8", "--pause", "1", "--most", "110")


def soak(*options: str) -> tuple[int, Any]:
    """The exit status of a run, and what it printed; it is ended, with everything it started, when it takes too long."""
    command = [sys.executable, "-m", "tests.soak.run", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    try:
        output, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        raise AssertionError(f"the run did not end: {errors.decode()[-2000:]}") from None
    assert output, errors.decode()[-2000:]
    return process.returncode, json.loads(output)


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_validators_agree_whatever_the_node_does() -> None:
    """Three real validators on one stack and a failing node: none dies, all vectors are valid, all ledgers are the same."""
    status, outcome = soak(*SMALL)
    assert {name: wrong for name, wrong in outcome["checks"].items() if wrong} == {}
    assert (status, outcome["counts"]["rounds"] >= 8, len(outcome["memory"])) == (0, True, 3)


def test_a_seed_says_what_goes_wrong_and_each_kind_does() -> None:
    """The same seed is the same storm, another one has another order; one turn brings every kind, and each plan means something."""
    first = list(islice(storm(7, 1.0), 30))
    assert first == list(islice(storm(7, 1.0), 30))
    assert first != list(islice(storm(8, 1.0), 30))
    assert {gust.plan.kind for gust in first[:11]} == set(Kind)
    for gust in first:
        check(gust.until(100, [1, 2, 3]))


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        pytest.param(((0, 21_845), (2, 65_535)), None, id="planned"),
        pytest.param(((0, 21_845), (3, 65_535)), "a weight goes to a registered uid", id="nobody has the uid"),
        pytest.param(((0, 65_535), (2, 65_535)), "planned no such vector", id="never planned"),
        pytest.param(((0, 0),), "at least one target", id="nothing"),
    ],
)
def test_a_vector_is_judged(vector: checks.Vector, why: str | None) -> None:
    """A vector on the chain passes the last gate once more, and is one of those that were planned."""
    given = checks.Given(9, Hotkey("v"), vector, frozenset({Uid(0), Uid(2)}))
    found = checks.invalid(given, {((0, 21_845), (2, 65_535))})
    assert found is None if why is None else found is not None and why in found


@pytest.mark.parametrize(
    ("samples", "growth"),
    [
        pytest.param([50.0, 80.0, 100.0] + [100.0] * 6, 0.0, id="flat after it has started"),
        pytest.param([float(number) for number in range(90, 120)], 19.0, id="a MiB a sample"),
        pytest.param([90.0], 0.0, id="one sample"),
    ],
)
def test_memory_grows_or_does_not(samples: list[float], growth: float) -> None:
    """The growth is that of the last two thirds: starting is no leak."""
    assert checks.memory(samples).growth == pytest.approx(growth, abs=1e-6)
