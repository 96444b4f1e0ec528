"""A king that is registered no longer, banned, set aside, or that committed again: it holds the top no longer than the rules say."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scoring.types import Block, Hotkey, RoundNumber, SubmissionId
from tests.builders.ledger import attempts_of
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Leave = Callable[["ValidatorBed"], Awaitable[object]]
LEASE = timedelta(minutes=1)


async def play(stack: "ValidatorBed", number: int, unheard: frozenset[int] = frozenset()) -> str | None:
    """A round in which h3 is clearly the best, as far as it goes; who is king then. What is `unheard` (by commit block) fails for us."""
    stack.chain.block = 360 * number + 5
    while await stack.tick():
        pass
    queue = EvaluationQueue(stack.pool)
    while claim := await queue.claim(QueueName.CPU, "w1", LEASE):
        if claim.commit_block in unheard:
            await queue.hand_back(claim, None, "broken", None)
        else:
            await stack.judge(claim, 600_000 if claim.hotkey == "h3" else 500_000)
    while await stack.tick():
        pass
    _, king = await stack.head()
    return king


async def deregistered(stack: "ValidatorBed") -> None:
    """The chain drops it; the stored registry does not know."""
    stack.chain.miners = ("h2",)


async def banned(stack: "ValidatorBed") -> None:
    """An operator refuses the hotkey."""
    await Operations(stack.pool).ban(Hotkey("h3"), actor="o", reason="r")


async def quarantined(stack: "ValidatorBed") -> None:
    """An operator sets the submission aside."""
    await Operations(stack.pool).quarantine(SubmissionId(2), actor="o", reason="r")


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        pytest.param(deregistered, "deregistered", id="deregistered"),
        pytest.param(banned, "banned", id="banned"),
        pytest.param(quarantined, "set aside by an operator", id="set aside"),
    ],
)
async def test_a_king_that_left_falls_with_the_next_round(stack: "ValidatorBed", leave: Leave, why: str) -> None:
    """The next best is crowned, and the ledger keeps why."""
    assert await play(stack, 2) == "h3@101"
    await leave(stack)
    assert await play(stack, 3) == "h2@100"
    entry = await stack.store.ledger.get(RoundNumber(3))
    assert entry.inputs.gone == {"h3@101": why}


async def test_the_last_one_falls_too(stack: "ValidatorBed") -> None:
    """A round that asks for nobody lets the ledger drop it, once; then everything is burned."""
    await play(stack, 2)
    for hotkey in ("h2", "h3"):
        await Operations(stack.pool).ban(Hotkey(hotkey), actor="o", reason="r")
    for block in (1_085, 1_445):
        stack.chain.block = block
        while await stack.tick():
            pass
    entry = await stack.store.ledger.head()
    assert entry is not None
    assert (entry.round, entry.king, entry.inputs.gone) == (3, None, {"h2@100": "banned", "h3@101": "banned"})
    await stack.set_weights()
    [kept] = await attempts_of(stack.store.weights)
    assert kept.plan.burn == 1.0


async def test_one_that_an_operator_brings_back_starts_anew(stack: "ValidatorBed") -> None:
    """It is judged again, as a challenger of whoever is king now."""
    await play(stack, 2)
    await quarantined(stack)
    await play(stack, 3)
    await Operations(stack.pool).unquarantine(SubmissionId(2), actor="o", reason="r")
    assert await play(stack, 4) == "h2@100"
    records = {record.entrant: record.groups for record in (await stack.store.ledger.get(RoundNumber(4))).state.records}
    assert records == {"h2@100": 96, "h3@101": 32}


async def test_a_king_that_commits_again_reigns_until_its_new_model_is_judged(
    stack: "ValidatorBed", new_submission: Callable[..., NewSubmission]
) -> None:
    """Then the new one stands in its own right."""
    assert await play(stack, 2) == "h3@101"
    await stack.store.submissions.add([new_submission(hotkey=Hotkey("h3"), commit_block=Block(1000))])
    assert await play(stack, 3, unheard=frozenset({1000})) == "h3@101"
    assert await play(stack, 4) == "h3@1000"


async def test_a_new_model_that_is_never_judged_buys_three_rounds(
    stack: "ValidatorBed", new_submission: Callable[..., NewSubmission]
) -> None:
    """Committed in round 2: the old one reigns to the end of round 5, and nobody can hold the top with what it replaced."""
    await play(stack, 2)
    await stack.store.submissions.add([new_submission(hotkey=Hotkey("h3"), commit_block=Block(1000))])
    kings = [await play(stack, number, unheard=frozenset({1000})) for number in (3, 4, 5, 6)]
    assert kings == ["h3@101"] * 3 + ["h2@100"]
    assert (await stack.store.ledger.get(RoundNumber(6))).inputs.gone == {"h3@101": "its hotkey committed again"}
