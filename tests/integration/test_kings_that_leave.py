"""A king that is registered no longer, banned, set aside, or that committed again: it holds the top no longer than the rules say."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scoring.competition import load
from scoring.types import Block, EvaluationId, Hotkey, RoundNumber, SubmissionId
from tests.builders.ledger import attempts_of
from tests.builders.near_copies import a_near_copy
from tests.builders.ranking import small
from voice_api.db import copies
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Leave = Callable[["ValidatorBed"], Awaitable[object]]
LEASE = timedelta(minutes=1)
HEIR_ROUNDS = load().at(RoundNumber(0)).track[0].throne.heir_rounds


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


async def crowned(stack: "ValidatorBed") -> None:
    """The rounds 2 to 4, which fill the empty throne: h3 is king."""
    assert [await play(stack, number) for number in (2, 3, 4)] == [None, None, "h3@101"]


async def deregistered(stack: "ValidatorBed") -> None:
    """The chain drops it; the stored registry does not know."""
    stack.chain.miners = ("h2",)


async def banned(stack: "ValidatorBed") -> None:
    """An operator refuses the hotkey."""
    await Operations(stack.pool).ban(Hotkey("h3"), actor="o", reason="r")


async def quarantined(stack: "ValidatorBed") -> None:
    """An operator sets the submission aside."""
    await Operations(stack.pool).quarantine(SubmissionId(2), actor="o", reason="r")


async def found_near(stack: "ValidatorBed") -> None:
    """A worker finds it near the earlier submission."""
    async with stack.pool.transaction() as connection:
        await copies.set_aside(connection, "w1", EvaluationId(1), [a_near_copy(2, 1)])


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        pytest.param(deregistered, "deregistered", id="deregistered"),
        pytest.param(banned, "banned", id="banned"),
        pytest.param(quarantined, "set aside by an operator", id="set aside"),
        pytest.param(found_near, "set aside as a near-copy of h2@100", id="a near-copy"),
    ],
)
async def test_a_king_that_left_falls_with_the_next_round(stack: "ValidatorBed", leave: Leave, why: str) -> None:
    """The ledger keeps why; the next best is crowned once three rounds have shown it."""
    await crowned(stack)
    await leave(stack)
    assert await play(stack, 5) is None
    entry = await stack.store.ledger.get(RoundNumber(5))
    assert (entry.inputs.gone, small(entry.state).throne) == ({"h3@101": why}, f"vacant: h3@101 is gone in round 5: {why}")
    assert [await play(stack, number) for number in (6, 7)] == [None, "h2@100"]


async def test_the_last_one_falls_too(stack: "ValidatorBed") -> None:
    """A round that asks for nobody lets the ledger drop it, once; then everything is burned."""
    await crowned(stack)
    for hotkey in ("h2", "h3"):
        await Operations(stack.pool).ban(Hotkey(hotkey), actor="o", reason="r")
    for block in (1_805, 2_165):
        stack.chain.block = block
        while await stack.tick():
            pass
    entry = await stack.store.ledger.head()
    assert entry is not None
    assert (entry.round, entry.kings, entry.inputs.gone) == (5, {}, {"h2@100": "banned", "h3@101": "banned"})
    assert small(entry.state).leads == ()
    await stack.set_weights()
    [kept] = await attempts_of(stack.store.weights)
    assert kept.plan.burn == 1.0


async def test_one_that_an_operator_brings_back_starts_anew(stack: "ValidatorBed") -> None:
    """It is judged again, as a contender like any other."""
    await play(stack, 2)
    await quarantined(stack)
    await play(stack, 3)
    await Operations(stack.pool).unquarantine(SubmissionId(2), actor="o", reason="r")
    await play(stack, 4)
    entry = await stack.store.ledger.get(RoundNumber(4))
    records = {record.entrant: record.groups for record in small(entry.state).records}
    assert records == {"h2@100": 96, "h3@101": 32}


async def test_a_king_that_commits_again_reigns_until_its_new_model_beats_it(
    stack: "ValidatorBed", new_submission: Callable[..., NewSubmission]
) -> None:
    """It stays beside the new one, which is judged and as good, while its rounds last; then that one has its place."""
    await crowned(stack)
    await stack.store.submissions.add([new_submission(hotkey=Hotkey("h3"), commit_block=Block(1900))])
    last = 5 + HEIR_ROUNDS
    kings = [await play(stack, number) for number in range(6, last + 2)]
    assert kings == ["h3@101"] * (last - 5) + ["h3@1900"]
    entry = await stack.store.ledger.get(RoundNumber(last + 1))
    assert entry.inputs.gone == {"h3@101": "its hotkey committed again"}
    assert small(entry.state).throne.startswith("king since block 1440: its hotkey committed again")


async def test_a_new_model_that_is_never_judged_leaves_the_throne_empty(
    stack: "ValidatorBed", new_submission: Callable[..., NewSubmission]
) -> None:
    """The old one reigns as long as the rules let it, and nobody can hold the top with what it replaced."""
    await crowned(stack)
    await stack.store.submissions.add([new_submission(hotkey=Hotkey("h3"), commit_block=Block(1900))])
    last = 5 + HEIR_ROUNDS
    kings = [await play(stack, number, unheard=frozenset({1900})) for number in range(6, last + 2)]
    assert kings == ["h3@101"] * (last - 5) + [None]
