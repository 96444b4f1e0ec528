"""What weights are planned from: of now, or carried over from before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from neurons.chain.types import Metagraph
from neurons.validator.weights import decision
from neurons.validator.weights.what_if import supposed, track_of
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.ranking.state import Record, Rejection, TrackState
from scoring.types import MICRO, Block, BlockHash, Entrant, Hotkey, PublicKey, RoundNumber, Uid
from scoring.weights import plan
from scoring.weights.plan import CarriedOver, PlanPaysNobody, WeightsInvalid, to_u16
from tests.builders import chain, ranking
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import small
from tests.builders.rules import a_competition, changed

SCHEDULE = load()
TRACK = SCHEDULE.at(RoundNumber(0)).track[0]
KING, FORMER = Hotkey("king"), Hotkey("former")


def a_record(hotkey: Hotkey, mean: float, committed: int) -> Record:
    """Committed in that block; 32 groups, half of them 0.1 above the mean and half below; 300 ms of compute."""
    low, high = round((mean - 0.1) * MICRO), round((mean + 0.1) * MICRO)
    moments = {"total": 16 * (low + high), "squares": 16 * (low**2 + high**2)}
    return ranking.a_record(committed, speed=300, groups=32, hotkey=hotkey, **moments)


RECORDS = (a_record(KING, 0.8, 20), a_record(FORMER, 0.6, 10))
CREDIT = ranking.a_credit(2, lead=0.02, entrant=RECORDS[1].entrant)
STATE = ranking.a_state(round=RoundNumber(1), king=RECORDS[0].entrant, king_since=Block(0), records=RECORDS, leads=(CREDIT,))
HEAD = a_ledger_entry(state=STATE)


def a_metagraph(
    hotkeys: Sequence[str] = ("owner", "me", "king", "former", "idle"), since: int = 0, block: int = 700
) -> Metagraph:
    """These hotkeys by uid, all registered at one block."""
    neurons = tuple(
        chain.a_neuron(
            uid=Uid(uid),
            hotkey=Hotkey(name),
            public_key=PublicKey("00"),
            registered_at_block=Block(since),
            immune_until_block=Block(0),
        )
        for uid, name in enumerate(hotkeys)
    )
    return chain.a_metagraph(block=Block(block), block_hash=BlockHash("0x0"), owner_coldkey="c", neurons=neurons)


NOW = decision.snapshot(a_metagraph(), HEAD, SCHEDULE)


@pytest.mark.parametrize(
    "basis",
    [
        pytest.param(NOW, id="of now"),
        pytest.param(decision.carried_over(a_metagraph(("owner", "former"), block=900), NOW, "away"), id="carried over"),
    ],
)
def test_a_basis_is_read_as_it_was_written(basis: plan.PlanInput) -> None:
    """With its hash, its ledger, and the plan that follows from it."""
    again = plan.plan_input(basis.to_json())
    assert (again, again.hash) == (basis, basis.hash)
    assert basis.ledger_hash == HEAD.state_hash
    assert decision.make_plan(again) == decision.make_plan(basis)
    assert decision.make_plan(basis).snapshot_hash == basis.hash


OVER = decision.carried_over(a_metagraph(("owner", "former"), block=900), NOW, "away").to_json()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param("carried", id="a text"),
        pytest.param({}, id="nothing"),
        pytest.param({"carried": None}, id="nothing carried over"),
        pytest.param(NOW.to_json() | {"state": None}, id="no state"),
        pytest.param(NOW.to_json() | {"uids": []}, id="uids without names"),
        pytest.param(NOW.to_json() | {"pays": [{**NOW.to_json()["pays"][0], "king": "0.65"}]}, id="a share as a text"),
        pytest.param(NOW.to_json() | {"pays": [{}]}, id="a track that pays nothing"),
        pytest.param(NOW.to_json() | {"registered_at": {"king": None}}, id="no block"),
        pytest.param(OVER | {"uids": {"owner": "0"}}, id="a uid as a text"),
        pytest.param(OVER | {"block": True}, id="a block that is no number"),
    ],
)
def test_what_is_no_basis_is_refused(data: object) -> None:
    """By a ValueError, whatever somebody else wrote in its place."""
    with pytest.raises(ValueError, match="this is no "):
        plan.plan_input(data)


PLAN = decision.make_plan(NOW).to_json()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="null"),
        pytest.param(PLAN | {"vector": {"0": "1.0"}}, id="a weight as a text"),
        pytest.param(PLAN | {"vector": []}, id="no vector"),
        pytest.param(PLAN | {"burn": None}, id="no burn"),
        pytest.param(PLAN | {"lines": [{}]}, id="a line without a uid"),
        pytest.param(PLAN | {"lines": [PLAN["lines"][0] | {"tracks": [{}]}]}, id="a place in no track"),
    ],
)
def test_what_is_no_plan_is_refused(data: Any) -> None:
    """Likewise."""
    assert plan.WeightPlan.from_json(PLAN) == decision.make_plan(NOW)
    with pytest.raises(ValueError, match="this is no plan of weights"):
        plan.WeightPlan.from_json(data)


def test_a_plan_that_is_carried_over_follows_hotkeys_and_burns_no_more_than_it_did() -> None:
    """The former king left: its share goes to the king, at the uid that this has now; what was burned stays what it was."""
    vacant = replace(NOW, state=ranking.with_small(STATE, king=None))
    before = decision.make_plan(vacant)
    after = decision.make_plan(decision.carried_over(a_metagraph(("owner", "former", "new")), vacant, "away"))
    assert (before.burn, after.burn) == pytest.approx((0.86, 0.86))
    assert after.vector == pytest.approx({0: 0.86, 1: 0.14})
    assert decision.make_plan(decision.carried_over(a_metagraph(("owner", "king")), NOW, "away")).vector == {1: 1.0}


def test_who_registered_again_since_earns_nothing_of_what_is_carried_over() -> None:
    """Not even under the same hotkey; where nobody is left nothing can be planned, and no new plan without the subnet's owner."""
    new = a_metagraph(("owner", "king", "former"), since=650)
    with pytest.raises(PlanPaysNobody):
        decision.make_plan(decision.carried_over(new, NOW, "away"))
    ownerless = replace(new, owner_hotkey=Hotkey("gone"))
    with pytest.raises(WeightsInvalid):
        decision.make_plan(decision.carried_over(ownerless, NOW, "away"))
    with pytest.raises(WeightsInvalid, match="owner"):
        decision.snapshot(ownerless, HEAD, SCHEDULE)


def test_what_was_carried_over_once_is_carried_over_from_the_same_plan() -> None:
    """No chain of rounding: always from the snapshot of the ledger."""
    first = decision.carried_over(a_metagraph(("owner", "former")), NOW, "away")
    second = decision.carried_over(a_metagraph(), first, "still away")
    assert isinstance(second, CarriedOver) and second.carried == NOW
    assert to_u16(decision.make_plan(second).vector) == to_u16(plan.plan(NOW).vector)


@pytest.mark.parametrize("score", [pytest.param(each, id=f"{each}") for each in (0.0, 0.3, 0.819, 0.83, 1.0)])
def test_a_supposed_score_keeps_the_spread_and_takes_the_top_by_more_than_the_margin(score: float) -> None:
    """The mean is what was asked for, its error what it was; a king of .8 falls to .83, whose lead is its credit."""
    found = supposed(NOW, FORMER, score, TRACK)
    record = small(found.state).record(RECORDS[1].entrant)
    assert record is not None
    assert (record.mean, record.stderr) == pytest.approx((score, RECORDS[1].stderr), abs=1e-6)
    assert small(found.state).record(RECORDS[0].entrant) == RECORDS[0]
    lines = {line.hotkey: line for line in plan.plan(found).lines}
    before = {KING: pytest.approx(0.86), FORMER: pytest.approx(0.14)}
    after = {KING: 0.0, FORMER: 1.0}
    assert {hotkey: lines[hotkey].share for hotkey in (KING, FORMER)} == (after if score > 0.82 else before)
    assert lines[FORMER].tracks[0].credit == 20_000 + (round(score * MICRO) - 800_000 if score > 0.82 else 0)


def test_a_commitment_that_waits_is_supposed_to_have_been_judged_once() -> None:
    """At the rules' own spread; it takes the place that such a record has."""
    waiting = replace(NOW, committed={Hotkey("idle"): Block(300)})
    found = plan.plan(supposed(waiting, Hotkey("idle"), 0.95, TRACK))
    lines = {line.hotkey: line for line in found.lines}
    (idle,) = lines[Hotkey("idle")].tracks
    assert (idle.place, idle.credit, idle.entrant) == (0, 150_000, "idle@300")
    assert lines[FORMER].share == pytest.approx(0.35 * 20 / 170)


def test_a_score_is_supposed_in_one_track_and_no_other() -> None:
    """The other track's king, records and share stay as they are; a track that nobody was judged in yet begins."""
    rules = a_competition(TRACK, changed(TRACK, name="large", families=("espeak",)))
    pays = tuple(plan.TrackPay.of(track) for track in rules.track)
    found = supposed(replace(NOW, pays=pays, committed={FORMER: Block(60)}), FORMER, 0.9, rules.track[1])
    assert small(found.state) == small(STATE)
    assert [record.entrant for record in found.state.of("large").records] == ["former@60"]
    assert [track.track for track in found.state.tracks] == ["large", "small"]


@pytest.mark.parametrize(
    ("hotkey", "why"),
    [pytest.param("nobody", "is not registered", id="a stranger"), pytest.param("idle", "has committed nothing", id="no model")],
)
def test_of_who_has_no_model_nothing_can_be_supposed(hotkey: str, why: str) -> None:
    """A clear error, not a table."""
    with pytest.raises(PlatformError, match=why) as caught:
        supposed(NOW, Hotkey(hotkey), 0.5, TRACK)
    assert caught.value.code is Code.ARGUMENT_INVALID


def test_a_score_is_supposed_in_the_track_of_the_newest_submission() -> None:
    """Scored or rejected there; who has none is asked for the track, unless there is only one."""
    rejected = Rejection(entrant=Entrant("former@30"), hotkey=FORMER, reason="it does not load", original=None)
    large = TrackState(track="large", rejections=(rejected,))
    two = replace(NOW, state=replace(STATE, tracks=(large, *STATE.tracks)), committed={Hotkey("idle"): Block(300)})
    names = ["small", "large"]
    assert [track_of(two, hotkey, names) for hotkey in (KING, FORMER)] == ["small", "large"]
    assert track_of(two, Hotkey("idle"), ["small"]) == "small"
    with pytest.raises(PlatformError, match="name the track that its model is for with --track: small, large"):
        track_of(two, Hotkey("idle"), names)
    with pytest.raises(PlatformError, match="has committed nothing"):
        track_of(NOW, Hotkey("me"), names)


def test_a_submission_is_supposed_in_no_track_but_its_own() -> None:
    """Its family decides, whatever is asked."""
    rules = a_competition(TRACK, changed(TRACK, name="large", families=("espeak",)))
    with pytest.raises(PlatformError, match="former@10 is in the track small"):
        supposed(replace(NOW, committed={FORMER: Block(10)}), FORMER, 0.9, rules.track[1])
