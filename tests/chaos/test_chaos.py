"""The chaos run, small (one of each fault) and large. `make test-chaos` is the longest, and prints what happened."""

from collections.abc import Sequence

import pytest

from tests.builders.storm_run import run_apart
from tests.chaos.faults import Fault, plan

pytestmark = pytest.mark.e2e

SMALL = (
    *("--faults", "17", "--pause", "0.3", "--rounds", "3", "--newcomers", "4", "--entries", "8"),
    *("--workers", "2", "--sample-seconds", "0.02", "--settle", "60", "--most", "120"),
)
LARGE = ("--faults", "90", "--rounds", "14", "--seed", "5")


@pytest.mark.parametrize(
    ("options", "evaluations"),
    [
        pytest.param(SMALL, 20, id="small", marks=pytest.mark.small),
        pytest.param(LARGE, 189, id="large", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(500)
def test_nothing_is_lost_doubled_or_blamed_on_a_miner(options: Sequence[str], evaluations: int) -> None:
    """Each fault, against real processes: afterwards every pair has its one verdict, and no process is left."""
    status, outcome = run_apart("tests.chaos.run", options)
    assert {name: wrong for name, wrong in outcome["checks"].items() if wrong} == {}
    assert (status, outcome["evaluations"], set(outcome["injected"])) == (0, evaluations, {fault.value for fault in Fault})


def kinds(seed: int, count: int) -> Sequence[Fault]:
    """The faults of a plan."""
    return [planned.fault for planned in plan(seed, count, 1.0)]


def test_a_seed_says_what_goes_wrong_and_each_kind_does() -> None:
    """The same seed is the same storm; another one has another order; seventeen faults bring every kind."""
    assert plan(7, 40, 1.0) == plan(7, 40, 1.0)
    assert kinds(7, 40) != kinds(8, 40)
    assert set(kinds(7, 17)) == set(Fault)
