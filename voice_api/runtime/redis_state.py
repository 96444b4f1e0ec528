"""Redis as an operator asks after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.broken_connections import why_broken
from voice_api import tls
from voice_api.errors import RedisUnavailable

EPOCH = "voice:nonce:epoch"
"""The key that names the run of Redis which remembers nonces, and its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisState:
    """A Redis that answers."""

    version: str
    used_megabytes: int
    read_only: bool
    """Whether it only follows another server."""
    knows_nonces: bool
    """Whether a store of nonces was begun since it was last emptied."""


def outage(error: Exception) -> RedisUnavailable:
    """What an error of the driver means, without the address, which may hold a password; why, where that lies with certificates."""
    return RedisUnavailable(f"Redis does not serve ({tls.trouble(error, 'REDIS_URL') or why_broken(error)})")


@contextmanager
def named_outage(url: str) -> Iterator[None]:
    """Inside, a Redis that cannot be asked is RedisUnavailable, which says why where that lies with its certificates."""
    if missing := tls.missing_file(url, "REDIS_URL"):
        raise RedisUnavailable(missing)
    try:
        yield
    except (RedisError, OSError) as exc:
        raise outage(exc) from exc


async def redis_state(url: str, patience: timedelta) -> RedisState:
    """Ask it, with `patience` for each answer; raises RedisUnavailable, without the address, which may hold a password."""
    seconds = patience.total_seconds()
    async with Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds) as redis:
        with named_outage(url):
            info, epoch = await redis.info(), await redis.exists(EPOCH)
    return RedisState(
        version=str(info["redis_version"]),
        used_megabytes=round(int(info["used_memory"]) / (1 << 20)),
        read_only=info["role"] != "master",
        knows_nonces=bool(epoch),
    )
