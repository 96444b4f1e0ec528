"""What validators publish: their ledgers, what they folded, and what they set."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from neurons.api_client.client import ApiRefused, VoiceApi
from scoring.canonical_json import digest
from scoring.errors import Code
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders.ledger import a_weight_attempt
from tests.integration.played import play
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import Weights
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
API = "http://voice.test"


@pytest.fixture
async def transport(serve: Serve, api_settings: Callable[..., ApiSettings], stack: "ValidatorBed") -> httpx.ASGITransport:
    """An API that answers as the validator."""
    return await serve(api_settings(hotkey=stack.hotkey))


@pytest.fixture
async def api(transport: httpx.ASGITransport) -> AsyncIterator[VoiceApi]:
    """The client of somebody who reads."""
    async with VoiceApi(API, transport=transport) as client:
        yield client


async def test_a_ledger_in_pages_and_whole(api: VoiceApi, stack: "ValidatorBed") -> None:
    """The validator's own without being named; each entry with its inputs gives what was folded."""
    await play(stack, 2)
    first = await api.ledger(limit=1)
    rest = await api.ledger(after=first.next)
    entries = await stack.store.ledger.page()
    assert [item.state_hash for item in first.items + rest.items] == [entry.state_hash for entry in entries]
    assert {item.validator for item in rest.items} == {stack.hotkey}
    whole = await api.ledger_entry(entries[0].round)
    assert whole.entry() == entries[0]
    assert (whole.inputs_hash, whole.kings) == (digest(entries[0].inputs.to_json()), entries[0].kings)
    named = await api.ledger(validator=stack.hotkey)
    assert named.items == first.items + rest.items


async def test_nobody_elses_ledger_is_shown(api: VoiceApi, stack: "ValidatorBed") -> None:
    """A validator that folded nothing has an empty ledger, and no entry."""
    await play(stack, 1)
    assert (await api.ledger(validator=Hotkey("5Nobody"))).items == ()
    with pytest.raises(ApiRefused) as refused:
        await api.ledger_entry(RoundNumber(2), validator=Hotkey("5Nobody"))
    assert refused.value.code is Code.NOT_FOUND


async def test_the_evidence_of_a_round_is_the_databases(api: VoiceApi, stack: "ValidatorBed") -> None:
    """To the letter: receipts, what was committed, and who stood."""
    (number,) = await play(stack, 1)
    published = await api.evidence(number)
    assert published.evidence() == await stack.store.rounds.evidence(number)
    assert published.roll is not None
    assert len(published.results) == 2


async def test_a_receipt_that_is_no_object_breaks_no_answer(api: VoiceApi, stack: "ValidatorBed") -> None:
    """Whatever somebody wrote to the database is shown as it is: who reads it decides."""
    (number,) = await play(stack, 1)
    async with stack.pool.connection() as connection:
        await connection.execute("update evaluations set receipt = '[1]'::json, certificate = '\"x\"'::json")
    assert {result.receipt[0] for result in (await api.evidence(number)).results} == {1}


async def test_caches_are_told_what_changed(transport: httpx.ASGITransport, stack: "ValidatorBed") -> None:
    """An entry that was read before is not sent again."""
    (number,) = await play(stack, 1)
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        first = await browser.get(f"/v1/ledger/{number}")
        again = await browser.get(f"/v1/ledger/{number}", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


async def test_attempts_to_set_weights(api: VoiceApi, stack: "ValidatorBed") -> None:
    """Newest first, by their hashes; what the chain said about them is the operator's."""
    weights = Weights(stack.pool, stack.hotkey)
    attempt = a_weight_attempt(outcome=WeightOutcome.FAILED, error="no route")
    ids = [await weights.record(replace(attempt, block=Block(block))) for block in (10, 20, 30)]
    page = await api.weights(limit=2)
    rest = await api.weights(before=page.next, limit=2)
    assert [item.id for item in page.items + rest.items] == ids[::-1]
    assert rest.next is None
    assert (rest.items[0].plan_hash, rest.items[0].ledger_hash) == (digest(attempt.plan.to_json()), "b" * 64)
    whole = await api.weights_of("a" * 64)
    assert (whole.id, whole.validator) == (ids[0], stack.hotkey)
    assert (whole.snapshot, whole.plan) == (attempt.plan_input.to_json(), attempt.plan.to_json())
    assert "no route" not in page.model_dump_json() + whole.model_dump_json()


async def test_an_attempt_that_cannot_be_read_stands_in_the_list(api: VoiceApi, stack: "ValidatorBed") -> None:
    """With the hash of what is stored as its plan, and without a ledger; the pages before and after it are as ever."""
    weights = Weights(stack.pool, stack.hotkey)
    ids = [await weights.record(a_weight_attempt(block)) for block in (10, 20, 30)]
    async with stack.pool.connection() as connection:
        await connection.execute("update weight_attempts set plan = '[]' where id = $1", ids[1])
    first = await api.weights(limit=1)
    second = await api.weights(before=first.next, limit=1)
    rest = await api.weights(before=second.next, limit=1)
    assert [item.id for item in first.items + second.items + rest.items] == ids[::-1]
    [lost] = second.items
    assert (lost.plan_hash, lost.ledger_hash, lost.competition_hash, lost.outcome) == (digest([]), None, None, WeightOutcome.SET)
