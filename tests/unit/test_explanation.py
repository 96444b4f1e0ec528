"""What a miner is told: a reason for each uid, of what is known and what it lacks."""

from dataclasses import replace

import pytest

from scoring.ranking.duel import Challenger, Duel
from scoring.ranking.state import Rejection, Setback, State, TrackState
from scoring.types import Block, Hotkey, Micro, RoundNumber, TensorsHash, Uid, entrant
from scoring.weights.explanation import TrackExplanation, UidExplanation, explain, explain_all
from scoring.weights.plan import Snapshot, plan, remap
from tests.builders.ledger import a_track_pay
from tests.builders.ranking import a_credit, a_record, a_state, named, small, with_small

KING = a_record(
    1, 0.9, tensors=TensorsHash("ab" * 32), speed=120, commit_block=Block(20), entrant=entrant(Hotkey("h1"), Block(20))
)
STATE = a_state(
    round=RoundNumber(9),
    king=KING.entrant,
    throne="king since block 360: evidence 700 of 620 needed against h6@6",
    records=(KING, a_record(2, 0.35), a_record(6, 0.7), a_record(7, 0.1), a_record(9, 0.65)),
    leads=(a_credit(1, over=6, lead=0.04, entrant=KING.entrant), a_credit(6, lead=0.1, left=0.5, level=Micro(600_000))),
)


def a_snapshot(state: State = STATE, **overrides: object) -> Snapshot:
    """h<n> holds uid n since block 0, the owner uid 0; the records' hotkeys committed, and nobody else did."""
    hotkeys = {Hotkey(f"h{n}"): Uid(n) for n in range(10)}
    snapshot = Snapshot(
        ledger_hash="ab",
        state=state,
        block=Block(100),
        owner=Uid(0),
        uids=hotkeys,
        registered_at=dict.fromkeys(hotkeys, Block(0)),
        pays=(a_track_pay(),),
        competition_hash="cd",
        committed={record.hotkey: record.commit_block for record in small(state).records},
    )
    return replace(snapshot, **overrides)  # type: ignore[arg-type]


def words(uid: int, state: State = STATE, **overrides: object) -> UidExplanation:
    """The explanation of one uid."""
    snapshot = a_snapshot(state, **overrides)
    return explain(snapshot, plan(snapshot), Uid(uid))


def in_small(uid: int, state: State = STATE, **overrides: object) -> TrackExplanation:
    """What is said of its place in the only track."""
    (found,) = words(uid, state, **overrides).tracks
    return found


def test_the_king_is_told_since_when_and_by_what() -> None:
    """Its score, its speed, and how it took the top."""
    found = in_small(1)
    assert words(1).reason == f"small: {found.reason}"
    assert found.reason == (
        "king: 0.9000 ± 0.0000 over 100 groups, lower bound 0.9000, 120 ms of compute for a second of speech; "
        "credit 0.0400: h1@20 led h6@6 by 0.0400 at least over 100 groups; "
        "king since block 360: evidence 700 of 620 needed against h6@6"
    )
    assert (found.lacks, found.lineage) == ("", "weights abababababab…, of which it is the earliest commit")


def test_a_former_king_is_told_its_credit_and_its_duel() -> None:
    """What its lead was, and how much of it is left."""
    duel = Duel(
        challenger=named(6),
        king=KING.entrant,
        opened=RoundNumber(3),
        margin=Micro(20_000),
        threshold=620.0,
        capital=(10.0, 2.3),
        steps=64,
        groups=64,
        rounds=2,
        total=640_000,
        squares=0,
    )
    assert in_small(6, with_small(STATE, duel=duel)).reason == (
        "former king: 0.7000 ± 0.0000 over 100 groups, lower bound 0.7000; credit 0.0500: h6@6 led the score 0.6000 of an empty "
        "throne by 0.1000 at least over 100 groups, of which 50% is left; duel open: evidence 12.3 of 620 needed, "
        "after 64 groups in 2 rounds; it leads by +0.0100 beyond the margin of 0.0200"
    )


@pytest.mark.parametrize(
    ("fighter", "lost", "words"),
    [
        pytest.param(None, 0, "no duel: it promises -0.4300, the sum of its leads less the margin", id="nobody has one"),
        pytest.param(3, 2, "no duel: it lost 2 to this king; it promises -0.4300", id="it lost, and another has one"),
    ],
)
def test_a_challenger_is_told_what_it_promises_and_who_is_next(fighter: int | None, lost: int, words: str) -> None:
    """And what it lost."""
    duel = fighter and Duel(
        challenger=named(fighter), king=KING.entrant, opened=RoundNumber(9), margin=Micro(20_000), threshold=620.0
    )
    challenger = Challenger(entrant=named(2), promise=-430_000, groups=64, rounds=2, lost=lost)
    evidence = in_small(2, with_small(STATE, duel=duel, challengers=(challenger,))).evidence
    assert words in evidence
    assert evidence.endswith("h3@3 has the open one" if fighter else "the most promising challenger above 0 has the next")


def test_who_has_no_duel_is_told_so() -> None:
    """It was not beside the king, was clearly worse, or its duel has not had a round, or there is no king."""
    assert in_small(2).evidence.endswith("; no duel: it has not been scored beside the king, or scored clearly less")
    duel = Duel(challenger=named(2), king=KING.entrant, opened=RoundNumber(9), margin=Micro(20_000), threshold=620.0)
    waiting = with_small(STATE, duel=duel)
    assert in_small(2, waiting).evidence.endswith("; duel open: its next round with the king counts, evidence 1 of 620 needed")
    vacant = with_small(STATE, king=None, throne="vacant: h1@20 is gone in round 9: deregistered")
    assert in_small(2, vacant).evidence.endswith("; vacant: h1@20 is gone in round 9: deregistered")


COPY = Rejection(named(8), Hotkey("h8"), "a copy of h1@20, which was committed earlier", KING.entrant)


@pytest.mark.parametrize(
    ("uid", "state", "overrides", "lacks"),
    [
        pytest.param(2, STATE, {}, "it has not taken the top: beside the king only leads that took it are paid", id="never king"),
        pytest.param(
            7,
            with_small(STATE, setbacks=(Setback(Hotkey("h7"), RoundNumber(4)),)),
            {},
            "it has not taken the top: beside the king only leads that took it are paid; "
            "set back in round 4: its next submission waits with those of all that are",
            id="set back",
        ),
        pytest.param(
            6,
            with_small(STATE, leads=(a_credit(6, over=7, lead=0.0),)),
            {},
            "it took the top, but its lead over h7@7 is not clear: 0 at least, over 100 groups",
            id="by luck",
        ),
        pytest.param(
            7,
            STATE,
            {"registered_at": {Hotkey(f"h{n}"): Block(8) for n in range(10)}},
            "it was committed in block 7, before this registration in block 8: commit again",
            id="registered anew",
        ),
        pytest.param(8, STATE, {}, "no submission", id="nothing committed"),
        pytest.param(8, STATE, {"committed": {Hotkey("h8"): Block(8)}}, "not judged yet: committed in block 8", id="not judged"),
        pytest.param(
            8,
            STATE,
            {"committed": {Hotkey("h8"): Block(8)}, "registered_at": {Hotkey(f"h{n}"): Block(9) for n in range(10)}},
            "committed in block 8, before this registration: commit again",
            id="an old commitment of a new registration",
        ),
        pytest.param(
            8,
            with_small(STATE, rejections=(COPY,)),
            {},
            "a copy of h1@20, which was committed earlier",
            id="a copy, nothing newer known",
        ),
        pytest.param(
            8,
            with_small(STATE, rejections=(COPY,)),
            {"committed": {Hotkey("h8"): Block(8)}},
            "a copy of h1@20, which was committed earlier",
            id="a copy",
        ),
        pytest.param(
            8,
            with_small(STATE, rejections=(COPY,)),
            {"committed": {Hotkey("h8"): Block(50)}},
            "not judged yet: committed in block 50",
            id="committed again after a copy",
        ),
    ],
)
def test_who_is_not_paid_is_told_what_it_lacks(uid: int, state: State, overrides: dict[str, object], lacks: str) -> None:
    """One reason for each."""
    found = words(uid, state, **overrides)
    assert [(track.lacks, track.reason) for track in found.tracks] == [(lacks, lacks)] * len(found.tracks)
    assert found.reason == (f"small: {lacks}" if found.tracks else lacks)


def test_a_copys_line_names_whose_weights_it_has() -> None:
    """Of the lineage."""
    assert in_small(8, with_small(STATE, rejections=(COPY,))).lineage == "the weights of h1@20"


def test_a_kings_line_is_of_the_model_that_reigns() -> None:
    """Whatever else its hotkey committed since."""
    second = replace(a_record(9, 0.85), hotkey=Hotkey("h1"), entrant=entrant(Hotkey("h1"), Block(90)), commit_block=Block(90))
    state = with_small(STATE, records=(*small(STATE).records[:-1], second))
    snapshot = a_snapshot(state)
    assert ([share.entrant for share in plan(snapshot).lines[1].tracks], words(9, state).reason) == (
        [KING.entrant],
        "no submission",
    )


def test_who_is_paid_without_a_score_is_told_why() -> None:
    """Scores are measured otherwise since this round."""
    assert in_small(6, with_small(STATE, records=())).reason.startswith(
        "former king: no score counts now; credit 0.0500: h6@6 led"
    )


def test_every_line_of_a_plan_is_explained() -> None:
    """Each as it is alone; a uid without a line has no explanation."""
    snapshot = a_snapshot()
    found = plan(snapshot)
    assert explain_all(snapshot, found) == {line.uid: explain(snapshot, found, line.uid) for line in found.lines}
    shares = [(line.uid, share) for line in found.lines for share in line.tracks]
    assert all((share.place is None) is (in_small(uid).lacks != "") for uid, share in shares)
    with pytest.raises(KeyError):
        explain(snapshot, found, Uid(99))


def test_a_plan_that_was_carried_over_is_explained_by_the_snapshot_that_it_was_made_from() -> None:
    """A hotkey that came since is told that it has committed nothing."""
    snapshot = a_snapshot()
    hotkeys = {Hotkey("h0"): Uid(0), Hotkey("h6"): Uid(3), Hotkey("new"): Uid(4)}
    moved = remap(plan(snapshot), hotkeys, dict.fromkeys(hotkeys, Block(0)), Uid(0))
    assert explain(snapshot, moved, Uid(3)) == words(6)
    assert explain(snapshot, moved, Uid(4)).reason == "no submission"


def test_who_is_in_two_tracks_is_told_of_both() -> None:
    """Each by its name, in the order of the rules; what was rejected before its family was known is of no track."""
    large = TrackState(track="large", king=named(6), throne="king since block 720: it was better")
    unplaced = (Rejection(named(8), Hotkey("h8"), "no such repository"), Rejection(named(6), Hotkey("h6"), "no such repository"))
    state = State(round=RoundNumber(9), tracks=(large, *STATE.tracks), unplaced=unplaced)
    pays = (a_track_pay("small", share=0.5), a_track_pay("large", share=0.5))
    found = words(6, state, pays=pays)
    assert [track.track for track in found.tracks] == ["small", "large"]
    assert found.reason.startswith("small: former king: 0.7000")
    assert found.reason.endswith("; large: king: no score counts now; king since block 720: it was better")
    assert words(8, state, pays=pays).reason == "no such repository"
    assert words(8, state, pays=pays, committed={Hotkey("h8"): Block(50)}).reason == "not judged yet: committed in block 50"
