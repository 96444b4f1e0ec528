"""When weights are due, and whether an older plan is held, decided from values alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from neurons.chain.types import CommitmentRecord, CommitmentStatus, Metagraph, Neuron
from neurons.validator.weights.decision import Decision, Due, NotYet, WeightHistory, decide, rounds_left_or_raise, stalled
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.ranking.state import Rejection, State
from scoring.types import Block, Hotkey, RoundNumber, Uid, Weight, entrant
from tests.builders import chain, ranking
from tests.builders.ledger import a_ledger_entry, a_snapshot, a_track_pay, a_weight_attempt, a_weight_plan, some_inputs
from tests.builders.rules import a_competition, a_track
from voice_api.db.ledger import EntryOutline, LedgerEntry
from voice_api.db.states import RefusalClass, WeightOutcome
from voice_api.db.submissions import NewestCommitment
from voice_api.db.weights import UnreadableAttempt, WeightAttempt
from voice_api.errors import LedgerInvalid

SCHEDULE = load()
ME, OWNER, MINER = Hotkey("me"), Hotkey("owner"), Hotkey("miner")
RECORD = ranking.a_record(10, 0.8, groups=32, hotkey=MINER)
FORMER = ranking.a_credit(1, entrant=entrant(ME, Block(5)))
CROWNED = ranking.a_state(round=RoundNumber(1), king=RECORD.entrant, king_since=Block(0), records=(RECORD,))
HEAD = a_ledger_entry(state=CROWNED, state_hash="a" * 64)
EMPTY = a_ledger_entry(state=State(round=RoundNumber(1)), state_hash="a" * 64)
"""Nobody was scored in its rounds: a plan from it burns everything."""


def a_neuron(uid: int, hotkey: Hotkey, last_update: int = 0) -> Neuron:
    """A neuron that last set weights at a block."""
    return chain.a_neuron(uid=Uid(uid), hotkey=hotkey, last_update=Block(last_update), immune_until_block=Block(0))


def a_commitment(hotkey: Hotkey = MINER, block: int = 10) -> CommitmentRecord:
    """A commitment that the chain has."""
    return CommitmentRecord(hotkey, Block(block), "v2:x", CommitmentStatus.PLAIN)


def a_metagraph(block: int = 725, last_update: int = 0, *without: Hotkey) -> Metagraph:
    """Owner, validator, and a miner that committed; a tempo of 100 blocks, a rate limit of 50, an activity cutoff of 5,000."""
    everybody = a_neuron(0, OWNER), a_neuron(1, ME, last_update), a_neuron(2, MINER)
    neurons = tuple(neuron for neuron in everybody if neuron.hotkey not in without)
    return chain.a_metagraph(block=Block(block), owner_hotkey=OWNER, neurons=neurons, commitments=(a_commitment(),))


def an_attempt(
    block: int, outcome: WeightOutcome = WeightOutcome.SET, ledger: str = HEAD.state_hash, **more: Any
) -> WeightAttempt:
    """An attempt at a block, with the plan that gives the miner everything."""
    hotkeys = (OWNER, ME, MINER)
    plan_input = a_snapshot(
        ledger_hash=ledger,
        state=more.pop("state", CROWNED),
        uids={hotkey: Uid(uid) for uid, hotkey in enumerate(hotkeys)},
        registered_at=dict.fromkeys(hotkeys, Block(0)),
    )
    return a_weight_attempt(block, outcome, plan_input=plan_input, **more)


def known(*attempts: WeightAttempt, head: LedgerEntry | None = HEAD, judged: EntryOutline | None = None) -> WeightHistory:
    """These attempts, newest first."""
    planned = next((each for each in attempts if each.outcome is WeightOutcome.SET), None)
    return WeightHistory(head=head, judged=judged, attempts=attempts, waiting=(), planned=planned)


def receipts(counted: int = 0, **distrusted: str) -> EntryOutline:
    """A round with receipts that count, and others that do not, each for its reason."""
    inputs = some_inputs(counted={f"{n:064x}": "00" for n in range(counted)}, distrusted=distrusted)
    return EntryOutline(validator=ME, round=RoundNumber(1), state_hash="a" * 64, previous="", inputs=inputs, kings={})


FAILED = (WeightOutcome.FAILED, WeightOutcome.SENDING)
DUE = Due()
AFTER_PAUSE = "this validator runs since block {} only: it folds what waits before it sets weights"
BURN = replace(a_weight_plan(), burn=Weight(1.0))
TEMPO = "the chain has the newest weights; they are set again once a tempo"
NONE_TO_HOLD = ", and no weights that pay anybody were set before"


def stopped(fault: str) -> NotYet:
    """Nothing is set, by a fault of ours without a plan to hold."""
    return NotYet(None, fault + NONE_TO_HOLD, stopped=RefusalClass.OURS)


@pytest.mark.parametrize(
    ("attempts", "metagraph", "expected"),
    [
        pytest.param([], a_metagraph(), DUE, id="never set"),
        pytest.param([], a_metagraph(725, 676), 726, id="49 of 50 blocks after the last"),
        pytest.param([], a_metagraph(725, 675), DUE, id="50 of 50"),
        pytest.param([an_attempt(650)], a_metagraph(), 750, id="the same ledger, within the tempo"),
        pytest.param([an_attempt(625)], a_metagraph(), DUE, id="the same ledger, a tempo later"),
        pytest.param([an_attempt(660, ledger="b" * 64)], a_metagraph(), DUE, id="another ledger"),
        pytest.param([an_attempt(660, WeightOutcome.PENDING)], a_metagraph(), 760, id="sealed, and waiting"),
        pytest.param([an_attempt(660, WeightOutcome.EXPIRED)], a_metagraph(), DUE, id="sealed, and lost"),
        pytest.param([an_attempt(724, WeightOutcome.FAILED)], a_metagraph(), 726, id="failed just now"),
        pytest.param([an_attempt(723, WeightOutcome.FAILED)], a_metagraph(), DUE, id="failed two blocks ago"),
        pytest.param([an_attempt(722, one) for one in FAILED], a_metagraph(), 726, id="twice in a row"),
        pytest.param([an_attempt(710, FAILED[0])] * 9, a_metagraph(), 735, id="often: a quarter of the tempo"),
        pytest.param(
            [an_attempt(720, FAILED[0]), an_attempt(600)] + [an_attempt(1, FAILED[0])] * 9, a_metagraph(), DUE, id="once since"
        ),
        pytest.param([an_attempt(720, WeightOutcome.RATE_LIMITED, next_block=Block(730))], a_metagraph(), 730, id="told when"),
        pytest.param([an_attempt(724, WeightOutcome.RATE_LIMITED)], a_metagraph(), 726, id="too soon, and not told when"),
        pytest.param([], a_metagraph(725, 0, ME), None, id="not registered"),
        pytest.param([], a_metagraph(725, 0, OWNER), None, id="nobody to burn to"),
    ],
)
def test_when_weights_are_due(attempts: Sequence[WeightAttempt], metagraph: Metagraph, expected: Due | int | None) -> None:
    """After each fold and once a tempo; not inside the rate limit, and after failures only after a while."""
    found = decide(metagraph, ME, known(*attempts), SCHEDULE)
    assert (found.block if isinstance(found, NotYet) else found) == expected


def test_an_attempt_that_cannot_be_read_is_no_plan_to_hold() -> None:
    """New weights are due as if it stood on another ledger; while nothing new can be planned nothing is set, as without an attempt."""
    lost = UnreadableAttempt(
        block=Block(660), outcome=WeightOutcome.SET, snapshot_hash="a" * 64, fault=LedgerInvalid("lost"), stored_plan=None
    )
    history = WeightHistory(head=HEAD, judged=None, attempts=(lost,), waiting=(), planned=None)
    assert decide(a_metagraph(725, 660), ME, history, SCHEDULE) == DUE
    assert decide(a_metagraph(725, 676), ME, history, SCHEDULE) == NotYet(Block(726), "the chain's rate limit")
    refusing = replace(history, judged=receipts(a="expired"))
    why = "in round 1 none of 1 receipts counts: expired, and no weights that pay anybody were set before"
    assert decide(a_metagraph(725, 660), ME, refusing, SCHEDULE) == NotYet(None, why, stopped=RefusalClass.OURS)


@pytest.mark.parametrize(
    ("rules", "version_key", "expected"),
    [
        pytest.param({"weights_version": 5}, 4, "the subnet asks for version key 5", id="an old version key"),
        pytest.param({"weights_version": 5}, 5, None, id="the subnet's"),
        pytest.param({"max_weights_limit": 32_767}, 0, "the subnet takes 0.5000 at most for one uid", id="too few for the limit"),
        pytest.param({"max_weights_limit": 40_000}, 0, None, id="cut to the limit"),
        pytest.param({"min_allowed_weights": 3}, 0, "the subnet asks for 3 weights above 0", id="too few"),
    ],
)
def test_what_the_chain_would_refuse_is_not_sent(rules: dict[str, int], version_key: int, expected: str | None) -> None:
    """Nothing is due until the metagraph, or the settings, are others: the plan pays the miner .65, and a former king .35."""
    metagraph = replace(a_metagraph(), **rules)  # type: ignore[arg-type]
    paid = replace(HEAD, state=ranking.with_small(CROWNED, leads=(FORMER,)))
    found = decide(metagraph, ME, replace(known(), head=paid), SCHEDULE, version_key=version_key)
    assert (found == DUE) == (expected is None)
    if expected is not None:
        assert isinstance(found, NotYet)
        kind = RefusalClass.OURS if "version key" in expected else RefusalClass.PERMANENT
        assert (found.block, found.why.startswith(expected), found.stopped) == (None, True, kind)


FAILED_BY = {kind: an_attempt(700, WeightOutcome.FAILED, refusal=kind) for kind in RefusalClass}


@pytest.mark.parametrize(
    ("refusal", "started", "expected"),
    [
        pytest.param(RefusalClass.PASSING, 0, 702, id="time alone ends it"),
        pytest.param(RefusalClass.PERMANENT, 0, 800, id="somebody has to act"),
        pytest.param(RefusalClass.OURS, 0, 800, id="a setting of ours"),
        pytest.param(RefusalClass.OURS, 701, 702, id="a setting of ours, and started since"),
    ],
)
def test_a_refusal_that_time_does_not_end_is_tried_again_once_a_tempo(refusal: RefusalClass, started: int, expected: int) -> None:
    """After a restart at once, because the settings may be others."""
    found = decide(a_metagraph(701), ME, known(FAILED_BY[refusal]), SCHEDULE, started=Block(started))
    assert isinstance(found, NotYet)
    assert (found.block, found.stopped) == (expected, refusal)


@pytest.mark.parametrize(
    ("block", "last_update", "behind", "expected"),
    [
        pytest.param(3_250, 3_000, False, NotYet(Block(6_130), AFTER_PAUSE.format(3_250)), id="nothing was folded for long"),
        pytest.param(3_250, 1_000, False, NotYet(Block(5_900), AFTER_PAUSE.format(3_250)), id="the activity cutoff comes first"),
        pytest.param(
            1_000,
            600,
            True,
            NotYet(Block(3_880), AFTER_PAUSE.format(1_000)),
            id="a closed round waits, for two rounds' time at most",
        ),
        pytest.param(6_130, 3_000, False, Due("nothing was folded since round 1"), id="two rounds could have ended since"),
        pytest.param(1_000, 600, False, DUE, id="nothing waits"),
    ],
)
def test_after_a_pause_weights_follow_the_first_fold(block: int, last_update: int, behind: bool, expected: Decision) -> None:
    """The chain keeps what it has: nothing of before the pause is sent again, and nothing is held, for a while."""
    history = replace(known(an_attempt(3_000 if block > 3_000 else 600)), behind=behind)
    found = decide(a_metagraph(block, last_update), ME, history, SCHEDULE, started=Block(3_250 if block > 3_000 else 1_000))
    assert found == expected


def test_nothing_is_due_before_the_first_fold() -> None:
    """A validator that knows nothing pays nobody."""
    assert decide(a_metagraph(), ME, known(head=None), SCHEDULE) == stopped("nothing was folded yet")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(699, 700, id="within the tempo"),
        pytest.param(700, Due("away"), id="once a tempo"),
        pytest.param(5_600, Due("away"), id="at the activity cutoff"),
        pytest.param(5_601, None, id="after it"),
    ],
)
def test_an_outage_is_bridged_with_the_last_plan_for_a_while(block: int, expected: Due | int | None) -> None:
    """Once a tempo, even for a newer ledger, and not for ever."""
    head = replace(HEAD, round=RoundNumber(13), state_hash="b" * 64)
    found = decide(a_metagraph(block), ME, known(an_attempt(600), head=head), SCHEDULE, "away")
    assert (found.block if isinstance(found, NotYet) else found) == expected


def test_a_ledger_stands_still_after_two_rounds_that_could_have_ended() -> None:
    """By the rules' own lengths: 360 blocks a round, 1,080 to its deadline."""
    assert stalled(RoundNumber(1), Block(3_240), SCHEDULE) == ""
    assert stalled(RoundNumber(1), Block(3_241), SCHEDULE) == "nothing was folded since round 1"
    assert decide(a_metagraph(3_241), ME, known(an_attempt(600)), SCHEDULE) == Due("nothing was folded since round 1")


STOOD = "nothing was folded since round 1"
UNHEARD = "no receipt was ever folded; a new plan would burn everything"
BEHIND = "rounds after round 1 wait to be folded"
AGAIN = "the ledger is being folded again: it stands at round 1, and weights were set from round 9"
LATER = ranking.a_state(round=RoundNumber(9), king=RECORD.entrant, king_since=Block(0), records=(RECORD,))
REJECTED = ranking.a_state(round=RoundNumber(1), rejections=(Rejection(entrant(MINER, Block(10)), MINER, "silent"),))


def left(block: int, since: int | None = None, *committed: CommitmentRecord) -> Metagraph:
    """The miner left; registered again in that block, if one is given; with these commitments."""
    metagraph = a_metagraph(block, 0, *(() if since is not None else (MINER,)))
    back = {} if since is None else {MINER: Block(since)}
    neurons = tuple(replace(n, registered_at_block=back.get(n.hotkey, n.registered_at_block)) for n in metagraph.neurons)
    return replace(metagraph, neurons=neurons, commitments=committed)


@pytest.mark.parametrize(
    ("metagraph", "history", "expected"),
    [
        pytest.param(a_metagraph(3_241), known(), STOOD + NONE_TO_HOLD, id="stalled, and never set"),
        pytest.param(a_metagraph(3_241), known(head=EMPTY), STOOD + NONE_TO_HOLD, id="so no burn either"),
        pytest.param(a_metagraph(), known(), DUE, id="never set, and the head is new"),
        pytest.param(a_metagraph(), known(head=EMPTY, judged=receipts(1)), DUE, id="then a burn is right"),
        pytest.param(a_metagraph(), known(head=EMPTY), UNHEARD + NONE_TO_HOLD, id="models wait, and no worker ever judged"),
        pytest.param(a_metagraph(), known(an_attempt(600), head=EMPTY), Due(UNHEARD), id="but weights were set before"),
        pytest.param(left(725), known(head=EMPTY), DUE, id="no receipt, and nobody committed anything"),
        pytest.param(
            a_metagraph(), replace(known(), behind=True), BEHIND + NONE_TO_HOLD, id="never set, and a closed round waits"
        ),
        pytest.param(a_metagraph(), replace(known(an_attempt(600)), behind=True), DUE, id="a closed round waits for a while"),
        pytest.param(left(725), replace(known(), behind=True), DUE, id="a closed round waits, and nobody committed anything"),
        pytest.param(a_metagraph(3_241), known(an_attempt(600, plan=BURN)), STOOD + NONE_TO_HOLD, id="the last one burned all"),
        pytest.param(a_metagraph(), known(an_attempt(600, state=LATER)), Due(AGAIN), id="reset near the head"),
        pytest.param(a_metagraph(), known(an_attempt(650, state=LATER)), NotYet(Block(750), TEMPO, AGAIN), id="within the tempo"),
        pytest.param(a_metagraph(), known(an_attempt(600, state=LATER, plan=BURN)), AGAIN + NONE_TO_HOLD, id="after a burn"),
        pytest.param(
            left(3_241, None, a_commitment()), known(an_attempt(600)), DUE, id="all left, and what the chain has is theirs alone"
        ),
        pytest.param(
            left(3_241, 3_000, a_commitment(block=3_100)),
            known(an_attempt(600)),
            f"{STOOD}, and nobody whom the last plan pays is registered any more",
            id="who was paid is registered anew, and committed",
        ),
        pytest.param(left(3_241, 3_000, a_commitment()), known(an_attempt(600)), DUE, id="anew, and did not commit since"),
        pytest.param(
            a_metagraph(3_241), known(head=a_ledger_entry(state=REJECTED)), DUE, id="whatever is on the chain was rejected"
        ),
        pytest.param(
            left(3_241),
            known(judged=receipts(3, b="expired")),
            STOOD + NONE_TO_HOLD,
            id="nor beside a receipt that does not count",
        ),
        pytest.param(left(3_241), known(an_attempt(600), head=None), "the ledger is empty", id="without a ledger no burn"),
    ],
)
def test_a_ledger_that_is_behind_pays_nobody_and_burns_nothing(
    metagraph: Metagraph, history: WeightHistory, expected: Due | NotYet | str
) -> None:
    """A plan that pays is held, or nothing is set; everything is burned where nobody can be owed anything, and only there."""
    found = decide(metagraph, ME, history, SCHEDULE)
    if isinstance(expected, str):
        assert isinstance(found, NotYet)
        assert (found.block, found.why.startswith(expected), found.held) == (None, True, "")
    else:
        assert found == expected


GARBAGE = CommitmentRecord(MINER, Block(20), "hello", CommitmentStatus.PLAIN)
SEALED = CommitmentRecord(MINER, Block(20), "", CommitmentStatus.SEALED)


@pytest.mark.parametrize(
    ("committed", "recorded", "admitted", "burns"),
    [
        pytest.param(GARBAGE, 20, None, True, id="refused, and nothing before it"),
        pytest.param(GARBAGE, 20, 10, True, id="refused, and the one before it was rejected"),
        pytest.param(GARBAGE, 20, 15, False, id="refused, and the one before it waits"),
        pytest.param(GARBAGE, 10, 10, False, id="not recorded yet"),
        pytest.param(GARBAGE, 20, 20, False, id="it waits"),
        pytest.param(a_commitment(), 10, None, True, id="banned"),
        pytest.param(SEALED, 10, 10, True, id="sealed, and the one before it was rejected"),
        pytest.param(SEALED, None, None, True, id="sealed, and nothing before it"),
        pytest.param(SEALED, 15, 15, False, id="sealed, and the one before it waits"),
    ],
)
def test_a_commitment_that_no_round_asks_for_does_not_end_the_burn(
    committed: CommitmentRecord, recorded: int | None, admitted: int | None, *, burns: bool
) -> None:
    """Its hotkey's one before it stands in its place; without that anybody's nonsense would keep weights from being set for ever."""
    blocks = [None if block is None else Block(block) for block in (recorded, admitted)]
    history = replace(known(head=a_ledger_entry(state=REJECTED)), newest={MINER: NewestCommitment(MINER, *blocks)})
    found = decide(replace(a_metagraph(3_241), commitments=(committed,)), ME, history, SCHEDULE)
    assert found == (DUE if burns else stopped(STOOD))


ENDING = SCHEDULE.model_copy(update={"until_round": 1000})


@pytest.mark.parametrize(
    ("number", "left"),
    [
        pytest.param(950, None, id="long before"),
        pytest.param(951, 49, id="soon"),
        pytest.param(1000, 0, id="the last round"),
    ],
)
def test_the_end_is_announced(number: int, left: int | None) -> None:
    """In the last fifty rounds."""
    assert rounds_left_or_raise(ENDING, RoundNumber(number)) == left


def test_rules_that_have_ended_are_refused() -> None:
    """With a code, and what to do."""
    with pytest.raises(PlatformError, match="end with round 1000, and this is round 1001") as caught:
        rounds_left_or_raise(ENDING, RoundNumber(1001))
    assert caught.value.code is Code.COMPETITION_EXPIRED


def test_rules_without_an_end_hold_on() -> None:
    """As those of a network that nobody else joins."""
    assert rounds_left_or_raise(load().model_copy(update={"until_round": None}), RoundNumber(10**9)) is None


REFUSED = "in round 1 none of 3 receipts counts: the certificate is of x, not of me (2 of them)"


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        pytest.param(None, "", id="no receipt yet"),
        pytest.param(receipts(), "", id="a round without receipts"),
        pytest.param(receipts(2), "", id="all count"),
        pytest.param(receipts(1, b="expired", c="expired"), "", id="one of three counts"),
        pytest.param(receipts(0, b="expired"), "in round 1 none of 1 receipts counts: expired", id="the only one does not"),
        pytest.param(
            receipts(0, a="expired", b="the certificate is of x, not of me", c="the certificate is of x, not of me"),
            REFUSED,
            id="none of three counts, for two reasons",
        ),
    ],
)
def test_why_no_receipt_counts(judged: EntryOutline | None, expected: str) -> None:
    """The most frequent reason, with how often it is given where there are others."""
    assert known(judged=judged).refusal == expected


@pytest.mark.parametrize(
    ("history", "outage", "expected"),
    [
        pytest.param(known(), "", stopped(REFUSED), id="weights were never set"),
        pytest.param(known(), "away", stopped(REFUSED), id="never set, and the database is away"),
        pytest.param(known(an_attempt(600, plan=BURN)), "", stopped(REFUSED), id="the last plan burned everything"),
        pytest.param(known(an_attempt(650, ledger="b" * 64)), "", 750, id="the last plan counts for a tempo"),
        pytest.param(known(an_attempt(600, ledger="b" * 64)), "", Due(REFUSED), id="then it is sent again"),
    ],
)
def test_receipts_of_which_none_counts_hold_the_last_plan(
    history: WeightHistory, outage: str, expected: Due | NotYet | int
) -> None:
    """Whatever lets them all fall (a stranger's certificate, one that ran out, one taken back, other rules) is our fault: no burn."""
    judged = receipts(0, a="expired", b="the certificate is of x, not of me", c="the certificate is of x, not of me")
    found = decide(a_metagraph(), ME, replace(history, judged=judged), SCHEDULE, outage)
    assert (found.block if isinstance(found, NotYet) and isinstance(expected, int) else found) == expected
    assert decide(a_metagraph(), ME, replace(history, judged=receipts(1)), SCHEDULE) != expected


DOUBTED = "in round 1 2 of 3 receipts do not count: expired; a new plan would burn everything"


@pytest.mark.parametrize(
    ("head", "judged", "expected"),
    [
        pytest.param(EMPTY, receipts(1, b="expired", c="expired"), Due(DOUBTED), id="a burn beside receipts that do not count"),
        pytest.param(EMPTY, receipts(3), DUE, id="all count: the burn is right"),
        pytest.param(HEAD, receipts(1, b="expired", c="expired"), DUE, id="somebody is paid: each missing one is absent"),
    ],
)
def test_receipts_that_do_not_count_forbid_a_burn(head: LedgerEntry, judged: EntryOutline, expected: Due) -> None:
    """One trusted receipt, of a rejection say, is no reason to burn what the refused ones may have earned."""
    history = known(an_attempt(600, ledger="b" * 64), head=head, judged=judged)
    assert decide(a_metagraph(), ME, history, SCHEDULE) == expected
    found = decide(a_metagraph(), ME, known(head=head, judged=judged), SCHEDULE)
    assert found == (stopped(DOUBTED) if expected.held else DUE)


@pytest.mark.parametrize(
    ("unheard", "expected"),
    [
        pytest.param((), DUE, id="receipts of each track count"),
        pytest.param(("small",), DUE, id="none of a track that has a king"),
        pytest.param(
            ("described",),
            Due("in round 1 1 of 2 receipts do not count: expired; a new plan would burn all of described"),
            id="none of a track with an empty throne",
        ),
    ],
)
def test_a_track_whose_receipts_do_not_count_is_not_burned(unheard: tuple[str, ...], expected: Due) -> None:
    """The other track's king goes on being paid by the last plan, and so does everybody whom it pays in this one."""
    rules = a_competition(a_track(), a_track(name="described", families=("espeak",)))
    schedule = SCHEDULE.model_copy(update={"version": (rules,)})
    judged = receipts(counted=1, h3="expired")
    history = known(an_attempt(600, ledger="b" * 64), judged=replace(judged, inputs=replace(judged.inputs, unheard=unheard)))
    assert decide(a_metagraph(), ME, history, schedule) == expected


NOTHING_CAME = "nothing came of a followed track; a new plan would burn all of described"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param((), stopped(NOTHING_CAME), id="no plan before"),
        pytest.param(("small",), Due(NOTHING_CAME), id="the last plan is of before the track"),
        pytest.param(("small", "described"), DUE, id="the last plan burned it, too"),
    ],
)
def test_a_followed_track_of_which_nothing_came_is_not_burned(last: tuple[str, ...], expected: Decision) -> None:
    """But where the last plan left it to nobody either, the own track's new king does not wait for it."""
    rules = a_competition(a_track(), a_track(name="described", families=("espeak",)))
    judged = receipts(counted=1)
    judged = replace(judged, inputs=replace(judged.inputs, missing=("described",)))
    pays = tuple(a_track_pay(track, share=1 / len(last)) for track in last)
    old = an_attempt(600, ledger="b" * 64)
    given = replace(a_snapshot(), ledger_hash="b" * 64, pays=pays, state=CROWNED)
    attempts = (replace(old, plan_input=given),) if last else ()
    found = decide(a_metagraph(), ME, known(*attempts, judged=judged), SCHEDULE.model_copy(update={"version": (rules,)}))
    assert found == expected


def test_they_hold_it_no_longer_than_the_activity_cutoff() -> None:
    """As in every outage of ours."""
    history = replace(known(an_attempt(600)), judged=receipts(0, b="expired"))
    assert isinstance(decide(a_metagraph(5_600), ME, history, SCHEDULE), Due)
    late = decide(a_metagraph(5_601), ME, history, SCHEDULE)
    assert isinstance(late, NotYet)
    assert ("for longer than the activity cutoff" in late.why, late.held, late.stopped) == (True, "", RefusalClass.OURS)


def test_an_empty_ledger_holds_what_was_set_before() -> None:
    """After a reset, until the first round is folded again."""
    why = "the ledger is empty, and weights were set before"
    assert decide(a_metagraph(), ME, known(an_attempt(600), head=None), SCHEDULE) == Due(why)
    assert decide(a_metagraph(), ME, known(an_attempt(650), head=None), SCHEDULE) == NotYet(Block(750), TEMPO, why)
