"""The validator's ticks on a real PostgreSQL: what happens when the chain fails, or the validator dies, between any two steps."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import bittensor as bt
import pytest

from neurons import validator
from neurons.chain import Chain
from neurons.types import Applied, ChainUnavailable, Metagraph, Neuron, RateLimited, Refused, WeightsResult
from neurons.validator import Signer, Store
from scoring import receipt
from scoring.competition import load
from scoring.receipt import Circumstances, Finding, Subject
from scoring.report import EvaluationReport, GroupReport
from scoring.types import Block, BlockHash, Hotkey, Micro, RoundNumber, SubmissionId, Uid
from voice_api.db.pool import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.records import Claim, NewSubmission, Verdict
from voice_api.db.states import Outcome, QueueName, RoundState, VerdictState
from voice_api.errors import LeaseLost

SCHEDULE = load()
LEASE = timedelta(minutes=1)
HERE = Circumstances("x86_64 Linux", datetime(2026, 11, 22, tzinfo=UTC), {})


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

    @property
    def store(self) -> Store:
        return Store.over(self.pool)

    async def tick(self) -> bool:
        """One tick of a validator that has just started."""
        return await validator.tick(cast(Chain, self.chain), self.store, Signer(self.wallet, 0), SCHEDULE)

    async def claim(self) -> Claim:
        """The next evaluation, which must be there."""
        claim = await EvaluationQueue(self.pool).claim(QueueName.CPU, "w1", LEASE)
        assert claim is not None
        return claim

    async def judge(self, claim: Claim, score: int) -> None:
        """Write a verdict with an honest receipt."""
        await EvaluationQueue(self.pool).finish(claim, a_verdict(claim, score))

    async def head(self) -> tuple[RoundNumber, SubmissionId | None]:
        """The ledger's last round, and its king."""
        head = await self.store.rounds.head()
        assert head is not None
        return head.round, head.king


def a_verdict(claim: Claim, score: int) -> Verdict:
    """The same score in 32 groups."""
    groups = tuple(GroupReport(f"g{n:02}", "single", Micro(score)) for n in range(32))
    report = EvaluationReport("embedded", "aa", {}, (), groups, Micro(score), Micro(0))
    subject = Subject(
        claim.hotkey, claim.commit_block, claim.repo, claim.revision, claim.round, claim.block_hash, claim.competition_hash, "bb"
    )
    document = receipt.build(subject, Finding(None, None, None, None, report), HERE)
    return Verdict(VerdictState.SCORED, document, receipt.digest(document), report=report)


@pytest.fixture
async def stack(pool: Pool, writer: bt.Wallet, new_submission: Callable[..., NewSubmission]) -> Stack:
    """Two registered miners with a submission each, before the first round."""
    stack = Stack(ScriptedChain(writer.hotkey.ss58_address), pool, writer)
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
