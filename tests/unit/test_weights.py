"""Who earns what, and what never reaches the chain."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from bittensor.intents.weights import clip_to_max_weight, normalize
from hypothesis import assume, given
from hypothesis import strategies as st

from scoring.ranking.selection import lower_bound
from scoring.ranking.state import Record, State
from scoring.types import Block, Hotkey, Uid, Weight, entrant, parse_entrant
from scoring.weights import plan as weights
from scoring.weights.explanation import explain, explain_all
from scoring.weights.plan import PlanPaysNobody, Snapshot, WeightPlan, WeightsInvalid
from tests.builders.ranking import a_record, named

SHARES = (0.65, 0.14, 0.10, 0.07, 0.04)
OWNER = Hotkey("h0")


def a_snapshot(*records: Record, king: int | None = 1, uids: Mapping[str, int] | None = None, **overrides: object) -> Snapshot:
    """Hotkey h<n> holds uid n since block 0, the owner uid 0."""
    known = {record.hotkey: int(record.hotkey[1:]) for record in records} if uids is None else uids
    known = {str(OWNER): 0} | {str(hotkey): uid for hotkey, uid in known.items()}
    snapshot = Snapshot(
        ledger_hash="ab",
        state=State(king=None if king is None else named(king), records=records),
        block=Block(100),
        owner=Uid(0),
        uids={Hotkey(hotkey): Uid(uid) for hotkey, uid in known.items()},
        registered_at={Hotkey(hotkey): Block(0) for hotkey in known},
        shares=SHARES,
        tail_floor=0.2,
        tie_band=0.01,
        tie_speed=0.25,
        competition_hash="cd",
    )
    return replace(snapshot, **overrides)  # type: ignore[arg-type]


def test_king_and_tail_get_fixed_shares_and_the_rest_burns() -> None:
    """Three places held: 0.65, 0.14, 0.10; the unearned 0.11 goes to the owner's uid."""
    plan = weights.plan(a_snapshot(a_record(1, 0.4), a_record(2, 0.6), a_record(3, 0.8), king=3))
    assert plan.vector == {3: 0.65, 2: 0.14, 1: 0.10, 0: pytest.approx(0.11)}
    assert plan.burn == pytest.approx(0.11)
    assert [(line.uid, line.share, line.place, line.rank) for line in plan.lines] == [
        (0, 0.0, None, None),
        (1, 0.10, 2, 3),
        (2, 0.14, 1, 2),
        (3, 0.65, 0, 1),
    ]


def test_a_full_table_burns_nothing() -> None:
    """Five places held: no share is left, though the shares' sum is a rounding away from 1."""
    plan = weights.plan(a_snapshot(*(a_record(n, 0.2 + n / 10) for n in range(1, 7)), king=6))
    assert plan.burn == 0.0
    assert plan.vector == {6: 0.65, 5: 0.14, 4: 0.10, 3: 0.07, 2: 0.04}


def test_the_tail_is_for_who_was_the_best_when_it_came() -> None:
    """A near-copy, and a model made worse on purpose, come after what they were made from; so one model earns one share."""
    original, near, worse = a_record(1, 0.8), a_record(2, 0.8005, squares=100 * 800_500**2 + 10**13), a_record(3, 0.7)
    snapshot = a_snapshot(original, near, worse, king=1)
    plan = weights.plan(snapshot)
    assert plan.vector == {1: 0.65, 0: pytest.approx(0.35)}
    for later in (Uid(2), Uid(3)):
        assert explain(snapshot, plan, later).lacks.startswith("it is not clearly better than h1@1, which was committed earlier")
    assert weights.plan(a_snapshot(original, near, worse, king=2)).vector == {2: 0.65, 1: 0.14, 0: pytest.approx(0.21)}


def test_below_the_floor_earns_nothing() -> None:
    """A mean of 0.21 whose lower bound is below 0.2 is no tail place."""
    groups = [0] * 50 + [420_000] * 50
    shaky = a_record(2, total=sum(groups), squares=sum(g * g for g in groups))
    assert weights.plan(a_snapshot(a_record(1, 0.8), shaky)).vector == {1: 0.65, 0: pytest.approx(0.35)}


def test_while_the_throne_is_vacant_its_share_burns_and_the_tail_keeps_its_own() -> None:
    """Nobody is paid as king, and nobody else pays for it."""
    assert weights.plan(a_snapshot(a_record(1), king=None)).vector == {1: 0.14, 0: pytest.approx(0.86)}
    assert weights.plan(a_snapshot(king=None)).vector == {0: 1.0}


def test_an_unregistered_king_gets_nothing_and_costs_the_others_nothing() -> None:
    """A hotkey that left never gets a weight; its share burns until the next fold, and the tail keeps what it earned."""
    plan = weights.plan(a_snapshot(a_record(1, 0.8), a_record(2, 0.9), king=2, uids={"h1": 1}))
    assert plan.vector == {1: 0.14, 0: pytest.approx(0.86)}


def test_a_uid_that_is_used_again_inherits_nothing() -> None:
    """The king's hotkey is gone and its uid is another's, who committed nothing."""
    plan = weights.plan(a_snapshot(a_record(1, 0.8), a_record(2, 0.9), king=2, uids={"h9": 2, "h1": 1}))
    assert plan.vector == {1: 0.14, 0: pytest.approx(0.86)}


@pytest.mark.parametrize(("registered", "share"), [(7, 0.65), (8, 0.0)])
def test_a_hotkey_that_registers_anew_starts_anew(registered: int, share: float) -> None:
    """What it committed in block 7 earns if it was registered in that block; not if it came back in block 8."""
    field = a_snapshot(a_record(7, 0.9), king=7, registered_at={Hotkey("h7"): Block(registered), OWNER: Block(0)})
    plan = weights.plan(field)
    assert plan.lines[1].share == share
    assert ("commit again" in explain(field, plan, plan.lines[1].uid).lacks) is (share == 0.0)


def test_a_hotkey_holds_one_place() -> None:
    """Of two submissions of one hotkey, as in the grace of a new commit, the better one is paid, once."""
    first = replace(a_record(1, 0.6), hotkey=Hotkey("h3"), entrant=entrant(Hotkey("h3"), Block(1)))
    plan = weights.plan(a_snapshot(first, a_record(2, 0.7), a_record(3, 0.9), king=3, uids={"h2": 2, "h3": 3}))
    assert plan.vector == {3: 0.65, 2: 0.14, 0: pytest.approx(0.21)}


def test_ties_go_to_the_faster_then_to_the_earlier() -> None:
    """Within .01 the one that is much slower yields; of equally fast ones the first commit goes first."""
    records = [a_record(2, 0.595, speed=400), a_record(3, 0.6, speed=110), a_record(4, 0.604, speed=100)]
    plan = weights.plan(a_snapshot(*records, a_record(5, 0.9), king=5))
    assert (plan.vector[Uid(3)], plan.vector[Uid(4)], plan.vector[Uid(2)]) == (0.14, 0.10, 0.07)


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


@given(fields(), st.integers(1, 12), st.sets(st.integers(1, 12)), st.randoms())
def test_any_field_gives_a_valid_vector_whatever_its_order(records: list[Record], king: int, here: set[int], random: Any) -> None:
    """Finite, positive, sums to 1, only to registered uids, a line for each of them; the same for a field in another order."""
    uids = [(f"h{n}", n) for n in sorted(here)]
    snapshot = a_snapshot(*records, king=king, uids=dict(uids))
    plan = weights.plan(snapshot)
    assert sum(plan.vector.values()) == pytest.approx(1.0)
    assert all(0.0 < weight <= 1.0 for weight in plan.vector.values())
    assert [line.uid for line in plan.lines] == [0, *sorted(here)]
    assert sum(line.share for line in plan.lines) + plan.burn == pytest.approx(1.0)
    words = explain_all(snapshot, plan)
    assert all((line.share > 0.0) is (words[line.uid].lacks == "") for line in plan.lines)
    random.shuffle(records)
    random.shuffle(uids)
    other = weights.plan(a_snapshot(*records, king=king, uids=dict(uids)))
    assert (other.vector, other.lines) == (plan.vector, plan.lines)
    assert explain_all(a_snapshot(*records, king=king, uids=dict(uids)), other) == words


@given(fields(), st.data())
def test_names_of_uids_change_nothing_but_the_names(records: list[Record], data: st.DataObject) -> None:
    """With other uids each hotkey earns the same."""
    numbers = data.draw(st.permutations(range(1, 11)))
    plain = weights.plan(a_snapshot(*records, uids={f"h{n}": n for n in range(1, 11)}))
    moved = weights.plan(a_snapshot(*records, uids={f"h{n}": numbers[n - 1] for n in range(1, 11)}))
    assert {line.hotkey: line.share for line in moved.lines} == {line.hotkey: line.share for line in plain.lines}


@given(fields(), st.integers(0, 1_000_000), st.integers(0, 9))
def test_more_score_never_means_less_weight(records: list[Record], more: int, which: int) -> None:
    """A submission that scores the same amount more in every group earns at least what it earned."""
    assume(records)
    which %= len(records)
    old = records[which]
    total, squares = old.total + old.groups * more, old.squares + 2 * more * old.total + old.groups * more * more
    better = replace(old, total=total, squares=squares)
    assume(lower_bound(better) >= lower_bound(old))  # arithmetic alone may take a last digit
    uid = Uid(int(old.hotkey[1:]))
    before = weights.plan(a_snapshot(*records)).vector.get(uid, 0.0)
    after = weights.plan(a_snapshot(*records[:which], better, *records[which + 1 :])).vector.get(uid, 0.0)
    assert after >= before


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


def test_a_kept_plan_with_explanations_is_read_without_them() -> None:
    """Plans of before had the words in each line; numbers and places are the same."""
    plan = weights.plan(a_snapshot(a_record(1, 0.8), a_record(2, 0.9)))
    data = plan.to_json()
    data["lines"] = [line | {"evidence": "…", "lineage": "", "lacks": "no submission"} for line in data["lines"]]
    assert WeightPlan.from_json(data) == plan


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


LAST = weights.plan(a_snapshot(a_record(1, 0.4), a_record(2, 0.6), a_record(3, 0.8), king=3))
"""Uid 3: .65, uid 2: .14, uid 1: .10, burned to uid 0: .11."""


@pytest.mark.parametrize(
    ("registered", "owner", "expected"),
    [
        pytest.param(now(0, 1, 2, 3), 0, {3: 0.65, 2: 0.14, 1: 0.10, 0: 0.11}, id="nothing changed"),
        pytest.param(now(0, 1, 2, 3, shift=5), 5, {8: 0.65, 7: 0.14, 6: 0.10, 5: 0.11}, id="other uids"),
        pytest.param(now(0, 1, 2), 0, {2: 0.14 * 0.89 / 0.24, 1: 0.10 * 0.89 / 0.24, 0: 0.11}, id="the king left"),
        pytest.param(now(0, 1, 2, 3, 9), 0, {3: 0.65, 2: 0.14, 1: 0.10, 0: 0.11}, id="a newcomer"),
        pytest.param(now(1, 2, 3), None, {3: 0.65 / 0.89, 2: 0.14 / 0.89, 1: 0.10 / 0.89}, id="the owner has no uid"),
        pytest.param(now(0, 1, 2, 3, since=2), 0, {3: 0.65 * 0.89 / 0.79, 2: 0.14 * 0.89 / 0.79, 0: 0.11}, id="registered anew"),
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
        paid = [line for line in plan.lines if line.share and line.entrant is not None]
        assert not any(line.uid in here and since <= parse_entrant(line.entrant)[1] for line in paid if line.entrant)
        return
    assert sum(moved.vector.values()) == pytest.approx(1.0)
    assert moved.burn == pytest.approx(plan.burn)
