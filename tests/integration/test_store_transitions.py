"""PostgreSQL holds the state machine that the code declares, and refuses whatever is no part of it."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from itertools import product
from typing import Any

import asyncpg
import pytest

from scoring.types import SubmissionId
from voice_api.db.database import Pool
from voice_api.db.states import EVALUATION_TRANSITIONS, SUBMISSION_TRANSITIONS, EvaluationState, SubmissionState

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
# What each state's row needs besides the state, so that no other rule of the table speaks first.
SUBMISSION_ROW = """update submissions set state = $2, code = case when $2 in ('rejected', 'copy') then 1202 end,
    copy_of = case when $2 = 'copy' then id end where id = $1"""
NEAR_COPY = """insert into near_copies
    (submission_id, original_id, evaluation_id, compared, prompts, most_distance, least_sound, appeal_until, decision, decided_at)
    values (1, 2, 1, 1, 0, 0, 0, now(), 'confirmed', now())"""
EVALUATION_ROW = """update evaluations set state = $2,
    token = case when $2 = 'running' then gen_random_uuid() end, lease_until = case when $2 = 'running' then now() end,
    score = case when $2 in ('scored', 'rejected') then 0 end, receipt = case when $2 in ('scored', 'rejected') then '{}'::json end,
    signature = case when $2 in ('scored', 'rejected') then 'ab' end,
    certificate = case when $2 in ('scored', 'rejected') then '{}'::json end,
    finished_at = case when $2 in ('scored', 'rejected', 'parked') then now() end,
    parked_why = case when $2 = 'parked' then 'operator' end where id = $1"""
EVENT = """insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state)
    values ($1, 'test', $2, $3, $4, $5)"""


def pairs(kind: str, all_states: type[StrEnum], legal: Mapping[Any, frozenset[Any]], wanted: bool) -> list[Any]:
    """Every pair of different states that is legal, or that is not."""
    return [
        pytest.param(kind, before.value, after.value, id=f"{kind}: {before} to {after}")
        for before, after in product(all_states, all_states)
        if before is not after and (after in legal[before]) is wanted
    ]


LEGAL = pairs("submission", SubmissionState, SUBMISSION_TRANSITIONS, True) + pairs(
    "evaluation", EvaluationState, EVALUATION_TRANSITIONS, True
)
ILLEGAL = pairs("submission", SubmissionState, SUBMISSION_TRANSITIONS, False) + pairs(
    "evaluation", EvaluationState, EVALUATION_TRANSITIONS, False
)


async def put(connection: Any, kind: str, number: int, state: str) -> None:
    """Bring a row to a state past the triggers."""
    await connection.execute("set local session_replication_role = replica")
    await connection.execute(SUBMISSION_ROW if kind == "submission" else EVALUATION_ROW, number, state)
    await connection.execute("set local session_replication_role = origin")


async def go(connection: Any, kind: str, number: int, state: str, said: tuple[str, str, str] | None) -> None:
    """Change a row's state, with an event of `said` kind, from and to."""
    await connection.execute(SUBMISSION_ROW if kind == "submission" else EVALUATION_ROW, number, state)
    if said is not None:
        of, before, after = said
        await connection.execute(EVENT, of, number, number if of == "evaluation" else None, before, after)


async def test_tables_hold_what_is_declared(pool: Pool) -> None:
    """The database's transitions are the two mappings of states.py, no more and no less."""
    async with pool.connection() as connection:
        stored = {tuple(row) for row in await connection.fetch("select kind, from_state, to_state from transitions")}
    declared: dict[str, Mapping[Any, frozenset[Any]]] = {
        "submission": SUBMISSION_TRANSITIONS,
        "evaluation": EVALUATION_TRANSITIONS,
    }
    assert stored == {
        (kind, before.value, after.value)
        for kind, legal in declared.items()
        for before, afters in legal.items()
        for after in afters
    }


@pytest.mark.parametrize(
    ("closed_set", "legal"),
    [
        pytest.param(SubmissionState, SUBMISSION_TRANSITIONS, id="submission"),
        pytest.param(EvaluationState, EVALUATION_TRANSITIONS, id="evaluation"),
    ],
)
def test_every_state_says_where_it_leads(closed_set: type[StrEnum], legal: Mapping[Any, frozenset[Any]]) -> None:
    """No state is left out of the declaration."""
    assert set(legal) == set(closed_set)


async def test_legal_transitions_pass_with_their_event(pool: Pool, open_round: OpenRound) -> None:
    """Every declared transition is accepted together with an event that says so; a copy out of a quarantine is a confirmed near-copy."""
    await open_round(submissions=2)
    async with pool.connection() as connection:
        await connection.execute(NEAR_COPY)
    for kind, before, after in (case.values for case in LEGAL):
        async with pool.transaction() as connection:
            await put(connection, str(kind), 1, str(before))
            await go(connection, str(kind), 1, str(after), (str(kind), str(before), str(after)))


async def test_illegal_transitions_are_refused(pool: Pool, open_round: OpenRound) -> None:
    """Every transition that is not declared is refused by name, whatever event comes with it."""
    await open_round()
    refused = []
    for kind, before, after in (case.values for case in ILLEGAL):
        with pytest.raises(asyncpg.CheckViolationError) as refusal:
            async with pool.transaction() as connection:
                await put(connection, str(kind), 1, str(before))
                await go(connection, str(kind), 1, str(after), (str(kind), str(before), str(after)))
        refused.append(refusal.value.constraint_name)
    assert refused == ["legal_transitions"] * len(ILLEGAL)


@pytest.mark.parametrize(
    ("kind", "after", "said"),
    [
        pytest.param("submission", "quarantined", None, id="submission: no event"),
        pytest.param("evaluation", "running", None, id="evaluation: no event"),
        pytest.param("evaluation", "running", ("submission", "queued", "running"), id="of the other kind"),
        pytest.param("submission", "scored", ("submission", "queued", "rejected"), id="to another state"),
        pytest.param("submission", "scored", ("submission", "quarantined", "scored"), id="from another state"),
    ],
)
async def test_transition_without_its_event_is_refused(
    pool: Pool, open_round: OpenRound, kind: str, after: str, said: tuple[str, str, str] | None
) -> None:
    """A transaction that changes a state and writes no such event cannot be committed."""
    await open_round()
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with pool.transaction() as connection:
            await go(connection, kind, 1, after, said)
    assert refusal.value.constraint_name == "every_transition_is_an_event"


async def test_event_of_another_transaction_does_not_count(pool: Pool, open_round: OpenRound) -> None:
    """An event that was written before, for the same step, does not pay for a second one."""
    await open_round()
    async with pool.transaction() as connection:
        await go(connection, "evaluation", 1, "running", ("evaluation", "queued", "running"))
    async with pool.transaction() as connection:
        await go(connection, "evaluation", 1, "queued", ("evaluation", "running", "queued"))
    with pytest.raises(asyncpg.CheckViolationError, match="without an event"):
        async with pool.transaction() as connection:
            await go(connection, "evaluation", 1, "running", None)
