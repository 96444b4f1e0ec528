"""Rate limits, counted in Redis by Redis' own clock, so that all API processes share one count."""

import asyncio
import ipaddress
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.errors import Code, PlatformError
from voice_api.errors import RedisUnavailable

PERIOD = timedelta(minutes=1)
_ANSWER = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)

# One number per caller: the time at which all that it asked for is paid off, at one request per interval. A request is refused
# when that lies more than a period ahead, and then it costs nothing.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local cost, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + cost
if paid - now > period then
    return paid - now - period
end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
"""


class TooManyRequests(PlatformError):
    """Too many requests: the next one is served after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(Code.RATE_LIMITED)
        self.retry_after = retry_after


class Limits:
    """At most so many requests a minute: that many at once, then as they come back one by one."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    async def take(self, who: str, per_minute: int, requests: int = 1) -> None:
        """Count one request of `who`, or some at once; raises TooManyRequests without counting, RedisUnavailable when it cannot count.

        With `per_minute` 0 nothing is counted and nothing refused.
        """
        if per_minute == 0:
            return
        cost = PERIOD // per_minute * requests
        try:
            async with asyncio.timeout(_ANSWER.total_seconds()):
                wait = await self._take(keys=[f"voice:rate:{who}"], args=[cost // _MICROSECOND, PERIOD // _MICROSECOND])
        except (RedisError, OSError) as exc:  # a TimeoutError is an OSError
            raise RedisUnavailable("the rate of requests could not be counted") from exc
        if wait:
            raise TooManyRequests(int(wait) * _MICROSECOND)


def network_of(address: str) -> str:
    """The network that an address stands for: itself, or with IPv6 its /64, of which one subscriber has all; as it is where it is none.

    An IPv4 address that is written as IPv6 stands for itself: all of them lie in one /64.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
