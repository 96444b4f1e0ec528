"""The leaderboard, explanations and duels as the API tells them, through its client."""

from collections.abc import AsyncIterator, Awaitable, Callable

import bittensor as bt
import httpx
import pytest

from neurons.api_client.client import ApiRefused, VoiceApi
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking.duel import Duel
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid
from scoring.weights.facts import uid_facts
from scoring.weights.plan import plan
from tests.builders.fought_duel import OPENED, Fought, fight
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_state
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.rounds import NewRound
from voice_api.settings import ApiSettings
from voice_api.web.ledger_standings import ranked_by

API = "http://voice.test"


@pytest.fixture
async def transport(
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]], api_settings: Callable[..., ApiSettings]
) -> httpx.ASGITransport:
    """A running API."""
    return await serve(api_settings())


@pytest.fixture
async def api(transport: httpx.ASGITransport) -> AsyncIterator[VoiceApi]:
    """The client of somebody who reads."""
    async with VoiceApi(API, transport=transport) as client:
        yield client


@pytest.fixture
async def browser(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


@pytest.fixture
async def fought(
    pool: Pool,
    receiver: bt.Wallet,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> Fought:
    """A duel that opened at the end of round 2, and had its first round in round 3."""
    return await fight(pool, Hotkey(receiver.hotkey.ss58_address), open_round, new_round, verdict)


async def test_the_leaderboard_says_what_is_paid_and_why(api: VoiceApi, browser: httpx.AsyncClient, fought: Fought) -> None:
    """The king's line: rank and share by the ledger, its last score apart; and the track with its open duel."""
    first, second = await api.leaderboard()
    assert (first.entrant, first.rank, first.king, first.place, first.score, first.last_score, first.scored_rounds) == (
        *(fought.names[0], 1, True, 0),
        *(637_500, 575_000, 2),
    )
    assert [(each.round, each.score) for each in first.trend] == [(2, 700_000), (3, 575_000)]
    assert first.share == pytest.approx(first.weight)
    assert (second.share, second.lacks[:24]) == (0.0, "it has not taken the top")
    answer = (await browser.get("/v1/leaderboard")).json()
    track = next(each for each in answer["tracks"] if each["track"] == SMALL)
    assert (track["king"], track["king_since"], track["ranked"]) == (fought.names[0], 80, 2)
    assert {name: track["duel"][name] for name in ("challenger", "wealth", "threshold", "lead", "groups", "rounds")} == {
        "challenger": fought.names[1],
        "wealth": 1.5,
        "threshold": 620.0,
        "lead": 75_000,
        "groups": 2,
        "rounds": 1,
    }


async def test_the_leaderboard_in_pages_and_searched(browser: httpx.AsyncClient, fought: Fought) -> None:
    """One row a page, then none; by uid. A track that there is not is refused with those that there are."""
    page = (await browser.get("/v1/leaderboard", params={"limit": 1})).json()
    assert ([row["entrant"] for row in page["rows"]], page["next"]) == ([fought.names[0]], fought.names[0])
    rest = (await browser.get("/v1/leaderboard", params={"limit": 1, "after": page["next"]})).json()
    assert ([row["entrant"] for row in rest["rows"]], rest["next"]) == ([fought.names[1]], None)
    by_uid = (await browser.get("/v1/leaderboard", params={"search": "2"})).json()
    assert fought.names[1] in [row["entrant"] for row in by_uid["rows"]]
    assert "choose " in (await browser.get("/v1/leaderboard", params={"track": "nobodys"})).json()["detail"]


async def test_explain_says_what_the_validators_command_says(
    api: VoiceApi, pool: Pool, fought: Fought, receiver: bt.Wallet
) -> None:
    """The same facts, from the same function; the owner's uid has what the others left, and an unknown uid is not found."""
    head = await Ledger(pool, Hotkey(receiver.hotkey.ss58_address)).head()
    assert head
    committed = {Hotkey(name.partition("@")[0]): Block(100) for name in fought.names}
    snapshot = ranked_by(head, fought.registry, load().at(head.round), committed).snapshot
    assert snapshot
    for uid in (0, 1, 2):
        told = await api.explain(Uid(uid))
        assert told.model_dump() == {**uid_facts(snapshot, plan(snapshot), Uid(uid)), "tracks": told.model_dump()["tracks"]}
    challenger = await api.explain(Uid(2))
    assert challenger.tracks[0].duel is not None and challenger.tracks[0].duel["wealth"] == 1.5
    with pytest.raises(ApiRefused) as refused:
        await api.explain(Uid(3))
    assert refused.value.code is Code.NOT_FOUND


async def test_nothing_is_explained_before_the_first_fold(api: VoiceApi) -> None:
    """It says what is waited for."""
    with pytest.raises(ApiRefused) as refused:
        await api.explain(Uid(0))
    assert refused.value.code is Code.NOT_FOUND and "has folded no round yet" in refused.value.detail


async def test_a_duel_has_its_curve_and_the_groups_that_decided(api: VoiceApi, fought: Fought) -> None:
    """Only rounds after it opened count; the widest difference comes first, whoever it is for."""
    duel = await api.duel(SMALL, OPENED)
    assert (duel.challenger_submission, duel.king_submission) == fought.ids[::-1]
    assert [(step.round, step.wealth, step.lead) for step in duel.curve] == [(2, 1.0, None), (3, 1.5, 75_000)]
    assert [(group.round, group.group_id, group.difference) for group in duel.deciding] == [
        (3, "g1", 200_000),
        (3, "g2", -50_000),
    ]
    widest = duel.deciding[0]
    samples = {each.prompt_id for each in await api.samples(widest.challenger_evaluation)}
    assert set(widest.prompt_ids) <= samples and widest.prompt_ids == ("p1",)
    assert await api.duels(track=SMALL) == await api.duels(hotkey=Hotkey(fought.names[0].partition("@")[0]))
    assert [(each.opened, each.outcome) for each in await api.duels()] == [(OPENED, "open")]
    assert await api.duels(hotkey=Hotkey("nobody")) == []
    with pytest.raises(ApiRefused) as refused:
        await api.duel("described", OPENED)
    assert refused.value.code is Code.NOT_FOUND


async def test_duels_come_in_pages(browser: httpx.AsyncClient, pool: Pool, receiver: bt.Wallet) -> None:
    """Three that opened in three rounds, one a page, the last one first."""
    ledger, previous = Ledger(pool, Hotkey(receiver.hotkey.ss58_address)), ""
    for number in (1, 2, 3):
        duel = Duel(
            challenger=Entrant(f"h{number}@9"),
            king=Entrant("king@1"),
            opened=RoundNumber(number),
            margin=Micro(0),
            threshold=620.0,
        )
        entry = a_ledger_entry(number, previous=previous, state=a_state(round=RoundNumber(number), king=duel.king, duel=duel))
        await ledger.append(entry)
        previous = entry.state_hash
    seen, after = [], None
    while True:
        page = (await browser.get("/v1/duels", params={"limit": 1} | ({"after": after} if after else {}))).json()
        seen += [item["opened"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [3, 2, 1]
