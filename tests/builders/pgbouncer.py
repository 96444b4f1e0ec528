"""A real PgBouncer before a PostgreSQL of this machine, pooling by the transaction."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from neurons.localnet.services import pick_port
from voice_api.runtime.process_end import die_with_parent

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
"""None where Debian's package `pgbouncer` is not installed."""
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


@contextmanager
def pgbouncer(folder: Path, server: str, connections: int = 2) -> Iterator[str]:
    """Run it for as long as the context lasts; the server's URL as clients of it name it. `connections` are the most to each database."""
    assert PROGRAM is not None
    parts, port = urlsplit(server), pick_port(None)
    [host] = parse_qs(parts.query)["host"]
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={host} user={parts.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\nmax_client_conn = 1000\ndefault_pool_size = {connections}\n",
        encoding="ascii",
    )
    become = (
        ["--user", Path(host).owner()] if os.geteuid() == 0 else []
    )  # it refuses to be root, and whose the socket is can reach it
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, *become, str(config)], stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        _await(port, process, folder / "pgbouncer.log")
        yield urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}", query="pgbouncer=true"))
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"PgBouncer did not start: {log.read_text(encoding='utf-8')}")
