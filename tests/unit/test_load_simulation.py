"""Fleets on paper: nothing is judged twice or lost, more workers close no fewer rounds, and the same plan is the same result."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from benchmarks.load import costs, page
from benchmarks.load.autoscaler import Autoscaler, wanted
from benchmarks.load.costs import Prices, TrackCost, round_cost
from benchmarks.load.limits import LimitRow, Measured, chain_limit, limits
from benchmarks.load.plan import Faults, FleetPlan, LoadPlan, Scaling, Timing, TrackLoad
from benchmarks.load.rows import Row
from benchmarks.load.simulation import LoadOutcome, QueueOutcome, p95, play_rows, simulate
from scoring.types import RoundNumber
from tests.builders.processes import ROOT
from voice_api.db.states import QueueName
from workers.jobs.failures import RetryRule

CPU, GPU = QueueName.CPU, QueueName.GPU
SMALL = TrackLoad(name="small", queue=CPU, evaluations=8, seconds=300.0, spread=0.3)
DESCRIBED = TrackLoad(name="described", queue=GPU, evaluations=4, seconds=200.0, spread=0.3)


def a_plan(workers: int = 2, **overrides: Any) -> LoadPlan:
    """Three rounds of eight evaluations of five minutes, on hosts of one worker each, of which none dies."""
    standard = LoadPlan(tracks=(SMALL,), fleets={CPU: FleetPlan(workers=workers)}, rounds=3)
    return replace(standard, **overrides)


def some_rows(seconds: Sequence[float]) -> list[Row]:
    """Rows that are asked for in this order."""
    return [
        Row(id=place, round=RoundNumber(1), track="small", queue=CPU, priority=place, seconds=each, due_at=0.0)
        for place, each in enumerate(seconds)
    ]


@settings(max_examples=25, deadline=None)
@given(
    workers=some.integers(1, 5),
    per_host=some.integers(1, 3),
    mtbf=some.sampled_from([None, 0.3, 2.0]),
    failing=some.sampled_from([0.0, 0.2, 0.9]),
    grows=some.booleans(),
    seed=some.integers(0, 1000),
)
def test_nothing_is_judged_twice_and_nothing_is_lost(
    workers: int, per_host: int, mtbf: float | None, failing: float, *, grows: bool, seed: int
) -> None:
    """Whoever dies and whatever fails, each evaluation of a closed round has exactly one end: a verdict, or it is parked."""
    fleet = FleetPlan(workers=workers, workers_per_host=per_host, scaling=Scaling(open_each=2) if grows else None)
    faults = Faults(mtbf_hours=mtbf, repair_seconds=900.0, failing=failing)
    found = simulate(a_plan(fleets={CPU: fleet}, faults=faults, seed=seed))
    assert (found.twice, found.lost) == (0, 0)
    assert found.asked == 8 * found.opened
    assert found.scored + found.parked_budget + found.parked_round_closed == found.asked
    assert 0.0 <= found.of(CPU).utilisation <= 1.0


def test_more_workers_close_no_fewer_rounds() -> None:
    """In the mean over the same faults; a fleet that is too small skips rounds, one that is large enough none."""
    faults = Faults(mtbf_hours=6.0, failing=0.1)
    hard = replace(SMALL, seconds=900.0)
    in_time = [
        fmean(simulate(a_plan(workers, tracks=(hard,), faults=faults, rounds=6, seed=seed)).in_time for seed in range(4))
        for workers in (1, 2, 6)
    ]
    assert in_time == sorted(in_time)
    assert (in_time[0], in_time[-1] > 4.5) == (0.0, True)


def test_the_same_plan_is_the_same_result() -> None:
    """Byte for byte; another seed is another result."""
    plan = a_plan(faults=Faults(mtbf_hours=1.0, failing=0.1))
    first, again, other = (repr(simulate(replace(plan, seed=seed))) for seed in (7, 7, 8))
    assert first == again != other


def test_both_tracks_have_their_own_queue() -> None:
    """A fleet of cards does nothing for the queue of processors."""
    fleets = {CPU: FleetPlan(workers=1), GPU: FleetPlan(workers=1)}
    found = simulate(a_plan(tracks=(SMALL, DESCRIBED), fleets=fleets))
    assert (found.asked, found.scored) == (3 * 12, 3 * 12)
    assert found.of(CPU).utilisation > found.of(GPU).utilisation > 0.0


def test_a_round_without_workers_closes_at_its_deadline() -> None:
    """What nobody judged is parked, and the rounds that began meanwhile are skipped."""
    found = simulate(a_plan(0))
    assert (found.opened, found.in_time, found.parked_round_closed) == (1, 0, 8)


@pytest.mark.parametrize(
    ("seconds", "workers", "kill_at", "lasts", "failures"),
    [
        pytest.param([10.0] * 4, 2, (), 20.0, 0, id="two by two"),
        pytest.param([10.0, 30.0, 10.0], 2, (), 30.0, 0, id="the long one decides"),
        # Killed at 5 s, last renewed at 3 s of a pace of 3 s, leased for 60 s: due again at 63 s, found at the next sweep, judged for 10 s.
        pytest.param([10.0, 10.0], 2, (5.0,), 74.0, 1, id="one is killed, and its lease runs out"),
    ],
)
def test_rows_that_are_due_at_once(
    seconds: list[float], workers: int, kill_at: tuple[float, ...], lasts: float, failures: int
) -> None:
    """By hand: how long it takes until the last of them is judged, within a sweep and the moments of the claims."""
    timing = Timing(claim_seconds=0.0, lease=60 * Timing().lease / Timing().lease.total_seconds())
    found = play_rows(a_plan(workers, timing=timing), some_rows(seconds), kill_at, CPU)
    assert found.seconds == pytest.approx(lasts, abs=2.0)
    assert found.failures == failures


def test_a_fault_of_ours_is_retried_as_the_worker_retries_it() -> None:
    """With all tries failing, it is parked after the budget's, and the pauses between them are the rule's."""
    timing = Timing(retry=RetryRule(jitter=0.0))
    found = play_rows(a_plan(1, timing=timing, faults=Faults(failing=1.0)), some_rows([10.0]), (), CPU)
    assert found.failures == 4
    assert 120 + 240 + 480 < found.seconds < 120 + 240 + 480 + 4 * 10 + 4 * 3


@pytest.mark.parametrize(
    ("workers", "open_rows", "age", "found"),
    [
        pytest.param(1, 24, 0.0, 3, id="24 open, eight for each"),
        pytest.param(3, 26, 0.0, 3, id="within the tolerance"),
        pytest.param(2, 8, 1800.0, 4, id="twice as old as it may be: twice as many"),
        pytest.param(3, 0, 0.0, 1, id="nothing to do: the least"),
        pytest.param(4, 100, 9000.0, 8, id="never more than the most"),
    ],
)
def test_what_the_metrics_want(workers: int, open_rows: int, age: float, found: int) -> None:
    """ceil(open / 8), or ceil(workers × age / 900 s), whichever is more."""
    assert wanted(workers, open_rows, age, Scaling(), 1) == found


def test_a_fleet_grows_by_two_and_shrinks_by_one() -> None:
    """A minute after it is wanted, at most two in five minutes; half an hour after it is not, one in ten minutes."""
    scaler, workers, seen = Autoscaler(Scaling(), 1), 1, []
    for look in range(4 * 90):
        open_rows = 40 if look < 4 * 20 else 0
        workers = scaler.next(15.0 * look, workers, open_rows, 0.0)
        seen.append(workers)
    grown = [seen[4 * minute] for minute in (0, 4, 9, 19)]
    shrunk = [seen[4 * minute + 3] for minute in (48, 50, 61, 71, 89)]
    assert grown == [3, 3, 5, 5]
    assert shrunk == [5, 4, 3, 2, 1]


def test_the_autoscaler_is_the_clusters() -> None:
    """Its numbers are those of docker/k8s/autoscale/worker.yaml, for the queue of processors."""
    scaler = yaml.safe_load((ROOT / "docker" / "k8s" / "autoscale" / "worker.yaml").read_text(encoding="utf-8"))["spec"]
    each, age = (metric["external"]["target"] for metric in scaler["metrics"])
    up, down = (scaler["behavior"][way] for way in ("scaleUp", "scaleDown"))
    ((up_rule,), (down_rule,)) = up["policies"], down["policies"]
    assert (up_rule["type"], down_rule["type"], each["type"], age["type"]) == ("Pods", "Pods", "AverageValue", "Value")
    assert Scaling() == Scaling(
        most=scaler["maxReplicas"],
        open_each=int(each["averageValue"]),
        age_seconds=float(age["value"]),
        up_calm_seconds=up["stabilizationWindowSeconds"],
        up_workers=up_rule["value"],
        up_period_seconds=up_rule["periodSeconds"],
        down_calm_seconds=down["stabilizationWindowSeconds"],
        down_workers=down_rule["value"],
        down_period_seconds=down_rule["periodSeconds"],
    )


def a_track_cost(**overrides: Any) -> TrackCost:
    """A track of ten seconds on two cores."""
    standard: dict[str, Any] = {"name": "small", "queue": CPU, "seconds": 10.0, "source": "stated", "spread": 0.0, "cores": 2}
    return TrackCost(**{**standard, "cards": 0, "fetched_gb": 2.0, "fetched_share": 0.5, "stored_gb": 0.01, **overrides})


def test_a_round_costs_hours_bytes_kept_and_bytes_fetched() -> None:
    """By hand: 3 hours of 2 cores at .04, 10 evaluations of .01 GB at .02 and of 1 GB at .05."""
    queue = QueueOutcome(queue=CPU, p95_age_seconds=0.0, utilisation=0.5, worker_hours=3.0, most_workers=3)
    counts = {"rounds": 2, "opened": 2, "in_time": 2, "asked": 20, "scored": 20, "parked_budget": 0, "parked_round_closed": 0}
    outcome = LoadOutcome(**counts, twice=0, lost=0, queues=(queue,))
    prices = Prices(currency="USD", core_hour=0.04, card_hour=2.0, stored_gb_month=0.02, traffic_gb=0.05)
    found = round_cost(outcome, a_track_cost(), prices)
    assert (found.workers, found.stored, found.traffic) == pytest.approx((0.24, 0.002, 0.5))
    assert found.total == pytest.approx(0.742)


def test_a_limit_by_hand() -> None:
    """Of 100, with 15 taken before and 2 a worker, 42 workers have room; a thousand would take 2,015."""
    row = LimitRow(what="connections", unit="", each=2.0, before=15.0, end=100.0, basis="measured")
    assert (row.workers, row.at(1000)) == (42, 2015.0)


def test_more_validators_leave_less_room() -> None:
    """Each takes connections; how many one endpoint of the chain serves has nothing to do with workers."""
    given = costs.read()
    measured = Measured(
        claims=200.0,
        postgres_ms=2.0,
        postgres_each=1.5,
        redis_each=2.0,
        heartbeat_ms=0.2,
        sweep_each=5e-5,
        sweep_alone=0.02,
        wakeups=900.0,
    )
    one, ten = (
        {row.what: row.workers for row in limits(given, given.track("small"), measured, validators)} for validators in (1, 10)
    )
    assert {what for what in one if one[what] != ten[what]} == {"PostgreSQL's connections"}
    assert one["PostgreSQL's connections"] - ten["PostgreSQL's connections"] == 12
    assert chain_limit(given.limits).validators == 5


def test_a_file_of_costs_with_another_name_is_refused() -> None:
    """A price that nobody reads would be believed."""
    with pytest.raises(ValueError, match="Prices knows no core_minute"):
        costs._table(Prices, {"core_minute": 1.0})


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        pytest.param("core_hour = 0.04", "core_hour = nan", "core_hour is nan: it is to be a number at least 0", id="no number"),
        pytest.param(
            "core_hour = 0.04", "core_hour = -1", "core_hour is -1: it is to be a number at least 0", id="a negative price"
        ),
        pytest.param("seconds = 148.0", "seconds = 0", "seconds is 0: it is to be a number above 0", id="done at once"),
        pytest.param("seconds = 148.0", 'seconds = "148"', "seconds is '148': it is to be a number above 0", id="a word"),
        pytest.param("mtbf_hours = 72.0", "mtbf_hours = inf", "mtbf_hours is inf: it is to be", id="hosts that never die"),
        pytest.param("failing = 0.01", "failing = 1.5", "number at least 0 and at most 1", id="more than all fail"),
        pytest.param('name = "small"', 'name = "large"', "the rules know no track 'large': it is one of small", id="no track"),
        pytest.param('queue = "cpu"', 'queue = "tpu"', "is one of cpu, gpu, not 'tpu'", id="no queue"),
        pytest.param("core_hour = 0.04", "", "missing 1 required keyword-only argument: 'core_hour'", id="a price left out"),
        pytest.param("[faults]", "[fault]", "are asked for, and nothing else: see fault, faults", id="no such table"),
    ],
)
def test_a_file_of_costs_that_cannot_be_meant_is_refused(tmp_path: Path, was: str, now: str, said: str) -> None:
    """Tables computed from it would be believed; what is wrong is named."""
    text = costs.COSTS.read_text(encoding="utf-8")
    assert was in text
    (tmp_path / "load.toml").write_text(text.replace(was, now, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        costs.read(tmp_path / "load.toml")


def test_p95_by_hand() -> None:
    """Of 0 to 100 it is 95."""
    assert (p95([float(number) for number in range(101)]), p95([3.0]), p95([])) == (95.0, 3.0, 0.0)


def test_the_pages_show_the_kept_runs() -> None:
    """The tables of docs/sizing.md and docs/benchmarks.md are those of docs/measured, in which nothing was lost, and reality agrees."""
    for path, text in page.pages().items():
        assert text == path.read_text(encoding="utf-8"), f"{path.name}: `python -m benchmarks.load.page` writes it anew"
    found = json.loads(page.KEPT.read_text(encoding="utf-8"))
    assert {(row["lost"], row["twice"]) for row in found["rows"]} == {(0, 0)}
    assert found["compared"] != [] and all(each["agrees"] for each in found["compared"])
    assert json.loads(page.YEARS.read_text(encoding="utf-8"))["ticks"]["met"]
    assert found["measured"] == json.loads(page.SCALE.read_text(encoding="utf-8"))["where"]


def test_what_is_kept_is_what_the_rules_and_prices_of_now_give() -> None:
    """A change of either is followed by a run: the kept one names the same tracks, seconds, faults and limits."""
    given, found = costs.read(), json.loads(page.KEPT.read_text(encoding="utf-8"))
    kept = [(each["name"], each["seconds"], each["source"]) for each in found["tracks"]]
    assert kept == [(track.name, track.seconds, track.source) for track in given.tracks]
    places = {limit["track"]: row["end"] for limit in found["limits"] for row in limit["rows"] if row["basis"] == "the rules"}
    assert places == {track.name: track.evaluations for track in given.tracks}
    assert (found["currency"], found["faults"]) == (given.prices.currency, asdict(given.faults))
    assert found["chain"] == asdict(chain_limit(given.limits))
