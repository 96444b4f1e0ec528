"""The leaderboard by a ledger: who holds each track, who is ranked below, what each is paid, and why, in numbers and in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scoring.competition import Competition, Track
from scoring.ranking.duel import Duel
from scoring.ranking.selection import interval
from scoring.ranking.state import Record, TrackState
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, Uid, Weight
from scoring.weights.explanation import TrackExplanation, UidExplanation, explain_all
from scoring.weights.plan import Snapshot, TrackShare, UidShare, WeightPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionScore:
    """A submission's mean over every group of every round in which it was scored; integers of 1e-6, more is better."""

    mean: Micro
    stderr: Micro
    """Standard error of the mean."""
    low: Micro
    """Lower end of the mean's two-sided 99 % interval."""
    high: Micro
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelStanding:
    """The open duel of a track."""

    challenger: Entrant
    king: Entrant
    opened: RoundNumber
    """At this round's end it opened; margin and threshold are frozen since."""
    wealth: float
    """The evidence: it starts at 1, and crowns where it reaches `threshold`."""
    threshold: float
    margin: Micro
    """The lead that the challenger must exceed, in 1e-6."""
    lead: Micro | None
    """Mean of its group scores less the king's, in 1e-6; None before the first."""
    groups: int
    rounds: int
    max_rounds: int
    """It ends after so many rounds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedSubmission:
    """A submission that could be paid in a track."""

    track: str
    entrant: Entrant
    hotkey: Hotkey
    uid: Uid
    king: bool
    rank: int
    """From 1: the king, then by credit, then by the lower bound of the score."""
    place: int | None
    """0 for the king, 1 … for hotkeys with credit; None for who is not paid."""
    share: Weight
    """Of all emission, for this track."""
    weight: Weight
    """Of its uid: all tracks together, and for the owner's what nobody earned."""
    credit: Micro
    """What its hotkey's leads are worth now, in 1e-6."""
    score: SubmissionScore | None
    """None while no score counts."""
    words: TrackExplanation


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStandings:
    """A track as the ledger's head has it."""

    track: str
    share: float
    """Of the emission."""
    king: Entrant | None
    king_since: Block | None
    """The block at which the king's first round began; None without a king."""
    since_round: RoundNumber | None
    throne: str
    """In words: since when the king holds the top, or why nobody does."""
    duel: DuelStanding | None
    trial_rounds: int
    """Rounds of the trial on an empty throne so far."""
    ranked: tuple[RankedSubmission, ...]
    unranked: Mapping[Entrant, TrackExplanation]
    """The reasons of registered hotkeys' submissions that could not be paid: rejected ones, and those of before a registration."""


def track_standings(snapshot: Snapshot, plan: WeightPlan, rules: Competition, owner: Uid | None) -> tuple[TrackStandings, ...]:
    """Every track of the rules, in their order, by a snapshot and its plan.

    `owner` is the uid that the burned part goes to; without one nobody is shown with it.
    """
    words = explain_all(snapshot, plan)
    weights = {line.uid: Weight(line.share + (plan.burn if line.uid == owner else 0.0)) for line in plan.lines}
    return tuple(
        _standings(snapshot.state.of(track.name), track, rules, tuple(_lines(plan, words, weights))) for track in rules.track
    )


def _lines(
    plan: WeightPlan, words: Mapping[Uid, UidExplanation], weights: Mapping[Uid, Weight]
) -> Iterator[tuple[UidShare, TrackShare, TrackExplanation, Weight]]:
    for line in plan.lines:
        for share, why in zip(line.tracks, words[line.uid].tracks, strict=True):
            yield line, share, why, weights[line.uid]


def _standings(
    state: TrackState, track: Track, rules: Competition, lines: tuple[tuple[UidShare, TrackShare, TrackExplanation, Weight], ...]
) -> TrackStandings:
    records = {record.entrant: record for record in state.records}
    ranked = [
        RankedSubmission(
            track=track.name,
            entrant=share.entrant,
            hotkey=line.hotkey,
            uid=line.uid,
            king=share.entrant == state.king,
            rank=share.rank,
            place=share.place,
            share=share.share,
            weight=weight,
            credit=share.credit,
            score=_score(records.get(share.entrant)),
            words=why,
        )
        for line, share, why, weight in lines
        if share.track == track.name and share.rank is not None
    ]
    return TrackStandings(
        track=track.name,
        share=track.share,
        king=state.king,
        king_since=None if state.king is None else state.king_since,
        since_round=None if state.king is None else RoundNumber(state.king_since // rules.round.blocks),
        throne=state.throne,
        duel=None if state.duel is None else _duel(state.duel, track),
        trial_rounds=state.trial_rounds,
        ranked=tuple(sorted(ranked, key=lambda row: row.rank)),
        unranked={share.entrant: why for _, share, why, _ in lines if share.track == track.name and share.rank is None},
    )


def _score(record: Record | None) -> SubmissionScore | None:
    if record is None:
        return None
    low, high = interval(record)
    return SubmissionScore(
        mean=_micro(record.mean), stderr=_micro(record.stderr), low=_micro(low), high=_micro(high), groups=record.groups
    )


def _duel(duel: Duel, track: Track) -> DuelStanding:
    return DuelStanding(
        challenger=duel.challenger,
        king=duel.king,
        opened=duel.opened,
        wealth=duel.wealth,
        threshold=duel.threshold,
        margin=duel.margin,
        lead=Micro(round(duel.lead / duel.groups)) if duel.groups else None,
        groups=duel.groups,
        rounds=duel.rounds,
        max_rounds=track.duel.max_rounds,
    )


def _micro(value: float) -> Micro:
    return Micro(round(value * MICRO))
