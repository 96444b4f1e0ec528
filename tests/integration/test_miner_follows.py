"""The miner's daemon reads a real API: what became of the commitment that the chain holds."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import bittensor as bt
import pytest

from neurons.miner.messages import MessageKind
from neurons.shutdown import Shutdown
from scoring.errors import Code
from scoring.ranking.duel import Duel
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, entrant, parse_entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import a_record, a_state
from tests.integration import mining_bed
from tests.integration.hub_thread import hub_over
from tests.integration.mining_bed import Bed, Mine, add_checkpoint
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.settings import ApiSettings

LEASE = timedelta(minutes=1)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """An empty local hub."""
    (tmp_path / "hub").mkdir()
    with hub_over(tmp_path / "hub") as url:
        yield url


async def test_what_becomes_of_it_is_told_step_by_step(
    hub: str,
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    pool: Pool,
    tmp_path: Path,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
    receiver: bt.Wallet,
) -> None:
    """Unknown, waiting with its place, in a duel, and refused with its reason."""
    bed = await asyncio.to_thread(mining_bed.make, tmp_path, hub)
    bed = Bed(bed.folder, hub, listen(api_settings()))
    add_checkpoint(tmp_path / "models", "step-1")
    await Mine(bed, "told", tmp_path / "models", {"step-1": 0.6}).serve(Shutdown())
    assert "is not known to the API yet" in (await look(bed, tmp_path))[0]

    record = await asyncio.to_thread(bed.committed, "told")
    assert record is not None
    submitted = new_submission(hotkey=Hotkey(record.hotkey), commit_block=record.block, commitment=record.value)
    [submission] = await Submissions(pool).add([submitted])
    await judge(pool, submission, new_round(record.block // 40 + 1))
    assert [said.partition(";")[0] for said in await look(bed, tmp_path)] == [
        f"The submission of block {record.block} is queued.",
        "It waits in place 1",
        f"Round {record.block // 40 + 1}: queued.",
    ]
    fold = await folded(
        pool, receiver.hotkey.ss58_address, entrant(Hotkey(record.hotkey), Block(record.block)), record.block // 40
    )
    assert f"Round {fold}, small: its duel with the king 5King@1: evidence 31 of 620" in (await look(bed, tmp_path))[-1]
    await finish(pool, verdict(state=VerdictState.REJECTED, code=Code.LOAD_FAILED, reason="a tensor is missing", report=None))
    refused = await look(bed, tmp_path)
    assert refused[0].startswith(f"The submission of block {record.block} is rejected. [1301] a tensor is missing")


async def judge(pool: Pool, submission: SubmissionId, opened: NewRound) -> None:
    """Open a round that asks for a submission."""
    assert await Rounds(pool).open(opened, [RoundEntry(submission, None, QueueName.CPU, 1)])


async def folded(pool: Pool, validator: Hotkey, challenger: Entrant, number: int) -> int:
    """Let the validator's ledger say that a submission is in a duel with the king."""
    king, opened = Entrant("5King@1"), RoundNumber(number)
    hotkey, block = parse_entrant(challenger)
    state = a_state(
        round=opened,
        king=king,
        records=(a_record(block, hotkey=hotkey),),
        duel=Duel(
            challenger=challenger,
            king=king,
            opened=opened,
            margin=Micro(20_000),
            threshold=620.0,
            capital=(31.0,),
            steps=32,
            groups=32,
            rounds=1,
        ),
    )
    await Ledger(pool, validator).append(a_ledger_entry(number, state=state))
    return number


async def finish(pool: Pool, found: Verdict) -> None:
    """Judge what is due."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.finish(claim, found)


async def look(bed: Bed, folder: Path) -> list[str]:
    """What a daemon that starts now says of the submission."""
    mine = Mine(bed, "told", folder / "models", {})
    await mine.serve(Shutdown())
    return mine.said(MessageKind.SUBMISSION)
