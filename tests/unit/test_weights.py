"""Who earns what, and what never reaches the chain."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from bittensor.intents.weights import clip_to_max_weight, normalize
from hypothesis import assume, given
from hypothesis import strategies as st

from scoring.ranking.credit import Credit
from scoring.ranking.state import Record, State, TrackState
from scoring.types import Block, Hotkey, Micro, Uid, Weight, entrant, parse_entrant
from scoring.weights import plan as weights
from scoring.weights.explanation import explain, explain_all
from scoring.weights.plan import PlanPaysNobody, Snapshot, TrackShare, WeightPlan, WeightsInvalid
from tests.builders.ledger import a_track_pay
from tests.builders.ranking import SMALL, a_credit, a_record, a_state, named

OWNER = Hotkey("h0")


def a_snapshot(
    *records: Record,
    king: int | None = 1,
    leads: Sequence[Credit] = (),
    uids: Mapping[str, int] | None = None,
    **overrides: object,
) -> Snapshot:
    """Hotkey h<n> holds uid n since block 0, the owner uid 0."""
    known = {record.hotkey: int(record.hotkey[1:]) for record in records} if uids is None else uids
    known = {str(OWNER): 0} | {str(hotkey): uid for hotkey, uid in known.items()}
    snapshot = Snapshot(
        ledger_hash="ab",
        state=a_state(king=None if king is None else named(king), records=records, leads=tuple(leads)),
        block=Block(100),
        owner=Uid(0),
        uids={Hotkey(hotkey): Uid(uid) for hotkey, uid in known.items()},
        registered_at={Hotkey(hotkey): Block(0) for hotkey in known},
        pays=(a_track_pay(),),
        competition_hash="cd",
    )
    return replace(snapshot, **overrides)  # type: ignore[arg-type]


def in_small(plan: WeightPlan) -> Mapping[Uid, TrackShare]:
    """Each uid's place in the track "small", where it has one."""
    return {line.uid: share for line in plan.lines for share in line.tracks if share.track == SMALL}


def test_the_king_has_a_fixed_share_and_credit_the_rest() -> None:
    """Credits of .03, .04 and .01 are more than .05, so they share .35 as 3 : 4 : 1; the king's own is one of them."""
    leads = [a_credit(3, over=2, lead=0.04), a_credit(2, over=1, lead=0.03), a_credit(1, lead=0.02, left=0.5)]
    plan = weights.plan(a_snapshot(a_record(1), a_record(2), a_record(3), king=3, leads=leads))
    assert plan.vector == {3: pytest.approx(0.65 + 0.35 / 2), 2: pytest.approx(0.35 * 3 / 8), 1: pytest.approx(0.35 / 8)}
    assert plan.burn == 0.0
    assert [(uid, share.credit, share.place, share.rank) for uid, share in in_small(plan).items()] == [
        (1, 10_000, 2, 3),
        (2, 30_000, 1, 2),
        (3, 40_000, 0, 1),
    ]


def test_what_no_credit_claims_is_the_kings() -> None:
    """A credit of .01 claims a fifth of .35, for .05 would claim all of it; without any the king has everything."""
    leads = [a_credit(2, over=1, lead=0.01)]
    assert weights.plan(a_snapshot(a_record(1), a_record(2), leads=leads)).vector == {
        1: pytest.approx(0.93),
        2: pytest.approx(0.07),
    }
    assert weights.plan(a_snapshot(a_record(1))).vector == {1: 1.0}


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=6), st.integers(0, 200_000), st.booleans())
def test_a_credit_split_over_hotkeys_pays_the_same(parts: list[int], theirs: int, reigns: bool) -> None:
    """Whatever others hold, and whether one of the hotkeys is king: the sum is what one hotkey had."""
    other = [a_credit(9, lead=theirs / 1e6)]

    def paid(*leads: int) -> float:
        """What the hotkeys h1 … earn together."""
        mine = [a_credit(n, over=9, lead=lead / 1e6) for n, lead in enumerate(leads, 1)]
        snapshot = a_snapshot(king=1 if reigns else 9, leads=[*mine, *other], uids={f"h{n}": n for n in range(1, 10)})
        return sum(line.share for line in weights.plan(snapshot).lines if line.uid not in (0, 9))

    assert paid(*parts) == pytest.approx(paid(sum(parts)))


def test_several_leads_of_a_hotkey_are_one_credit() -> None:
    """As if it had taken the top once."""
    second = a_credit(2, over=1, lead=0.02, entrant=entrant(Hotkey("h2"), Block(50)))
    twice = [a_credit(2, over=1, lead=0.01), second]
    assert weights.plan(a_snapshot(a_record(1), a_record(2), leads=twice)).vector == {
        1: pytest.approx(1 - 0.35 * 0.6),
        2: pytest.approx(0.35 * 0.6),
    }


def test_who_never_took_the_top_is_not_paid() -> None:
    """A near-copy, a worse model, a better one whose duel is not over: nobody is paid for a score."""
    plan = weights.plan(a_snapshot(a_record(1, 0.5), a_record(2, 0.8), a_record(3, 0.1)))
    assert plan.vector == {1: 1.0}
    assert {uid: share.rank for uid, share in in_small(plan).items()} == {1: 1, 2: 2, 3: 3}


def test_while_the_throne_is_vacant_its_share_burns_and_credit_keeps_its_own() -> None:
    """Nobody is paid as king, and nobody else pays for it; what no credit claims burns, too."""
    leads = [a_credit(1, lead=0.02)]
    assert weights.plan(a_snapshot(a_record(1), king=None, leads=leads)).vector == {
        1: pytest.approx(0.14),
        0: pytest.approx(0.86),
    }
    assert weights.plan(a_snapshot(king=None)).vector == {0: 1.0}


def test_an_unregistered_king_gets_nothing_and_costs_the_others_nothing() -> None:
    """A hotkey that left never gets a weight; its share burns until the next fold, and credit keeps what it earned."""
    leads = [a_credit(1, lead=0.02), a_credit(2, over=1, lead=0.3)]
    plan = weights.plan(a_snapshot(a_record(1), a_record(2), king=2, leads=leads, uids={"h1": 1}))
    assert plan.vector == {1: pytest.approx(0.14), 0: pytest.approx(0.86)}


def test_a_uid_that_is_used_again_inherits_nothing() -> None:
    """The king's hotkey is gone and its uid is another's, who committed nothing."""
    plan = weights.plan(a_snapshot(a_record(2, 0.9), king=2, leads=[a_credit(2)], uids={"h9": 2, "h1": 1}))
    assert plan.vector == {0: 1.0}


@pytest.mark.parametrize(("registered", "share"), [(7, 1.0), (8, 0.0)])
def test_a_hotkey_that_registers_anew_starts_anew(registered: int, share: float) -> None:
    """What it committed in block 7 earns if it was registered in that block; not if it came back in block 8."""
    field = a_snapshot(
        a_record(7, 0.9), king=7, leads=[a_credit(7)], registered_at={Hotkey("h7"): Block(registered), OWNER: Block(0)}
    )
    plan = weights.plan(field)
    assert plan.lines[1].share == share
    assert ("commit again" in explain(field, plan, plan.lines[1].uid).reason) is (share == 0.0)


def test_a_king_without_a_score_is_paid() -> None:
    """Records begin anew when scores are measured otherwise; the top does not."""
    assert weights.plan(a_snapshot(king=3, uids={"h3": 3})).vector == {3: 1.0}


@st.composite
def fields(draw: st.DrawFn) -> list[Record]:
    """Up to ten records of any score, spread and speed."""
    records = []
    for number in draw(st.sets(st.integers(1, 10))):
        groups = draw(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=5))
        total, squares = sum(groups), sum(group * group for group in groups)
        speed = draw(st.sampled_from([0, 80, 100, 120, 130, 160, 400]))
        records.append(a_record(number, groups=len(groups), total=total, squares=squares, speed=speed))
    return records


credits_of = st.lists(st.builds(a_credit, st.integers(1, 12), lead=st.floats(0.0, 0.2), left=st.floats(0.0, 1.0)), max_size=6)


@given(fields(), credits_of, st.integers(1, 12), st.sets(st.integers(1, 12)), st.randoms())
def test_any_field_gives_a_valid_vector_whatever_its_order(
    records: list[Record], leads: list[Credit], king: int, here: set[int], random: Any
) -> None:
    """Finite, positive, sums to 1, only to registered uids, a line for each of them; the same for a field in another order."""
    uids = [(f"h{n}", n) for n in sorted(here)]
    snapshot = a_snapshot(*records, king=king, leads=leads, uids=dict(uids))
    plan = weights.plan(snapshot)
    assert sum(plan.vector.values()) == pytest.approx(1.0)
    assert all(0.0 < weight <= 1.0 for weight in plan.vector.values())
    assert [line.uid for line in plan.lines] == [0, *sorted(here)]
    assert sum(line.share for line in plan.lines) + plan.burn == pytest.approx(1.0)
    words = explain_all(snapshot, plan)
    assert all((share.share > 0.0) is (words[uid].tracks[0].lacks == "") for uid, share in in_small(plan).items())
    assert all(words[line.uid].reason == "no submission" for line in plan.lines if not line.tracks)
    random.shuffle(records)
    random.shuffle(uids)
    again = a_snapshot(*records, king=king, leads=leads, uids=dict(uids))
    other = weights.plan(again)
    assert (other.vector, other.lines) == (plan.vector, plan.lines)
    assert explain_all(again, other) == words


@given(fields(), st.data())
def test_names_of_uids_change_nothing_but_the_names(records: list[Record], data: st.DataObject) -> None:
    """With other uids each hotkey earns the same."""
    numbers = data.draw(st.permutations(range(1, 11)))
    plain = weights.plan(a_snapshot(*records, uids={f"h{n}": n for n in range(1, 11)}))
    moved = weights.plan(a_snapshot(*records, uids={f"h{n}": numbers[n - 1] for n in range(1, 11)}))
    assert {line.hotkey: line.share for line in moved.lines} == {line.hotkey: line.share for line in plain.lines}


@given(credits_of, st.integers(0, 100_000), st.integers(0, 5))
def test_more_credit_never_means_less_weight(leads: list[Credit], more: int, which: int) -> None:
    """A hotkey whose lead is worth more earns at least what it earned."""
    assume(leads)
    which %= len(leads)
    better = replace(leads[which], worth=Micro(leads[which].worth + more))
    uid, uids = Uid(int(better.hotkey[1:])), {f"h{n}": n for n in range(1, 13)}
    before = weights.plan(a_snapshot(leads=leads, uids=uids)).vector.get(uid, 0.0)
    after = weights.plan(a_snapshot(leads=[*leads[:which], better, *leads[which + 1 :]], uids=uids)).vector.get(uid, 0.0)
    assert after >= before - 1e-12


@given(fields(), st.lists(fields(), max_size=3))
def test_no_history_changes_a_vector_but_through_the_snapshot(records: list[Record], others: list[list[Record]]) -> None:
    """Whatever was planned before, and from whichever form of the snapshot: the same plan."""
    snapshot = a_snapshot(*records)
    first = weights.plan(snapshot)
    for other in others:
        weights.plan(a_snapshot(*other))
    stored = Snapshot.from_json(json.loads(json.dumps(snapshot.to_json())))
    assert (stored, stored.hash) == (snapshot, snapshot.hash)
    assert weights.plan(stored) == first
    assert WeightPlan.from_json(json.loads(json.dumps(first.to_json()))) == first


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        pytest.param({}, "at least one", id="empty"),
        pytest.param({1: float("nan")}, "finite", id="NaN"),
        pytest.param({1: float("inf")}, "finite", id="infinite"),
        pytest.param({1: 1.5, 2: -0.5}, "negative", id="negative"),
        pytest.param({1: 0.5}, "sum to 1", id="half"),
        pytest.param({9: 1.0}, "registered", id="unregistered"),
    ],
)
def test_the_guard_stops_what_must_never_be_set(vector: dict[Uid, Weight], why: str) -> None:
    """The last gate names what is wrong."""
    with pytest.raises(WeightsInvalid, match=why):
        weights.guard(vector, {Uid(0), Uid(1), Uid(2)})


@given(st.dictionaries(st.integers(0, 300), st.floats(0.0, 1.0, allow_subnormal=False), min_size=1))
def test_the_chains_vector_is_what_the_sdk_makes_of_it(vector: dict[int, float]) -> None:
    """Bit for bit, zeros left out, by uid."""
    assume(any(vector.values()))
    uids = sorted(vector)
    expected = normalize(uids, [vector[uid] for uid in uids])
    ours = weights.to_u16({Uid(uid): Weight(weight) for uid, weight in vector.items()})
    assert ([uid for uid, _ in ours], [value for _, value in ours]) == expected


@pytest.mark.parametrize(
    ("vector", "most", "expected"),
    [
        pytest.param({1: 0.65, 2: 0.2, 3: 0.15}, 65_535, {1: 65_535, 2: 20_165, 3: 15_123}, id="no limit"),
        pytest.param({1: 0.65, 2: 0.2, 3: 0.15}, 42_598, {1: 65_535, 2: 20_165, 3: 15_123}, id="65.0004 %: just within"),
        pytest.param({1: 0.65, 2: 0.2, 3: 0.15}, 32_767, {1: 65_535, 2: 37_451, 3: 28_087}, id="a half: one is cut"),
        pytest.param({1: 0.5, 2: 0.45, 3: 0.05}, 26_214, {1: 65_535, 2: 65_535, 3: 32_768}, id="40 %: two are cut"),
        pytest.param({1: 0.9, 2: 0.1}, 32_768, {1: 65_535, 2: 65_534}, id="as many as the limit needs"),
        pytest.param({1: 1.0}, 100, {1: 65_535}, id="a single one has no limit"),
    ],
)
def test_a_limit_of_the_chain_cuts_the_largest(vector: dict[int, float], most: int, expected: dict[int, int]) -> None:
    """What they lose goes to the others in proportion."""
    assert dict(weights.to_u16({Uid(uid): Weight(weight) for uid, weight in vector.items()}, most)) == expected


def test_too_few_weights_for_a_limit_are_no_vector() -> None:
    """Two of 40 % each are not everything."""
    with pytest.raises(WeightsInvalid, match=r"at most 0\.4000 for one uid, and 2 are to be weighed"):
        weights.to_u16({Uid(1): Weight(0.9), Uid(2): Weight(0.1)}, 26_214)


VECTORS = st.dictionaries(st.integers(0, 300), st.floats(1e-4, 1.0), min_size=2, max_size=60)
LIMITED = VECTORS.flatmap(lambda vector: st.tuples(st.just(vector), st.integers(-(-65_535 // len(vector)), 65_535)))


@given(LIMITED)
def test_a_limited_vector_is_taken_by_the_chain_and_left_alone_by_the_sdk(limited: tuple[dict[int, float], int]) -> None:
    """The chain's own rule holds to the last unit, the SDK clips nothing more, and nobody overtakes anybody."""
    vector, most = limited
    shares = {Uid(uid): Weight(weight) for uid, weight in vector.items()}
    row = dict(weights.to_u16(shares, most))
    assert max(row.values()) == 65_535
    assert most * sum(row.values()) >= 65_535 * 65_535
    assert normalize(list(row), clip_to_max_weight(list(row.values()), most / 65_535)) == (list(row), list(row.values()))
    order = sorted(row, key=lambda uid: (shares[uid], row[uid]))
    assert [row[uid] for uid in order] == sorted(row.values())


@pytest.mark.parametrize("vector", [{}, {Uid(1): Weight(0.0)}])
def test_no_vector_of_nothing_is_sent(vector: dict[Uid, Weight]) -> None:
    """The SDK would send an empty one."""
    with pytest.raises(WeightsInvalid, match="at least one target"):
        weights.to_u16(vector)


def now(*numbers: int, shift: int = 0, since: int = 0) -> tuple[Mapping[Hotkey, Uid], Mapping[Hotkey, Block]]:
    """The registered hotkeys h<n>, whose uids moved by `shift`, registered in block `since`."""
    hotkeys = [Hotkey(f"h{n}") for n in numbers]
    return {key: Uid(int(key[1:]) + shift) for key in hotkeys}, dict.fromkeys(hotkeys, Block(since))


def vector_of(plan: WeightPlan) -> Mapping[Uid, Any]:
    """A plan's vector, to be compared roughly."""
    return {uid: pytest.approx(weight) for uid, weight in plan.vector.items()}


LAST = weights.plan(
    a_snapshot(
        a_record(1),
        a_record(2),
        king=None,
        leads=[a_credit(1, lead=0.01), a_credit(2, over=1, lead=0.02)],
        pays=(a_track_pay(king=0.5),),
    )
)
"""The throne is empty. Uid 2: .2, uid 1: .1, burned to uid 0: .7."""


@pytest.mark.parametrize(
    ("registered", "owner", "expected"),
    [
        pytest.param(now(0, 1, 2), 0, {2: 0.2, 1: 0.1, 0: 0.7}, id="nothing changed"),
        pytest.param(now(0, 1, 2, shift=5), 5, {7: 0.2, 6: 0.1, 5: 0.7}, id="other uids"),
        pytest.param(now(0, 1), 0, {1: 0.3, 0: 0.7}, id="one left"),
        pytest.param(now(0, 1, 2, 9), 0, {2: 0.2, 1: 0.1, 0: 0.7}, id="a newcomer"),
        pytest.param(now(1, 2), None, {2: 2 / 3, 1: 1 / 3}, id="the owner has no uid"),
        pytest.param(now(0, 1, 2, since=2), 0, {2: 0.3, 0: 0.7}, id="registered anew"),
    ],
)
def test_in_our_outage_the_last_plan_goes_to_who_is_left(
    registered: tuple[Mapping[Hotkey, Uid], Mapping[Hotkey, Block]], owner: int | None, expected: Mapping[int, float]
) -> None:
    """In proportion, and never more is burned than was."""
    plan = weights.remap(LAST, *registered, None if owner is None else Uid(owner))
    assert vector_of(plan) == expected
    assert [line.uid for line in plan.lines] == sorted(registered[0].values())
    assert plan.snapshot_hash == LAST.snapshot_hash


@pytest.mark.parametrize("owner", [pytest.param(Uid(0), id="it has an owner"), pytest.param(None, id="it has none")])
def test_a_plan_that_pays_nobody_who_is_left_is_refused(owner: Uid | None) -> None:
    """It burned a part, and would burn everything now: that is refused by name. One that burned everything may do so again."""
    with pytest.raises(PlanPaysNobody, match="nobody whom the last plan pays is registered any more"):
        weights.remap(LAST, *now(0, 9), owner)
    assert weights.remap(weights.plan(a_snapshot()), *now(0, 9), Uid(0)).vector == {0: 1.0}
    with pytest.raises(WeightsInvalid, match="at least one target"):
        weights.remap(weights.plan(a_snapshot()), *now(9), None)


@given(fields(), st.sets(st.integers(0, 12)), st.integers(-1, 3), st.integers(0, 12))
def test_a_plan_that_moved_is_valid(records: list[Record], here: set[int], shift: int, since: int) -> None:
    """Whoever is left, under whichever uid."""
    plan = weights.plan(a_snapshot(*records, uids={f"h{n}": n for n in range(1, 11)}))
    try:
        moved = weights.remap(plan, *now(0, *sorted(here), shift=shift + 1, since=since), Uid(shift + 1))
    except PlanPaysNobody:
        paid = {uid: share for uid, share in in_small(plan).items() if share.share}
        assert not any(uid in here and since <= parse_entrant(share.entrant)[1] for uid, share in paid.items())
        return
    assert sum(moved.vector.values()) == pytest.approx(1.0)
    assert moved.burn == pytest.approx(plan.burn)


def two_tracks(king: int | None = 1, other: int | None = 2) -> Snapshot:
    """The kings of "small", which has .7 of the emission, and of "large", which has .3; h3 has credit of .02 in both."""
    credit = a_credit(3, lead=0.02)
    tracks = tuple(
        TrackState(track=name, king=None if who is None else named(who), records=records, leads=(credit,))
        for name, who, records in (("large", other, (a_record(4, 0.4),)), ("small", king, (a_record(5, 0.6),)))
    )
    pays = (a_track_pay("small", share=0.7), a_track_pay("large", share=0.3, king=0.5, full_credit=Micro(40_000)))
    uids = {f"h{n}": n for n in range(1, 6)}
    return a_snapshot(uids=uids, state=State(tracks=tracks), pays=pays)


def test_tracks_share_out_the_emission_and_add_up_for_each_hotkey() -> None:
    """By each track's own rules: credit of .02 claims .4 of .35 in the one, a half of .5 in the other."""
    plan = weights.plan(two_tracks())
    small, large = 0.7 * 0.35 * 0.4, 0.3 * 0.5 * 0.5
    assert vector_of(plan) == {3: small + large, 1: 0.7 - small, 2: 0.3 - large}
    assert plan.burn == 0.0
    places = {line.hotkey: [(share.track, share.place, share.rank) for share in line.tracks] for line in plan.lines}
    assert places == {
        "h0": [],
        "h1": [("small", 0, 1)],
        "h2": [("large", 0, 1)],
        "h3": [("small", 1, 2), ("large", 1, 2)],
        "h4": [("large", None, 3)],
        "h5": [("small", None, 3)],
    }


def test_one_hotkey_may_be_king_of_two_tracks() -> None:
    """It gets both fixed shares, and what no credit claims in either."""
    plan = weights.plan(two_tracks(1, 1))
    assert plan.vector[Uid(1)] == pytest.approx(1.0 - 0.7 * 0.35 * 0.4 - 0.3 * 0.25)
    assert [share.track for share in plan.lines[1].tracks] == ["small", "large"]


@pytest.mark.parametrize(
    ("kings", "burned"),
    [
        pytest.param((1, None), 0.3 * 0.75, id="none in large"),
        pytest.param((None, 2), 0.7 * (1.0 - 0.35 * 0.4), id="none in small"),
        pytest.param((None, None), 0.3 * 0.75 + 0.7 * (1.0 - 0.35 * 0.4), id="none at all"),
        pytest.param((1, 9), 0.3 * 0.75, id="the king of large left"),
    ],
)
def test_an_empty_throne_burns_its_kings_share_and_nobody_gains(kings: tuple[int | None, int | None], burned: float) -> None:
    """Nobody in any track gets more than while both had a king."""
    full, plan = weights.plan(two_tracks()), weights.plan(two_tracks(*kings))
    assert plan.burn == pytest.approx(burned)
    assert plan.vector[Uid(0)] == plan.burn
    before = {line.hotkey: line.share for line in full.lines}
    assert all(line.share == pytest.approx(before[line.hotkey]) or line.share == 0.0 for line in plan.lines)


def test_a_track_that_nobody_was_judged_in_burns_its_share() -> None:
    """Its state is not there yet."""
    snapshot = a_snapshot(a_record(1), pays=(a_track_pay("small", share=0.6), a_track_pay("large", share=0.4)))
    assert vector_of(weights.plan(snapshot)) == {1: 0.6, 0: 0.4}


def test_a_state_whose_track_the_rules_do_not_pay_for_earns_nothing() -> None:
    """Until the next fold drops it."""
    plan = weights.plan(replace(two_tracks(), pays=(a_track_pay("small"),)))
    assert plan.vector[Uid(1)] == pytest.approx(1.0 - 0.35 * 0.4)
    assert plan.lines[2].tracks == ()


def test_two_tracks_survive_json() -> None:
    """The snapshot with its hash, and the plan."""
    snapshot = two_tracks()
    stored = Snapshot.from_json(json.loads(json.dumps(snapshot.to_json())))
    assert (stored, stored.hash) == (snapshot, snapshot.hash)
    plan = weights.plan(snapshot)
    assert WeightPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_in_our_outage_a_hotkey_keeps_in_each_track_what_it_committed_since_it_registered() -> None:
    """h1 is king of both, by a model of block 1 and by one of block 50; it registered anew in block 20."""
    snapshot = two_tracks(1)
    small, large = snapshot.state.of("small"), replace(snapshot.state.of("large"), king=entrant(Hotkey("h1"), Block(50)))
    plan = weights.plan(replace(snapshot, state=State(tracks=(large, replace(small, leads=())))))
    uids, since = now(0, 1, 3)
    moved = weights.remap(plan, uids, {**since, Hotkey("h1"): Block(20)}, Uid(0))
    assert vector_of(moved) == {1: 0.75, 3: 0.25}
    assert [share.track for share in moved.lines[1].tracks] == ["large"]
    assert moved.lines[1].share == moved.lines[1].tracks[0].share


def test_in_our_outage_what_a_hotkey_had_in_a_track_stays_there() -> None:
    """The king of large left: who has credit there gets it, and nobody of the other track does."""
    plan = weights.plan(two_tracks())
    moved = weights.remap(plan, *now(0, 1, 3), Uid(0))
    credit = 0.7 * 0.35 * 0.4
    assert vector_of(moved) == {1: pytest.approx(0.7 - credit), 3: pytest.approx(0.3 + credit)}
