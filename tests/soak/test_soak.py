"""The soak, small and large: three validators, a few rounds, a node that fails. `make soak` is the longest."""

from collections.abc import Sequence
from itertools import islice

import pytest

from neurons.devchain.faults import FaultKind, check
from scoring.types import Block, Hotkey, Uid, Weight
from scoring.weights.plan import WeightPlan
from tests.builders.ledger import a_weight_attempt
from tests.builders.storm_run import run_apart
from tests.soak import checks, vectors
from tests.soak.storm import storm
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt

SMALL = ("--rounds", "8", "--pause", "1", "--most", "160")
LARGE = ("--rounds", "50", "--most", "420")


@pytest.mark.e2e
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("options", "rounds"),
    [
        pytest.param(SMALL, 8, id="small", marks=pytest.mark.small),
        pytest.param(LARGE, 50, id="large", marks=pytest.mark.slow),
    ],
)
def test_validators_agree_whatever_the_node_does(options: Sequence[str], rounds: int) -> None:
    """Three real validators on one stack and a failing node: none dies, all vectors are valid, all ledgers are the same."""
    status, outcome = run_apart("tests.soak.run", options)
    assert {name: wrong for name, wrong in outcome["checks"].items() if wrong} == {}
    assert (status, outcome["counts"]["rounds"] >= rounds, len(outcome["memory"])) == (0, True, 3)


def test_a_seed_says_what_goes_wrong_and_each_kind_does() -> None:
    """The same seed is the same storm, another one has another order; one turn brings every kind, and each plan means something."""
    first = list(islice(storm(7, 1.0), 30))
    assert first == list(islice(storm(7, 1.0), 30))
    assert first != list(islice(storm(8, 1.0), 30))
    assert {gust.plan.kind for gust in first[:11]} == set(FaultKind)
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
def test_a_vector_is_judged(vector: vectors.Vector, why: str | None) -> None:
    """A vector on the chain passes the last gate once more, and is one of those that were planned."""
    given = vectors.Given(9, Hotkey("v"), vector, frozenset({Uid(0), Uid(2)}))
    found = vectors.invalid(given, {((0, 21_845), (2, 65_535))})
    assert found is None if why is None else found is not None and why in found


def an_attempt(outcome: WeightOutcome, block: int = 9, first: float = 0.25, applied: int | None = None) -> WeightAttempt:
    """An attempt with a plan of two targets."""
    plan = WeightPlan("aa" * 32, {Uid(0): Weight(first), Uid(2): Weight(1 - first)}, (), Weight(0.0))
    return a_weight_attempt(block, outcome, plan=plan, applied_block=None if applied is None else Block(applied))


SET = vectors.Given(9, Hotkey("v"), ((0, 21_845), (2, 65_535)), frozenset())
OPENED = vectors.Given(15, Hotkey("v"), ((0, 21_845), (2, 65_535)), frozenset(), sealed_in=9)
EARLIER = vectors.Given(8, Hotkey("v"), ((0, 21_845), (2, 65_535)), frozenset(), sealed_in=2)
SEALED = frozenset({(Hotkey("v"), 9)})


@pytest.mark.parametrize(
    ("seen", "kept", "right"),
    [
        pytest.param(vectors.History([SET], frozenset()), [an_attempt(WeightOutcome.SET)], True, id="set"),
        pytest.param(
            vectors.History([SET], frozenset()), [an_attempt(WeightOutcome.SET, first=0.5)], False, id="set, but another vector"
        ),
        pytest.param(vectors.History([SET], frozenset()), [an_attempt(WeightOutcome.SENDING)], True, id="not known yet"),
        pytest.param(vectors.History([SET], frozenset()), [an_attempt(WeightOutcome.FAILED)], False, id="thought failed"),
        pytest.param(vectors.History([], frozenset()), [an_attempt(WeightOutcome.SET)], False, id="thought set"),
        pytest.param(vectors.History([], SEALED), [an_attempt(WeightOutcome.PENDING)], True, id="waits"),
        pytest.param(vectors.History([OPENED], SEALED), [an_attempt(WeightOutcome.APPLIED, applied=16)], True, id="applied"),
        pytest.param(
            vectors.History([OPENED], SEALED), [an_attempt(WeightOutcome.APPLIED, applied=14)], False, id="applied too early"
        ),
        pytest.param(vectors.History([OPENED], SEALED), [an_attempt(WeightOutcome.EXPIRED)], False, id="thought expired"),
        pytest.param(vectors.History([EARLIER], SEALED), [an_attempt(WeightOutcome.EXPIRED)], True, id="expired"),
        pytest.param(
            vectors.History([SET], frozenset()), [an_attempt(WeightOutcome.EXPIRED)], False, id="plain, and thought expired"
        ),
        pytest.param(
            vectors.History([SET], frozenset({(Hotkey("v"), 20)})),
            [an_attempt(WeightOutcome.EXPIRED), an_attempt(WeightOutcome.PENDING, block=20)],
            True,
            id="the last plain ones, looked at when sealing had begun",
        ),
    ],
)
def test_what_a_validator_believes_is_judged(seen: vectors.History, kept: list[WeightAttempt], right: bool) -> None:
    """Its word on each attempt is held against what the chain did."""
    assert (vectors.mistaken(seen, Hotkey("v"), kept) == []) is right


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
