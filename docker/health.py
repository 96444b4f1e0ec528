"""Whether this container's process is alive: exit status 0, or 1 with a line that says why not.

`http URL` asks a server, `heartbeat FILE SECONDS` looks when a daemon last touched its file, `worker` asks Redis whether RQ knows
the worker of this host.
"""

import http.client
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_HTTP_SECONDS = 5.0


def answers(url: str) -> str | None:
    """The reason why a server is not well; None if it answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=_HTTP_SECONDS):  # noqa: S310 - the address is in our Dockerfile
            return None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as exc:
        return f"{url}: {exc}"


def beats(file: Path, most_seconds: float, now: float) -> str | None:
    """The reason why a daemon is not well; None if it touched its file in the last `most_seconds`."""
    try:
        age = now - file.stat().st_mtime
    except FileNotFoundError:
        return f"{file} is not there: no tick has ended yet"
    return None if age <= most_seconds else f"the last tick ended {age:.0f} s ago"


def works(hostname: str) -> str | None:
    """The reason why this host's worker is not well; None if its registration in Redis has not run out."""
    from redis import Redis
    from redis.exceptions import RedisError
    from rq import Worker

    from workers.settings import WorkerSettings

    with Redis.from_url(WorkerSettings().redis_url.get_secret_value(), socket_timeout=_HTTP_SECONDS) as redis:
        try:
            known = any(worker.hostname == hostname for worker in Worker.all(connection=redis))
        except RedisError as exc:
            return f"Redis does not answer ({type(exc).__name__})"
    return None if known else f"no worker of {hostname} is registered"


def main(arguments: list[str]) -> str | None:
    """The check that the arguments name."""
    match arguments:
        case ["http", url]:
            return answers(url)
        case ["heartbeat", file, seconds]:
            return beats(Path(file), float(seconds), time.time())
        case ["worker"]:
            return works(socket.gethostname())
        case _:
            return "usage: health.py http URL | heartbeat FILE SECONDS | worker"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
