"""What the simulation is told from outside: seconds and sizes of a track, prices, faults, and the limits of what a node stands on."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from benchmarks.load.plan import Faults, TrackLoad
from benchmarks.load.simulation import LoadOutcome
from scoring.competition import Track, load
from scoring.described import described
from voice_api.db.states import QueueName

COSTS = Path(__file__).with_name("load.toml")
BITS_PER_BYTE = 8.0
_MAY_BE_NONE = frozenset(
    {"core_hour", "card_hour", "stored_gb_month", "traffic_gb", "spread", "cores", "cards", "repair_seconds", "failing"}
) | {"postgres_reserved", "api_connections", "validator_connections"}
"""Numbers of the file that may be 0; by any other one something is divided."""
_MOST = {"fetched_share": 1.0, "failing": 1.0, "spread": 3.0}
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
        return _shipped()[self.name].evaluations

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
    """Read a file; raises OSError, and ValueError that names what is missing, is no name here, or is no number that can be meant."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    if strange := sorted({"prices", "track", "faults", "limits"} ^ set(found)):
        raise ValueError(f"[prices], [[track]], [faults] and [limits] are asked for, and nothing else: see {', '.join(strange)}")
    tracks = tuple(_track(track) for track in found["track"])
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


def _track(values: dict[str, Any]) -> TrackCost:
    if values.get("queue") not in list(QueueName):
        raise ValueError(f"the queue of a track is one of {', '.join(QueueName)}, not {values.get('queue')!r}")
    track = _table(TrackCost, {**values, "queue": QueueName(values["queue"])})
    if track.name not in _shipped():
        raise ValueError(f"the rules know no track {track.name!r}: it is one of {', '.join(_shipped())}")
    return track


def _shipped() -> dict[str, Track]:
    """The tracks of the rules that ship, by name."""
    return {track.name: track for track in (*load().version[-1].track, described())}


def _table(kind: type[Table], values: dict[str, Any]) -> Table:
    hints = get_type_hints(kind)
    if strange := sorted(set(values) - set(hints)):
        raise ValueError(f"{kind.__name__} knows no {', '.join(strange)}")
    for name, value in values.items():
        if hints[name] not in (str, QueueName):
            _check_number(name, value)
    try:
        return kind(**values)
    except TypeError as exc:
        raise ValueError(f"{kind.__name__}: {exc}") from exc


def _check_number(name: str, value: Any) -> None:
    is_number = type(value) in (int, float) and math.isfinite(value)
    most = _MOST.get(name, math.inf)
    if not is_number or not 0 <= value <= most or (value == 0 and name not in _MAY_BE_NONE):
        least = "at least 0" if name in _MAY_BE_NONE else "above 0"
        raise ValueError(
            f"{name} is {value!r}: it is to be a number {least}" + (f" and at most {most:g}" if name in _MOST else "")
        )
