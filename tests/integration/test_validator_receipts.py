"""What the validator does with receipts that do not hold: absent in that round, nobody's loss, and the reason in its log."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from neurons.validator import certification
from neurons.validator.refused_receipts import ReceiptRefusal, by_kind
from scoring.competition import load
from scoring.receipts import receipt
from scoring.receipts.certificate import issue
from scoring.types import Entrant, Hotkey, entrant
from scoring.weights.plan import CarriedOver
from tests.builders.ledger import attempts_of
from tests.builders.ranking import small
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.keys import CertifiedKey, ServiceKey

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

DAY = timedelta(days=1)
REFUSED = ("receipts do not count", "no receipt of the round counts")
"""How the log's line of a round begins: where others count, and where none does."""


def named(claim: Claim) -> Entrant:
    """What the claim is about, as the ledger says."""
    return entrant(claim.hotkey, claim.commit_block)


async def folded(stack: "ValidatorBed") -> tuple[dict[Entrant, str], dict[Entrant, int]]:
    """Fold the round that waits; the reasons that the validator logged in one line, and how many groups count for each submission."""
    with capture_logs() as logs:
        while await stack.store.ledger.waiting():
            assert await stack.tick()
    head = await stack.store.ledger.head()
    assert head is not None
    counted = {record.entrant: record.groups for record in small(head.state).records}
    reasons = dict(head.inputs.distrusted)
    said = [entry["why"] for entry in logs if entry["event"] in REFUSED]
    assert len(said) == bool(reasons) and all(reason in why for why in said for reason in reasons.values())
    return reasons, counted


def flipped(_stack: "ValidatorBed", verdict: Verdict, _claim: Claim) -> Verdict:
    """One digit of one metric, after it was signed; hash, groups and score fit."""
    document = json.loads(json.dumps(verdict.receipt))
    document["samples"][3]["seconds"] += 0.01
    return replace(verdict, receipt=document, receipt_hash=receipt.digest(document))


def terms(stack: "ValidatorBed", **overrides: Any) -> CertifiedKey:
    """The worker's key under a certificate of other terms, which the validator signed."""
    changed = replace(stack.worker.certificate, **overrides)
    return CertifiedKey(stack.worker.key, issue(changed, lambda message: bytes(stack.wallet.hotkey.sign(message)).hex()))


def expired(stack: "ValidatorBed", _verdict: Verdict, claim: Claim) -> Verdict:
    """Signed with a certificate that ended a minute ago."""
    now = datetime.now(UTC)
    return stack.verdict(claim, 500_000, terms(stack, not_before=now - DAY, not_after=now - timedelta(minutes=1)))


def of_another_issuer(stack: "ValidatorBed", _verdict: Verdict, claim: Claim) -> Verdict:
    """A key that somebody else certified."""
    stranger = ServiceKey.at(stack.revocations.with_name("stranger.key"))
    certificate = issue(replace(stack.worker.certificate, issuer=Hotkey(stranger.address)), stranger.sign)
    return stack.verdict(claim, 500_000, CertifiedKey(stack.worker.key, certificate))


def saying(**said: object) -> "Callable[[ValidatorBed, Verdict, Claim], Verdict]":
    """A worker that says something else, and signs it."""

    def forge(stack: "ValidatorBed", verdict: Verdict, _claim: Claim) -> Verdict:
        signed = receipt.sign({**cast(dict[str, Any], verdict.receipt), **said}, stack.worker)
        return replace(verdict, receipt=signed.receipt, receipt_hash=receipt.digest(signed.receipt), signature=signed.signature)

    return forge


@pytest.mark.parametrize(
    ("forge", "reason", "kind"),
    [
        pytest.param(flipped, "the receipt's signature does not hold", ReceiptRefusal.EVIDENCE, id="flipped digit"),
        pytest.param(expired, "the certificate expired at", ReceiptRefusal.CERTIFICATE, id="expired"),
        pytest.param(of_another_issuer, "not of", ReceiptRefusal.CERTIFICATE, id="other issuer"),
        pytest.param(
            saying(track="described"),
            "track: the receipt says described, it is small",
            ReceiptRefusal.EVIDENCE,
            id="a track that is not its family's",
        ),
        pytest.param(
            saying(family="espeak"),
            "family: the receipt says espeak, it is none",
            ReceiptRefusal.EVIDENCE,
            id="a family of no track",
        ),
        pytest.param(saying(prompts_hash="0" * 64), "prompts' hash", ReceiptRefusal.RULES, id="other prompts than its track's"),
        pytest.param(saying(competition_hash="0" * 64), "competition_hash", ReceiptRefusal.RULES, id="other rules"),
    ],
)
async def test_a_receipt_that_does_not_verify_counts_for_nothing_and_against_nobody(
    stack: "ValidatorBed", forge: "Callable[[ValidatorBed, Verdict, Claim], Verdict]", reason: str, kind: ReceiptRefusal
) -> None:
    """The good one is counted; the bad one's miner is absent in that round, and the log says why, of which kind that is."""
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    await stack.judge(good, 500_000)
    await EvaluationQueue(stack.pool).finish(bad, forge(stack, stack.verdict(bad, 500_000), bad))
    reasons, counted = await folded(stack)
    assert counted == {named(good): 32}
    assert {name: reason in text for name, text in reasons.items()} == {named(bad): True}
    assert by_kind(reasons) == {each.value: int(each is kind) for each in ReceiptRefusal}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        pytest.param(
            """update samples s set pcm_sha256 = repeat('0', 64) where evaluation_id = $1 and position = 5""",
            "the stored samples are not the receipt's",
            id="swapped sample",
        ),
        pytest.param(
            """update evaluations set score = score + 1 where id = $1""", "the groups' mean is", id="another score in the row"
        ),
        pytest.param(
            """update evaluations set track = 'described' where id = $1""",
            "the receipt says the track small, the round described",
            id="another track in the row",
        ),
        pytest.param(
            """update evaluations set track = null where id = $1""",
            "the receipt says the track small, the round none",
            id="no track in the row",
        ),
        pytest.param(
            """update evaluations set signature = null, certificate = null where id = $1""",
            "the receipt is not signed",
            id="missing signature",
        ),
    ],
)
async def test_who_writes_to_the_database_alone_changes_no_score(stack: "ValidatorBed", statement: str, reason: str) -> None:
    """What the database shows must be what was signed."""
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    for claim in (good, bad):
        await stack.judge(claim, 500_000)
    async with stack.pool.connection() as connection:
        await connection.execute("alter table evaluations drop constraint receipts_are_signed")  # as rows of the first schema
        await connection.execute(statement, bad.evaluation_id)
    reasons, counted = await folded(stack)
    assert counted == {named(good): 32}
    assert {name: reason in text for name, text in reasons.items()} == {named(bad): True}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("[" * 3000 + "]" * 3000, id="nested too deeply to read"),
        pytest.param('{"samples": ' + "[" * 900 + "]" * 900 + "}", id="nested almost too deeply"),
        pytest.param('{"score": ' + "9" * 5000 + "}", id="a number too long to read"),
        pytest.param('{"score": 1e999}', id="a number beyond all numbers"),
        pytest.param('{"hotkey": "\\ud800", "\\ud800": 1}', id="half a character"),
        pytest.param("[]", id="no object"),
    ],
)
async def test_a_receipt_that_cannot_be_read_stops_no_round(stack: "ValidatorBed", document: str) -> None:
    """Whatever PostgreSQL takes for JSON: it is refused, and the others are counted."""
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    for claim in (good, bad):
        await stack.judge(claim, 500_000)
    async with stack.pool.connection() as connection:
        await connection.execute("update evaluations set receipt = $2::text::json where id = $1", bad.evaluation_id, document)
    reasons, counted = await folded(stack)
    assert counted == {named(good): 32}
    assert list(reasons) == [named(bad)]


async def test_a_revoked_certificate_stands_for_nothing_from_the_next_tick_on(stack: "ValidatorBed") -> None:
    """Two workers, one taken back after it judged: no restart is needed."""
    other = ServiceKey.at(stack.revocations.with_name("other.key"))
    taken = CertifiedKey(other, certification.certify(stack.wallet, other.address, "host-2", DAY, datetime.now(UTC)))
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    await stack.judge(good, 500_000)
    await EvaluationQueue(stack.pool).finish(bad, stack.verdict(bad, 900_000, taken))
    certification.take_back(stack.wallet, stack.revocations, frozenset({taken.certificate.serial}))
    reasons, counted = await folded(stack)
    assert counted == {named(good): 32}
    assert reasons == {named(bad): f"the certificate {taken.certificate.serial} of host-2 was revoked"}


async def test_a_broken_list_of_revocations_holds_the_round_until_it_is_mended(stack: "ValidatorBed") -> None:
    """Counted is nothing that might have been taken back; when the list holds again, nothing was lost."""
    assert await stack.tick()
    for _ in range(2):
        await stack.judge(await stack.claim(), 500_000)
    stack.revocations.write_text("{}")
    with capture_logs() as logs:
        assert [await stack.tick() for _ in range(3)] == [True, False, False]
    assert await stack.store.ledger.head() is None
    assert {entry["event"] for entry in logs if entry["log_level"] == "error"} == {"rounds wait to be folded"}
    stack.revocations.unlink()
    certification.take_back(stack.wallet, stack.revocations, frozenset({"0" * 32}))
    reasons, counted = await folded(stack)
    assert (reasons, len(counted)) == ({}, 2)


async def test_receipts_of_another_certifier_count_where_it_is_trusted(stack: "ValidatorBed") -> None:
    """`VOICE_TRUST` names it; by itself the validator would count its own worker alone."""
    stranger = ServiceKey.at(stack.revocations.with_name("stranger.key"))
    certificate = issue(replace(stack.worker.certificate, issuer=Hotkey(stranger.address)), stranger.sign)
    assert await stack.tick()
    for signer in (stack.worker, CertifiedKey(stack.worker.key, certificate)):
        claim = await stack.claim()
        await EvaluationQueue(stack.pool).finish(claim, stack.verdict(claim, 500_000, signer))
    stack.issuers = frozenset({stack.hotkey, Hotkey(stranger.address)})
    reasons, counted = await folded(stack)
    assert (reasons, len(counted)) == ({}, 2)


def sound(_stack: "ValidatorBed", verdict: Verdict, _claim: Claim) -> Verdict:
    """As it is."""
    return verdict


async def judged(stack: "ValidatorBed", forge: "Callable[[ValidatorBed, Verdict, Claim], Verdict]") -> None:
    """Open the next round, and let both of its evaluations end in a receipt of this kind."""
    latest = await stack.store.rounds.latest()
    if latest is not None:
        stack.chain.block = (latest.round + 1) * 360 + 5
    while await stack.store.rounds.latest() == latest:
        assert await stack.tick()
    for _ in range(2):
        claim = await stack.claim()
        await EvaluationQueue(stack.pool).finish(claim, forge(stack, stack.verdict(claim, 500_000), claim))


async def crowned(stack: "ValidatorBed") -> None:
    """Rounds of receipts that hold, until the trial on the empty throne is over."""
    for _ in range(load().version[-1].track[0].throne.trial_rounds):
        await judged(stack, sound)
        await folded(stack)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        pytest.param(of_another_issuer, "the certificate is of", id="the certifier is not trusted"),
        pytest.param(expired, "the certificate expired at", id="the certificate ran out"),
        pytest.param(saying(competition_hash="0" * 64), "competition_hash", id="other rules"),
        pytest.param(flipped, "the receipt's signature does not hold", id="another signature"),
    ],
)
async def test_while_no_receipt_counts_nothing_is_set_and_nothing_burned(
    stack: "ValidatorBed", forge: "Callable[[ValidatorBed, Verdict, Claim], Verdict]", reason: str
) -> None:
    """A new validator sets nothing and says why; once receipts count it pays by them."""
    await judged(stack, forge)
    with capture_logs() as logs:
        await folded(stack)
        await stack.set_weights()
    assert await attempts_of(stack.store.weights) == ()
    (why,) = [entry["why"] for entry in logs if entry["event"] == "no weights are set"]
    assert why.startswith("in round 2 none of 2 receipts counts: ") and reason in why
    await crowned(stack)
    await stack.set_weights()
    [kept] = await attempts_of(stack.store.weights)
    assert (kept.plan.burn, set(kept.plan.vector) - {0} != set()) == (0.0, True)


async def test_a_worker_that_is_taken_back_holds_the_plan(stack: "ValidatorBed") -> None:
    """The last plan goes on; its row says why; nothing more is burned than before."""
    await crowned(stack)
    await stack.set_weights()
    [first] = await attempts_of(stack.store.weights)
    await judged(stack, sound)
    certification.take_back(stack.wallet, stack.revocations, frozenset({stack.worker.certificate.serial}))
    await folded(stack)
    await stack.set_weights()
    held, _ = await attempts_of(stack.store.weights)
    assert isinstance(held.plan_input, CarriedOver)
    reason = f"the certificate {stack.worker.certificate.serial} of host-1 was revoked"
    assert held.plan_input.why == f"in round 5 none of 2 receipts counts: {reason}"
    assert (held.plan.vector, held.plan.burn) == (first.plan.vector, first.plan.burn)
