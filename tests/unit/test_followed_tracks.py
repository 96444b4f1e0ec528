"""A validator that judges some tracks and follows another in the others: what it folds, how long it waits, what it refuses."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest
from structlog.testing import capture_logs

from neurons.api_client.client import ApiUnavailable
from neurons.validator.follow.tracks import FollowedTracks, check, merged
from scoring.competition import Competition, Schedule
from scoring.errors import Code, PlatformError
from scoring.ranking.state import State, TrackState
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, Micro, PublicKey, RoundNumber, SubmissionId, entrant
from tests.builders.ranking import a_credit, a_record, named
from tests.builders.rules import a_competition, a_track
from voice_api.db.audits import Audits
from voice_api.db.rounds import Eligibility, EvaluationResult, Round, RoundEvidence
from voice_api.db.states import EvaluationState, RoundState, SubmissionState

OWN = frozenset({"small"})
RULES = a_competition(a_track(), a_track(name="described", families=("espeak",)))
LATER = a_competition(a_track(), a_track(name="later", families=("espeak",))).model_copy(update={"from_round": 9})
SCHEDULE = Schedule(name="test", version=(RULES, LATER))
ROUND = Round(
    round=RoundNumber(7),
    start_block=Block(2520),
    block_hash=BlockHash("0x" + "5a" * 32),
    deadline_block=Block(3600),
    competition_hash=RULES.hash,
    state=RoundState.CLOSED,
    pending=0,
)
NO_STATE = State()


def a_result(number: int, track: str | None) -> EvaluationResult:
    """A rejection of submission `number`; where it comes from shows in its row's id."""
    return EvaluationResult(
        evaluation_id=EvaluationId(number),
        submission_id=SubmissionId(number),
        hotkey=Hotkey(f"h{number}"),
        commit_block=Block(number),
        tiebreak="",
        public_key=PublicKey("00" * 32),
        tag=None,
        repo=None,
        revision=None,
        track=track,
        state=EvaluationState.REJECTED,
        submission_state=SubmissionState.REJECTED,
        code=None,
        score=Micro(0),
        stderr=Micro(0),
        groups=(),
        samples=(),
        receipt=None,
        receipt_hash=None,
        signature=None,
        certificate=None,
        finished_at=None,
    )


def evidence(results: Sequence[EvaluationResult] = (), eligible: Sequence[int] = (), **gone: str) -> RoundEvidence:
    """A closed round with these results; who is eligible, by number, and who left, as `h3="banned"`."""
    left = {entrant(Hotkey(hotkey), Block(int(hotkey[1:]))): why for hotkey, why in gone.items()}
    return RoundEvidence(ROUND, Eligibility(Block(3000), tuple(map(named, eligible)), left), tuple(results))


def knowing(number: int, track: str) -> State:
    """A ledger in which a track knows submission `number`."""
    return State(tracks=(TrackState(track=track, records=(a_record(number),)),))


def tracks_of(found: RoundEvidence) -> list[tuple[int, str | None]]:
    """What counts of which track."""
    return [(int(result.evaluation_id), result.track) for result in found.results]


def test_each_track_comes_from_who_judges_it() -> None:
    """The own ones from here, the others from there; what was rejected there without a track is found here as well."""
    mine = evidence([a_result(1, "small"), a_result(2, None), a_result(3, "described")])
    theirs = evidence([a_result(1, "small"), a_result(3, "described"), a_result(4, "described"), a_result(5, None)])
    assert tracks_of(merged(mine, theirs, NO_STATE, OWN)) == [(1, "small"), (2, None), (3, "described"), (4, "described")]


def test_what_waits_here_without_a_track_gives_way_to_their_verdict() -> None:
    """Nobody here could run it; there it was judged."""
    mine, theirs = evidence([a_result(3, None)]), evidence([replace(a_result(3, "described"), evaluation_id=EvaluationId(33))])
    assert tracks_of(merged(mine, theirs, NO_STATE, OWN)) == [(33, "described")]


def test_over_the_own_tracks_they_decide_nothing() -> None:
    """A row that puts an own submission into their track takes no verdict of here away, and rejects or expels nobody by itself."""
    there = replace(a_result(1, "described"), evaluation_id=EvaluationId(11))
    state = knowing(1, "small")
    judged = merged(evidence([a_result(1, "small")], eligible=[1]), evidence([there], h1="banned"), state, OWN)
    assert (tracks_of(judged), judged.eligibility) == ([(1, "small")], Eligibility(Block(3000), (named(1),), {}))
    assert tracks_of(merged(evidence(), evidence([there]), state, OWN)) == []
    moved = replace(there, receipt={"track": "described"})
    assert tracks_of(merged(evidence(), evidence([moved]), state, OWN)) == [(11, "described")]


def test_a_claim_that_an_own_submission_moved_expels_nobody() -> None:
    """Whoever the own tracks know stays by the own decision, also in a round that did not ask for it here."""
    claimed = replace(a_result(1, "described"), receipt={"track": "described"})
    found = merged(evidence(eligible=[1]), evidence([claimed], h1="deregistered"), knowing(1, "small"), OWN)
    assert found.eligibility == Eligibility(Block(3000), (named(1),), {})


@pytest.mark.parametrize("says", [None, {"track": "described"}], ids=["no receipt", "a receipt of their track"])
def test_no_row_of_theirs_ends_a_lead_of_an_own_track(says: dict[str, str] | None) -> None:
    """A lead is paid long after its submission gave way to a newer one; named in a round, that would have left."""
    state = State(tracks=(TrackState(track="small", leads=(a_credit(1),)),))
    row = replace(a_result(1, "described"), receipt=says)
    assert merged(evidence(), evidence([row], h1="deregistered"), state, OWN) == evidence()


def test_their_ban_takes_no_lead_of_the_own_tracks_away() -> None:
    """A ban loses all leads of a hotkey: theirs is told as a reason, and only the own operator's reaches the own tracks."""
    lead = a_credit(2, entrant=entrant(Hotkey("h4"), Block(1)))
    state = State(tracks=(*knowing(4, "described").tracks, TrackState(track="small", leads=(lead,))))
    found = merged(evidence(), evidence([a_result(3, "described")], h3="banned", h4="banned"), state, OWN).eligibility
    assert found is not None
    assert found.gone == {named(3): "banned", named(4): "banned where it is judged"}


def test_who_stays_is_theirs_to_say_of_their_tracks() -> None:
    """A king that stands there beside its newer commitment stands here, too; the own decision is of the own tracks."""
    state = knowing(3, "described")
    mine = evidence(eligible=[1], h2="deregistered", h3="its hotkey committed again")
    found = merged(mine, evidence(eligible=[3]), state, OWN).eligibility
    assert found is not None
    assert set(found.eligible) == {named(1), named(3)}
    assert found.gone == {named(2): "deregistered"}
    left = merged(mine, evidence(h3="banned"), state, OWN).eligibility
    assert left is not None
    assert left.gone == {named(2): "deregistered", named(3): "banned"}


def test_without_theirs_everybody_stays_in_their_tracks() -> None:
    """Nothing is lost by a round that they skipped."""
    found = merged(evidence(eligible=[1], h3="deregistered"), None, knowing(3, "described"), OWN).eligibility
    assert found is not None
    assert (set(found.eligible), found.gone) == ({named(1), named(3)}, {})


@dataclass(frozen=True, slots=True)
class Theirs:
    """Another validator's evidence: a round, or what goes wrong; and whether a later one is there."""

    round: RoundEvidence | PlatformError
    later: bool = False

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """The round."""
        assert number == ROUND.round
        if isinstance(self.round, PlatformError):
            raise self.round
        return self.round

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The one after it."""
        assert after == ROUND.round
        return evidence() if self.later else None

    async def closed(self, since: RoundNumber) -> frozenset[RoundNumber]:
        """Nobody asks."""
        raise NotImplementedError


MISSING = PlatformError(Code.NOT_FOUND, "there is no such round")
OPEN = replace(evidence([a_result(4, "described")]), round=replace(ROUND, state=RoundState.OPEN))
OPEN_THERE = Theirs(OPEN)
SOON, LATE = Block(3000), Block(3600 + 360)


def added(theirs: Theirs, block: Block, rules: Competition = RULES) -> list[tuple[int, str | None]] | None:
    """What would be folded at a block; None: it waits."""
    beside = FollowedTracks(theirs=theirs, own=OWN, audits=cast(Audits, None), rate=0.0)
    found = asyncio.run(beside.added(evidence([a_result(1, "small")]), NO_STATE, block, rules))
    return None if found is None else tracks_of(found)


@pytest.mark.parametrize("theirs", [Theirs(MISSING), Theirs(OPEN)], ids=["not opened yet", "still open"])
def test_their_round_is_waited_for_up_to_a_round_after_the_deadline(theirs: Theirs) -> None:
    """Then the own tracks are folded without it."""
    assert added(theirs, SOON) is None
    assert added(theirs, LATE) == [(1, "small")]


def test_a_round_that_they_skipped_is_not_waited_for() -> None:
    """A later one is closed there."""
    assert added(Theirs(MISSING, later=True), SOON) == [(1, "small")]


def test_their_closed_round_is_taken_at_once() -> None:
    """Both tracks in one entry."""
    assert added(Theirs(evidence([a_result(4, "described")])), SOON) == [(1, "small"), (4, "described")]


def test_an_api_that_is_down_is_waited_for_as_long() -> None:
    """The tick is skipped until then."""
    down = Theirs(ApiUnavailable("it does not answer"))
    with pytest.raises(ApiUnavailable):
        added(down, SOON)
    assert added(down, LATE) == [(1, "small")]


def test_rules_whose_tracks_are_all_judged_here_wait_for_nobody() -> None:
    """A later version may drop what was followed."""
    assert added(Theirs(ApiUnavailable("it does not answer")), SOON, a_competition(a_track())) == [(1, "small")]


@pytest.mark.parametrize(
    ("theirs", "missing"),
    [
        pytest.param(Theirs(ApiUnavailable("it does not answer")), {"described"}, id="down"),
        pytest.param(OPEN_THERE, {"described"}, id="still open"),
        pytest.param(Theirs(MISSING, later=True), set(), id="skipped"),
        pytest.param(Theirs(evidence()), set(), id="closed without results"),
    ],
)
def test_a_track_of_which_nothing_came_in_time_is_named(theirs: Theirs, missing: set[str]) -> None:
    """What they skipped or did not judge is their verdict; what did not arrive is a fault between us."""
    beside = FollowedTracks(theirs=theirs, own=OWN, audits=cast(Audits, None), rate=0.0)
    found = asyncio.run(beside.added(evidence(), NO_STATE, LATE, RULES))
    assert found is not None
    assert found.missing == missing


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param("described", [], id="judged"),
        pytest.param("small", [("followed tracks: no model of them was judged there", ["described"])], id="another track"),
        pytest.param(None, [("followed tracks: no model of them was judged there", ["described"])], id="unread"),
    ],
)
def test_a_followed_one_that_judges_nothing_of_the_track_is_said(there: str | None, said: list[tuple[str, list[str]]]) -> None:
    """It may follow another in it: then its own database, which its API shows, has nothing of it."""
    with capture_logs() as logs:
        added(Theirs(evidence([a_result(4, there)])), SOON)
    assert [(line["event"], line["tracks"]) for line in logs] == said


@pytest.mark.parametrize(
    ("tracks", "follow", "why"),
    [
        pytest.param({"smal"}, "http://there", "smal; the competition has described, later, small", id="unknown"),
        pytest.param({"small"}, "", "nobody judges described, later here", id="neither judged nor followed"),
        pytest.param({"small", "described"}, "", "nobody judges later here", id="one that a later version adds"),
    ],
)
def test_a_track_that_nobody_judges_is_refused_at_the_start(tracks: set[str], follow: str, why: str) -> None:
    """Its share would be burned for a fault of ours."""
    with pytest.raises(PlatformError, match=why) as refused:
        check(frozenset(tracks), SCHEDULE, follow)
    assert refused.value.code is Code.SETTING_INVALID


def test_tracks_that_are_judged_or_followed_are_taken() -> None:
    """All here, or the others there."""
    check(frozenset({"small", "described", "later"}), SCHEDULE, "")
    check(OWN, SCHEDULE, "http://there")
