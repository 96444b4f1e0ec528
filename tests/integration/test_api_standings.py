"""The leaderboard, explanations and duels as the API tells them, through its client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import bittensor as bt
import httpx
import pytest

from neurons.api_client.client import ApiRefused, VoiceApi
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking.duel import Duel
from scoring.report import EvaluationReport, GroupReport
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from scoring.weights.facts import uid_facts
from scoring.weights.plan import plan
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_record, a_state
from tests.integration.conftest import REPORT
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings
from voice_api.web.ledger_standings import ranked_by

API = "http://voice.test"
OPENED = RoundNumber(2)


@dataclass(frozen=True, slots=True)
class Fought:
    """A king and a challenger whose duel opened at the end of round 2, and had its first round in round 3."""

    ids: tuple[SubmissionId, SubmissionId]
    names: tuple[Entrant, Entrant]
    registry: RegistrySnapshot


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


def scored(*groups: int) -> EvaluationReport:
    """A report with these scores of groups g1, g2 and so on."""
    found = tuple(GroupReport(f"g{n}", "single", Micro(score)) for n, score in enumerate(groups, 1))
    return replace(REPORT, groups=found, score=Micro(sum(groups) // len(groups)))


@pytest.fixture
async def fought(
    pool: Pool,
    receiver: bt.Wallet,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_round: Callable[..., object],
    verdict: Callable[..., Verdict],
) -> Fought:
    """The king leads by .1 in round 2, which only qualified; in round 3 the challenger leads in g1 by .2, and is behind in g2 by .05."""
    king, challenger = await open_round(2, submissions=2)
    queue, rounds = EvaluationQueue(pool), Rounds(pool)

    async def judge(*reports: EvaluationReport) -> None:
        for report in reports:
            claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
            assert claim
            await queue.finish(claim, verdict(family="vits", track=SMALL, report=report))

    await judge(scored(700_000, 700_000), scored(600_000, 600_000))
    await rounds.close(RoundNumber(2))
    entries = [RoundEntry(each, SMALL, QueueName.CPU, place) for place, each in enumerate((king, challenger))]
    assert await rounds.open(new_round(3), entries)  # type: ignore[arg-type]  # a builder of any round
    await judge(scored(500_000, 650_000), scored(700_000, 600_000))
    await rounds.close(RoundNumber(3))
    found = [await Submissions(pool).get(each) for each in (king, challenger)]
    hotkeys = [each.hotkey for each in found]
    first, second = [entrant(each.hotkey, each.commit_block) for each in found]
    neurons = tuple(
        RegisteredNeuron(hotkey=hotkey, uid=Uid(n), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0))
        for n, hotkey in enumerate((Hotkey("owner"), *hotkeys))
    )
    registry = RegistrySnapshot(
        netuid=7, block=Block(200), block_hash=BlockHash("0x"), neurons=neurons, owner_hotkey=Hotkey("owner")
    )
    await Registry(pool).replace(registry)
    ledger = Ledger(pool, Hotkey(receiver.hotkey.ss58_address))
    records = tuple(
        a_record(100, score, entrant=entrant(hotkey, Block(100)), hotkey=hotkey, commit_block=Block(100))
        for hotkey, score in zip(hotkeys, (0.6375, 0.625), strict=True)
    )
    duel = Duel(challenger=second, king=first, opened=OPENED, margin=Micro(20_000), threshold=620.0)
    before = a_ledger_entry(2, state=a_state(round=OPENED, king=first, records=records, duel=duel))
    step = replace(duel, capital=(1.5,), steps=2, groups=2, rounds=1, lead=150_000)
    after = a_state(round=RoundNumber(3), king=first, king_since=Block(80), records=records, duel=step)
    await ledger.append(before)
    await ledger.append(a_ledger_entry(3, previous=before.state_hash, state=after))
    return Fought((king, challenger), (first, second), registry)


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
    """One row a page, then none; by uid, and in a track that has nobody."""
    page = (await browser.get("/v1/leaderboard", params={"limit": 1})).json()
    assert ([row["entrant"] for row in page["rows"]], page["next"]) == ([fought.names[0]], fought.names[0])
    rest = (await browser.get("/v1/leaderboard", params={"limit": 1, "after": page["next"]})).json()
    assert ([row["entrant"] for row in rest["rows"]], rest["next"]) == ([fought.names[1]], None)
    by_uid = (await browser.get("/v1/leaderboard", params={"search": "2"})).json()
    assert fought.names[1] in [row["entrant"] for row in by_uid["rows"]]
    assert (await browser.get("/v1/leaderboard", params={"track": "nobodys"})).json()["rows"] == []


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
