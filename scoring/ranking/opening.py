"""The opening of a round: who is judged in it, and in which order, decided purely from the ledger's state and the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from scoring.competition import Competition
from scoring.ranking.queue import RoundCandidate, RoundQueue
from scoring.ranking.state import State
from scoring.synthesis.load import Device
from scoring.types import Block, Entrant, RoundNumber, SubmissionId


@dataclass(frozen=True, slots=True)
class RoundEntry:
    """A submission that is to be judged, its track, and the device that this speaks on.

    Without a track nobody read yet which family it is of, which decides that. Then the device is the CPU, on which anybody can read
    it, unless every track that is judged here speaks on cards.
    """

    submission: SubmissionId
    track: str | None
    device: Device


@dataclass(frozen=True, slots=True)
class RoundOpening:
    """A round to be written: its entries are in order of priority, soonest first."""

    number: RoundNumber
    start: Block
    deadline: Block
    entries: tuple[RoundEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """All that a round's opening depends on: finalized head, last round opened, the ledger's state, and the candidates."""

    finalized: Block
    last_opened: RoundNumber | None
    any_open: bool
    state: State
    candidates: Sequence[RoundCandidate]
    tracks: frozenset[str]
    """The tracks that this validator judges."""
    may_be_empty: bool = False
    """Whether a round is opened though nobody is to be judged here: for the ledger to drop whom an operator banned or set aside, or to
    take over what others judged."""


def open_round(view: RoundView, competition: Competition) -> RoundOpening | None:
    """The round that begins now, or None while one is open, none is due, or nobody is to be judged.

    Each track that this validator judges asks for its own, by its queue. A submission whose family nobody has read yet
    takes a place in each of them: it is asked for when all have one, so that there is room for it wherever it belongs. One that finds
    no place in one of them takes none in the others.

    Only submissions committed before the round's first block take part: its prompts were unknown when they were committed.
    """
    number = RoundNumber(view.finalized // competition.round.blocks)
    start = Block(number * competition.round.blocks)
    if view.any_open or (view.last_opened is not None and number <= view.last_opened):
        return None
    eligible = [candidate for candidate in view.candidates if candidate.commit_block < start]
    entries = _entries(eligible, view, competition)
    if not entries and not view.may_be_empty:
        return None
    return RoundOpening(number, start, Block(start + competition.round.deadline_blocks), entries)


def _entries(eligible: Sequence[RoundCandidate], view: RoundView, competition: Competition) -> tuple[RoundEntry, ...]:
    """Whom the round asks for: track by track in turn, the first of each, then the second."""
    families = {family: track.name for track in competition.track for family in track.families}
    known = {name: state.track for state in view.state.tracks for name in state.known}
    tracks = {c.entrant: families.get(c.family or "") or known.get(c.entrant) for c in eligible}
    queues = [
        RoundQueue(state=view.state, track=track, now=view.finalized, round_blocks=competition.round.blocks)
        for track in competition.track
        if track.name in view.tracks
    ]

    def asked(unknown: frozenset[Entrant]) -> list[list[Entrant]]:
        """Whom each track asks for, soonest first, where only these of those without a track take part."""
        taking = [c for c in eligible if tracks[c.entrant] is not None or c.entrant in unknown]
        return [queue.asked(c for c in taking if tracks[c.entrant] in (queue.track.name, None)) for queue in queues]

    wanted = [frozenset(names) for names in asked(frozenset(tracks))]
    everywhere = frozenset.intersection(*wanted) if wanted else frozenset[Entrant]()
    turns = (name for turn in zip_longest(*asked(everywhere)) for name in turn if name is not None)
    submissions = {candidate.entrant: candidate.submission for candidate in eligible}
    devices: dict[str | None, Device] = {queue.track.name: queue.track.synthesis.device for queue in queues}
    devices[None] = "cpu" if "cpu" in devices.values() else "cuda"
    return tuple(RoundEntry(submissions[name], tracks[name], devices[tracks[name]]) for name in dict.fromkeys(turns))
