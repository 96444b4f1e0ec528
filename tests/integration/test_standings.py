"""The leaderboard that pages and the API show: by the ledger, beside what the database knows of each submission."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import bittensor as bt
import pytest

from scoring.errors import Code
from scoring.ranking.duel import Duel, DuelOutcome, ended
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_record, a_state
from tests.integration.conftest import REPORT
from voice_api.db.database import Pool, connection_to
from voice_api.db.duels import Duels
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import Rounds
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.settings import ApiSettings
from voice_api.web import standings
from voice_api.web.app import create_app
from voice_api.web.dependencies import Service

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
MakeVerdict = Callable[..., Verdict]


@pytest.fixture
async def service(api_settings: Callable[..., ApiSettings]) -> AsyncIterator[Service]:
    """What the API's routes stand on."""
    app = create_app(api_settings())
    async with app.router.lifespan_context(app):
        yield app.state.service


@pytest.fixture
def ledger(pool: Pool, receiver: bt.Wallet) -> Ledger:
    """The ledger of the validator that the API answers as."""
    return Ledger(pool, Hotkey(receiver.hotkey.ss58_address))


async def register(pool: Pool, *hotkeys: Hotkey, block: int = 1) -> None:
    """Hotkeys at the uids of their places, the first of them the owner's."""
    neurons = tuple(
        RegisteredNeuron(hotkey=hotkey, uid=Uid(n), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0))
        for n, hotkey in enumerate(hotkeys)
    )
    await Registry(pool).replace(
        RegistrySnapshot(netuid=7, block=Block(block), block_hash=BlockHash("0x00"), neurons=neurons, owner_hotkey=hotkeys[0])
    )


async def judge(pool: Pool, verdict: Verdict) -> None:
    """Give the next due evaluation a verdict."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    await queue.finish(claim, verdict)


async def names_of(pool: Pool, ids: list[SubmissionId]) -> list[Entrant]:
    """What validators call these submissions."""
    found = [await Submissions(pool).get(key) for key in ids]
    return [entrant(each.hotkey, each.commit_block) for each in found]


async def test_ranks_are_the_ledgers_and_never_those_of_the_last_round(
    pool: Pool, service: Service, ledger: Ledger, open_round: OpenRound, verdict: MakeVerdict
) -> None:
    """The king has the lower last score; below it who waits, then who was refused, each with its reason."""
    ids = await open_round(1, submissions=4)
    king, second, other, waits = await names_of(pool, ids)
    hotkeys = [Hotkey(name.partition("@")[0]) for name in (king, second, other, waits)]
    await register(pool, Hotkey("owner"), *hotkeys)
    for score in (300_000, 900_000):
        await judge(pool, verdict(family="vits", track=SMALL, report=replace(REPORT, score=Micro(score))))
    await judge(pool, verdict(state=VerdictState.REJECTED, code=Code.FILE_NOT_ALLOWED, reason="model.pkl", report=None))
    await Rounds(pool).close(RoundNumber(1))
    records = tuple(
        a_record(100, score, entrant=name, hotkey=hotkey, commit_block=Block(100))
        for name, hotkey, score in zip((king, second), hotkeys, (0.6, 0.7), strict=False)
    )
    state = a_state(round=RoundNumber(1), king=king, king_since=Block(40), records=records)
    await ledger.append(a_ledger_entry(1, state=state))
    await Ledger(pool, Hotkey("another validator")).append(a_ledger_entry(1, king=second))
    found = await standings.ledger_standings(service)
    rows, more = await standings.listed(service, found)
    assert [(row.entrant, row.ranked and row.ranked.rank, row.listed and row.listed.submission.score) for row in rows[:2]] == [
        (king, 1, 300_000),
        (second, 2, 900_000),
    ]
    first = rows[0]
    assert first.ranked and first.ranked.score and first.listed
    assert (first.ranked.score.mean, first.listed.scored_rounds, [each.score for each in first.trend]) == (600_000, 1, [300_000])
    assert [(row.entrant, row.uid, row.reason) for row in rows[2:]] == [
        (waits, 4, "not judged yet: committed in block 100"),
        (other, 3, "model.pkl"),
    ]
    assert (found.round, found.waits, more) == (1, "", None)
    assert [(reign.king, reign.since, reign.until) for reign in await standings.reigns(service)] == [(king, 1, None)]


async def test_before_the_first_fold_it_says_what_it_waits_for(
    pool: Pool, service: Service, open_round: OpenRound, verdict: MakeVerdict
) -> None:
    """Whoever was scored already is there, without a rank."""
    (key,) = await open_round(1)
    await judge(pool, verdict(family="vits", track=SMALL))
    (name,) = await names_of(pool, [key])
    found = await standings.ledger_standings(service)
    assert ([track.ranked for track in found.tracks], found.round) == ([()], None)
    assert found.waits.startswith(f"the validator {service.settings.hotkey} has folded no round yet")
    rows, _ = await standings.listed(service, found)
    assert [(row.entrant, row.ranked, row.reason) for row in rows] == [(name, None, "its hotkey is not registered")]
    await register(pool, Hotkey("owner"), Hotkey(name.partition("@")[0]))
    (row,), _ = await standings.listed(service, await standings.ledger_standings(service))
    assert row.reason == "scored in round 1: it is ranked once that round is folded"


async def test_it_is_computed_anew_with_each_fold_and_each_registry_only(pool: Pool, service: Service, ledger: Ledger) -> None:
    """The same object until something changed."""
    await register(pool, Hotkey("owner"), Hotkey("h1"))
    await ledger.append(a_ledger_entry(1, state=a_state(round=RoundNumber(1), records=(a_record(1),))))
    first = await standings.ledger_standings(service)
    assert await standings.ledger_standings(service) is first
    await register(pool, Hotkey("owner"), Hotkey("h1"), Hotkey("h2"), block=2)
    second = await standings.ledger_standings(service)
    assert (second.block, first.block) == (2, 1)
    following = a_ledger_entry(
        2, previous=first.ledger_hash, state=a_state(round=RoundNumber(2), records=(a_record(1), a_record(2)))
    )
    await ledger.append(following)
    third = await standings.ledger_standings(service)
    assert ([len(each.tracks[0].ranked) for each in (first, second, third)], third.round) == ([1, 1, 2], 2)


async def test_pages_follow_each_other_through_ranked_ones_and_the_rest(
    pool: Pool, service: Service, ledger: Ledger, new_submission: Callable[..., NewSubmission]
) -> None:
    """Two are ranked and three wait: each page goes on after the last row of the one before; and the rows that a search finds."""
    new = [new_submission(hotkey=Hotkey(f"h{n}"), commit_block=Block(n), repo=f"lab-{n}/voice") for n in range(1, 6)]
    await Submissions(pool).add(new)
    await register(pool, Hotkey("owner"), *(Hotkey(f"h{n}") for n in range(1, 6)))
    records = (a_record(1, 0.5), a_record(2, 0.9))
    await ledger.append(a_ledger_entry(1, state=a_state(round=RoundNumber(1), king=Entrant("h1@1"), records=records)))
    names, after = [], None
    for _ in range(3):
        rows, after = await standings.listed(service, await standings.ledger_standings(service), after=after, limit=2)
        names += [row.entrant for row in rows]
    assert (names, after) == (["h1@1", "h2@2", "h3@3", "h4@4", "h5@5"], None)
    assert [
        row.entrant for row in (await standings.listed(service, await standings.ledger_standings(service), track=SMALL))[0]
    ] == ["h1@1", "h2@2"]
    for search, expected in (("LAB-2", ["h2@2"]), ("lab-4/", ["h4@4"]), ("h5", ["h5@5"]), ("3", ["h3@3"]), ("nothing", [])):
        found, _ = await standings.listed(service, await standings.ledger_standings(service), search=search)
        assert [row.entrant for row in found] == expected, search


async def test_a_ledger_that_another_release_wrote_is_told(
    pool: Pool, service: Service, ledger: Ledger, database_url: str
) -> None:
    """In words on the page, instead of an error."""
    await ledger.append(a_ledger_entry(1))
    async with connection_to(database_url) as connection:
        await connection.execute("update ledger set state = '{}'")
    found = await standings.ledger_standings(service)
    assert found.waits.startswith("the ledger's head cannot be read by this release")


@pytest.fixture
async def won_duel(pool: Pool, ledger: Ledger, receiver: bt.Wallet) -> Duels:
    """Opened at the end of round 1, a step in round 2, won in round 3."""
    king, challenger = Entrant("h1@1"), Entrant("h2@2")
    duel = Duel(challenger=challenger, king=king, opened=RoundNumber(1), margin=Micro(20_000), threshold=620.0)
    step = replace(duel, capital=(10.0, 2.0), groups=32, rounds=1, lead=32 * 50_000)
    won = replace(step, capital=(600.0, 40.0), groups=64, rounds=2)
    first = a_ledger_entry(1, state=a_state(round=RoundNumber(1), king=king, duel=duel))
    second = a_ledger_entry(2, previous=first.state_hash, state=a_state(round=RoundNumber(2), king=king, duel=step))
    after = a_state(round=RoundNumber(3), king=challenger, ended=(ended(won, DuelOutcome.CROWNED),))
    third = a_ledger_entry(3, previous=second.state_hash, state=after)
    for entry in (first, second, third):
        await ledger.append(entry)
    return Duels(pool, Hotkey(receiver.hotkey.ss58_address))


async def test_a_duel_is_kept_round_by_round(won_duel: Duels) -> None:
    """Its evidence at each round's end; the list has it as it stood last, for either side's hotkey."""
    curve = await won_duel.curve(SMALL, RoundNumber(1))
    assert [(each.round, each.outcome, each.wealth, each.lead) for each in curve] == [
        (1, DuelOutcome.OPEN, 1.0, None),
        (2, DuelOutcome.OPEN, 12.0, 50_000),
        (3, DuelOutcome.CROWNED, 640.0, None),
    ]
    assert await won_duel.page() == (curve[-1],)
    assert await won_duel.page(hotkey=Hotkey("h1")) == await won_duel.page(hotkey=Hotkey("h2"), track=SMALL) == (curve[-1],)
    assert await won_duel.page(hotkey=Hotkey("h3")) == await won_duel.page(track="described") == ()
    assert await won_duel.page(after=(RoundNumber(1), SMALL)) == ()


async def test_a_reset_takes_duels_back_with_their_rounds(won_duel: Duels, ledger: Ledger) -> None:
    """From round 3 on: it stands as it stood after round 2."""
    assert await ledger.reset(RoundNumber(3)) == 1
    (left,) = await won_duel.page()
    assert (left.round, left.outcome) == (2, DuelOutcome.OPEN)
