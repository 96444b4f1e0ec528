"""All that `make simulate-load` finds: fleets of fixed sizes, fleets that grow by themselves, hosts that die, and what breaks first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from benchmarks.load.costs import LoadCosts, TrackCost, round_cost
from benchmarks.load.limits import Measured, chain_limit, limits
from benchmarks.load.plan import FleetPlan, LoadPlan, Scaling
from benchmarks.load.simulation import LoadOutcome, simulate

FLEETS = {"small": (1, 2, 3, 4, 8), "described": (1, 2, 3)}
VALIDATORS = (1, 10)
RUNS = 3
GROWN_BOOT_SECONDS = 90.0
"""Until a worker that a cluster adds is ready: its image, its libraries, its judges. Stated."""
MANY = 1_000
"""Workers, on paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """A fleet of a track, over some runs; times in seconds, money in the currency of the prices."""

    track: str
    workers: str
    """As many, or at least and at most as many."""
    faulty: bool
    """Whether hosts die, and evaluations fail."""
    in_time: float
    """Share of the rounds that were due and closed with every verdict before the next one was due."""
    skipped: int
    asked: int
    scored: int
    parked: int
    lost: int
    twice: int
    p95_age_seconds: float
    utilisation: float
    cost: float
    """Of a round: workers, storage and traffic."""


def rows_of(costs: LoadCosts, rounds: int, seed: int) -> Iterator[LoadRow]:
    """Each track with fleets of some sizes, without faults and with them, and with one that grows by itself."""
    for track in costs.tracks:
        for workers in FLEETS[track.name]:
            yield _row(costs, track, FleetPlan(workers=workers), rounds, seed, faulty=False)
        grows = FleetPlan(workers=1, scaling=Scaling(), boot_seconds=GROWN_BOOT_SECONDS)
        for fleet in (*(FleetPlan(workers=workers) for workers in FLEETS[track.name]), grows):
            yield _row(costs, track, fleet, rounds, seed, faulty=True)


def _row(costs: LoadCosts, track: TrackCost, fleet: FleetPlan, rounds: int, seed: int, *, faulty: bool) -> LoadRow:
    plan = LoadPlan(tracks=(track.load(costs.limits.hub_gbit),), fleets={track.queue: fleet}, rounds=rounds)
    plan = replace(plan, faults=costs.faults) if faulty else plan
    found = [simulate(replace(plan, seed=seed + run)) for run in range(RUNS)]
    workers = str(fleet.workers) if fleet.scaling is None else f"{fleet.workers} to {fleet.scaling.most}"

    def total(of: Callable[[LoadOutcome], int]) -> int:
        return sum(map(of, found))

    def mean(of: Callable[[LoadOutcome], float]) -> float:
        return round(fmean(map(of, found)), 4)

    return LoadRow(
        track=track.name,
        workers=workers,
        faulty=faulty,
        in_time=mean(lambda each: each.in_time / each.rounds),
        skipped=total(lambda each: each.rounds - each.opened),
        asked=total(lambda each: each.asked),
        scored=total(lambda each: each.scored),
        parked=total(lambda each: each.parked_budget + each.parked_round_closed),
        lost=total(lambda each: each.lost),
        twice=total(lambda each: each.twice),
        p95_age_seconds=mean(lambda each: each.of(track.queue).p95_age_seconds),
        utilisation=mean(lambda each: each.of(track.queue).utilisation),
        cost=mean(lambda each: round_cost(each, track, costs.prices).total),
    )


def study(costs: LoadCosts, scale: dict[str, Any], rounds: int, seed: int, compared: Iterable[Any] = ()) -> dict[str, Any]:
    """The whole document, as it is kept."""
    measured = Measured.of(scale)
    return {
        "seed": seed,
        "rounds": rounds,
        "runs": RUNS,
        "measured": scale["where"],
        "currency": costs.prices.currency,
        "tracks": [_told(track, costs.limits.hub_gbit) for track in costs.tracks],
        "faults": asdict(costs.faults),
        "rows": [asdict(row) for row in rows_of(costs, rounds, seed)],
        "limits": [{"track": track.name, "rows": _limit_rows(costs, track, measured)} for track in costs.tracks],
        "chain": asdict(chain_limit(costs.limits)),
        "compared": [asdict(each) | {"agrees": each.agrees} for each in compared],
    }


def _told(track: TrackCost, gbit: float) -> dict[str, Any]:
    return {"name": track.name, "seconds": track.seconds, "fetch_seconds": track.fetch_seconds(gbit), "source": track.source}


def _limit_rows(costs: LoadCosts, track: TrackCost, measured: Measured) -> list[dict[str, Any]]:
    """Each with the numbers of workers at which it ends beside one validator, and beside ten."""
    beside = [limits(costs, track, measured, validators) for validators in VALIDATORS]
    workers = [{row.what: row.workers for row in rows} for rows in beside]
    return [asdict(row) | {"workers": [found[row.what] for found in workers], "many": row.at(MANY)} for row in beside[-1]]
