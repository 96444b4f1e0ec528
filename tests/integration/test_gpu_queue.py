"""A track that speaks on cards beside one that does not, from a validator's rounds to its ledger: real PostgreSQL, Redis, RQ, processes.

No machine of these tests has a card: the worker of its queue is told that it has one, and its sandbox says everything at once.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bittensor as bt
import pytest
from pydantic import SecretStr

from neurons.localnet.network import worker_identity
from neurons.localnet.repositories import publish
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.vits import tiny
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders import espeak_voices
from tests.builders.cards import on_cards, two_devices
from tests.builders.processes import Processes, Workers
from tests.integration.event_replay import replayed
from tests.integration.hub_thread import hub_over
from voice_api.db.database import Pool
from voice_api.db.ledger import LedgerEntry
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from workers import main
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

WITHOUT, WITH = "host-without", "host-with-card"
STEPS = """
select v.host, v.to_state from events v join evaluations e on e.id = v.evaluation_id join submissions s on s.id = e.submission_id
where v.kind = 'evaluation' and e.round = $1 and s.hotkey = $2 order by v.id
"""


@dataclass(frozen=True, slots=True)
class Bed:
    """A validator, a hub's folder, and a dispatcher with a worker of each queue."""

    stack: "ValidatorBed"
    hub: Path
    new_submission: Callable[..., NewSubmission]

    async def commit(self, hotkey: str, model: Path) -> None:
        """Publish a model, and record its commitment in round 1."""
        new = self.new_submission(hotkey=Hotkey(hotkey), commit_block=Block(41))
        tag = tag_of(fingerprint(model, NO_PROGRESS).content, new.public_key)
        revision = publish(self.hub, str(new.repo), model)
        await Submissions(self.stack.pool).add([replace(new, revision=revision, tag=tag)])

    async def play(self, number: int) -> LedgerEntry:
        """A round from its opening to the ledger."""
        self.stack.chain.block = self.stack.schedule.round_blocks * number + 5
        while await self.stack.tick():
            pass
        deadline = time.monotonic() + 90
        while (latest := await self.stack.store.rounds.latest()) is None or latest.pending:
            assert time.monotonic() < deadline, latest
            await asyncio.sleep(0.1)
        while await self.stack.tick():
            pass
        head = await self.stack.store.ledger.head()
        assert head is not None and head.round == number
        return head

    async def steps(self, number: int, hotkey: str) -> list[tuple[str | None, str]]:
        """Where the hotkey's evaluation of a round was, and what it became there."""
        async with self.stack.pool.connection() as connection:
            return [(row["host"], row["to_state"]) for row in await connection.fetch(STEPS, number, hotkey)]


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A track of espeak, and one of VITS on cards."""
    monkeypatch.setitem(FAMILIES, "vits", on_cards("vits"))
    path = tmp_path / "rules.toml"
    path.write_text(two_devices(), encoding="utf-8")
    return path


@pytest.fixture
def bed(
    stack: "ValidatorBed",
    new_submission: Callable[..., NewSubmission],
    rules: Path,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> Iterator[Bed]:
    """All of it, ended with the test."""
    stack.schedule = load(rules)
    stack.chain.miners = ("h4", "h5")
    (tmp_path / "logs").mkdir()
    (tmp_path / "hub").mkdir()
    shared = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "VOICE_LOG_FORMAT": "json"}
    processes = Processes(tmp_path / "logs")
    with hub_over(tmp_path / "hub") as hub:
        common = shared | {"HF_ENDPOINT": hub, "VOICE_COMPETITION": str(rules), "VOICE_STORE": str(tmp_path / "store")}
        hosts = {WITHOUT: QueueName.CPU, WITH: QueueName.GPU}
        own = {host: common | _worker(tmp_path, host, queue, stack.wallet) for host, queue in hosts.items()}
        try:
            processes.start("dispatcher", "neurons.cli", ["dispatcher"], shared | {"VOICE_DISPATCH_SECONDS": "0.2"})
            workers = Workers(processes, own)
            with ExitStack() as ends:
                ends.callback(workers.stop)
                for host in own:
                    workers.start(host)
                yield Bed(stack, tmp_path / "hub", new_submission)
        finally:
            processes.stop()


def _worker(folder: Path, host: str, queue: QueueName, validator: bt.Wallet) -> dict[str, str]:
    return {
        "VOICE_QUEUE": queue.value,
        "VOICE_HOST": host,
        "VOICE_DATA": str(folder / host),
        "CHAOS_LOG": str(folder / "logs" / f"{host}.log"),
        "CHAOS_CLOCK": str(folder / f"{host}.clock"),
        "CHAOS_SAMPLE_SECONDS": "0.01",
        "CHAOS_ON_CARDS": "vits",
        **worker_identity(folder / host, host, validator),
    }


@pytest.mark.timeout(200)
async def test_each_queue_judges_its_track(bed: Bed, pool: Pool, tmp_path: Path) -> None:
    """A newcomer is read by the worker without a card, which sends it on; from then on only the one with a card sees it."""
    await bed.commit("h4", espeak_voices.build(tmp_path / "models")["clear"])
    await bed.commit("h5", tiny.build(tmp_path / "models" / "vits"))
    first = await bed.play(2)
    assert await bed.steps(2, "h4") == [(None, "queued"), (WITHOUT, "running"), (WITHOUT, "scored")]
    read = [(None, "queued"), (WITHOUT, "running"), (WITHOUT, "queued")]
    assert await bed.steps(2, "h5") == [*read, (WITH, "running"), (WITH, "scored")]
    await bed.play(3)
    assert await bed.steps(3, "h4") == [(None, "queued"), (WITHOUT, "running"), (WITHOUT, "scored")]
    assert await bed.steps(3, "h5") == [(None, "queued"), (WITH, "running"), (WITH, "scored")]
    assert {state.track: [record.entrant for record in state.records] for state in first.state.tracks} == {
        "small": ["h4@41"],
        "large": ["h5@41"],
    }
    assert dict(first.inputs.distrusted) == {}
    assert [result.track for result in await bed.stack.store.rounds.results(RoundNumber(3))] == ["small", "large"]
    assert await replayed(pool) == ()


def test_a_worker_without_a_card_does_not_start_in_the_queue_of_cards() -> None:
    """It says so before it asks anything of anybody: its host would fail every model."""
    settings = WorkerSettings(
        database_url=SecretStr("postgresql:///nobody"), redis_url=SecretStr("redis://nobody"), queue=QueueName.GPU
    )
    with pytest.raises(PlatformError, match="torch finds no card here that models could speak on") as refusal:
        main.run(settings, has_card=lambda: False)
    assert refusal.value.code is Code.SETTING_INVALID
