"""What the validator does next, decided from values alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bittensor import sp_core
from pydantic import ValidationError

from neurons.chain.types import Metagraph, Neuron
from neurons.validator.decide import CloseRound, FoldRound, OpenRound, View, Wait, decide
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking.state import State, chain_hash
from scoring.receipts.certificate import Trust
from scoring.types import Block, BlockHash, Entrant, Hotkey, PublicKey, RoundNumber, SubmissionId, Uid
from tests.builders import chain
from tests.builders.ledger import a_ledger_entry, some_inputs
from tests.builders.ranking import a_record, a_state, small
from tests.builders.rules import a_competition, a_track
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, EvaluationResult, Round, RoundEvidence
from voice_api.db.states import EvaluationState, RoundState, SubmissionState
from voice_api.db.submissions import Candidate, SubmissionStatus
from voice_api.keys import verify
from voice_api.schemas.rounds import ResultOut

SCHEDULE = load()
COMPETITION = SCHEDULE.at(RoundNumber(0))
HASH = BlockHash("0x" + "12" * 32)
ME = Hotkey(sp_core.Keypair.create_from_seed(bytes([1]) * 32).ss58_address)
OTHER_RULES = {Entrant("h1@1"): "the receipt is of another competition_hash"}
TRUST = Trust(frozenset({ME}), frozenset(), verify)
MakeResult = Callable[..., EvaluationResult]


def a_neuron(uid: int, hotkey: str, last_update: int = 0) -> Neuron:
    """A neuron that last set weights at a block."""
    key, coldkey = "00" * 32, f"cold-{hotkey}"
    return chain.a_neuron(
        uid=Uid(uid), hotkey=Hotkey(hotkey), coldkey=coldkey, public_key=PublicKey(key), last_update=Block(last_update)
    )


def a_metagraph(block: int = 725, last_update: int = 0) -> Metagraph:
    """Owner 0, validator 1, miners h1 (uid 2) and h2 (uid 3)."""
    neurons = (a_neuron(0, "owner"), a_neuron(1, ME, last_update), a_neuron(2, "h1"), a_neuron(3, "h2"))
    return chain.a_metagraph(block=Block(block), block_hash=HASH, owner_coldkey="cold-owner", neurons=neurons)


def a_candidate(number: int, **overrides: Any) -> Candidate:
    """Submission `number` of h<number>, not judged yet."""
    candidate = Candidate(
        id=SubmissionId(number),
        hotkey=Hotkey(f"h{number}"),
        commit_block=Block(number),
        tiebreak="00",
        last_round=None,
    )
    return replace(candidate, **overrides)


def a_round(state: RoundState = RoundState.OPEN, pending: int = 1) -> Round:
    """Round 2, whose deadline is block 1800."""
    return Round(
        round=RoundNumber(2),
        start_block=Block(720),
        block_hash=HASH,
        deadline_block=Block(1800),
        competition_hash=COMPETITION.hash,
        state=state,
        pending=pending,
    )


def eligible(block: int = 725, *standing: str, **gone: str) -> Eligibility:
    """Who stands, by default both newcomers."""
    names = tuple(Entrant(name) for name in standing or ("h1@1", "h2@2"))
    return Eligibility(Block(block), names, {Entrant(name): why for name, why in gone.items()})


def a_head(king: int | None = 1) -> LedgerEntry:
    """The ledger after round 1, with one record of submission 1."""
    name = None if king is None else Entrant("h1@1")
    state = a_state(round=RoundNumber(1), king=name, king_since=Block(360), records=(a_record(1, groups=32),))
    return a_ledger_entry(state=state)


def a_view(**overrides: Any) -> View:
    """Nothing was ever done; two newcomers wait."""
    view = View(
        metagraph=a_metagraph(),
        trust=TRUST,
        latest=None,
        unfolded=None,
        evidence=None,
        statuses=(),
        head=None,
        candidates=(a_candidate(1), a_candidate(2)),
    )
    return replace(view, **overrides)


def asked(action: OpenRound) -> tuple[SubmissionId, ...]:
    """Whom a round asks for."""
    return tuple(entry.submission for entry in action.opening.entries)


def test_a_round_opens_when_one_is_due() -> None:
    """The first of all: round 2 with both newcomers."""
    action = decide(a_view(), SCHEDULE)
    assert isinstance(action, OpenRound)
    assert (action.opening.number, asked(action), action.competition_hash) == (2, (1, 2), COMPETITION.hash)


def test_a_round_that_the_ledger_holds_is_not_opened_again() -> None:
    """Also where this database never held it, as after a restore and a join."""
    head = replace(a_head(), round=RoundNumber(2))
    assert isinstance(decide(a_view(head=head), SCHEDULE), Wait)
    assert isinstance(decide(a_view(head=a_head()), SCHEDULE), OpenRound)


def test_a_round_asks_for_the_tracks_that_are_judged_here() -> None:
    """A newcomer has no track until somebody has read its family; where only some tracks are judged, a round may be for nobody."""
    large = a_track(name="large", families=("espeak",))
    schedule = SCHEDULE.model_copy(update={"version": (a_competition(a_track(), large),)})
    newcomers = (a_candidate(1, family="vits"), a_candidate(2, family="espeak"), a_candidate(1, id=SubmissionId(3)))
    both = decide(a_view(candidates=newcomers[:2]), schedule)
    assert isinstance(both, OpenRound)
    assert [(entry.submission, entry.track) for entry in both.opening.entries] == [(1, "small"), (2, "large")]
    one = decide(a_view(candidates=newcomers[:2], tracks=frozenset({"large"})), schedule)
    assert isinstance(one, OpenRound)
    assert [(entry.submission, entry.track) for entry in one.opening.entries] == [(2, "large")]
    unread = decide(a_view(candidates=newcomers[2:], tracks=frozenset({"large"})), schedule)
    assert isinstance(unread, OpenRound)
    assert [(entry.submission, entry.track) for entry in unread.opening.entries] == [(3, None)]
    nobody = decide(a_view(candidates=newcomers[:1], tracks=frozenset({"large"})), schedule)
    assert isinstance(nobody, OpenRound)
    assert nobody.opening.entries == ()


def test_who_is_not_registered_is_not_judged() -> None:
    """What counts is the metagraph just read, whatever the stored registry still says."""
    gone, just_came = a_candidate(7), a_candidate(1)
    action = decide(a_view(candidates=(just_came, gone)), SCHEDULE)
    assert isinstance(action, OpenRound)
    assert asked(action) == (1,)


def a_status(state: SubmissionState, code: Code | None = None, number: int = 1) -> SubmissionStatus:
    """The state of submission `number` of h<number>."""
    return SubmissionStatus(
        hotkey=Hotkey(f"h{number}"),
        commit_block=Block(number),
        state=state,
        code=code,
        superseded=False,
        last_round=RoundNumber(1),
    )


@pytest.mark.parametrize(
    ("status", "opens"),
    [
        pytest.param(a_status(SubmissionState.REJECTED, Code.BANNED), True, id="banned"),
        pytest.param(a_status(SubmissionState.QUARANTINED), True, id="set aside"),
        pytest.param(a_status(SubmissionState.REJECTED, Code.LOAD_FAILED), False, id="rejected by a worker"),
        pytest.param(a_status(SubmissionState.REJECTED, Code.BANNED, 2), False, id="the ledger has no record of it"),
    ],
)
def test_a_round_for_nobody_drops_whom_an_operator_put_out(status: SubmissionStatus, *, opens: bool) -> None:
    """With the last model gone no other round would open, and its weights would be sent on; a fault of a worker's opens none."""
    action = decide(a_view(head=a_head(), candidates=(), statuses=(status,)), SCHEDULE)
    if not opens:
        assert action == Wait()
        return
    assert isinstance(action, OpenRound)
    assert action.opening.entries == ()
    entry = a_ledger_entry(state=State(round=RoundNumber(1)))
    assert decide(a_view(head=entry, candidates=(), statuses=(status,)), SCHEDULE) == Wait()


@pytest.mark.parametrize(
    ("pending", "block", "expected"),
    [
        pytest.param(1, 1799, Wait(), id="still judging"),
        pytest.param(0, 800, CloseRound(RoundNumber(2), eligible(800)), id="all terminal"),
        pytest.param(1, 1800, CloseRound(RoundNumber(2), eligible(1800)), id="at its deadline"),
    ],
)
def test_a_round_closes_with_its_last_verdict_or_at_its_deadline(pending: int, block: int, expected: object) -> None:
    """Until then nothing else is opened."""
    view = a_view(unfolded=a_round(pending=pending), latest=a_round(), metagraph=a_metagraph(block))
    assert decide(view, SCHEDULE) == expected


@pytest.mark.parametrize(
    ("distrusted", "block", "closes"),
    [
        pytest.param(True, 800, False, id="with its last verdict"),
        pytest.param(True, 2159, False, id="a round after its deadline, not yet"),
        pytest.param(True, 2160, True, id="a round after its deadline"),
        pytest.param(False, 800, True, id="this ledger lacks nothing"),
    ],
)
def test_a_round_under_other_rules_is_closed_by_those_who_count_it(distrusted: bool, block: int, closes: bool) -> None:
    """Whoever refused the round before would decide who stays by a ledger that lacks it. It closes what the others leave."""
    theirs = replace(a_round(pending=0), competition_hash="c0" * 32)
    head = a_ledger_entry(1, inputs=some_inputs(distrusted=OTHER_RULES if distrusted else {}))
    action = decide(a_view(unfolded=theirs, latest=theirs, head=head, metagraph=a_metagraph(block)), SCHEDULE)
    assert isinstance(action, CloseRound if closes else Wait)


@pytest.mark.parametrize(
    ("opened_under", "distrusted", "block", "opens"),
    [
        pytest.param("c0" * 32, True, 1085, False, id="workers judge by other rules"),
        pytest.param("c0" * 32, False, 1085, True, id="nobody judged by the others' rules"),
        pytest.param(COMPETITION.hash, True, 1085, True, id="the rules are not why nothing counts"),
        pytest.param("c0" * 32, True, 1445, True, id="nobody opened the round before"),
    ],
)
def test_who_has_other_rules_than_the_workers_lets_others_open_rounds(
    opened_under: str, *, distrusted: bool, block: int, opens: bool
) -> None:
    """A round that it opens is judged by nobody; where nobody else does, it still opens every second one."""
    last = replace(a_round(RoundState.CLOSED, 0), competition_hash=opened_under)
    head = a_ledger_entry(2, inputs=some_inputs(distrusted=OTHER_RULES if distrusted else {}))
    view = a_view(latest=last, head=head, metagraph=a_metagraph(block))
    assert isinstance(decide(view, SCHEDULE), OpenRound if opens else Wait)


def folded(*results: EvaluationResult, **overrides: Any) -> FoldRound:
    """What folding a closed round with these results decides."""
    closed = a_round(RoundState.CLOSED, 0)
    found = RoundEvidence(closed, overrides.pop("eligibility", None), results)
    action = decide(a_view(unfolded=closed, evidence=found, **overrides), SCHEDULE)
    assert isinstance(action, FoldRound)
    return action


def test_a_closed_round_is_folded_on_the_ledgers_head(a_result: MakeResult) -> None:
    """The entry chains to the one before, and carries the state that its hash is of."""
    first = folded(a_result(1), a_result(2, 0.7))
    assert [trial.entrant for trial in small(first.entry.state).trial] == ["h1@1", "h2@2"]
    assert (small(first.entry.state).king, first.entry.previous, first.entry.inputs.distrusted) == (None, "", {})
    second = folded(a_result(1), head=a_head())
    assert second.entry.previous == a_head().state_hash
    assert second.entry.state_hash == chain_hash(second.entry.previous, second.entry.state)


def test_an_evaluation_whose_receipt_does_not_hold_counts_for_nothing(a_result: MakeResult) -> None:
    """It is absent, and said so; the miner's record stays as it was."""
    broken = a_result(1, 0.9, signature="00" * 64)
    action = folded(broken, a_result(2), head=a_head())
    assert action.entry.inputs.distrusted == {"h1@1": "the receipt's signature does not hold"}
    assert small(action.entry.state).records[0] == small(a_head().state).records[0]


def test_what_a_followed_api_says_wrongly_ends_nobody(a_result: MakeResult) -> None:
    """A public key that is none does not count; of two receipts of one submission the first counts."""
    action = folded(a_result(1, 0.9), a_result(1, 0.1), a_result(2, public_key="zz"))
    assert action.entry.inputs.distrusted == {
        "h1@1": "another receipt of it counts in this round",
        "h2@2": "the public key, or the content's hash, is none",
    }
    assert [(record.entrant, record.total) for record in small(action.entry.state).records] == [("h1@1", 32 * 900_000)]


def test_a_verdict_at_a_time_without_a_zone_is_no_answer(a_result: MakeResult) -> None:
    """It could be compared with no certificate's days."""
    result = a_result(1)
    published = ResultOut.model_validate(result).model_dump(mode="json")
    assert ResultOut.model_validate(published).result() == result
    with pytest.raises(ValidationError, match="timezone"):
        ResultOut.model_validate(published | {"finished_at": "2026-01-01T00:00:00"})


def test_nothing_is_folded_while_nobody_knows_what_was_revoked(a_result: MakeResult) -> None:
    """A list of revocations that does not hold is no empty list: the closed round waits."""
    closed = a_round(RoundState.CLOSED, 0)
    waiting = a_view(unfolded=closed, latest=closed, evidence=RoundEvidence(closed, None, (a_result(1),)), trust=None)
    assert decide(waiting, SCHEDULE) == Wait()
    assert decide(replace(waiting, unfolded=a_round(pending=0), evidence=None), SCHEDULE) == CloseRound(
        RoundNumber(2), eligible()
    )


def test_a_parked_evaluation_is_no_zero(a_result: MakeResult) -> None:
    """Our outage leaves the miner's record as it was."""
    unknown: dict[str, Any] = {"receipt": None, "receipt_hash": None, "score": None, "groups": ()}
    parked = replace(a_result(1), state=EvaluationState.PARKED, **unknown)
    after = folded(parked, head=a_head()).entry.state
    assert small(after).records == small(a_head().state).records


def test_a_refused_king_falls(a_result: MakeResult) -> None:
    """A verdict against it leaves no record to pay."""
    action = folded(a_result(1, code=Code.COPY), a_result(2), head=a_head())
    assert (small(action.entry.state).king, action.entry.inputs.distrusted) == (None, {})
    assert small(action.entry.state).throne == "vacant: h1@1 is gone in round 2: because"


def test_who_does_not_stand_on_the_roll_leaves_the_ledger(a_result: MakeResult) -> None:
    """The throne says why; whatever this validator's own chain or database says by now plays no part."""
    found = eligible(700, "h2@2", **{"h1@1": "deregistered"})
    action = folded(a_result(1), a_result(2), head=a_head(), eligibility=found)
    assert [record.entrant for record in small(action.entry.state).records] == ["h2@2"]
    assert (small(action.entry.state).king, action.entry.inputs.gone) == (None, {"h1@1": "deregistered"})


def test_who_left_while_it_was_judged_is_not_crowned(a_result: MakeResult) -> None:
    """A newcomer that is gone when its round closes neither takes the crown nor leaves a record."""
    action = folded(a_result(1), a_result(2, 0.9), head=a_head(), eligibility=eligible(700, "h1@1", **{"h2@2": "banned"}))
    assert (small(action.entry.state).king, [record.entrant for record in small(action.entry.state).records]) == (
        "h1@1",
        ["h1@1"],
    )


def test_a_round_without_eligible_sends_nobody_away(a_result: MakeResult) -> None:
    """Rounds that closed before rolls were called."""
    assert folded(a_result(2), head=a_head()).entry.inputs.gone == {}


def test_a_king_that_committed_again_is_judged_while_its_grace_lasts() -> None:
    """With the newcomer of the same hotkey; then the newcomer alone."""
    old, new = a_candidate(1, succeeded_at=Block(500)), a_candidate(9, hotkey=Hotkey("h1"), commit_block=Block(500))
    for block, expected in ((725, (1, 9)), (360 * 4, (1, 9)), (360 * 5, (9,))):  # nobody is king
        action = decide(a_view(candidates=(old, new), metagraph=a_metagraph(block)), SCHEDULE)
        assert isinstance(action, OpenRound)
        assert asked(action) == expected
