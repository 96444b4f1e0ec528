"""The embedded servers: started, reached from elsewhere, stopped, and nothing left behind."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from neurons.localnet.services import start_redis
from voice_api.errors import RedisUnavailable


def of_folder(folder: Path) -> list[str]:
    """Processes that name a folder in their command line."""
    return [
        " ".join(p.info["cmdline"]) for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or ())
    ]


def test_postgres_survives_a_restart_and_leaves_nothing(server_folder: Path) -> None:
    """A cluster keeps its data over a stop, another process stops as well, and no process is left."""
    program = """
import asyncio, sys
from pathlib import Path
from neurons.localnet.services import start_postgres
from voice_api.db.database import connection_to
async def run(url, statement):
    async with connection_to(url) as connection:
        return await connection.fetchval(statement)
service = start_postgres(Path(sys.argv[1]))
print(asyncio.run(run(service.url, sys.argv[2])))
service.stop()
service.stop()
"""
    answers = [
        subprocess.run(
            [sys.executable, "-c", program, str(server_folder / "restarted"), statement],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        for statement in ("create table kept as select 7 as value", "select value from kept")
    ]
    assert [answer.stdout.strip() for answer in answers] == ["None", "7"]
    assert not (server_folder / "restarted" / "postmaster.pid").exists()


def test_a_second_user_leaves_the_server_to_the_first(server_folder: Path) -> None:
    """Who starts a server that runs shares it, and stops it only as its last user; users that were killed do not count."""
    program = """
import asyncio, sys
from pathlib import Path
from neurons.localnet.services import start_postgres
from voice_api.db.database import connection_to
async def answer(url):
    async with connection_to(url) as connection:
        return await connection.fetchval("select 7")
service = start_postgres(Path(sys.argv[1]))
for _ in sys.stdin:
    print(asyncio.run(answer(service.url)), flush=True)
service.stop()
"""
    folder = server_folder / "shared"

    def user() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, str(folder)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answers(process: subprocess.Popen[str]) -> bool:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("?\n")
        process.stdin.flush()
        return process.stdout.readline() == "7\n"

    with user() as killed:
        assert answers(killed)
        killed.kill()
    with user() as first:
        assert answers(first)
        with user() as second:
            assert answers(second)
            second.communicate(timeout=30)
        assert answers(first)
        first.communicate(timeout=30)
    assert not (folder / "postmaster.pid").exists()


def test_folders_with_blanks_and_quotes(server_folder: Path) -> None:
    """Both servers start in a folder whose name a shell or a URL would take apart, stop, and leave no temporary path."""
    program = """
import asyncio, sys
from pathlib import Path
import redis
from neurons.localnet.services import start_postgres, start_redis
from voice_api.db.database import connection_to
async def answer(url):
    async with connection_to(url) as connection:
        return await connection.fetchval("select 7")
folder = Path(sys.argv[1])
postgres, cache = start_postgres(folder / "postgres"), start_redis(folder / "redis")
print(asyncio.run(answer(postgres.url)), redis.Redis.from_url(cache.url).ping())
print(postgres.url.split("host=")[1])
cache.stop()
postgres.stop()
"""
    command = [sys.executable, "-c", program, str(server_folder / "my 'own' data #1")]
    answers = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert answers[0] == "7 True"
    assert not Path(answers[1]).exists()


def test_redis_dies_with_its_starter(tmp_path: Path) -> None:
    """A starter that was killed cannot stop its server: it ends by itself."""
    program = "import sys, os; from pathlib import Path; from neurons.localnet.services import start_redis; "
    program += "start_redis(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "redis")], check=False, timeout=60).returncode == -9
    deadline = time.monotonic() + 10
    while of_folder(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert of_folder(tmp_path) == []


def test_redis_is_reached_and_stopped(tmp_path: Path) -> None:
    """The server answers on its URL; after stopping, twice even, neither process nor socket is left."""
    service = start_redis(tmp_path)
    with redis.Redis.from_url(service.url) as client:
        assert client.ping()
    assert of_folder(tmp_path)
    service.stop()
    service.stop()
    assert (of_folder(tmp_path), list(tmp_path.glob("*.sock"))) == ([], [])


def test_redis_in_a_deep_folder(tmp_path: Path) -> None:
    """A path that is too long for a socket is no obstacle."""
    service = start_redis(tmp_path / ("deep" * 30))
    with redis.Redis.from_url(service.url) as client:
        assert client.ping()
    socket = Path(service.url.removeprefix("unix://"))
    service.stop()
    assert not socket.parent.exists()


def test_redis_left_behind_is_replaced(tmp_path: Path) -> None:
    """A server whose starter was killed is ended by the next start in the same folder."""
    left = start_redis(tmp_path)
    service = start_redis(tmp_path)
    assert len(of_folder(tmp_path)) == 1
    service.stop()
    left.stop()


def test_redis_that_cannot_start(tmp_path: Path) -> None:
    """A folder that cannot hold the server is a named failure."""
    (tmp_path / "redis.sock").mkdir()
    with pytest.raises(RedisUnavailable, match=r"redis\.log"):
        start_redis(tmp_path)
