"""One PostgreSQL and one Redis for each of the run's processes, and a fresh database for each test."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from pydantic import Field, SecretStr

from neurons.localnet.services import EmbeddedService, start_postgres, start_redis
from prompts.groups import Group
from scoring.competition import Track
from scoring.report import EvaluationReport
from tests import judged_alike as alike
from voice_api.db.database import Pool, connection_to, open_pool
from voice_api.db.migrate import upgrade
from voice_api.settings import ProcessSettings

LONG = (
    *("chaos/test_chaos.py", "e2e/test_demo.py", "attacks/test_discrimination.py", "e2e/test_worker_killed.py"),
    *("integration/test_vits_sandbox.py", "soak/test_soak.py", "integration/test_miner_guide.py"),
    *("integration/test_verify_again.py", "e2e/test_worker_drained.py", "integration/test_late_samples.py"),
    *("integration/test_fuzz.py", "integration/test_validator_guide.py", "judging/test_calibration.py"),
    *("integration/test_miner_score.py", "judging/test_judge_panel.py", "integration/test_speech.py"),
    *("attacks/test_invariances.py", "integration/test_pocket_tts_sandbox.py", "integration/standard/test_standard_profile.py"),
    *("integration/test_family_pins.py", "integration/test_worker_job.py", "integration/test_imports.py"),
)
"""Files whose tests take longest, each in one process: they begin first. Between two storms, chaos and soak, lie minutes of others."""
SHORT = Path(__file__).parent / "integration" / "test_n"
"""Files of this folder that come after this name hold short tests."""
_numbers = count()

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Before anything imports torch: its threads, in two processes beside each other, take each other's cores."""
os.environ["VOICE_CONFIG"] = os.devnull
"""Settings of a node on this machine are not for tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first and many short ones last: the run's processes then end together, and no storm runs beside another or alone."""
    turn = {Path(__file__).parent / name: number for number, name in enumerate(LONG, -len(LONG))}
    items.sort(key=lambda item: turn.get(item.path, item.path.parent == SHORT.parent and item.path > SHORT))


class Servers(ProcessSettings):
    """Servers to use instead of the embedded ones. The tests make and drop databases of their own, and empty Redis's."""

    in_file = False

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where servers live: not in pytest's own folder, which every run beside this one closes to PostgreSQL's system user."""
    with TemporaryDirectory(prefix="voice-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[EmbeddedService]:
    """A PostgreSQL that this process has for its whole run, or one that all of them share, when it is given."""
    given = Servers().database_url
    if given is not None:
        yield EmbeddedService(given.get_secret_value(), lambda: None)
        return
    service = start_postgres(server_folder / "postgres", durable=False)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def redis_server(server_folder: Path, worker_id: str) -> Iterator[EmbeddedService]:
    """A Redis that this process has for its whole run, or a database of its own on the one that is given."""
    given = Servers().redis_url
    if given is not None:
        number = int(worker_id.removeprefix("gw")) + 1 if worker_id.startswith("gw") else 0
        address, _, options = given.get_secret_value().partition("?")
        yield EmbeddedService(f"{address}?db={number}&{options}".removesuffix("&"), lambda: None)
        return
    service = start_redis(server_folder / "redis")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedService, worker_id: str) -> Iterator[str]:
    """The name of a migrated database, of which every test gets a copy."""
    with _database(postgres.url, "template1", worker_id) as url:
        asyncio.run(upgrade(url))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def empty_database_url(postgres: EmbeddedService, worker_id: str) -> Iterator[str]:
    """A fresh database without a schema."""
    with _database(postgres.url, "template1", worker_id) as url:
        yield url


@pytest.fixture
def database_url(postgres: EmbeddedService, template: str, worker_id: str) -> Iterator[str]:
    """A fresh database at the newest schema."""
    with _database(postgres.url, template, worker_id) as url:
        yield url


@pytest.fixture
def alone_on_the_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No other process of this run is at what a whole PostgreSQL shares: its roles, or a database of one name."""
    with (tmp_path_factory.getbasetemp().parent / "server.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on this test's own database."""
    async with open_pool(database_url, application="tests", size=20) as opened:
        yield opened


@pytest.fixture
def redis_url(redis_server: EmbeddedService) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    return redis_server.url


@pytest.fixture(scope="session")
def judged_alike() -> Callable[[Track, Sequence[Group], float], EvaluationReport]:
    """Build what judges report who found every metric at the same share of the way from bad to human: that share is the score."""
    return alike.judged_alike


@contextmanager
def _database(server: str, template: str, worker: str) -> Iterator[str]:
    """Make a database that is a copy of `template`, and drop it afterwards."""
    name = f"voice_test_{worker}_{next(_numbers)}"
    made = f"create database {name} template {template} strategy file_copy"  # a quarter of the time that copying by the log takes
    asyncio.run(_execute(server, f"drop database if exists {name} with (force)", made))
    yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    asyncio.run(_execute(server, f"drop database {name} with (force)"))


async def _execute(url: str, *statements: str) -> None:
    async with connection_to(url) as connection:
        for statement in statements:
            await connection.execute(statement)
