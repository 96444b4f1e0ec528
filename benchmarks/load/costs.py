"""What the simulation is told from outside: seconds and sizes of a track, prices, faults, and the limits of what a node stands on."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.load.plan import Faults, TrackLoad
from benchmarks.load.simulation import LoadOutcome
from scoring.competition import load
from scoring.described import described
from voice_api.db.states import QueueName

COSTS = Path(__file__).with_name("load.toml")
BITS_PER_BYTE = 8.0
Table = TypeVar("Table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What an hour of a core and of a card, a stored gigabyte and a fetched one cost."""

    currency: str
    core_hour: float
    card_hour: float
    stored_gb_month: float
    traffic_gb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackCost:
    """One evaluation of a track: its seconds, where they are from, and what it takes meanwhile."""

    name: str
    queue: QueueName
    seconds: float
    source: str
    spread: float
    cores: int
    cards: int
    fetched_gb: float
    fetched_share: float
    stored_gb: float

    @property
    def evaluations(self) -> int:
        """Of a round, by the rules that ship."""
        shipped = {track.name: track for track in (*load().version[-1].track, described())}
        return shipped[self.name].evaluations

    def fetch_seconds(self, gbit: float) -> float:
        """Seconds that fetching adds in the mean, over a line that nobody else uses."""
        return round(self.fetched_gb * self.fetched_share * BITS_PER_BYTE / gbit, 1)

    def load(self, gbit: float) -> TrackLoad:
        """As the simulation takes it: what is fetched comes over a line of so many gigabits a second."""
        return TrackLoad(
            name=self.name,
            queue=self.queue,
            evaluations=self.evaluations,
            seconds=self.seconds + self.fetch_seconds(gbit),
            spread=self.spread,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where PostgreSQL, Redis, dispatcher, lines and the chain's endpoint end; see load.toml."""

    postgres_connections: int
    postgres_reserved: int
    redis_clients: int
    postgres_cores: float
    dispatch_seconds: float
    presence_seconds: float
    store_gbit: float
    hub_gbit: float
    api_connections: int
    validator_connections: int
    validator_pause: float
    chain_requests: float


@dataclass(frozen=True, slots=True)
class LoadCosts:
    """All of it."""

    prices: Prices
    tracks: tuple[TrackCost, ...]
    faults: Faults
    limits: Limits

    def track(self, name: str) -> TrackCost:
        """One track's."""
        return next(track for track in self.tracks if track.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCost:
    """What a round of one track costs, in the currency of the prices."""

    workers: float
    stored: float
    """Its sounds, kept for a month."""
    traffic: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.workers + self.stored + self.traffic


def read(path: Path = COSTS) -> LoadCosts:
    """Read a file; raises ValueError that names what is missing, or is no name here."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    tracks = tuple(_table(TrackCost, {**track, "queue": QueueName(track["queue"])}) for track in found["track"])
    return LoadCosts(_table(Prices, found["prices"]), tracks, _table(Faults, found["faults"]), _table(Limits, found["limits"]))


def round_cost(outcome: LoadOutcome, track: TrackCost, prices: Prices) -> RoundCost:
    """What a round of a track cost in a simulation of it alone: workers are paid for while they wait, too."""
    evaluations = outcome.scored / max(outcome.opened, 1)
    hour = track.cores * prices.core_hour + track.cards * prices.card_hour
    return RoundCost(
        workers=outcome.of(track.queue).worker_hours * hour,
        stored=evaluations * track.stored_gb * prices.stored_gb_month,
        traffic=evaluations * track.fetched_gb * track.fetched_share * prices.traffic_gb,
    )


def _table(kind: type[Table], values: dict[str, Any]) -> Table:
    names: Sequence[str] = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    if strange := sorted(set(values) - set(names)):
        raise ValueError(f"{kind.__name__} knows no {', '.join(strange)}")
    try:
        return kind(**values)
    except TypeError as exc:
        raise ValueError(f"{kind.__name__}: {exc}") from exc
