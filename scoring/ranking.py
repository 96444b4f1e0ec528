"""The ledger's state, and the fold that takes it from round to round: who holds the top, who duels, what is known of each submission."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from scoring import duel as duels
from scoring.competition import Competition
from scoring.duel import Duel, Outcome
from scoring.types import MICRO, Block, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash


class Verdict(StrEnum):
    """How a submission's evaluation ended, as the ledger sees it."""

    SCORED = "scored"
    REFUSED = "refused"
    """Final and the submission's fault: rejected, or a copy."""
    ABSENT = "absent"
    """Ours: no evidence this round, nothing lost."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One submission's outcome in a round; `groups` maps group ids to scores in integers of 1e-6."""

    submission: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    tensors: TensorsHash | None
    verdict: Verdict
    groups: Mapping[str, Micro]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a submission: sums over the groups of every round in which it was judged."""

    submission: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    tensors: TensorsHash | None
    groups: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """Mean group score, 0 … 1."""
        return self.total / self.groups / MICRO

    @property
    def stderr(self) -> float:
        """Standard error of the mean, 0 for fewer than two groups."""
        if self.groups < 2:
            return 0.0
        spread = max(0, self.squares * self.groups - self.total * self.total)
        return float((spread / (self.groups * self.groups * (self.groups - 1))) ** 0.5) / MICRO

    @property
    def order(self) -> tuple[float, int, str]:
        """Sorts the better first, then the earlier commit."""
        return (-self.mean, self.commit_block, self.tiebreak)


_GENESIS = Block(0)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the past says, and nothing else. `king_since` is the block at which the king's first round began."""

    round: RoundNumber | None = None
    king: SubmissionId | None = None
    king_since: Block = _GENESIS
    challengers_met: int = 0
    records: tuple[Record, ...] = ()
    duels: tuple[Duel, ...] = ()

    def record(self, submission: SubmissionId) -> Record | None:
        """What is known of a submission, if anything."""
        return next((record for record in self.records if record.submission == submission), None)


def to_json(state: State) -> dict[str, Any]:
    """The state as plain JSON data."""
    return asdict(state) | {"records": [asdict(r) for r in state.records], "duels": [asdict(d) for d in state.duels]}


def from_json(data: Mapping[str, Any]) -> State:
    """The state that `to_json` wrote; raises KeyError or TypeError for anything else."""
    records = tuple(Record(**record) for record in data["records"])
    return State(**{**data, "records": records, "duels": tuple(Duel(**item) for item in data["duels"])})


def chain_hash(previous: str, state: State) -> str:
    """The ledger's hash after this state: SHA-256 (hex) over the hash before it and the state's canonical JSON."""
    canonical = json.dumps(to_json(state), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RoundResult:
    """A closed round: its first block, what was judged in it, and which submissions left (superseded, or no longer registered)."""

    number: RoundNumber
    start: Block
    judged: Sequence[Judged]
    gone: frozenset[SubmissionId] = frozenset()


def fold(state: State, result: RoundResult, competition: Competition) -> State:
    """`state[r+1]` from `state[r]` and a round's outcomes; raises ValueError unless rounds rise."""
    number, start = result.number, result.start
    if state.round is not None and number <= state.round:
        raise ValueError(f"round {number} cannot be folded after round {state.round}")
    outcomes = {item.submission: item for item in result.judged if item.submission not in result.gone}
    kept = tuple(record for record in state.records if record.submission not in result.gone)
    records = _update(kept, outcomes)
    state = replace(state, round=number, records=records, duels=_still_known(state.duels, records))
    if state.king is None or state.record(state.king) is None:
        return _crown_best(state, start)
    return _settle(_duel(state, outcomes, start, competition), start, competition)


def _update(records: tuple[Record, ...], outcomes: Mapping[SubmissionId, Judged]) -> tuple[Record, ...]:
    known = {record.submission: record for record in records}
    for submission, item in outcomes.items():
        if item.verdict is Verdict.REFUSED:
            known.pop(submission, None)
        elif item.verdict is Verdict.SCORED:
            old = known.get(submission) or Record(
                submission, item.hotkey, item.commit_block, item.tiebreak, item.tensors, 0, 0, 0
            )
            scores = item.groups.values()
            known[submission] = replace(
                old,
                groups=old.groups + len(scores),
                total=old.total + sum(scores),
                squares=old.squares + sum(score * score for score in scores),
            )
    return _originals(record for record in known.values() if record.groups)


def _originals(records: Iterable[Record]) -> tuple[Record, ...]:
    """Of each lineage only the earliest commit, whichever was judged first; in the order of submissions."""
    kept: dict[str, Record] = {}
    for record in sorted(records, key=lambda r: (r.commit_block, r.tiebreak)):
        kept.setdefault(record.tensors or f"submission {record.submission}", record)
    return tuple(sorted(kept.values(), key=lambda record: record.submission))


def _still_known(open_duels: tuple[Duel, ...], records: tuple[Record, ...]) -> tuple[Duel, ...]:
    known = {record.submission for record in records}
    return tuple(item for item in open_duels if item.challenger in known)


def _crown_best(state: State, start: Block) -> State:
    best = min(state.records, key=lambda record: record.order, default=None)
    king = best.submission if best is not None and best.total > 0 else None
    return replace(state, king=king, king_since=start, challengers_met=0, duels=())


def _duel(state: State, outcomes: Mapping[SubmissionId, Judged], start: Block, competition: Competition) -> State:
    """Add this round's evidence to each duel in which both sides were judged."""
    king = state.king
    if king is None or king not in outcomes or outcomes[king].verdict is not Verdict.SCORED:
        return state
    running = {item.challenger: item for item in state.duels}
    met = state.challengers_met
    for submission in sorted(outcomes, key=lambda key: (outcomes[key].commit_block, outcomes[key].tiebreak)):
        item = outcomes[submission]
        if submission == king or item.verdict is not Verdict.SCORED:
            continue
        if submission not in running:
            met += 1
            running[submission] = _open(state, king, submission, start, met, competition)
        if duels.read(running[submission], competition.duel) is Outcome.KING:
            continue  # lost for good: this submission has had its rounds against this king
        shared = [group for group in item.groups if group in outcomes[king].groups]
        differences = [item.groups[group] - outcomes[king].groups[group] for group in shared]
        running[submission] = duels.step(running[submission], differences, competition.duel)
    return replace(state, challengers_met=met, duels=tuple(sorted(running.values(), key=lambda entry: entry.challenger)))


def _open(state: State, king: SubmissionId, submission: SubmissionId, start: Block, nth: int, competition: Competition) -> Duel:
    record = state.record(king)
    score = Micro(0 if record is None else record.total // record.groups)
    return Duel(
        challenger=submission,
        king=king,
        opened=RoundNumber(state.round or 0),
        margin=duels.margin(competition.duel, start - state.king_since, score),
        threshold=duels.threshold(competition.duel, nth),
    )


def _settle(state: State, start: Block, competition: Competition) -> State:
    winners = [item.challenger for item in state.duels if duels.read(item, competition.duel) is Outcome.CHALLENGER]
    if not winners:
        return state
    best = min((r for r in state.records if r.submission in winners), key=lambda record: record.order)
    return replace(state, king=best.submission, king_since=start, challengers_met=0, duels=())
