"""`make bench-validator`: a validator's decision, and its ticks over years of history.

Decision: duels, ranking and plan over 256 submissions × 4,096 groups, against a plain pairwise loop.

The decision is `ranking.fold` of a round in which every submission but the king challenges it, and `weights.plan` of what comes out. The
loop counts, in plain Python, for each pair on how many groups the one beats the other: a win rate, and nothing else. Both have the same
scores in the same form, in one run. Fails unless the decision takes at most 1/100 of the loop's time and the process 300 MB.

Ticks: 256 miners with 1,000 rounds behind them in a real PostgreSQL. Fails unless each tick takes 2 s at most, and the model queue three
requests.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.validator_history import History
from benchmarks.validator_years import years
from scoring.competition import Competition, load
from scoring.ranking import fold
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult
from scoring.ranking.state import State
from scoring.studies.simulation.world import World
from scoring.types import Block, Hotkey, Micro, RoundNumber, Uid, entrant
from scoring.weights import plan
from scoring.weights.plan import Snapshot, TrackPay, WeightPlan

LEAST_TIMES = 100.0
MOST_MEGABYTES = 300.0
REPEATS = 5
SECTIONS = ("decision", "ticks")
SMALL = 32
"""Groups of a round of the trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorTimes:
    """Seconds of the best of REPEATS decisions and of one loop; memory in MB: a decision's own, and the most that the process had."""

    submissions: int
    groups: int
    challengers: int
    loop_seconds: float
    decision_seconds: float
    decision_megabytes: float
    process_megabytes: float

    @property
    def times(self) -> float:
        """The loop's time over the decision's: more is better."""
        return self.loop_seconds / self.decision_seconds

    @property
    def met(self) -> bool:
        """Both targets."""
        return self.times >= LEAST_TIMES and max(self.process_megabytes, self.decision_megabytes) <= MOST_MEGABYTES

    def rows(self) -> Sequence[tuple[str, str, str]]:
        """As the table shows it: what, measured, target."""
        most = f"≤ {MOST_MEGABYTES:.0f} MB"
        return (
            ("a plain pairwise win-rate loop", f"{self.loop_seconds:.2f} s", ""),
            (f"fold ({self.challengers} challengers) and plan", f"{self.decision_seconds * 1000:.1f} ms", ""),
            ("how many times faster", f"{self.times:.0f} ×", f"≥ {LEAST_TIMES:.0f} ×"),
            ("memory of a decision", f"{self.decision_megabytes:.0f} MB", most),
            ("memory of the whole process, scores and all", f"{self.process_megabytes:.0f} MB", most),
        )


def a_round(number: int, submissions: int, groups: int) -> RoundResult:
    """A round of equal models."""
    names = [f"{place:04d}" for place in range(groups)]
    scores = World().draw(np.random.default_rng(number), np.full(submissions, 0.65), groups)
    judged = [_judged(place, dict(zip(names, map(Micro, row), strict=True))) for place, row in enumerate(scores.tolist())]
    return RoundResult(RoundNumber(number), Block(number * 360), judged)


def with_challengers(submissions: int, groups: int, competition: Competition) -> State:
    """A ledger in which a small trial filled the throne, and a round after which the others challenge its king."""
    state, trial = State(), competition.track[0].throne.trial_rounds
    for number in range(trial + 1):
        state = fold.fold(state, a_round(number, submissions, groups if number == trial else SMALL), competition)
    return state


def _judged(place: int, scores: dict[str, Micro]) -> Judged:
    hotkey = Hotkey(f"hotkey{place:04d}")
    key, tiebreak = entrant(hotkey, Block(place)), f"{place:064x}"
    return Judged(
        entrant=key,
        hotkey=hotkey,
        commit_block=Block(place),
        tiebreak=tiebreak,
        tensors=None,
        track="small",
        verdict=LedgerVerdict.SCORED,
        groups=scores,
        speed=100,
    )


def snapshot(state: State, competition: Competition, judged: Sequence[Judged]) -> Snapshot:
    """Everybody is registered."""
    return Snapshot(
        ledger_hash="",
        state=state,
        block=Block(3 * 360),
        owner=Uid(0),
        uids={item.hotkey: Uid(place) for place, item in enumerate(judged)},
        registered_at={item.hotkey: Block(0) for item in judged},
        pays=tuple(TrackPay.of(track) for track in competition.track),
        competition_hash=competition.hash,
    )


def pairwise(judged: Sequence[Judged]) -> list[float]:
    """Each one's win rate over all others, as a plain loop has it."""
    rows = [list(item.groups.values()) for item in judged]
    wins = [0] * len(rows)
    for one, mine in enumerate(rows):
        for other in range(one):
            theirs = rows[other]
            for place in range(len(mine)):
                if mine[place] > theirs[place]:
                    wins[one] += 1
                else:
                    wins[other] += 1
    return [count / (len(rows[0]) * (len(rows) - 1)) for count in wins]


def measure(submissions: int, groups: int) -> ValidatorTimes:
    """Both, one after the other; memory in a decision of its own, because to measure it takes time."""
    competition = load().version[-1]
    before = with_challengers(submissions, groups, competition)
    last = a_round(competition.track[0].throne.trial_rounds + 1, submissions, groups)
    judged = last.judged

    def decide() -> WeightPlan:
        state = fold.fold(before, last, competition)
        return plan.plan(snapshot(state, competition, judged))

    decision = min(_seconds(decide) for _ in range(REPEATS))
    tracemalloc.start()
    decide()
    own = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    loop = _seconds(lambda: pairwise(judged))
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    return ValidatorTimes(
        submissions=submissions,
        groups=groups,
        challengers=sum(len(state.challengers) for state in before.tracks),
        loop_seconds=loop,
        decision_seconds=decision,
        decision_megabytes=own,
        process_megabytes=process,
    )


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure, print, and fail where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=256)
    parser.add_argument("--groups", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=1_000, help="of the history")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    decision = measure(asked.submissions, asked.groups) if "decision" in asked.only else None
    ticks = asyncio.run(years(History(miners=asked.submissions, rounds=asked.rounds))) if "ticks" in asked.only else None
    if asked.json:
        told = {} if decision is None else asdict(decision) | {"times": decision.times, "met": decision.met}
        sys.stdout.write(json.dumps(told if ticks is None else told | {"ticks": ticks.to_json()}) + "\n")
    else:
        table = Table("what", "measured", "target", box=None)
        for row in (*(() if decision is None else decision.rows()), *(() if ticks is None else ticks.rows())):
            table.add_row(*row)
        Console().print(table)
    sys.exit(0 if all(part.met for part in (decision, ticks) if part is not None) else 1)


if __name__ == "__main__":
    main()
