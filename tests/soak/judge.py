"""A worker that listens to nothing: it claims evaluations and writes signed receipts with the scores that the field says."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from scoring.competition import Schedule, load
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Placement
from scoring.synthesis.families import FAMILIES
from scoring.types import TensorsHash
from tests.judged_alike import judged_alike
from tests.soak import field
from voice_api.db.database import open_pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.errors import LeaseLost
from voice_api.keys import CertifiedKey, ServiceKey, certified
from voice_api.settings import ProcessSettings
from workers.evaluation.receipt_signer import verdict_of

_LEASE = timedelta(seconds=30)
_PAUSE_SECONDS = 0.05


class JudgeSettings(ProcessSettings):
    """Where the work is, and who answers for it."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    competition: Path = Field(validation_alias="VOICE_COMPETITION")
    service_key: Path = Field(validation_alias="VOICE_SERVICE_KEY")
    certificate: Path = Field(validation_alias="VOICE_CERTIFICATE")


def judged(claim: Claim, schedule: Schedule, signer: CertifiedKey) -> Verdict:
    """The verdict about one evaluation, with its receipt."""
    rules = schedule.at(claim.round)
    family = field.family(claim.repo)
    track = rules.track_of(family)
    asked = track.groups(claim.block_hash)
    report = judged_alike(track, asked, field.scores(claim.repo, claim.round, asked))
    content = field.content(claim.repo)
    placed = Placement.of(FAMILIES[family], track, claim.block_hash)
    finding = Finding(content_hash=content, tensors_hash=TensorsHash(content[::-1]), code=None, reason=None, report=report)
    document = receipt.build(claim, placed, finding, Circumstances("x86_64 Linux", datetime.now(UTC), {}))
    return verdict_of(receipt.sign(document, signer), placed, finding)


async def work(settings: JudgeSettings) -> None:
    """Judge whatever is due until asked to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    schedule = load(settings.competition)
    signer = certified(ServiceKey.at(settings.service_key), settings.certificate, datetime.now(UTC))
    async with open_pool(settings.database_url.get_secret_value(), application="judge") as pool:
        queue = EvaluationQueue(pool)
        while not stop.is_set():
            claim = await queue.claim(QueueName.CPU, "judge", _LEASE)
            if claim is None:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await queue.finish(claim, judged(claim, schedule, signer))
            except LeaseLost:
                continue  # its round was closed meanwhile


if __name__ == "__main__":
    asyncio.run(work(JudgeSettings()))
