"""Blind pairs and votes over HTTP, on real rounds with real clips: what is told before a vote, what after, and what is refused."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest
import soundfile
from redis.asyncio import Redis

from scoring.errors import Code
from scoring.receipts.store import StoreLayout
from tests.builders.audible import SECONDS, AudibleJudge, audible_round
from voice_api.db.database import Pool
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
From = Callable[[str], httpx.AsyncClient]


@pytest.fixture
async def bed(stack: "ValidatorBed", tmp_path: Path) -> "ValidatorBed":
    """A closed round with two models, each clip in the store."""
    return await audible_round(stack, tmp_path / "store")


@pytest.fixture
async def listener(serve: Serve, api_settings: Callable[..., ApiSettings], tmp_path: Path) -> AsyncIterator[From]:
    """Listeners by their addresses, before an API over the bed's store."""
    transport = await serve(api_settings(store_place=tmp_path / "store", rate_address_per_minute=0))

    def at(address: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url="http://voice.test", transport=httpx.ASGITransport(transport.app, client=(address, 1234))
        )

    yield at


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    """A pair that was asked for."""
    answer = await client.post("/v1/votes/pairs")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_pair_is_heard_voted_on_and_then_named(bed: "ValidatorBed", listener: From, pool: Pool) -> None:
    """Before the vote nothing says who speaks; after it, both are named with what the judges found, and the vote is counted."""
    client = listener("192.0.2.1")
    pair = await shown(client)
    said = json.dumps(pair)
    assert not any(name in said for name in ("h2", "h3", "miner/", "evaluation", "submission", "score"))
    for side in ("first", "second"):
        heard = await client.get(pair[side]["opus"])
        assert (heard.status_code, heard.headers["content-type"], heard.headers["cache-control"]) == (
            200,
            "audio/ogg",
            "private, no-store",
        )
        samples, rate = soundfile.read(io.BytesIO((await client.get(pair[side]["flac"])).content), dtype="int16")
        assert len(samples) / rate == pytest.approx(SECONDS) == pair[side]["seconds"]
    vote = await client.post("/v1/votes", json={"pair": pair["pair"], "choice": "first"})
    told = vote.json()
    assert (vote.status_code, told["choice"], {told["first"]["hotkey"], told["second"]["hotkey"]}) == (201, "first", {"h2", "h3"})
    assert told["judges"] == ("first" if told["first"]["score"] > told["second"]["score"] else "second")
    assert told["first"]["pcm_sha256"] == sha256(await _pcm(client, told["first"]["pcm_sha256"])).hexdigest()
    found = (await client.get("/v1/votes/agreement")).json()
    assert (found["votes"], found["rows"][0]["share"]["value"]) == (1, float(told["judges"] == "first"))
    async with pool.connection() as connection:
        (row,) = await connection.fetch("select * from votes")
    assert "192.0.2.1" not in str(dict(row)) and len(row["voter"]) == 64


async def _pcm(client: httpx.AsyncClient, digest: str) -> bytes:
    samples, _ = soundfile.read(io.BytesIO((await client.get(f"/v1/samples/{digest}")).content), dtype="int16")
    pcm: bytes = samples.astype("<i2").tobytes()
    return pcm


async def test_what_cannot_be_voted_on_is_refused(bed: "ValidatorBed", listener: From) -> None:
    """A pair that was never shown, that was shown to another address, that was voted on, and a choice that is none."""
    one, other = listener("192.0.2.1"), listener("192.0.2.2")
    pair = (await shown(one))["pair"]

    async def code(client: httpx.AsyncClient, **vote: Any) -> tuple[int, int]:
        answer = await client.post("/v1/votes", json={"pair": pair, "choice": "tie"} | vote)
        return answer.status_code, answer.json().get("code", 0)

    assert await code(one, pair=str(uuid4())) == (404, Code.NOT_FOUND)
    assert await code(other) == (403, Code.NOT_ALLOWED)
    assert await code(one, choice="both") == (422, Code.REQUEST_INVALID)
    assert await code(one, factor="beauty") == (422, Code.REQUEST_INVALID)
    assert (await code(one))[0] == 201
    assert await code(one) == (409, Code.STATE_CONFLICT)


async def test_a_track_that_there_is_not_is_refused(listener: From) -> None:
    """Instead of zeros that look like an answer; the tracks that there are stand in the refusal."""
    client = listener("192.0.2.1")
    answers = [await client.get(f"/v1/{path}?track=none") for path in ("votes/agreement", "leaderboard", "duels")]
    answers.append(await client.post("/v1/votes/pairs?track=none"))
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, Code.REQUEST_INVALID)] * 4
    assert all("there is no track 'none': choose small" in answer.json()["detail"] for answer in answers)
    assert (await client.get("/v1/votes/agreement?track=small")).json()["votes"] == 0


async def test_one_address_has_one_vote_on_two_clips(bed: "ValidatorBed", listener: From, pool: Pool) -> None:
    """What it voted on is not shown to it again; shown before, on whichever side, it cannot be voted on twice; another may vote."""
    one, other = listener("2001:db8::1"), listener("2001:db8:1::1")
    async with pool.connection() as connection:  # two prompts are left to be drawn
        await connection.execute("update samples set pcm_sha256 = '' where prompt_id not in ('g00.a', 'g01.a')")
    shown_before = [await shown(one) for _ in range(4)]
    answers = [await one.post("/v1/votes", json={"pair": pair["pair"], "choice": "tie"}) for pair in shown_before]
    prompts = [pair["prompt_id"] for pair in shown_before]
    assert [answer.status_code for answer in answers] == [
        201 if prompt not in prompts[:place] else 409 for place, prompt in enumerate(prompts)
    ]
    for _ in range(2 - len(set(prompts))):
        pair = await shown(one)
        assert pair["prompt_id"] not in prompts
        assert (await one.post("/v1/votes", json={"pair": pair["pair"], "choice": "tie"})).status_code == 201
    nothing = await one.post("/v1/votes/pairs")
    assert (nothing.status_code, "left for you" in nothing.json()["detail"]) == (404, True)
    pair = await shown(other)
    assert (await other.post("/v1/votes", json={"pair": pair["pair"], "choice": "first"})).status_code == 201
    async with pool.connection() as connection:
        assert await connection.fetch("select count(*), count(distinct voter) from votes") == [(3, 2)]


async def test_a_listener_is_as_slow_as_hearing(bed: "ValidatorBed", listener: From) -> None:
    """More pairs in a minute than anybody can hear are refused, with a time; neighbours in the same /64 are one listener."""
    answers = [await listener(f"2001:db8::{n % 2 + 1}").post("/v1/votes/pairs") for n in range(22)]
    assert [answer.status_code for answer in answers].count(201) == 20
    assert (answers[-1].json()["code"], int(answers[-1].headers["retry-after"]) >= 1) == (Code.RATE_LIMITED, True)


async def test_before_two_models_were_judged_there_is_no_pair(stack: "ValidatorBed", listener: From) -> None:
    """It says what to wait for; and the agreement of nobody is no number."""
    client = listener("192.0.2.1")
    nothing = await client.post("/v1/votes/pairs")
    assert (nothing.status_code, nothing.json()["code"]) == (404, Code.NOT_FOUND)
    assert "closed round" in nothing.json()["detail"]
    empty = (await client.get("/v1/votes/agreement")).json()
    assert (empty["votes"], empty["rows"], empty["alpha"]) == (0, [], None)


async def test_an_open_round_is_no_pair(stack: "ValidatorBed", listener: From, tmp_path: Path) -> None:
    """Its verdicts are not final, so nobody compares it yet."""
    bed = replace(stack, judged_alike=AudibleJudge(tmp_path / "store"))
    assert await bed.tick()
    await bed.judge(await bed.claim(), 500_000)
    await bed.judge(await bed.claim(), 800_000)
    assert (await listener("192.0.2.1").post("/v1/votes/pairs")).status_code == 404


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"fLaC")], ids=["removed", "cut off"])
async def test_a_clip_that_is_none_any_more_is_not_shown(
    bed: "ValidatorBed", listener: From, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    """Of a store without audio that can be heard no pair comes; it is no fault."""
    for file in _flacs(tmp_path):
        damage(file)
    answer = await listener("192.0.2.1").post("/v1/votes/pairs")
    assert (answer.status_code, answer.json()["code"]) == (404, Code.NOT_FOUND)


def _flacs(folder: Path) -> list[Path]:
    return list(StoreLayout(folder / "store").folder.rglob("*.flac"))


async def test_a_redis_that_forgot_costs_a_pair_and_no_vote(bed: "ValidatorBed", listener: From, redis_url: str) -> None:
    """What it held of pairs and voters is lost with it: the next pair is another one, and what was voted stays."""
    client = listener("192.0.2.1")
    pair = (await shown(client))["pair"]
    voted = await shown(client)
    assert (await client.post("/v1/votes", json={"pair": voted["pair"], "choice": "tie"})).status_code == 201
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(f"voice:pair:{UUID(pair).hex}")
        async for key in redis.scan_iter("voice:voters:*"):
            assert await redis.ttl(key) > 0  # whoever reads the database later cannot ask for it
    assert (await client.post("/v1/votes", json={"pair": pair, "choice": "tie"})).status_code == 404
    assert (await client.get("/v1/votes/agreement")).json()["votes"] == 1
