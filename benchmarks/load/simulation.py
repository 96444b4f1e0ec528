"""A node over simulated days: rounds open, rows wait, workers claim, hosts die, fleets grow; and what came of it, in numbers."""

import random
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles

from benchmarks.load.autoscaler import Autoscaler
from benchmarks.load.clock import Clock
from benchmarks.load.plan import FleetPlan, LoadPlan
from benchmarks.load.rounds import Rounds
from benchmarks.load.rows import Row, Rows
from benchmarks.load.workforce import Workforce
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName

SAMPLE_SECONDS = 15.0
"""Between two looks at the age of a queue, as Prometheus looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutcome:
    """One queue's fleet: what was done, how long rows waited, and how many workers were paid for."""

    queue: QueueName
    p95_age_seconds: float
    """Of the oldest due row, of all looks while a round was open."""
    utilisation: float
    """Share of the paid time that was spent on rows."""
    worker_hours: float
    """Per round."""
    most_workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """What came of a plan."""

    rounds: int
    """That were due."""
    opened: int
    in_time: int
    """Closed with every verdict, and before the next one was due: so that none is skipped."""
    asked: int
    scored: int
    parked_budget: int
    parked_round_closed: int
    twice: int
    """Evaluations with more than one end. Must be 0."""
    lost: int
    """Evaluations of closed rounds without an end. Must be 0."""
    queues: tuple[QueueOutcome, ...]

    def of(self, queue: QueueName) -> QueueOutcome:
        """One queue's."""
        return next(each for each in self.queues if each.queue is queue)


@dataclass(slots=True)
class QueueWatch:
    """What is seen of one queue meanwhile."""

    ages: list[float] = field(default_factory=list)
    most_workers: int = 0


class Simulation:
    """One run of a plan."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan, self.clock, self.rows = plan, Clock(), Rows()
        chance = random.Random(plan.seed)
        self.forces = {name: self._force(name, fleet, random.Random(chance.random())) for name, fleet in plan.fleets.items()}
        self.watches = {name: QueueWatch() for name in plan.fleets}
        self.rounds = Rounds(
            clock=self.clock,
            rows=self.rows,
            tracks=plan.tracks,
            block_seconds=plan.block_seconds,
            chance=random.Random(chance.random()),
            notify=self.sweep,
        )

    def run(self) -> LoadOutcome:
        """Play every round up to the deadline of the last one."""
        self.clock.every(self.plan.block_seconds, self.rounds.tick)
        self.begin()
        self.clock.run(
            (self.plan.rounds - 1) * self._round_seconds + self.rounds.rules.round.deadline_blocks * self.plan.block_seconds
        )
        return self.outcome()

    def begin(self) -> None:
        """Start the fleets, and what is done again and again."""
        for force in self.forces.values():
            force.resize(force.plan.workers)
            if force.plan.scaling is not None:
                scaler = Autoscaler(force.plan.scaling, force.plan.workers)
                self.clock.every(force.plan.scaling.look_seconds, partial(self._scale, force, scaler))
        self.clock.every(self.plan.timing.sweep_seconds, self.sweep)
        self.clock.every(SAMPLE_SECONDS, self._look)

    def sweep(self) -> None:
        """The dispatcher's turn: leases that ran out are returned, then workers are woken for what is due."""
        for row in self.rows.expired(self.clock.now, self.plan.timing.budget.per_evaluation):
            self.rows.wait(row)
        for force in self.forces.values():
            force.wake()

    def outcome(self) -> LoadOutcome:
        """What came of it, of the rounds of the plan."""
        due = [result for result in self.rounds.results if result.number <= self.plan.rounds]
        rows = [row for result in due for row in result.rows]
        closed = [row for result in due if result.closed is not None for row in result.rows]
        return LoadOutcome(
            rounds=self.plan.rounds,
            opened=len(due),
            in_time=sum(result.in_time(self.rounds.rules) for result in due),
            asked=len(rows),
            scored=sum(row.state is EvaluationState.SCORED for row in rows),
            parked_budget=sum(row.why is ParkedWhy.BUDGET for row in rows),
            parked_round_closed=sum(row.why is ParkedWhy.ROUND_CLOSED for row in rows),
            twice=sum(len(row.ends) > 1 for row in rows),
            lost=sum(not row.ends for row in closed),
            queues=tuple(self._of(name) for name in self.forces),
        )

    @property
    def _round_seconds(self) -> float:
        return self.rounds.rules.round.blocks * self.plan.block_seconds

    def _of(self, name: QueueName) -> QueueOutcome:
        force, watch = self.forces[name], self.watches[name]
        paid = force.paid_seconds()
        return QueueOutcome(
            queue=name,
            p95_age_seconds=p95(watch.ages),
            utilisation=force.busy_seconds / paid if paid else 0.0,
            worker_hours=paid / 3600 * self._round_seconds / self.clock.now,
            most_workers=watch.most_workers,
        )

    def _scale(self, force: Workforce, scaler: Autoscaler) -> None:
        age = self.rows.age(force.queue, self.clock.now)
        force.resize(scaler.next(self.clock.now, force.desired, self.rows.open(force.queue), age))

    def _look(self) -> None:
        for name, watch in self.watches.items():
            watch.most_workers = max(watch.most_workers, len(self.forces[name].live))
            if any(result.closed is None for result in self.rounds.results[-1:]):
                watch.ages.append(self.rows.age(name, self.clock.now))

    def _force(self, name: QueueName, fleet: FleetPlan, chance: random.Random) -> Workforce:
        return Workforce(
            clock=self.clock,
            rows=self.rows,
            queue=name,
            plan=fleet,
            timing=self.plan.timing,
            faults=self.plan.faults,
            chance=chance,
        )


def p95(values: list[float]) -> float:
    """The value that 95 of 100 are at most; 0 for none."""
    return quantiles(values, n=20, method="inclusive")[18] if len(values) > 1 else sum(values)


def simulate(plan: LoadPlan) -> LoadOutcome:
    """Play a plan."""
    return Simulation(plan).run()


def play_rows(plan: LoadPlan, rows: list[Row], kill_at: tuple[float, ...], queue: QueueName) -> "PlayedRows":
    """Rows that are due at once, by a fleet of which a busy worker is killed at each of these moments; nobody opens or closes a round."""
    simulation = Simulation(plan)
    force = simulation.forces[queue]
    simulation.begin()
    simulation.clock.run(plan.fleets[queue].boot_seconds + SAMPLE_SECONDS)
    began = simulation.clock.now
    for row in rows:
        row.due_at = began
        simulation.rows.add(row)
    ages: list[float] = []
    simulation.clock.every(1.0, lambda: ages.append(simulation.rows.age(queue, simulation.clock.now)))
    for seconds in kill_at:
        simulation.clock.after(seconds, lambda: _kill_one(force))
    simulation.sweep()
    simulation.clock.run(began + 86_400.0, stop=lambda: not any(row.is_open for row in rows))
    return PlayedRows(simulation.clock.now - began, ages, sum(row.failures for row in rows))


@dataclass(frozen=True, slots=True)
class PlayedRows:
    """How long it took until the last end, how old the queue was in each second, and how many tries failed."""

    seconds: float
    ages: list[float]
    failures: int


def _kill_one(force: Workforce) -> None:
    working = [worker for worker in force.live if worker.row is not None]
    if working:
        force.kill(working[0])
