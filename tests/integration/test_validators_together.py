"""Several validators on one stack: whoever is first opens and closes, and all fold to the same hashes, which anybody computes again."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import bittensor as bt
import pytest

from scoring.competition import load
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders.ledger import replay_chain
from tests.builders.ranking import SMALL
from voice_api.db.ledger import LedgerEntry, validators
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName, RoundState
from voice_api.db.submissions import NewSubmission

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

SCHEDULE = load()
LEASE = timedelta(minutes=1)


@pytest.fixture
def together(stack: "ValidatorBed", tmp_path: Path) -> "list[ValidatorBed]":
    """Three validators that count the first one's workers, each with its own view of the chain and its own revocations."""
    beds = [stack]
    for name in ("second", "third"):
        wallet = bt.Wallet(name=name, hotkey="default", path=str(tmp_path))
        wallet.create_new_hotkey(use_password=False, suppress=True)
        chain = replace(stack.chain, validator=wallet.hotkey.ss58_address, answers=[])
        beds.append(
            replace(stack, wallet=wallet, chain=chain, revocations=tmp_path / f"{name}.json", issuers=frozenset({stack.hotkey}))
        )
    return beds


async def tick(beds: "list[ValidatorBed]") -> bool:
    """All at the same moment; whether any did something."""
    return any(await asyncio.gather(*(bed.tick() for bed in beds)))


async def play(beds: "list[ValidatorBed]", block: int, judges: bool = True, **scores: int) -> None:
    """A round from opening to weights, as far as it goes; verdicts by hotkey, half of all for those not named."""
    for bed in beds:
        bed.chain.block = block
    while await tick(beds):
        pass
    queue = EvaluationQueue(beds[0].pool)
    while judges and (claim := await queue.claim(QueueName.CPU, "w1", LEASE)):
        await beds[0].judge(claim, scores.get(claim.hotkey, 500_000))
    while await tick(beds):
        pass


async def ledgers(beds: "list[ValidatorBed]") -> list[tuple[LedgerEntry, ...]]:
    """What each of them folded."""
    return [await bed.store.ledger.page() for bed in beds]


async def test_all_fold_to_the_same_hashes(together: "list[ValidatorBed]", new_submission: Callable[..., NewSubmission]) -> None:
    """Over rounds in which a king commits again, another is banned, one is deregistered, and each hears of it at another time."""
    first, second, third = together
    store = first.store
    for block in (365, 725, 1085):
        await play(together, block, h3=600_000)
    await store.submissions.add([new_submission(hotkey=Hotkey("h3"), commit_block=Block(1300))])
    await play(together, 1445, h2=600_000, h3=550_000)
    second.chain.miners = third.chain.miners = ("h2", "h3", "h4")
    await store.submissions.add([new_submission(hotkey=Hotkey("h4"), commit_block=Block(1500))])
    await play(together, 1805)
    first.chain.miners = ("h2", "h3", "h4")
    second.chain.miners = ("h2", "h4")
    await play(together, 2165, h4=700_000)
    await Operations(first.pool).ban(Hotkey("h2"), actor="o", reason="r")
    await play(together, 2525)
    await play(together, 2885)
    mine, *others = await ledgers(together)
    assert [entry.round for entry in mine] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {entry.kings.get(SMALL) for entry in mine} >= {None, "h3@101"}
    assert "h2@100" in {name for entry in mine for name in entry.inputs.gone}
    assert others == [mine, mine]
    assert await validators(first.pool) == tuple(sorted(bed.hotkey for bed in together))
    receipts = {
        str(result.receipt_hash): result.receipt
        for entry in mine
        for result in await store.rounds.results(entry.round)
        if result.receipt is not None
    }
    assert tuple(replay_chain(mine, receipts, SCHEDULE)) == mine


async def test_one_that_was_away_catches_up_to_the_same_hashes(together: "list[ValidatorBed]") -> None:
    """What the chain and the database say by then plays no part: the rounds keep their eligibility."""
    *present, away = together
    await play(present, 725, h3=600_000)
    await play(present, 1085, h3=600_000)
    away.chain.miners, away.chain.block = ("h9",), 1085
    while await away.tick():
        pass
    mine, _, late = await ledgers(together)
    assert (len(mine), late) == (2, mine)


async def test_a_lost_race_skips_the_tick(together: "list[ValidatorBed]") -> None:
    """Two processes of one validator fold, close and open at once: each thing is done once, and both go on."""
    twice = [together[0], replace(together[0])]
    await play(twice, 725, h3=600_000)
    await play(twice, 1085, h3=600_000)
    rounds = await together[0].store.rounds.page()
    assert [(found.round, found.state) for found in rounds] == [(2, RoundState.CLOSED), (3, RoundState.CLOSED)]
    assert [entry.round for entry in await together[0].store.ledger.page()] == [2, 3]


async def test_missed_rounds_are_skipped(stack: "ValidatorBed") -> None:
    """After an outage over rounds 3 to 9 the round of now opens, and the ledger goes on after it."""
    await play([stack], 725, h3=600_000)
    await play([stack], 3610, h3=600_000)
    assert [entry.round for entry in await stack.store.ledger.page()] == [2, 10]


async def test_a_king_that_is_never_there_falls_though_nobody_judges_it(stack: "ValidatorBed") -> None:
    """Absent for our reasons in as many rounds as the competition bears, while others are scored: then the throne is empty."""
    for block in (725, 1085, 1445):
        await play([stack], block, h3=600_000)
    bears = SCHEDULE.at(RoundNumber(0)).track[0].duel.absent_rounds
    heads = []
    for number in range(5, 5 + bears + 1):
        await play([stack], 360 * number + 5, judges=False)
        queue = EvaluationQueue(stack.pool)
        for _ in range(2):
            claim = await stack.claim()
            if claim.hotkey == "h3":
                await queue.hand_back(claim, None, "broken", None)
            else:
                await stack.judge(claim, 500_000)
        while await stack.tick():
            pass
        heads.append((await stack.head())[1])
    assert heads == ["h3@101"] * (bears - 1) + [None] * 2


async def test_who_stands_is_not_decided_by_a_chain_that_stands_still(together: "list[ValidatorBed]") -> None:
    """A node that is before the round's first block may not know the miners yet that it asks: another validator closes it."""
    first, second, _ = together
    assert await first.tick()
    for _ in range(2):
        await first.judge(await first.claim(), 500_000)
    second.chain.block, second.chain.miners = 719, ()
    assert [await second.tick() for _ in range(2)] == [False] * 2
    assert await first.tick()
    eligibility = await first.store.rounds.eligibility(RoundNumber(2))
    assert eligibility is not None
    assert (eligibility.eligible, eligibility.gone) == (("h2@100", "h3@101"), {})
