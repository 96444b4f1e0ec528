"""The king's score that a local score is compared with, as a real API has it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import bittensor as bt
import pytest

from neurons.cli.miner.yardstick import KingScore, Yardstick, yardstick
from neurons.settings import MinerSettings
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, a_record, a_state
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]


@pytest.fixture
async def settings(listen: Callable[[ApiSettings], str], api_settings: Callable[..., ApiSettings]) -> MinerSettings:
    """Of a miner beside a running API."""
    return MinerSettings(api_url=listen(api_settings()))


@pytest.fixture
async def king(pool: Pool, receiver: bt.Wallet, open_round: OpenRound, verdict: Callable[..., Verdict]) -> Entrant:
    """A king, scored .7 in round 3, and .6 over all its rounds."""
    [submission] = await open_round(3)
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim is not None
    await EvaluationQueue(pool).finish(claim, verdict(family="vits", track=SMALL))
    await Rounds(pool).close(RoundNumber(3))
    found = await Submissions(pool).get(submission)
    neuron = RegisteredNeuron(
        hotkey=found.hotkey, uid=Uid(0), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0)
    )
    snapshot = RegistrySnapshot(
        netuid=7, block=Block(400), block_hash=BlockHash("0x00"), owner_hotkey=found.hotkey, neurons=(neuron,)
    )
    await Registry(pool).replace(snapshot)
    name = entrant(found.hotkey, found.commit_block)
    record = a_record(1, 0.6, entrant=name, hotkey=found.hotkey, commit_block=found.commit_block)
    state = a_state(round=RoundNumber(3), king=name, records=(record,))
    await Ledger(pool, Hotkey(receiver.hotkey.ss58_address)).append(a_ledger_entry(3, state=state))
    return name


async def test_of_the_same_round_where_there_is_one(settings: MinerSettings, king: Entrant) -> None:
    """The same prompts: the two are comparable. Of any other round the king's mean stands there, and that is said."""
    same = await yardstick(settings, SMALL, 3)
    assert same.king is not None
    expected = KingScore(entrant=king, repo=same.king.repo, score=Micro(700_000), stderr=Micro(50_000), round=RoundNumber(3))
    assert (same, bool(same.king.repo)) == (Yardstick(expected, ""), True)
    assert same.beside(Micro(650_000)).endswith(": 0.7000 ± 0.0500 in the same round; this is -0.0500")
    for number in (2, None):
        over_all = await yardstick(settings, SMALL, number)
        assert over_all.king is not None
        assert (over_all.king.score, over_all.king.round) == (600_000, None)
        assert "over all its rounds, which asked other prompts; this is +0.0500" in over_all.beside(Micro(650_000))


async def test_without_a_king_or_an_api_it_says_so(settings: MinerSettings, pool: Pool) -> None:
    """A score needs neither: nothing is raised."""
    del pool
    nobody = await yardstick(settings, SMALL, None)
    assert (nobody.king, nobody.why) == (None, "the track small has no king to compare with")
    away = await yardstick(MinerSettings(api_url="http://127.0.0.1:9"), SMALL, None)
    assert away.king is None
    assert away.why.startswith("the king's score is not known: ")
    assert away.why.endswith("(--offline does not ask)")
