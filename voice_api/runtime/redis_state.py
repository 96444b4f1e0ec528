"""Redis as an operator asks after it."""

from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from voice_api.errors import RedisUnavailable

EPOCH = "voice:nonce:epoch"
"""The key that names the run of Redis which remembers nonces, and its beginning."""
_ANSWER_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisState:
    """A Redis that answers."""

    version: str
    used_megabytes: int
    read_only: bool
    """Whether it only follows another server."""
    knows_nonces: bool
    """Whether a store of nonces was begun since it was last emptied."""


async def redis_state(url: str) -> RedisState:
    """Ask it; raises RedisUnavailable, without the address, which may hold a password."""
    async with Redis.from_url(url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS) as redis:
        try:
            info, epoch = await redis.info(), await redis.exists(EPOCH)
        except (RedisError, OSError) as exc:
            raise RedisUnavailable(f"Redis does not serve ({type(exc).__name__})") from exc
    return RedisState(
        version=str(info["redis_version"]),
        used_megabytes=round(int(info["used_memory"]) / (1 << 20)),
        read_only=info["role"] != "master",
        knows_nonces=bool(epoch),
    )
