"""The leaderboard by a ledger's head, the registry and the rules."""

from dataclasses import replace

import pytest

from scoring.competition import load
from scoring.ranking.duel import Challenger, Duel
from scoring.ranking.state import State, TrackState
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, Uid
from scoring.weights.standings import DuelStanding, RankedSubmission, SubmissionScore, TrackStandings
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_credit, a_record, a_state, named
from tests.builders.rules import a_competition, a_track
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.web.ledger_standings import LedgerStandings, nothing_ranked, ranked_by
from voice_api.web.standings import Reign, reigns_of

SCHEDULE = load()
RULES = SCHEDULE.at(RoundNumber(1))
PAY = RULES.named(SMALL).pay


def a_registry(*numbers: int, owner: int | None = 0, **since: int) -> RegistrySnapshot:
    """Hotkeys h0, h1 … at the uids of their numbers, each since block 0 unless another is given."""
    neurons = tuple(
        RegisteredNeuron(
            hotkey=Hotkey(f"h{n}"),
            uid=Uid(n),
            coldkey="c",
            registered_at_block=Block(since.get(f"h{n}", 0)),
            immune_until_block=Block(0),
        )
        for n in numbers
    )
    return RegistrySnapshot(
        netuid=7,
        block=Block(900),
        block_hash=BlockHash("0x"),
        neurons=neurons,
        owner_hotkey=None if owner is None else Hotkey(f"h{owner}"),
    )


def ranked(found: LedgerStandings) -> tuple[RankedSubmission, ...]:
    """The ranked submissions of the track "small"."""
    return small(found).ranked


def small(found: LedgerStandings) -> TrackStandings:
    """The track "small"."""
    return next(track for track in found.tracks if track.track == SMALL)


def test_the_king_is_first_and_the_rest_go_by_the_lower_bound_whatever_the_last_round_said() -> None:
    """The king scores less than the second; each has its share, and whoever holds no place has none."""
    records = (a_record(1, 0.5), a_record(2, 0.7), a_record(3, 0.6))
    head = a_ledger_entry(state=a_state(round=RoundNumber(1), king=named(1), king_since=Block(400), records=records))
    found = ranked_by(head, a_registry(0, 1, 2, 3), RULES, {})
    assert [(row.entrant, row.rank, row.place, row.king, row.share > 0) for row in ranked(found)] == [
        (named(1), 1, 0, True, True),
        (named(2), 2, None, False, False),
        (named(3), 3, None, False, False),
    ]
    assert ranked(found)[0].share == pytest.approx(RULES.named(SMALL).share)
    track = small(found)
    assert (track.king, track.king_since, track.since_round) == (named(1), 400, 400 // RULES.round.blocks)


def test_a_score_has_its_99_percent_interval() -> None:
    """Four groups of 0, 1, 0, 1: mean .5, standard error sqrt(.25 / 3) = .2887, and .5 ± 2.576 · .2887 is cut off at 0 and 1."""
    wide = a_record(1, groups=4, total=2_000_000, squares=2 * 10**12)
    narrow = replace(wide, groups=400, total=200_000_000, squares=200 * 10**12, entrant=named(2), hotkey=Hotkey("h2"))
    head = a_ledger_entry(state=a_state(round=RoundNumber(1), king=named(1), records=(wide, narrow)))
    first, second = ranked(ranked_by(head, a_registry(0, 1, 2), RULES, {}))
    assert first.score == SubmissionScore(
        mean=Micro(500_000), stderr=Micro(288_675), low=Micro(0), high=Micro(1_000_000), groups=4
    )
    assert second.score == SubmissionScore(
        mean=Micro(500_000), stderr=Micro(25_031), low=Micro(435_519), high=Micro(564_481), groups=400
    )


def test_what_nobody_earned_is_the_owners() -> None:
    """An empty throne burns: the owner's uid has the weight, though it earned no share; without an owner nobody has it."""
    head = a_ledger_entry(state=a_state(round=RoundNumber(1), records=(a_record(0, 0.5), a_record(1, 0.6))))
    found = ranked_by(head, a_registry(0, 1), RULES, {})
    assert found.burn == pytest.approx(1.0)
    assert {row.uid: (row.share, row.weight) for row in ranked(found)} == {0: (0.0, pytest.approx(1.0)), 1: (0.0, 0.0)}
    unknown = ranked_by(head, a_registry(0, 1, owner=None), RULES, {})
    assert {row.weight for row in ranked(unknown)} == {0.0}


def test_an_open_duel_is_shown() -> None:
    """With the mean lead over its groups, and how many rounds it may last."""
    duel = Duel(
        challenger=named(2),
        king=named(1),
        opened=RoundNumber(5),
        margin=Micro(20_000),
        threshold=620.0,
        capital=(2.0, 1.5),
        steps=10,
        groups=10,
        rounds=1,
        lead=300_000,
    )
    waiting = Challenger(entrant=named(2), promise=90_000, groups=10, rounds=1)
    state = a_state(round=RoundNumber(6), king=named(1), records=(a_record(1), a_record(2)), duel=duel, challengers=(waiting,))
    found = ranked_by(a_ledger_entry(6, state=state), a_registry(0, 1, 2), RULES, {})
    assert small(found).duel == DuelStanding(
        challenger=named(2),
        king=named(1),
        opened=RoundNumber(5),
        wealth=3.5,
        threshold=620.0,
        margin=Micro(20_000),
        lead=Micro(30_000),
        groups=10,
        rounds=1,
        max_rounds=RULES.named(SMALL).duel.max_rounds,
    )
    assert "evidence 3.5 of 620 needed" in ranked(found)[1].words.evidence


def test_credit_is_paid_and_said() -> None:
    """A former king is second by its credit, before whoever scores more."""
    credit = a_credit(2, lead=PAY.full_credit)
    state = a_state(
        round=RoundNumber(1), king=named(1), records=(a_record(1, 0.9), a_record(2, 0.5), a_record(3, 0.6)), leads=(credit,)
    )
    found = ranked_by(a_ledger_entry(state=state), a_registry(0, 1, 2, 3), RULES, {})
    second = ranked(found)[1]
    share = RULES.named(SMALL).share
    assert (second.entrant, second.place, second.credit) == (named(2), 1, credit.worth)
    assert second.share == pytest.approx(share * (1 - PAY.king))
    assert second.words.reason.startswith("former king")


def test_who_committed_before_its_registration_is_told_why_it_has_no_rank() -> None:
    """Submission 2 was committed in block 2, and its hotkey was registered again in block 50."""
    head = a_ledger_entry(state=a_state(round=RoundNumber(1), king=named(1), records=(a_record(1), a_record(2))))
    found = ranked_by(head, a_registry(0, 1, 2, h2=50), RULES, {})
    assert [row.entrant for row in ranked(found)] == [named(1)]
    assert "before this registration in block 50" in small(found).unranked[named(2)].reason


def test_before_the_first_fold_every_track_is_there_and_empty() -> None:
    """It says what it waits for."""
    found = nothing_ranked(SCHEDULE, None, "no round was folded")
    assert [(track.track, track.ranked, track.king) for track in found.tracks] == [
        (track.name, (), None) for track in SCHEDULE.version[-1].track
    ]
    assert (found.round, found.block, found.waits) == (None, None, "no round was folded")


def test_without_a_registry_nobody_is_ranked() -> None:
    """The throne is known, and who is registered is waited for."""
    head = a_ledger_entry(state=a_state(round=RoundNumber(1), king=named(1), records=(a_record(1),)))
    found = ranked_by(head, None, RULES, {})
    assert (ranked(found), small(found).king, bool(found.waits)) == ((), named(1), True)


def test_reigns_follow_from_the_kings_after_each_round() -> None:
    """Round 1: a in small. 2: b in small, c in described. 4: nobody in small. 5: b again."""
    a, b, c = Entrant("a@1"), Entrant("b@2"), Entrant("c@3")
    kings = {1: {"small": a}, 2: {"small": b, "described": c}, 4: {"described": c}, 5: {"described": c, "small": b}}
    assert reigns_of({RoundNumber(number): held for number, held in kings.items()}) == (
        Reign(track="small", king=b, since=RoundNumber(5), until=None),
        Reign(track="described", king=c, since=RoundNumber(2), until=None),
        Reign(track="small", king=b, since=RoundNumber(2), until=RoundNumber(4)),
        Reign(track="small", king=a, since=RoundNumber(1), until=RoundNumber(2)),
    )


def test_each_track_is_ranked_from_1_with_its_own_king() -> None:
    """A king is one in its own track alone, whatever scores there are in another; each track has its share."""
    rules = a_competition(a_track(name="large"), a_track())
    tracks = (
        TrackState(track="large", king=named(2), records=(a_record(2, 0.3), a_record(3, 0.9))),
        TrackState(track=SMALL, king=named(1), records=(a_record(1, 0.5),)),
    )
    head = a_ledger_entry(state=State(round=RoundNumber(1), tracks=tracks))
    found = ranked_by(head, a_registry(0, 1, 2, 3), rules, {})
    assert [[(row.entrant, row.rank, row.king, row.share) for row in track.ranked] for track in found.tracks] == [
        [(named(2), 1, True, 0.5), (named(3), 2, False, 0.0)],
        [(named(1), 1, True, 0.5)],
    ]
