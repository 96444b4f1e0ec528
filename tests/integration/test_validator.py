"""The validator's ticks on a real PostgreSQL: what happens when the chain fails, or the validator dies, between any two steps."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import bittensor as bt
import pytest
from structlog.testing import capture_logs

from neurons import certification, validator
from neurons.chain import Chain
from neurons.types import Applied, ChainUnavailable, Metagraph, Neuron, RateLimited, Refused, WeightsResult
from neurons.validator import Signer, Store
from prompts.generate import digest, generate
from scoring import ranking, receipt
from scoring.certificate import issue
from scoring.competition import load
from scoring.receipt import Circumstances, Finding, Subject
from scoring.report import EvaluationReport
from scoring.types import MICRO, Block, BlockHash, ContentHash, Hotkey, RoundNumber, SubmissionId, TensorsHash, Uid
from voice_api.db.pool import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.records import Claim, NewSubmission, Verdict
from voice_api.db.states import Outcome, QueueName, RoundState, VerdictState
from voice_api.errors import LeaseLost
from voice_api.keys import CertifiedKey, ServiceKey

JudgedAlike = Callable[..., EvaluationReport]
SCHEDULE = load()
LEASE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Killed(BaseException):
    """The process ends here."""


def a_neuron(uid: int, hotkey: str, last_update: int = 0) -> Neuron:
    """A neuron that came at block 0."""
    return Neuron(
        Uid(uid), Hotkey(hotkey), f"c{uid}", "00" * 32, 0, 0.0, 0.0, 0, True, True, Block(last_update), Block(0), Block(9_999)
    )


@dataclass
class ScriptedChain:
    """A chain at a block that the test sets; writes answer as scripted, and are applied at once when nothing is left of the script."""

    validator: str
    block: int = 725
    last_update: int = 0
    answers: list[WeightsResult | BaseException] = field(default_factory=list)
    miners: tuple[str, ...] = ("h2", "h3")

    async def metagraph(self) -> Metagraph:
        miners = (a_neuron(uid, hotkey) for uid, hotkey in enumerate(self.miners, 2))
        neurons = (a_neuron(0, "owner"), a_neuron(1, self.validator, self.last_update), *miners)
        block_hash = BlockHash(f"0x{self.block:064x}")
        return Metagraph(7, Block(self.block), block_hash, Hotkey("owner"), "c0", neurons, (), 100, 5000, 5000, 50, 0, 1, 1.0)

    async def block_hash(self, block: Block) -> BlockHash:
        return BlockHash(f"0x{block:064x}")

    async def set_weights(self, _wallet: bt.Wallet, _weights: object, _version_key: int) -> WeightsResult:
        answer = self.answers.pop(0) if self.answers else Applied(Block(self.block))
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Applied):
            self.last_update = answer.block
        return answer


@dataclass
class Stack:
    """A chain, a database, and a validator that remembers nothing from tick to tick."""

    chain: ScriptedChain
    pool: Pool
    wallet: bt.Wallet
    worker: CertifiedKey
    revocations: Path
    judged_alike: JudgedAlike

    @property
    def store(self) -> Store:
        return Store.over(self.pool)

    async def tick(self) -> bool:
        """One tick of a validator that has just started."""
        return await validator.tick(cast(Chain, self.chain), self.store, Signer(self.wallet, 0, self.revocations), SCHEDULE)

    async def claim(self) -> Claim:
        """The next evaluation, which must be there."""
        claim = await EvaluationQueue(self.pool).claim(QueueName.CPU, "w1", LEASE)
        assert claim is not None
        return claim

    async def judge(self, claim: Claim, score: int) -> None:
        """Write a verdict with an honest receipt."""
        await EvaluationQueue(self.pool).finish(claim, self.verdict(claim, score))

    def verdict(self, claim: Claim, score: int, signer: CertifiedKey | None = None) -> Verdict:
        """About the same score in each of the round's groups, signed by the worker's key."""
        rules = SCHEDULE.at(claim.round)
        asked = generate(bytes.fromhex(claim.block_hash[2:]), rules.round.plan)
        report = self.judged_alike(rules, asked, score / MICRO)
        subject = Subject(
            claim.hotkey, claim.commit_block, claim.repo, claim.revision, claim.round, claim.block_hash, rules.hash, digest(asked)
        )
        finding = Finding(ContentHash("11" * 32), TensorsHash(f"{claim.submission_id:064x}"), None, None, report)
        document = receipt.build(subject, finding, Circumstances("x86_64 Linux", datetime.now(UTC), {}))
        signed = receipt.sign(document, signer or self.worker)
        return Verdict(
            VerdictState.SCORED,
            signed.receipt,
            receipt.digest(document),
            signed.signature,
            signed.certificate.to_json(),
            content_hash=finding.content_hash,
            tensors_hash=finding.tensors_hash,
            report=report,
        )

    async def head(self) -> tuple[RoundNumber, SubmissionId | None]:
        """The ledger's last round, and its king."""
        head = await self.store.rounds.head()
        assert head is not None
        return head.round, head.king


@pytest.fixture
async def stack(
    pool: Pool, writer: bt.Wallet, new_submission: Callable[..., NewSubmission], tmp_path: Path, judged_alike: JudgedAlike
) -> Stack:
    """Two registered miners with a submission each, before the first round, and a worker that the validator certified."""
    key = ServiceKey.at(tmp_path / "service.key")
    certificate = certification.certify(writer, key.address, "host-1", DAY, datetime.now(UTC))
    chain = ScriptedChain(writer.hotkey.ss58_address)
    stack = Stack(chain, pool, writer, CertifiedKey(key, certificate), tmp_path / "revocations.json", judged_alike)
    await stack.store.submissions.add(
        [new_submission(hotkey=Hotkey(hotkey), commit_block=Block(100 + n)) for n, hotkey in enumerate(("h2", "h3"))]
    )
    return stack


async def rest(stack: Stack) -> None:
    """Tick until nothing is due."""
    while await stack.tick():
        pass


async def fold_one(stack: Stack, first: int = 500_000, second: int = 600_000) -> None:
    """Open, judge, close and fold a round."""
    assert await stack.tick()
    await stack.judge(await stack.claim(), first)
    await stack.judge(await stack.claim(), second)
    assert await stack.tick()
    assert await stack.tick()


async def test_a_round_goes_from_opening_to_weights_though_the_validator_restarts_at_each_step(stack: Stack) -> None:
    """Each tick is a new validator; what it needs it reads, and what was done is not done again."""
    await fold_one(stack)
    assert await stack.tick()
    assert [await stack.tick() for _ in range(3)] == [False] * 3
    kept = await stack.store.weights.latest(Outcome.SET)
    assert kept is not None
    assert (await stack.head(), kept.plan["lines"][0]["hotkey"]) == ((2, 2), "h3")


async def test_a_validator_killed_after_the_chain_took_its_weights_sets_them_again_in_time(stack: Stack) -> None:
    """It does not know that they were taken, so it sets them once more when the rate limit allows it."""
    await fold_one(stack)
    stack.chain.answers = [Killed()]
    with pytest.raises(Killed):
        await stack.tick()
    stack.chain.last_update = 726
    assert not await stack.tick()
    stack.chain.block = 776
    assert await stack.tick()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ChainUnavailable("silent"), id="no answer"),
        pytest.param(Refused("unknown", "NeuronNoValidatorPermit", "no permit"), id="refused"),
        pytest.param(RateLimited(None, "too soon"), id="too soon"),
    ],
)
async def test_weights_that_cannot_be_set_keep_no_round_from_opening(
    stack: Stack, answer: WeightsResult | ChainUnavailable
) -> None:
    """The attempt is kept and repeated after a while; the subnet goes on meanwhile."""
    await fold_one(stack)
    stack.chain.block, stack.chain.answers = 1085, [answer, answer]
    with nullcontext() if not isinstance(answer, ChainUnavailable) else pytest.raises(ChainUnavailable):
        await stack.tick()
    assert await stack.tick()
    latest = await stack.store.rounds.latest()
    assert latest is not None
    assert (latest.round, latest.state) == (3, RoundState.OPEN)
    stack.chain.block, stack.chain.answers = 1095, []
    assert await stack.tick()


async def test_a_late_verdict_is_shut_out_and_costs_nobody_anything(stack: Stack) -> None:
    """At its deadline a round closes over a running evaluation: that one is absent, and its worker's verdict is refused."""
    await fold_one(stack)
    stack.chain.block = 1085
    await rest(stack)
    late = await stack.claim()
    await stack.judge(await stack.claim(), 500_000)
    stack.chain.block = 1080 + 1080
    assert await stack.tick()
    with pytest.raises(LeaseLost):
        await stack.judge(late, 0)
    await rest(stack)
    assert await stack.head() == (3, 2)


async def test_parking_every_evaluation_changes_nothing(stack: Stack) -> None:
    """A round in which our side failed everywhere is folded, and the king is who it was."""
    await fold_one(stack)
    stack.chain.block = 1085
    await rest(stack)
    for _ in range(2):
        await EvaluationQueue(stack.pool).hand_back(await stack.claim(), None, "broken", None)
    await rest(stack)
    assert await stack.head() == (3, 2)


async def test_a_slot_taken_over_between_fold_and_weights_earns_nothing(stack: Stack) -> None:
    """The king's uid belongs to another hotkey by now: weights follow hotkeys, not uids."""
    await fold_one(stack)
    stack.chain.miners = ("h2", "h9")
    await stack.tick()
    kept = await stack.store.weights.latest(Outcome.SET)
    assert kept is not None
    assert all(line["uid"] != 3 for line in kept.plan["lines"])


async def folded(stack: Stack) -> tuple[list[str], dict[SubmissionId, int]]:
    """Fold the round that waits; the reasons that the validator logged, and how many groups count for each submission."""
    with capture_logs() as logs:
        while await stack.store.rounds.unfolded():
            assert await stack.tick()
    head = await stack.store.rounds.head()
    assert head is not None
    counted = {record.submission: record.groups for record in ranking.from_json(head.state).records}
    return [str(entry["reason"]) for entry in logs if entry["event"] == "receipt refused"], counted


def flipped(_stack: Stack, verdict: Verdict, _claim: Claim) -> Verdict:
    """One digit of one metric, after it was signed; hash, groups and score fit."""
    document = json.loads(json.dumps(verdict.receipt))
    document["samples"][3]["seconds"] += 0.01
    return replace(verdict, receipt=document, receipt_hash=receipt.digest(document))


def terms(stack: Stack, **overrides: Any) -> CertifiedKey:
    """The worker's key under a certificate of other terms, which the validator signed."""
    changed = replace(stack.worker.certificate, **overrides)
    return CertifiedKey(stack.worker.key, issue(changed, lambda message: bytes(stack.wallet.hotkey.sign(message)).hex()))


def expired(stack: Stack, _verdict: Verdict, claim: Claim) -> Verdict:
    """Signed with a certificate that ended a minute ago."""
    now = datetime.now(UTC)
    return stack.verdict(claim, 500_000, terms(stack, not_before=now - DAY, not_after=now - timedelta(minutes=1)))


def of_another_issuer(stack: Stack, _verdict: Verdict, claim: Claim) -> Verdict:
    """A key that somebody else certified."""
    stranger = ServiceKey.at(stack.revocations.with_name("stranger.key"))
    certificate = issue(replace(stack.worker.certificate, issuer=Hotkey(stranger.address)), stranger.sign)
    return stack.verdict(claim, 500_000, CertifiedKey(stack.worker.key, certificate))


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        pytest.param(flipped, "the receipt's signature does not hold", id="flipped digit"),
        pytest.param(expired, "the certificate expired at", id="expired"),
        pytest.param(of_another_issuer, "not of", id="other issuer"),
    ],
)
async def test_a_receipt_that_does_not_verify_counts_for_nothing_and_against_nobody(
    stack: Stack, forge: Callable[[Stack, Verdict, Claim], Verdict], reason: str
) -> None:
    """The good one is counted; the bad one's miner is absent in that round, and the log says why."""
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    await stack.judge(good, 500_000)
    await EvaluationQueue(stack.pool).finish(bad, forge(stack, stack.verdict(bad, 500_000), bad))
    reasons, counted = await folded(stack)
    assert counted == {good.submission_id: 32}
    assert [(text.startswith(f"evaluation {bad.evaluation_id}: "), reason in text) for text in reasons] == [(True, True)]


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
            """update evaluations set signature = null, certificate = null where id = $1""",
            "the receipt is not signed",
            id="missing signature",
        ),
    ],
)
async def test_who_writes_to_the_database_alone_changes_no_score(stack: Stack, statement: str, reason: str) -> None:
    """What the database shows must be what was signed."""
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    for claim in (good, bad):
        await stack.judge(claim, 500_000)
    async with stack.pool.connection() as connection:
        await connection.execute("alter table evaluations drop constraint receipts_are_signed")  # as rows of the first schema
        await connection.execute(statement, bad.evaluation_id)
    reasons, counted = await folded(stack)
    assert counted == {good.submission_id: 32}
    assert [reason in text for text in reasons] == [True]


async def test_a_revoked_certificate_stands_for_nothing_from_the_next_tick_on(stack: Stack) -> None:
    """Two workers, one taken back after it judged: no restart is needed."""
    other = ServiceKey.at(stack.revocations.with_name("other.key"))
    taken = CertifiedKey(other, certification.certify(stack.wallet, other.address, "host-2", DAY, datetime.now(UTC)))
    assert await stack.tick()
    good, bad = await stack.claim(), await stack.claim()
    await stack.judge(good, 500_000)
    await EvaluationQueue(stack.pool).finish(bad, stack.verdict(bad, 900_000, taken))
    certification.take_back(stack.wallet, stack.revocations, frozenset({taken.certificate.serial}))
    reasons, counted = await folded(stack)
    assert counted == {good.submission_id: 32}
    assert reasons == [f"evaluation {bad.evaluation_id}: the certificate {taken.certificate.serial} of host-2 was revoked"]


async def test_a_broken_list_of_revocations_holds_the_round_until_it_is_mended(stack: Stack) -> None:
    """Counted is nothing that might have been taken back; when the list holds again, nothing was lost."""
    assert await stack.tick()
    for _ in range(2):
        await stack.judge(await stack.claim(), 500_000)
    stack.revocations.write_text("{}")
    with capture_logs() as logs:
        assert [await stack.tick() for _ in range(3)] == [True, False, False]
    assert await stack.store.rounds.head() is None
    assert {entry["event"] for entry in logs if entry["log_level"] == "error"} == {"rounds wait to be folded"}
    stack.revocations.unlink()
    certification.take_back(stack.wallet, stack.revocations, frozenset({"0" * 32}))
    reasons, counted = await folded(stack)
    assert (reasons, len(counted)) == ([], 2)
