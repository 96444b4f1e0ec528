"""Tracks side by side: each has its own king, duels and records, and a round asks for each."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import Competition
from scoring.ranking.duel import DuelOutcome
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.opening import RoundEntry, RoundView, open_round
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import Rejection, State, TrackState, chain_hash
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash
from tests.builders.ranking import SMALL, a_judged, a_round_candidate, at_once, named
from tests.builders.rules import a_competition, a_track, changed

LARGE = "large"
TRACKS = (a_track(families=("vits",)), a_track(name=LARGE, families=("espeak",), evaluations=3))
BOTH = at_once(a_competition(*TRACKS))
ONLY_SMALL = at_once(a_competition(TRACKS[0]))


def judged(number: int, score: float = 0.5, track: str | None = SMALL, **overrides: object) -> Judged:
    """Submission `number`, scored the same in each of 32 groups."""
    return a_judged(number, [score] * 32, track=track, **overrides)


def refused(number: int, track: str | None = None, verdict: LedgerVerdict = LedgerVerdict.REJECTED) -> Judged:
    """Submission `number`, rejected before its family was known unless a track is given."""
    return a_judged(number, track=track, verdict=verdict, reason="no such repository")


def folded(
    *rounds: Sequence[Judged], state: State | None = None, rules: Competition = BOTH, gone: Mapping[Entrant, str] | None = None
) -> State:
    """The state after these rounds, the first of which is the one after the state's; `gone` is of each of them."""
    state = state or State()
    for items in rounds:
        number = RoundNumber(1 if state.round is None else state.round + 1)
        state = fold(state, RoundResult(number, Block(360 * number), items, gone or {}), rules)
    return state


def test_each_track_has_its_own_king_duels_and_leads() -> None:
    """The king of one is nobody in the other, and what is better there challenges nobody here."""
    first = [judged(1, 0.95), judged(3, 0.5, LARGE)]
    state = folded(first, [*first, judged(2, 0.95), judged(4, 0.99, LARGE)], [*first, judged(2, 0.95), judged(4, 0.99, LARGE)])
    small, large = state.of(SMALL), state.of(LARGE)
    assert state.kings == {SMALL: named(1), LARGE: named(4)}
    assert [each.entrant for each in small.challengers] == [named(2)]
    assert (large.challengers, [(duel.entrant, duel.outcome) for duel in large.ended]) == ((), [(named(4), DuelOutcome.CROWNED)])
    assert [(credit.entrant, credit.over) for credit in large.leads] == [(named(3), None), (named(4), named(3))]
    assert [credit.entrant for credit in small.leads] == [named(1)]
    assert state.kept == {named(1), named(3), named(4)}


def test_a_king_is_absent_only_where_it_competes() -> None:
    """Rounds in which the other track alone was judged cost it nothing."""
    state = folded([judged(1), judged(3, track=LARGE)], *[[judged(3, track=LARGE)]] * 20)
    assert (state.kings, state.of(SMALL).king_absent) == ({SMALL: named(1), LARGE: named(3)}, 0)


def test_one_model_in_two_tracks_is_no_copy() -> None:
    """Lineages are a track's: a family has other files than another's, and other ends."""
    state = folded([judged(1, tensors=TensorsHash("aa")), judged(3, track=LARGE, tensors=TensorsHash("aa"))])
    assert state.rejections == ()


def test_a_rejection_without_a_track_is_of_the_track_that_knows_the_submission() -> None:
    """A king whose repository vanished falls; what nobody knows is of no track until its family is found out."""
    state = folded([judged(3, track=LARGE)], [refused(3), refused(5)])
    assert state.of(LARGE).throne == "vacant: h3@3 is gone in round 2: no such repository"
    assert [rejection.entrant for rejection in state.of(LARGE).rejections] == [named(3)]
    assert (state.of(SMALL), state.unplaced) == (
        TrackState(track=SMALL),
        (Rejection(named(5), Hotkey("h5"), "no such repository"),),
    )
    assert folded([refused(5, SMALL)], state=state).unplaced == ()
    assert [r.entrant for r in folded([refused(5, SMALL)], state=state).of(SMALL).rejections] == [named(5)]
    assert folded([judged(5)], state=state).rejections == state.of(LARGE).rejections
    assert folded([], state=state).unplaced == state.unplaced
    assert folded([], state=state, gone={named(5): "its hotkey committed again"}).unplaced == ()


def test_an_absence_is_no_rejection() -> None:
    """Our outage says nothing of whom nobody knows yet."""
    assert folded([refused(5, verdict=LedgerVerdict.ABSENT)]).unplaced == ()


@pytest.mark.parametrize("track", [pytest.param("medium", id="another track"), pytest.param(None, id="no track")])
def test_a_score_is_of_a_track_of_the_rules(track: str | None) -> None:
    """Whatever else would be counted nowhere, and be missed by nobody."""
    with pytest.raises(ValueError, match=f"h1@1 was judged in the track {track}, which the rules do not have"):
        folded([judged(1, track=track)])


def test_who_is_judged_in_another_track_has_left_the_old_one() -> None:
    """Newer rules moved its family: it holds nothing there, neither the top nor a record, a duel or a rejection."""
    items = [judged(1, 0.95), judged(2, 0.95)]
    state = folded(items, [*items, refused(6, SMALL)])
    assert [each.entrant for each in state.of(SMALL).challengers] == [named(2)]
    after = folded([judged(1, 0.95, LARGE), refused(6, LARGE)], state=state)
    assert after.kings == {LARGE: named(1)}
    assert after.of(SMALL).throne == "vacant: h1@1 is gone in round 3: it competes in the track large"
    assert after.of(SMALL).known == {named(2)}
    assert (after.of(SMALL).challengers, after.of(SMALL).leads) == ((), ())
    assert [rejection.entrant for rejection in after.of(LARGE).rejections] == [named(6)]


def test_a_track_that_the_rules_dropped_ends_and_a_new_one_starts_empty() -> None:
    """Nobody is its king any more; if it comes back, it does as a new one."""
    state = folded([judged(1), judged(3, track=LARGE)])
    dropped = folded([judged(1), refused(3)], state=state, rules=ONLY_SMALL)
    assert (dropped.kings, [track.track for track in dropped.tracks]) == ({SMALL: named(1)}, [SMALL])
    assert [rejection.entrant for rejection in dropped.unplaced] == [named(3)]
    again = folded([judged(1)], state=dropped)
    assert again.of(LARGE) == TrackState(track=LARGE)


def any_rounds(draw: random.Random) -> list[list[Judged]]:
    """Up to five rounds of up to six submissions, the even ones in "large", some of them rejected, or absent, some without a track."""
    rounds = []
    for _ in range(draw.randint(1, 5)):
        items = []
        for who in draw.sample(range(1, 7), draw.randint(0, 6)):
            track = LARGE if who % 2 == 0 else SMALL
            verdict = draw.choice([LedgerVerdict.SCORED] * 4 + [LedgerVerdict.ABSENT, LedgerVerdict.REJECTED])
            if verdict is LedgerVerdict.SCORED:
                scores = {f"g{n}": Micro(draw.randint(400_000, 950_000)) for n in range(4)}
                items.append(replace(judged(who, track=track), groups=scores))
            else:
                items.append(refused(who, draw.choice([track, None]), verdict))
        rounds.append(items)
    return rounds


@given(st.integers(0, 2**32))
def test_no_order_of_outcomes_or_of_tracks_changes_a_byte(seed: int) -> None:
    """In the file the tracks may stand in any order; what is stored is read back to the same."""
    draw = random.Random(seed)
    turned = BOTH.model_copy(update={"track": BOTH.track[::-1]})
    one = two = State()
    for items in any_rounds(draw):
        one = folded(items, state=one)
        stored = State.from_json(json.loads(json.dumps(two.to_json())))
        two = folded(draw.sample(items, len(items)), state=stored, rules=turned)
        assert chain_hash("", one) == chain_hash("", two)
        assert [track.track for track in one.tracks] == [LARGE, SMALL]


@given(st.integers(0, 2**32))
def test_a_track_is_what_it_would_be_alone(seed: int) -> None:
    """Nothing that happens in the other one changes it."""
    both = alone = State()
    for items in any_rounds(random.Random(seed)):
        both = folded(items, state=both)
        alone = folded([item for item in items if item.entrant in map(named, (1, 3, 5))], state=alone, rules=ONLY_SMALL)
        assert both.of(SMALL) == alone.of(SMALL)


def a_candidate(number: int, family: str | None = None, **overrides: object) -> RoundCandidate:
    """Submission `number`, of a family that nobody has read yet unless one is given."""
    return a_round_candidate(number, **{"immune_until": Block(1000), "family": family} | overrides)


def entries(
    *candidates: RoundCandidate, state: State | None = None, tracks: Sequence[str] = (SMALL, LARGE), rules: Competition = BOTH
) -> tuple[RoundEntry, ...]:
    """The entries of round 2 where these tracks are judged."""
    view = RoundView(
        finalized=Block(725),
        last_opened=RoundNumber(1),
        any_open=False,
        state=state or State(),
        candidates=candidates,
        tracks=frozenset(tracks),
    )
    opening = open_round(view, rules)
    return () if opening is None else opening.entries


def asked(*candidates: RoundCandidate, **overrides: Any) -> list[tuple[SubmissionId, str | None]]:
    """Whom the round asks for, in which track."""
    return [(entry.submission, entry.track) for entry in entries(*candidates, **overrides)]


def test_tracks_take_turns_and_a_known_family_has_its_own() -> None:
    """The first of each, then the second; each track has room for its own number."""
    small, large = [a_candidate(n, "vits") for n in (1, 2)], [a_candidate(n, "espeak") for n in (3, 4, 5, 6)]
    assert asked(*small, *large) == [(1, SMALL), (3, LARGE), (2, SMALL), (6, LARGE), (4, LARGE)]


def test_a_family_that_nobody_read_takes_a_place_in_every_track() -> None:
    """It is asked for once, in no track, and three of it fill the smaller one."""
    unread = [a_candidate(n) for n in (1, 2, 4)]
    assert asked(*unread, a_candidate(3, "espeak"), a_candidate(5, "vits")) == [(1, None), (2, None), (4, None), (5, SMALL)]
    assert asked(a_candidate(1, "no_such_family")) == [(1, None)]


def test_who_has_no_place_in_one_track_takes_none_in_another() -> None:
    """Three of the other track come first there: neither is the newcomer asked for, nor does it keep anybody out here."""
    ahead = [a_candidate(n, "espeak", immune_until=Block(800)) for n in (1, 2, 4)]
    rules = at_once(a_competition(a_track(families=("vits",), evaluations=1), TRACKS[1]))
    waiting, late = a_candidate(3, immune_until=Block(900)), a_candidate(5, "vits")
    assert asked(*ahead, waiting, late, rules=rules) == [(5, SMALL), (1, LARGE), (4, LARGE), (2, LARGE)]
    assert asked(*ahead[:2], waiting, late, rules=rules) == [(3, None), (1, LARGE), (2, LARGE)]


@pytest.mark.parametrize(
    ("tracks", "known", "unread"),
    [
        pytest.param((SMALL, LARGE), {1: "cpu", 2: "cuda"}, "cpu", id="both: anybody reads it"),
        pytest.param((SMALL,), {1: "cpu"}, "cpu", id="the CPU's alone"),
        pytest.param((LARGE,), {2: "cuda"}, "cuda", id="the card's alone: there may be no other worker"),
    ],
)
def test_an_entry_names_the_device_of_its_track(tracks: Sequence[str], known: Mapping[int, str], unread: str) -> None:
    """Of a family that nobody read the device is a guess, which the worker that reads it corrects."""
    rules = at_once(a_competition(TRACKS[0], changed(TRACKS[1], synthesis={"device": "cuda"})))
    found = entries(a_candidate(1, "vits"), a_candidate(2, "espeak"), a_candidate(3), tracks=tracks, rules=rules)
    assert {entry.submission: entry.device for entry in found} == {**known, 3: unread}


def test_a_track_that_is_not_judged_here_is_not_asked_for() -> None:
    """Nor does it take a place of those that are: a newcomer needs one only where anybody could find out that it belongs."""
    field = [a_candidate(1, "vits"), a_candidate(2, "espeak"), a_candidate(3)]
    assert asked(*field, tracks=[SMALL]) == [(1, SMALL), (3, None)]
    assert asked(*field, tracks=[LARGE]) == [(2, LARGE), (3, None)]
    assert asked(*field, tracks=[]) == []


def test_kings_come_first_in_their_tracks() -> None:
    """And what was rejected before its family was known comes last in all of them."""
    state = State(
        tracks=(TrackState(track=LARGE, king=named(3)), TrackState(track=SMALL, king=named(2))),
        unplaced=(Rejection(named(5), Hotkey("h5"), "no such repository"),),
    )
    field = [a_candidate(1, "vits"), a_candidate(2, "vits"), a_candidate(3, "espeak"), a_candidate(4, "espeak"), a_candidate(5)]
    assert asked(*field, state=state) == [(2, SMALL), (3, LARGE), (1, SMALL), (4, LARGE), (5, None)]
