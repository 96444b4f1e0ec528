"""A worker of another host, for real: by TLS through the door, evidence in storage; it dies, comes back, drains, and is shut out."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import bittensor as bt
import httpx
import pytest
from moto.server import ThreadedMotoServer

from neurons.chain import wallets
from neurons.localnet.network import COMPETITION
from neurons.localnet.services import EmbeddedService, pick_port
from neurons.localnet.stack import Stack
from neurons.validator import certification
from scoring.competition import load
from scoring.store.place import S3Access, S3Place
from scoring.store.s3 import S3Files
from scoring.types import Block, RoundNumber, SubmissionId
from tests.builders.door import IS_HERE, MISSING, Door, door, hosts_script
from tests.e2e.test_worker_drained import HASH, asked
from voice_api.db import roles
from voice_api.db.database import Pool, connection_to
from voice_api.db.evaluations import Evaluation
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import Submissions
from voice_api.keys import ServiceKey

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(not IS_HERE, reason=MISSING)]

FAR, NEAR = "gpu-07", "main"
EVIDENCE = "s3://evidence/store"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request"}
"""Whatever it says, this storage takes it."""


@pytest.fixture
def storage() -> Iterator[str]:
    """The address of a storage with the bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.put(f"{url}/evidence", headers=SIGNED).raise_for_status()
    yield url
    server.stop()


@dataclass
class TwoHosts:
    """The main host's services and worker, and the other host's, as process groups of this machine; what each worker's name says of it."""

    stack: Stack
    door: Door
    shared: dict[str, str]
    far: dict[str, str]
    near: dict[str, str]
    hub: Path
    number: int = 0

    def start(self, host: str) -> str:
        """Start a host's worker; its name in the stack."""
        self.number += 1
        name = f"{host}-{self.number}"
        own = self.far if host == FAR else self.near
        self.stack.start(name, ["worker"], self.shared | own)
        return name

    def log(self, name: str) -> str:
        """What a worker said."""
        return (self.door.secrets.parent / "logs" / f"{name}.log").read_text(encoding="utf-8")


@pytest.fixture
def two_hosts(
    server_folder: Path,
    tmp_path: Path,
    postgres: EmbeddedService,
    redis_server: EmbeddedService,
    database_url: str,
    redis_url: str,
    storage: str,
    alone_on_the_server: None,
) -> Iterator[TwoHosts]:
    """As docs/operations.md sets them up: door, login, certificates, one worker's identity each."""
    folder = server_folder / "second-host"
    secrets, hub, port = folder / "secrets", tmp_path / "hub", pick_port(None)
    secrets.mkdir(parents=True)
    hub.mkdir()
    (secrets / "redis_password").write_text("unused", encoding="ascii")
    hosts_script("add", FAR, "--main", "localhost", folder=secrets)
    validator = wallets.create("validator", "default", tmp_path / "wallets")
    place, stack = secrets / "hosts" / FAR, Stack(folder / "logs")
    certify(validator, place / "host" / "service_key", FAR)
    asyncio.run(roles.apply(database_url))
    asyncio.run(roles.ensure_logins(database_url, [roles.Login.of((place / "database_url").read_text(encoding="ascii"))]))
    try:
        stack.start("hub", ["dev", "hub", "--root", str(hub), "--port", str(port)], {})
        stack.start(
            "dispatcher", ["dispatcher"], {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "VOICE_DISPATCH_SECONDS": "0.5"}
        )
        with door(folder, secrets, postgres.url, redis_server.url) as opened:
            database = urlsplit(database_url).path.removeprefix("/")
            far = {
                "DATABASE_URL": opened.url(FAR, "database_url", database),
                "REDIS_URL": opened.url(FAR, "redis_url"),
                **identity(tmp_path / "far", place / "host" / "service_key", FAR),
            }
            key = tmp_path / "near" / "service_key"
            certify(validator, key, NEAR)
            near = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **identity(tmp_path / "near", key, NEAR)}
            shared = {
                "HF_ENDPOINT": f"http://127.0.0.1:{port}",
                "VOICE_COMPETITION": str(COMPETITION),
                "VOICE_DRAIN_SECONDS": "0",
                "VOICE_STORE": EVIDENCE,
                "VOICE_STORE_ENDPOINT": storage,
                "VOICE_STORE_ACCESS_KEY": "any",
                "VOICE_STORE_SECRET_KEY": "any",
            }
            yield TwoHosts(stack, opened, shared, far, near, hub)
            stack.stop()
    finally:
        stack.stop()
        asyncio.run(_forget(database_url))


def certify(validator: bt.Wallet, key: Path, host: str) -> None:
    """Let a host's service key sign receipts."""
    address = ServiceKey.at(key).address
    signed = certification.certify(validator, address, host, timedelta(days=1), datetime.now(UTC))
    certification.write(key.with_name("service.cert.json"), signed.to_json())


def identity(data: Path, key: Path, host: str) -> dict[str, str]:
    """Where a host's worker finds itself."""
    return {
        "VOICE_DATA": str(data),
        "VOICE_HOST": host,
        "VOICE_SERVICE_KEY": str(key),
        "VOICE_CERTIFICATE": str(key.with_name("service.cert.json")),
    }


async def _forget(url: str) -> None:
    async with connection_to(url) as connection:
        await connection.execute(f'drop role if exists "worker-{FAR}"')


async def _host_of(pool: Pool, evaluation: Evaluation) -> str:
    async with pool.connection() as connection:
        return str(await connection.fetchval("select host from evaluations where id = $1", evaluation.id))


async def _signed_by(pool: Pool, evaluation: Evaluation) -> str:
    async with pool.connection() as connection:
        return str((await connection.fetchval("select certificate from evaluations where id = $1", evaluation.id))["host"])


def running(found: Evaluation) -> bool:
    """In the middle of its speech."""
    return found.state is EvaluationState.RUNNING and found.stage in ("speak", "judge")


def anyhow(found: Evaluation) -> bool:
    """Whatever it is."""
    return found is not None


def scored(found: Evaluation) -> bool:
    """Ended with a verdict."""
    return found.state is EvaluationState.SCORED


async def when(pool: Pool, submission: SubmissionId, is_so: Callable[[Evaluation], bool]) -> Evaluation:
    """The submission's newest evaluation, once it is so."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        found = max(await Submissions(pool).evaluations(submission), key=lambda each: each.id)
        if is_so(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"the evaluation stayed {found}")


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def next_round(pool: Pool, submission: SubmissionId, number: int) -> None:
    """Close the round before, and ask for the submission again."""
    assert await Rounds(pool).close(RoundNumber(number - 1))
    rules = load(COMPETITION).at(RoundNumber(number))
    opened = NewRound(
        round=RoundNumber(number),
        start_block=Block(40 * number),
        block_hash=HASH,
        deadline_block=Block(400 * number),
        competition_hash=rules.hash,
    )
    assert await Rounds(pool).open(opened, [RoundEntry(submission, None, QueueName.CPU, 0)])


@pytest.mark.timeout(600)
async def test_a_second_host_is_a_host_like_the_first(two_hosts: TwoHosts, pool: Pool, storage: str, tmp_path: Path) -> None:
    """Killed in the middle, the main host ends what it began; brought back it judges alone, drains, and is shut out by its certificate."""
    killed = two_hosts.start(FAR)
    submission = await asked(pool, two_hosts.hub, tmp_path / "models")
    begun = await when(pool, submission, running)
    assert await _host_of(pool, begun) == FAR
    os.kill(two_hosts.stack.pids[killed], signal.SIGKILL)
    async with pool.connection() as connection:  # nobody has to wait for it
        await connection.execute("update evaluations set lease_until = now()")
    near = two_hosts.start(NEAR)
    ended = await when(pool, submission, scored)
    assert (await _host_of(pool, ended), await _signed_by(pool, ended), ended.attempt, ended.failures) == (NEAR, NEAR, 2, 1)

    os.kill(two_hosts.stack.pids[near], signal.SIGTERM)
    back = two_hosts.start(FAR)
    await next_round(pool, submission, 2)
    ended = await when(pool, submission, scored)
    assert (await _host_of(pool, ended), await _signed_by(pool, ended), ended.attempt) == (FAR, FAR, 1)
    [sample, *_] = await EvaluationQueue(pool).samples(ended.id)
    kept = S3Files(
        S3Place("evidence", "store"), S3Access(endpoint=storage, region="us-east-1", access_key="any", secret_key="any")
    )
    assert kept.read(f"audio/{sample.pcm_sha256[:2]}/{sample.pcm_sha256}.flac").startswith(b"fLaC")

    await Operations(pool).drain(FAR, actor="operator", reason="the card is renewed")
    await until(lambda: _drains(pool))
    await next_round(pool, submission, 3)
    await asyncio.sleep(2)
    waiting = await when(pool, submission, anyhow)
    assert waiting.state is EvaluationState.QUEUED
    await Operations(pool).undrain(FAR, actor="operator", reason="it was renewed")
    await when(pool, submission, scored)

    shut_out(two_hosts)
    await next_round(pool, submission, 4)
    await until(lambda: _said(two_hosts, back, "this host's certificate was revoked"))
    assert (await when(pool, submission, anyhow)).state is EvaluationState.QUEUED


async def _drains(pool: Pool) -> bool:
    async with pool.connection() as connection:
        return bool(await connection.fetchval("select count(*) from workers where host = $1 and draining", FAR))


async def _said(two_hosts: TwoHosts, worker: str, words: str) -> bool:
    return words in two_hosts.log(worker)


def shut_out(two_hosts: TwoHosts) -> None:
    """Revoke the host's certificate and let the door read the list; what the host was given lies there still."""
    place = two_hosts.door.secrets / "hosts" / FAR
    shutil.copytree(place, place.with_name("kept"))
    hosts_script("revoke", FAR, folder=two_hosts.door.secrets)
    place.with_name("kept").rename(place)
    two_hosts.door.reload()
