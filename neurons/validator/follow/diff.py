"""The first round in which two validators' ledgers differ, and the part of it that does."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from neurons.validator.follow.ledger_source import LedgerSource
from scoring.types import RoundNumber, entrant
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import RoundEvidence

ABSENT = "–"
_Hash = tuple[RoundNumber, str]


class RoundPart(StrEnum):
    """The part of a round that differs; a later part follows from an earlier one."""

    ROUNDS = "rounds"
    """Only one of them folded it."""
    COMPETITION = "competition"
    START = "start"
    ENTRANTS = "entrants"
    RECEIPT = "receipt"
    """One ledger counts a receipt that the other does not count."""
    GONE = "gone"
    METAGRAPH = "metagraph"
    """The block at which eligibility was decided."""
    FOLD = "fold"
    """The inputs are the same, and the states are not."""


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """One difference between two ledgers: its part and path, and the value in each."""

    part: RoundPart
    what: str
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first round that differs, with what differs in it; None: as far as both go they are the same.

    `same` counts the entries before it, `ends` says how far each was read (None: it is empty).
    """

    round: RoundNumber | None
    rows: tuple[LedgerDifference, ...]
    same: int
    ends: tuple[RoundNumber | None, RoundNumber | None]


async def diff(one: LedgerSource, other: LedgerSource) -> Divergence:
    """Compare two ledgers. One that is only shorter differs in nothing yet."""
    same, ends = 0, _Ends()
    async for mine, theirs in _side_by_side(one, other, ends):
        if mine == theirs:
            same += 1
            continue
        if mine[0] != theirs[0]:
            first, sides = min(mine, theirs), ("folded", ABSENT) if mine < theirs else (ABSENT, "folded")
            return Divergence(first[0], (LedgerDifference(RoundPart.ROUNDS, f"round {first[0]}", *sides),), same, ends.both)
        rows = await _rows(one, other, mine[0])
        return Divergence(mine[0], rows, same, ends.both)
    return Divergence(None, (), same, ends.both)


@dataclass(slots=True)
class _Ends:
    """The last rounds that were read."""

    both: tuple[RoundNumber | None, RoundNumber | None] = (None, None)


async def _side_by_side(one: LedgerSource, other: LedgerSource, ends: _Ends) -> AsyncIterator[tuple[_Hash, _Hash]]:
    """The entries of both, first with first and so on, until one ends."""
    mine, theirs = one.hashes(), other.hashes()
    while True:
        left, right = await anext(mine, None), await anext(theirs, None)
        ends.both = (left[0] if left else ends.both[0], right[0] if right else ends.both[1])
        if left is None or right is None:
            return
        yield left, right


async def _rows(one: LedgerSource, other: LedgerSource, number: RoundNumber) -> tuple[LedgerDifference, ...]:
    mine, theirs = await one.entry(number), await other.entry(number)
    judged = await one.evidence(number), await other.evidence(number)
    return tuple(compare(mine, theirs, *judged))


def compare(
    one: LedgerEntry, other: LedgerEntry, judged: RoundEvidence | None = None, elsewhere: RoundEvidence | None = None
) -> Iterator[LedgerDifference]:
    """The differences between two entries of a round; with the evidence of both, a receipt is named by its submission."""
    mine, theirs = one.inputs.to_json(), other.inputs.to_json()
    yield from _scalar(RoundPart.COMPETITION, "competition_hash", mine, theirs)
    yield from _scalar(RoundPart.START, "start", mine, theirs)
    if judged is not None and elsewhere is not None:
        asked, there = ({name: "asked" for name in _names(found).values()} for found in (judged, elsewhere))
        yield from _items(RoundPart.ENTRANTS, asked, there, _labels(one, judged) | _labels(other, elsewhere))
    names = _names(judged) | _names(elsewhere)
    labels = _labels(one, judged) | _labels(other, elsewhere)
    yield from _items(RoundPart.RECEIPT, _receipts(mine, names), _receipts(theirs, names), labels)
    yield from _items(RoundPart.GONE, mine.get("gone", {}), theirs.get("gone", {}), labels)
    yield from _scalar(RoundPart.METAGRAPH, "block", mine, theirs)
    if mine == theirs:
        yield from _folds(one, other)


def _folds(one: LedgerEntry, other: LedgerEntry) -> Iterator[LedgerDifference]:
    rows = [*_leaves(RoundPart.FOLD, "state", _by_track(one), _by_track(other))]
    yield from rows
    if one.previous != other.previous:
        yield LedgerDifference(RoundPart.FOLD, "previous", one.previous or ABSENT, other.previous or ABSENT)
    if not rows:
        yield LedgerDifference(RoundPart.FOLD, "state_hash", one.state_hash, other.state_hash)


def _by_track(entry: LedgerEntry) -> dict[str, Any]:
    """An entry's state with its tracks by their names, so that a path names the track."""
    return entry.state.to_json() | {"tracks": {state.track: state.to_json() for state in entry.state.tracks}}


def _labels(entry: LedgerEntry, judged: RoundEvidence | None) -> dict[str, str]:
    """Submissions by their names, each with its track before it."""
    found: dict[str, str | None] = {name: state.track for state in entry.state.tracks for name in state.known}
    for result in () if judged is None else judged.results:
        found[entrant(result.hotkey, result.commit_block)] = result.track
    return {name: f"{track}: {name}" for name, track in found.items() if track is not None}


def _receipts(inputs: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """The verdict on each submission's receipt, by the submission's name, or by the receipt's hash where the name is not known."""
    counted = {names.get(key, f"receipt {key}"): f"counts {key}" for key in inputs.get("counted", {})}
    return counted | {name: f"does not count: {why}" for name, why in inputs.get("distrusted", {}).items()}


def _names(found: RoundEvidence | None) -> dict[str, str]:
    """The submission of each receipt."""
    results = () if found is None else found.results
    return {str(result.receipt_hash or result.evaluation_id): entrant(result.hotkey, result.commit_block) for result in results}


def _scalar(part: RoundPart, name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[LedgerDifference]:
    if one.get(name) != other.get(name):
        yield LedgerDifference(part, name, str(one.get(name)), str(other.get(name)))


def _items(
    part: RoundPart, one: Mapping[str, str], other: Mapping[str, str], labels: Mapping[str, str]
) -> Iterator[LedgerDifference]:
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield LedgerDifference(part, labels.get(name, name), one.get(name, ABSENT), other.get(name, ABSENT))


def _leaves(part: RoundPart, path: str, one: Any, other: Any) -> Iterator[LedgerDifference]:
    """Every scalar of two JSON values that differs, by its path."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            yield from _leaves(part, f"{path}.{name}", one.get(name, ABSENT), other.get(name, ABSENT))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _leaves(part, f"{path}[{index}]", left, right)
    elif one != other:
        yield LedgerDifference(part, path, str(one), str(other))
