"""The queue: which submissions a round asks for when there are more than it has places, and in which order."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scoring.competition import QueueRules, Track
from scoring.ranking.selection import lower_bound
from scoring.ranking.state import State, TrackState
from scoring.types import Block, Entrant, Hotkey, RoundNumber, SubmissionId, parse_entrant

_NEVER = Block(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCandidate:
    """A submission of a registered hotkey that may be judged.

    `immune_until` is the block at which its registration may end, `last_asked` the last round that asked for it. `previous_block` is the
    block of its hotkey's commitment before, None for the first.
    """

    submission: SubmissionId
    commit_block: Block
    tiebreak: str
    previous_block: Block | None
    immune_until: Block
    last_asked: RoundNumber | None
    entrant: Entrant
    family: str | None
    """The family that its repository names; None before a worker has read it."""

    @property
    def hotkey(self) -> Hotkey:
        """Who committed it."""
        return parse_entrant(self.entrant)[0]

    @property
    def seniority(self) -> tuple[Block, str]:
        """The key that sorts the earlier commit first."""
        return (self.commit_block, self.tiebreak)


def places(share: float, track: Track) -> int:
    """A share of a round in places: rounded down, one at least."""
    return max(1, math.floor(share * track.evaluations))


@dataclass(slots=True, kw_only=True)
class _Lines:
    """Who waits, by what for; each line in its order, soonest first."""

    first: list[RoundCandidate] = field(default_factory=list)
    """What the ranking waits for: king, challenger, the contenders for an empty throne, both sides of each lead that is measured."""
    waiting: list[RoundCandidate] = field(default_factory=list)
    """For a duel."""
    newcomers: list[RoundCandidate] = field(default_factory=list)
    """Without a verdict."""
    proven: list[RoundCandidate] = field(default_factory=list)
    """Scored, but not since this king took the top."""
    met: list[RoundCandidate] = field(default_factory=list)
    """Scored under this king, and clearly less."""
    over: list[RoundCandidate] = field(default_factory=list)
    """Rejected."""
    set_back: list[RoundCandidate] = field(default_factory=list)
    """Of hotkeys that are set back."""


@dataclass(frozen=True, kw_only=True)
class RoundQueue:
    """The queue of a track at a block, by the ledger's state."""

    state: State
    track: Track
    now: Block
    round_blocks: int

    def asked(self, candidates: Iterable[RoundCandidate]) -> list[Entrant]:
        """Whom a round asks for, soonest first: at most the track's `evaluations`, whatever the order of the candidates.

        First comes what the ranking waits for. Of the places that are left, newcomers, proven models and hotkeys that are set back keep
        their shares, as far as they need them. All others are for challengers that wait for their duel. What these leave goes to proven
        models, to newcomers, to those that scored clearly less than the king, and to those that were rejected. Hotkeys that are set back
        never get more than their share.
        """
        lines, rules = self._lines(candidates), self._rules
        found = _Round(originals=self._originals, most=self._places(rules.hotkey))
        found.add(lines.first[: self.track.evaluations])
        last = min(self._places(rules.set_back), len(lines.set_back))
        room = max(0, self.track.evaluations - last)
        newcomers = min(self._places(rules.newcomers), len(lines.newcomers))
        proven = min(self._places(rules.proven), len(lines.proven))
        found.take(lines.newcomers, min(newcomers, room - len(found.asked)))
        found.take(lines.waiting, room - len(found.asked) - proven)
        found.take(lines.proven, min(proven, room - len(found.asked)))
        for line in (lines.waiting, lines.proven, lines.newcomers, lines.met, lines.over):
            found.take(line, room - len(found.asked))
        found.take(lines.set_back, min(last, self.track.evaluations - len(found.asked)))
        return [candidate.entrant for candidate in found.asked.values()]

    @cached_property
    def _own(self) -> TrackState:
        return self.state.of(self.track.name)

    @property
    def _rules(self) -> QueueRules:
        return self.track.queue

    @property
    def _originals(self) -> Mapping[Entrant, Entrant]:
        """By copy."""
        return {copy.entrant: copy.original for copy in self._own.rejections if copy.original is not None}

    def _places(self, share: float) -> int:
        return places(share, self.track)

    def _lines(self, candidates: Iterable[RoundCandidate]) -> _Lines:
        """Everybody in its line, and the lines in their order."""
        lines = _Lines()
        first = _first(self._own)
        promise = {each.entrant: each.promise for each in self._own.challengers}
        records = {record.entrant: record for record in self._own.records}
        over = {rejection.entrant for rejection in self.state.rejections}
        set_back = {setback.hotkey for setback in self._own.setbacks}
        for candidate in sorted(candidates, key=lambda candidate: candidate.seniority):
            name = candidate.entrant
            if name in first:
                lines.first.append(candidate)
            elif name in promise:
                lines.waiting.append(candidate)
            elif candidate.hotkey in set_back:
                lines.set_back.append(candidate)
            elif name in over:
                lines.over.append(candidate)
            elif name not in records:
                lines.newcomers.append(candidate)
            else:
                (lines.met if self._has_met_king(candidate) else lines.proven).append(candidate)
        lines.first.sort(key=lambda candidate: first[candidate.entrant])
        lines.waiting = self._waiting(lines.waiting, promise)
        lines.newcomers = self._newcomers(lines.newcomers)
        lines.proven.sort(key=lambda candidate: -lower_bound(records[candidate.entrant]))
        lines.met.sort(key=self._turn)
        lines.over.sort(key=self._turn)
        lines.set_back.sort(
            key=lambda candidate: (candidate.entrant in records or candidate.entrant in over, self._turn(candidate))
        )
        return lines

    def _waiting(self, senior: Sequence[RoundCandidate], promise: Mapping[Entrant, int]) -> list[RoundCandidate]:
        """A few that were asked for longest ago, so that nobody waits for ever; then all others by what they promise, most first."""
        by_turn = sorted(senior, key=self._asked_at)
        turns = self._places(self._rules.turns)
        return by_turn[:turns] + sorted(by_turn[turns:], key=lambda candidate: -promise[candidate.entrant])

    def _newcomers(self, senior: Sequence[RoundCandidate]) -> list[RoundCandidate]:
        """A few whose immunity ends soonest, a few that came last, a few that came first, then all others by their hotkey's last turn.

        So neither a crowd that came before a newcomer keeps it waiting, nor one that follows it, nor one that comes again and again.
        """
        immune = sorted((each for each in senior if each.immune_until > self.now), key=lambda candidate: candidate.immune_until)
        found: dict[SubmissionId, RoundCandidate] = {}
        for line, share in ((immune, self._rules.immune), (senior[::-1], self._rules.newest), (senior, self._rules.oldest)):
            others = [candidate for candidate in line if candidate.submission not in found]
            found |= {candidate.submission: candidate for candidate in others[: self._places(share)]}
        found |= {candidate.submission: candidate for candidate in sorted(senior, key=self._turn)}
        return list(found.values())

    def _has_met_king(self, candidate: RoundCandidate) -> bool:
        """Whether a round asked for it since this king took the top."""
        return self._own.king is not None and self._asked_at(candidate) > self._own.king_since

    def _turn(self, candidate: RoundCandidate) -> Block:
        """The block of its last turn: its hotkey's commitment before, or the round that asked for it last; -1 without either."""
        return max(self._asked_at(candidate), _NEVER if candidate.previous_block is None else candidate.previous_block)

    def _asked_at(self, candidate: RoundCandidate) -> Block:
        """The first block of the last round that asked for it, -1 where none did."""
        return _NEVER if candidate.last_asked is None else Block(candidate.last_asked * self.round_blocks)


@dataclass(slots=True, kw_only=True)
class _Round:
    """Who is asked so far, and how many of each hotkey and of each lineage, beside what the ranking waits for."""

    originals: Mapping[Entrant, Entrant]
    most: int
    asked: dict[SubmissionId, RoundCandidate] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, candidates: Iterable[RoundCandidate]) -> None:
        """Ask for these, whatever their hotkey has already; they count in no share: a king's newer commitment has its place beside it."""
        self.asked |= {candidate.submission: candidate for candidate in candidates}

    def take(self, line: Iterable[RoundCandidate], places: int) -> None:
        """Ask for so many of a line, in its order; whoever's hotkey or lineage has its share waits."""
        for candidate in line:
            if places <= 0:
                return
            if candidate.submission not in self.asked and all(self.counts[name] < self.most for name in self._names(candidate)):
                self.add([candidate])
                self.counts.update(self._names(candidate))
                places -= 1

    def _names(self, candidate: RoundCandidate) -> tuple[str, str]:
        """Its hotkey, and the earliest submission of its lineage."""
        return candidate.hotkey, self.originals.get(candidate.entrant, candidate.entrant)


def _first(state: TrackState) -> dict[Entrant, int]:
    """Whom a round asks for first, in order: king, challenger, the contenders for an empty throne, both sides of each measured lead."""
    names = [] if state.king is None else [state.king]
    names += [] if state.duel is None else [state.duel.challenger]
    names += [trial.entrant for trial in state.trial]
    names += [name for credit in state.leads if credit.open for name in (credit.entrant, credit.over) if name is not None]
    return {name: place for place, name in enumerate(dict.fromkeys(names))}
