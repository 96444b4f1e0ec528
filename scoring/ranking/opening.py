"""The opening of a round: who is judged in it, and in which order, decided purely from the ledger's state and the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from scoring.competition import Competition, Track
from scoring.ranking.state import State, TrackState
from scoring.types import Block, Entrant, RoundNumber, SubmissionId


@dataclass(frozen=True, slots=True)
class RoundEntry:
    """A submission that is to be judged, and its track; None where its family, which decides that, is not known yet."""

    submission: SubmissionId
    track: str | None


@dataclass(frozen=True, slots=True)
class RoundOpening:
    """A round to be written: its entries are in order of priority, soonest first."""

    number: RoundNumber
    start: Block
    deadline: Block
    entries: tuple[RoundEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCandidate:
    """A submission of a registered hotkey that may be judged.

    `immune_until` is the block at which its registration may end, `last_asked` the last round that asked for it.
    """

    submission: SubmissionId
    commit_block: Block
    tiebreak: str
    immune_until: Block
    last_asked: RoundNumber | None
    entrant: Entrant
    family: str | None
    """The family that its repository names; None before a worker has read it."""


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

    First the king, then those on trial for an empty throne, and both sides of a lead that is measured; then newcomers and open duels,
    first those whose immunity ends soonest, then the others, by how long ago they were asked for; then, by that alone, scored
    submissions without a duel; then those that lost to this king or were rejected. Equals come by commit; at most `evaluations` are
    asked. So no amount of junk keeps a newcomer or a duel waiting.

    So it is in each track that this validator judges, whose `evaluations` are its own. A submission whose family nobody has read yet
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
    judged = [track for track in competition.track if track.name in view.tracks]

    def asked(unknown: frozenset[Entrant]) -> list[list[Entrant]]:
        """Whom each track asks for, soonest first, where only these of those without a track take part."""
        taking = [c for c in eligible if tracks[c.entrant] is not None or c.entrant in unknown]
        return [_asked([c for c in taking if tracks[c.entrant] in (track.name, None)], view, track) for track in judged]

    wanted = [frozenset(names) for names in asked(frozenset(tracks))]
    everywhere = frozenset.intersection(*wanted) if wanted else frozenset[Entrant]()
    turns = (name for turn in zip_longest(*asked(everywhere)) for name in turn if name is not None)
    submissions = {candidate.entrant: candidate.submission for candidate in eligible}
    return tuple(RoundEntry(submissions[name], tracks[name]) for name in dict.fromkeys(turns))


def _asked(candidates: Sequence[RoundCandidate], view: RoundView, track: Track) -> list[Entrant]:
    """Whom a track would ask for, soonest first."""
    state = view.state.of(track.name)
    places = _places(state)
    chances = _chances(state) | {rejection.entrant: 2 for rejection in view.state.unplaced}

    def priority(candidate: RoundCandidate) -> tuple[int, int, bool, Block, int, Block, str]:
        chance = chances.get(candidate.entrant, 0)
        immune = chance == 0 and candidate.immune_until > view.finalized
        return (
            places.get(candidate.entrant, len(places)),
            chance,
            not immune,
            candidate.immune_until if immune else Block(0),
            -1 if candidate.last_asked is None else candidate.last_asked,
            candidate.commit_block,
            candidate.tiebreak,
        )

    return [candidate.entrant for candidate in sorted(candidates, key=priority)[: track.evaluations]]


def _chances(state: TrackState) -> dict[Entrant, int]:
    """1 for a scored submission without a duel, 2 for one that lost to the king or was rejected; all others may win soon."""
    duels = {duel.challenger for duel in state.duels}
    idle = {} if state.king is None else {record.entrant: 1 for record in state.records if record.entrant not in duels}
    return idle | {duel.entrant: 2 for duel in state.lost} | {rejection.entrant: 2 for rejection in state.rejections}


def _places(state: TrackState) -> dict[Entrant, int]:
    """Whom a round asks for first, in order: the king, the contenders for an empty throne, both sides of each lead that is measured."""
    names = [] if state.king is None else [state.king]
    names += [trial.entrant for trial in state.trial]
    names += [name for credit in state.leads if credit.open for name in (credit.entrant, credit.over) if name is not None]
    return {name: place for place, name in enumerate(dict.fromkeys(names))}
