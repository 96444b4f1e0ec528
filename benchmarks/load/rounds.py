"""The validator's rounds over simulated blocks: opened and closed by the functions that open and close them on chain."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.load.clock import Clock
from benchmarks.load.plan import TrackLoad
from benchmarks.load.rows import Row, Rows
from neurons.validator import decide
from scoring.competition import Competition, load
from scoring.described import described
from scoring.ranking.opening import RoundOpening, RoundView, open_round
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import State
from scoring.types import Block, BlockHash, Hotkey, RoundNumber, SubmissionId, entrant
from voice_api.db.rounds import Round
from voice_api.db.states import ParkedWhy, QueueName, RoundState


@dataclass(slots=True, kw_only=True)
class RoundResult:
    """One round: its rows, and the block at which it closed; None while it is open."""

    number: RoundNumber
    opening: RoundOpening
    rows: list[Row]
    closed: Block | None = None

    def in_time(self, rules: Competition) -> bool:
        """Whether it closed with a verdict on every row, and before the round after it was to begin."""
        whole = all(row.why is not ParkedWhy.ROUND_CLOSED for row in self.rows)
        return self.closed is not None and whole and self.closed < self.opening.start + rules.round.blocks


def rules_of(tracks: tuple[TrackLoad, ...]) -> Competition:
    """The rules that ship, of these tracks by name, each with its number of evaluations."""
    shipped = load().version[-1]
    known = {track.name: track for track in (*shipped.track, described())}
    asked = tuple(known[track.name].model_copy(update={"evaluations": track.evaluations}) for track in tracks)
    return shipped.model_copy(update={"track": asked})


@dataclass(slots=True, kw_only=True)
class Rounds:
    """At most one round is open. Each asks for as many submissions as its tracks have places: there are always enough of them."""

    clock: Clock
    rows: Rows
    tracks: tuple[TrackLoad, ...]
    block_seconds: float
    chance: random.Random
    notify: Callable[[], None]
    """As the database tells the dispatcher of new rows."""
    results: list[RoundResult] = field(default_factory=list)
    rules: Competition = field(init=False)
    _candidates: list[RoundCandidate] = field(init=False)

    def __post_init__(self) -> None:
        """One submission of a hotkey of its own for each place."""
        self.rules = rules_of(self.tracks)
        families = [track.families[0] for track in self.rules.track for _ in range(track.evaluations)]
        self._candidates = [_candidate(number, family) for number, family in enumerate(families)]

    @property
    def block(self) -> Block:
        """The finalized block now; the first one begins a round."""
        return Block(self.rules.round.blocks + math.floor(self.clock.now / self.block_seconds + 1e-9))

    def tick(self) -> None:
        """Close the round if it is to be closed, and open the next one if it is due."""
        last = self.results[-1] if self.results else None
        if last is not None and last.closed is None and decide.ends(_stored(last), self.block):
            self.rows.park((row for row in last.rows if row.is_open), ParkedWhy.ROUND_CLOSED)
            last.closed = self.block
        view = RoundView(
            finalized=self.block,
            last_opened=None if last is None else last.number,
            any_open=last is not None and last.closed is None,
            state=State(),
            candidates=self._candidates,
            tracks=frozenset(track.name for track in self.rules.track),
        )
        opening = open_round(view, self.rules)
        if opening is not None:
            self._open(opening)

    def _open(self, opening: RoundOpening) -> None:
        rows = []
        for priority, entry in enumerate(opening.entries):
            track = next(track for track in self.tracks if track.name == entry.track)
            row = Row(
                id=len(self.rows.every),
                round=opening.number,
                track=track.name,
                queue=QueueName.of(entry.device),
                priority=priority,
                seconds=track.seconds * math.exp(track.spread * self.chance.gauss(0.0, 1.0)),
                due_at=self.clock.now,
            )
            self.rows.add(row)
            rows.append(row)
        self.results.append(RoundResult(number=opening.number, opening=opening, rows=rows))
        self.notify()


def _stored(result: RoundResult) -> Round:
    """The round as the validator reads it."""
    return Round(
        round=result.number,
        start_block=result.opening.start,
        block_hash=BlockHash(""),
        deadline_block=result.opening.deadline,
        competition_hash="",
        state=RoundState.OPEN,
        pending=sum(row.is_open for row in result.rows),
    )


def _candidate(number: int, family: str) -> RoundCandidate:
    return RoundCandidate(
        submission=SubmissionId(number),
        commit_block=Block(0),
        tiebreak=f"{number:08}",
        previous_block=None,
        immune_until=Block(0),
        last_asked=None,
        entrant=entrant(Hotkey(f"h{number}"), Block(0)),
        family=family,
    )
