"""The ledger's state, and a round's inputs: from the state before, the inputs and their receipts anybody computes the state after."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from scoring import canonical_json
from scoring.ranking.credit import Credit
from scoring.ranking.duel import Challenger, Duel, DuelOutcome, EndedDuel
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash

_GENESIS = Block(0)
_NONE = Micro(0)
BANNED = "banned"
"""The reason for a submission that left because its hotkey was banned: the hotkey's leads are worth nothing."""
SUPERSEDED = "its hotkey committed again"
"""The reason for a submission that left because of a newer one: what its leads are worth stays its hotkey's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A submission's scores: sums over the groups of every round in which it was scored."""

    entrant: Entrant
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    """Of two commits in one block the lower one is earlier."""
    tensors: TensorsHash | None
    groups: int
    total: int
    """Sum of the group scores, in 1e-6."""
    squares: int
    """Sum of their squares, in 1e-12."""
    speed: int = 0
    """Of the last round, in milliseconds of compute per expected second of speech, 0 where unknown; less is better."""

    @property
    def mean(self) -> float:
        """Mean group score, 0 … 1."""
        return self.total / self.groups / MICRO

    @property
    def micro(self) -> Micro:
        """Mean group score in integers of 1e-6, rounded down."""
        return Micro(self.total // self.groups)

    @property
    def stderr(self) -> float:
        """Standard error of the mean, 0 for fewer than two groups."""
        if self.groups < 2:
            return 0.0
        spread = max(0, self.squares * self.groups - self.total * self.total)
        return math.sqrt(spread / (self.groups * self.groups * (self.groups - 1))) / MICRO

    @property
    def seniority(self) -> tuple[int, str, str]:
        """The key that sorts the earlier commit first."""
        return (self.commit_block, self.tiebreak, self.entrant)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected submission, with the reason in words for its owner. `original` is the submission that it is a copy of, if it is one."""

    entrant: Entrant
    hotkey: Hotkey
    reason: str
    original: Entrant | None = None


@dataclass(frozen=True, slots=True)
class Setback:
    """A hotkey whose newest judged submission was rejected or scored far below the king, and the round in which it was."""

    hotkey: Hotkey
    round: RoundNumber


@dataclass(frozen=True, slots=True)
class ThroneTrial:
    """A submission's scores while the throne is empty: by group in integers of 1e-6, MISSING (-1) where it was not scored.

    The groups are those of every round of the trial, the same for all; in `rounds` of these it was scored.
    """

    entrant: Entrant
    rounds: int
    scores: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackState:
    """A track after a round: its king, and everything that was found out about its submissions."""

    track: str
    king: Entrant | None = None
    king_since: Block = _GENESIS
    """The block at which the king's first round began."""
    king_absent: int = 0
    """Rounds in a row in which others were scored and the king was not."""
    throne: str = "vacant: there never was a king"
    """In words: since when the king holds the top, or why nobody does."""
    challengers_met: int = 0
    """Duels that opened since the king took the top."""
    scale: str = ""
    """The hash of what scores are measured by: records and duels compare scores of one scale only. '' before the first score."""
    level: Micro | None = _NONE
    """The mean score of the last king when the throne fell empty: the first lead of the next one counts from there. None: it had no score,
    and the next king's place earns no credit."""
    owed: Micro = _NONE
    """What the king lacks of the level that was reached before it: the next lead has to make up for it."""
    trial_rounds: int = 0
    """Rounds of the trial on the empty throne."""
    trial: tuple[ThroneTrial, ...] = ()
    """The contenders for the empty throne."""
    leads: tuple[Credit, ...] = ()
    """What leads that took the top are worth."""
    records: tuple[Record, ...] = ()
    duel: Duel | None = None
    """The one that is open."""
    challengers: tuple[Challenger, ...] = ()
    """Whoever may be better than the king, among them the one in the duel."""
    ended: tuple[EndedDuel, ...] = ()
    """Duels that ended in the last round."""
    rejections: tuple[Rejection, ...] = ()
    setbacks: tuple[Setback, ...] = ()
    """Hotkeys whose next submissions wait in a line of their own."""

    def record(self, entrant: Entrant) -> Record | None:
        """A submission's record, or None."""
        return next((record for record in self.records if record.entrant == entrant), None)

    @property
    def known(self) -> frozenset[Entrant]:
        """Every submission that stands in the ledger: a round's result names those of them that are gone."""
        king = () if self.king is None else (self.king,)
        return frozenset((*(r.entrant for r in self.records), *(r.entrant for r in self.rejections), *king))

    @property
    def kept(self) -> frozenset[Entrant]:
        """Submissions that stand for a while though their hotkey committed again: the king, and both sides of each measured lead."""
        sides = (name for credit in self.leads if credit.open for name in (credit.entrant, credit.over) if name is not None)
        return frozenset((*sides, *(() if self.king is None else (self.king,))))

    def to_json(self) -> dict[str, Any]:
        """The track's state as plain JSON data."""
        duel = None if self.duel is None else _plain(self.duel)
        return _plain(self) | {"duel": duel} | {name: [_plain(item) for item in getattr(self, name)] for name in _PARTS}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The track's state that `to_json` wrote; raises ValueError for anything else."""
        try:
            parts = {
                "records": tuple(Record(**item) for item in data["records"]),
                "duel": None if data["duel"] is None else _duel(data["duel"]),
                "challengers": tuple(Challenger(**item) for item in data["challengers"]),
                "ended": tuple(_ended_duel(item) for item in data["ended"]),
                "rejections": tuple(Rejection(**item) for item in data["rejections"]),
                "trial": tuple(ThroneTrial(**{**item, "scores": tuple(item["scores"])}) for item in data["trial"]),
                "setbacks": tuple(Setback(**item) for item in data["setbacks"]),
                "leads": tuple(Credit(**item) for item in data["leads"]),
            }
            return cls(**{**data, **parts})
        except (KeyError, OverflowError, TypeError) as exc:
            raise ValueError(f"this is no state of a track: {exc!r}") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The ledger after a round: the state of each track, by name, and the rejections of which no track is known."""

    round: RoundNumber | None = None
    tracks: tuple[TrackState, ...] = ()
    """Sorted by their names; a track that no round was folded for yet is not there."""
    unplaced: tuple[Rejection, ...] = ()
    """Rejected before anybody knew its family, which decides the track."""

    def of(self, track: str) -> TrackState:
        """A track's state; that of a track that never had anything to fold is empty."""
        return next((state for state in self.tracks if state.track == track), TrackState(track=track))

    def where(self, entrant: Entrant) -> TrackState | None:
        """The state of the track that knows a submission; None for one that no track knows."""
        return next((state for state in self.tracks if entrant in state.known), None)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Those of all tracks, and those of none."""
        return tuple(rejection for part in (*(state.rejections for state in self.tracks), self.unplaced) for rejection in part)

    @property
    def known(self) -> frozenset[Entrant]:
        """Every submission that stands in the ledger: a round's result names those of them that are gone."""
        return frozenset(r.entrant for r in self.unplaced).union(*(state.known for state in self.tracks))

    @property
    def kept(self) -> frozenset[Entrant]:
        """Submissions that stand for a while though their hotkey committed again, in any track."""
        return frozenset[Entrant]().union(*(state.kept for state in self.tracks))

    @property
    def kings(self) -> Mapping[str, Entrant]:
        """The king of each track that has one, by the track's name."""
        return {state.track: state.king for state in self.tracks if state.king is not None}

    def to_json(self) -> dict[str, Any]:
        """The state as plain JSON data."""
        return {
            "round": self.round,
            "tracks": [state.to_json() for state in self.tracks],
            "unplaced": [_plain(rejection) for rejection in self.unplaced],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The state that `to_json` wrote; raises ValueError for anything else."""
        try:
            if set(data) != {"round", "tracks", "unplaced"}:
                raise ValueError(f"this is no ledger's state: it has {', '.join(sorted(data))}")
            return cls(
                round=data["round"],
                tracks=tuple(TrackState.from_json(item) for item in data["tracks"]),
                unplaced=tuple(Rejection(**item) for item in data["unplaced"]),
            )
        except (KeyError, TypeError) as exc:
            raise ValueError(f"this is no ledger's state: {exc!r}") from exc


_PARTS = ("records", "challengers", "ended", "rejections", "trial", "leads", "setbacks")


def _plain(item: Any) -> dict[str, Any]:
    """A dataclass of scalars and tuples as plain JSON data: `asdict` copies what nobody changes, and takes ten times as long."""
    values = ((entry.name, getattr(item, entry.name)) for entry in fields(item))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def _duel(item: Mapping[str, Any]) -> Duel:
    """A duel from JSON, in which a database may have written a float as an integer."""
    return Duel(**{**item, "threshold": float(item["threshold"]), "capital": tuple(float(bet) for bet in item["capital"])})


def _ended_duel(item: Mapping[str, Any]) -> EndedDuel:
    """A duel that is over, from JSON."""
    floats = {name: float(item[name]) for name in ("wealth", "threshold")}
    return EndedDuel(**{**item, **floats, "outcome": DuelOutcome(item["outcome"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A round's inputs: where it began, its rules, the receipts that count, and the submissions that left."""

    start: Block
    """The round's first block."""
    block: Block | None
    """The block of the metagraph by which eligibility was decided; None where nobody decided."""
    competition_hash: str
    counted: Mapping[str, str]
    """The hash of each receipt that counts, with its commitment's tiebreak, which decides inside one block."""
    distrusted: Mapping[Entrant, str]
    """Submissions whose receipts do not count, each with the reason."""
    gone: Mapping[Entrant, str]
    """Submissions that left, each with the reason."""
    unheard: tuple[str, ...] = ()
    """Tracks of which receipts came, and none with a score counts."""
    missing: tuple[str, ...] = ()
    """Tracks that another validator judges, of which nothing came in time."""

    @property
    def refusal(self) -> str:
        """The most frequent reason why no receipt of the round counts; '' where one counts, or where there is none at all."""
        return "" if self.counted else self.distrust

    @property
    def distrust(self) -> str:
        """The most frequent reason why receipts of the round do not count, and how many do not; '' where all count."""
        if not self.distrusted:
            return ""
        refused, receipts = len(self.distrusted), len(self.distrusted) + len(self.counted)
        (reason, count), *_ = Counter(self.distrusted.values()).most_common(1)
        alike = "" if count == refused else f" ({count} of them)"
        share = f"{refused} of {receipts} receipts do not count" if self.counted else f"none of {receipts} receipts counts"
        return f"{share}: {reason}{alike}"

    def to_json(self) -> dict[str, Any]:
        """The inputs as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inputs that `to_json` wrote; raises ValueError for anything else."""
        try:
            inputs = cls(**{**data, "unheard": tuple(data["unheard"]), "missing": tuple(data["missing"])})
        except (KeyError, TypeError) as exc:
            raise ValueError(f"these are no inputs of a round: {exc}") from exc
        maps = (inputs.counted, inputs.distrusted, inputs.gone)
        if not all(isinstance(part, Mapping) for part in maps) or type(inputs.start) is not int:
            raise ValueError("the inputs have not the form of such")
        if not all(isinstance(text, str) and "\0" not in text for item in inputs.gone.items() for text in item):
            raise ValueError("what is said of a submission that left is no text, or holds a NUL")
        return inputs


def chain_hash(previous: str, state: State) -> str:
    """The ledger's hash after this state: SHA-256 (hex) over the hash before it, a line feed and the state's canonical JSON."""
    return hashlib.sha256(previous.encode() + b"\n" + canonical_json.encode(state.to_json())).hexdigest()
