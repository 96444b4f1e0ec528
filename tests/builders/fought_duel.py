"""A duel in a database: a king, a challenger, two rounds that both spoke in, and a ledger that tells of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from scoring.ranking.duel import Duel
from scoring.report import EvaluationReport, GroupReport
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_record, a_state
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions

OPENED = RoundNumber(2)


@dataclass(frozen=True, slots=True)
class Fought:
    """A king and a challenger whose duel opened at the end of round 2, and had its first round in round 3."""

    ids: tuple[SubmissionId, SubmissionId]
    names: tuple[Entrant, Entrant]
    registry: RegistrySnapshot


def scored(report: EvaluationReport, *groups: int) -> EvaluationReport:
    """The report with these scores of groups g1, g2 and so on."""
    found = tuple(GroupReport(f"g{n}", "single", Micro(score)) for n, score in enumerate(groups, 1))
    return replace(report, groups=found, score=Micro(sum(groups) // len(groups)))


async def fight(
    pool: Pool,
    validator: Hotkey,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> Fought:
    """The king leads by .1 in round 2, which only qualified; in round 3 the challenger leads in g1 by .2, and is behind in g2 by .05."""
    king, challenger = await open_round(2, submissions=2)
    spoken = verdict().report
    assert spoken is not None
    queue, rounds = EvaluationQueue(pool), Rounds(pool)

    async def judge(*reports: EvaluationReport) -> None:
        for report in reports:
            claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
            assert claim
            await queue.finish(claim, verdict(family="vits", track=SMALL, report=report))

    await judge(scored(spoken, 700_000, 700_000), scored(spoken, 600_000, 600_000))
    await rounds.close(RoundNumber(2))
    entries = [RoundEntry(each, SMALL, QueueName.CPU, place) for place, each in enumerate((king, challenger))]
    assert await rounds.open(new_round(3), entries)
    await judge(scored(spoken, 500_000, 650_000), scored(spoken, 700_000, 600_000))
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
    ledger = Ledger(pool, validator)
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
