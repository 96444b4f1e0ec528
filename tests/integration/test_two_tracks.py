"""A competition of two tracks over a real PostgreSQL: two kings, one vector of both shares, and what is rejected without a track."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from neurons.chain.adapter import Chain
from neurons.validator import daemon as validator
from neurons.validator.evidence import Evidence
from neurons.validator.follow.tracks import FollowedTracks
from neurons.validator.weights import decision
from neurons.validator.weights.decision import Due
from neurons.validator.weights.view import PlanView, explained
from scoring.competition import Competition, Schedule, load
from scoring.errors import Code
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding
from scoring.types import Block, Hotkey, RoundNumber
from scoring.weights.plan import plan
from tests.builders.ledger import attempts_of, replay_chain
from tests.builders.rules import asking, changed
from tests.integration.conftest import LEASE
from voice_api.db.audits import Audits
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.ledger import LedgerEntry
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import NewSubmission
from workers.evaluation.receipt_signer import verdict_of

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

SCORES = {"h2": 500_000, "h3": 600_000, "h4": 700_000, "h5": 400_000}
SHIPPED = load()


def two_tracks() -> Competition:
    """The rules that ship for 60 % of the emission; for the rest, descriptions to follow, by the family that hears them."""
    (plain,) = SHIPPED.version[0].track
    (heard,) = asking(SHIPPED.version[0], single=6, counterfactual=2, voice=2).track
    tracks = (changed(plain, share=0.6), changed(heard, name="described", share=0.4))
    return Competition.model_validate(SHIPPED.version[0].model_copy(update={"track": tracks}).model_dump())


@pytest.fixture
async def both(stack: "ValidatorBed", new_submission: Callable[..., NewSubmission]) -> "ValidatorBed":
    """A validator of both tracks, with two miners in each."""
    stack.schedule = Schedule(name="two", version=(two_tracks(),))
    stack.families = {Hotkey("h4"): "espeak", Hotkey("h5"): "espeak"}
    stack.chain.miners = ("h2", "h3", "h4", "h5")
    commitments = [new_submission(hotkey=Hotkey(f"h{n}"), commit_block=Block(98 + n)) for n in (4, 5)]
    await stack.store.submissions.add(commitments)
    return stack


async def play(bed: "ValidatorBed", number: int, *, silent: str = "") -> LedgerEntry:
    """A round from opening to the ledger; the repository of who is `silent` is not there."""
    bed.chain.block = 360 * number + 5
    while await bed.tick():
        pass
    queue = EvaluationQueue(bed.pool)
    while claim := await queue.claim(QueueName.CPU, "w1", LEASE):
        found = unread(bed, claim) if claim.hotkey == silent else bed.verdict(claim, SCORES[claim.hotkey])
        await queue.finish(claim, found)
    while await bed.tick():
        pass
    head = await bed.store.ledger.head()
    assert head is not None and head.round == number
    return head


def unread(bed: "ValidatorBed", claim: Claim) -> Verdict:
    """A rejection by a worker that found no repository, so that it knows no family."""
    finding = Finding(content_hash=None, tensors_hash=None, code=Code.REPO_NOT_PUBLIC, reason="nothing is there", report=None)
    asked = replace(claim, competition_hash=bed.schedule.at(claim.round).hash)
    document = receipt.build(asked, None, finding, Circumstances("x86_64 Linux", datetime.now(UTC), {}))
    return verdict_of(receipt.sign(document, bed.worker), None, finding)


async def test_each_track_has_a_king_and_its_share_of_one_vector(both: "ValidatorBed") -> None:
    """Newcomers have no track until they were read; then each is asked, ranked, crowned and paid in its own, and told so."""
    first = await play(both, 2)
    results = await both.store.rounds.results(first.round)
    assert {result.hotkey: result.track for result in results} == {
        "h2": "small",
        "h3": "small",
        "h4": "described",
        "h5": "described",
    }
    heads = [first, *[await play(both, number) for number in (3, 4)]]
    assert [dict(head.kings) for head in heads] == [{}, {}, {"described": "h4@102", "small": "h3@101"}]
    assert [[len(state.records) for state in head.state.tracks] for head in heads] == [[2, 2]] * 3
    await both.set_weights()
    (sent,) = await attempts_of(both.store.weights)
    assert sent.plan.vector == pytest.approx({3: 0.6, 4: 0.4})
    receipts = {str(r.receipt_hash): r.receipt for h in heads for r in await both.store.rounds.results(h.round) if r.receipt}
    assert tuple(replay_chain(heads, receipts, both.schedule)) == tuple(heads)
    told = await explain(both, heads[-1])
    assert {uid: [(each["track"], each["king"]) for each in told[uid]["tracks"]] for uid in (2, 3, 4, 5)} == {
        2: [("small", False)],
        3: [("small", True)],
        4: [("described", True)],
        5: [("described", False)],
    }
    assert [told[uid]["reason"].partition(":")[0] for uid in (2, 3, 4, 5)] == ["small", "small", "described", "described"]


async def explain(bed: "ValidatorBed", head: LedgerEntry) -> dict[int, dict[str, Any]]:
    """What `voice validator explain` says of each uid."""
    found = decision.snapshot(await bed.chain.metagraph(), head, bed.schedule)
    view = PlanView(head=head, rules=bed.schedule.at(head.round), snapshot=found, plan=plan(found), decision=Due())
    return {line.uid: explained(view, line.uid) for line in view.plan.lines}


async def test_a_king_whose_repository_is_gone_falls_in_its_track_alone(both: "ValidatorBed") -> None:
    """The receipt names no track; the ledger knows which. Its share is burned while nobody is king there: the other one gains nothing."""
    for number in (2, 3, 4):
        await play(both, number)
    fallen = await play(both, 5, silent="h3")
    assert (dict(fallen.inputs.distrusted), dict(fallen.kings), fallen.state.unplaced) == ({}, {"described": "h4@102"}, ())
    assert [rejection.entrant for rejection in fallen.state.of("small").rejections] == ["h3@101"]
    await both.set_weights()
    sent, *_ = await attempts_of(both.store.weights)
    assert sent.plan.burn == pytest.approx(0.6)
    assert sent.plan.vector == pytest.approx({0: 0.6, 4: 0.4})


async def test_who_was_rejected_unread_stands_in_no_track(
    both: "ValidatorBed", new_submission: Callable[..., NewSubmission]
) -> None:
    """It is told why, until its hotkey commits again; what that commits is read, and placed."""
    first = await play(both, 2, silent="h5")
    assert ([rejection.entrant for rejection in first.state.unplaced], dict(first.inputs.distrusted)) == (["h5@103"], {})
    told = await explain(both, first)
    assert (told[5]["tracks"], told[5]["reason"]) == ([], "nothing is there")
    await both.store.submissions.add([new_submission(hotkey=Hotkey("h5"), commit_block=Block(1_000))])
    second = await play(both, 3)
    assert second.state.unplaced == ()
    assert [record.entrant for record in second.state.of("described").records] == ["h4@102", "h5@1000"]


async def test_what_others_are_to_judge_keeps_no_round_open(both: "ValidatorBed") -> None:
    """A validator of one track closes with its last verdict there; the rest waits for a card that nobody here has, until then."""
    followed = FollowedTracks(
        theirs=cast(Evidence, None), own=frozenset({"small"}), audits=Audits(both.pool, both.hotkey), rate=0.0
    )
    tick = partial(validator.tick, cast(Chain, both.chain), both.store, both.identity, both.schedule, followed)
    both.chain.block = 725
    assert await tick()
    queue = EvaluationQueue(both.pool)
    while claim := await queue.claim(QueueName.CPU, "w1", LEASE):
        if claim.hotkey in both.families:
            await queue.move(claim, "espeak", "described", QueueName.GPU)
        else:
            await queue.finish(claim, both.verdict(claim, SCORES[claim.hotkey]))
    assert not await both.tick(), "a validator of both waits for them"
    assert await tick()
    results = await both.store.rounds.results(RoundNumber(2))
    assert {result.hotkey: result.state for result in results} == {
        "h2": EvaluationState.SCORED,
        "h3": EvaluationState.SCORED,
        "h4": EvaluationState.PARKED,
        "h5": EvaluationState.PARKED,
    }
