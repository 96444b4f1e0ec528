"""Blind pairs: two clips of one prompt by two models, shown under an id that says nothing, to be voted on once by whoever was shown it.

They wait in Redis for an hour. When that loses them, another pair is asked for; no vote is lost with them.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId, RoundNumber
from voice_api.db.votes import RoundTrack, ScoredEvaluation, SharedPrompt
from voice_api.errors import RedisUnavailable
from voice_api.web.middleware import network_of

SHOWN = timedelta(hours=1)
"""The time for which a pair can be heard and voted on."""
KEY_LASTS = timedelta(days=2)
"""A day's key outlives its day, and then nobody can say any more which address a voter was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindPair:
    """Two clips, their sides drawn by the server; `voter` is whom they were shown."""

    voter: str
    round: RoundNumber
    track: str
    prompt_id: str
    first_evaluation: EvaluationId
    second_evaluation: EvaluationId
    first_pcm: str
    second_pcm: str


def draw_round(rounds: Sequence[RoundTrack], random: Random) -> RoundTrack:
    """One of the rounds and tracks in which two models can be compared; raises PlatformError(NOT_FOUND) where there is none."""
    if not rounds:
        raise PlatformError(Code.NOT_FOUND, "no closed round has two models to compare yet: wait until one has closed")
    return random.choice(rounds)


def draw_models(scored: Sequence[ScoredEvaluation], random: Random) -> tuple[EvaluationId, EvaluationId]:
    """Two evaluations, in a drawn order."""
    one, other = random.sample(scored, 2)
    return one.evaluation_id, other.evaluation_id


def draw_clips(shared: Sequence[SharedPrompt], random: Random) -> SharedPrompt | None:
    """One of the prompts that both spoke; None where there is none."""
    return random.choice(shared) if shared else None


class BlindPairs:
    """The pairs that wait for a vote, and the names of voters."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def voter(self, address: str, today: date) -> str:
        """The name of an address for this day: 64 hex digits, keyed by what is drawn each day and kept nowhere but in Redis' memory."""
        name = f"voice:voters:{today.isoformat()}"
        await self._ask(self._redis.set(name, secrets.token_hex(32), nx=True, ex=KEY_LASTS))
        key = await self._ask(self._redis.get(name))
        if key is None:
            raise RedisUnavailable("the day's key was lost: ask again")
        return hmac.new(key, network_of(address).encode(), hashlib.sha256).hexdigest()

    async def show(self, pair: BlindPair) -> UUID:
        """Keep a pair for a while, and say its id."""
        shown = uuid4()
        await self._ask(self._redis.set(_name(shown), json.dumps(asdict(pair)), ex=SHOWN))
        return shown

    async def shown(self, pair: UUID) -> BlindPair:
        """A pair that was shown; raises PlatformError(NOT_FOUND) for one that is no longer kept, or never was."""
        kept = await self._ask(self._redis.get(_name(pair)))
        if kept is None:
            raise PlatformError(Code.NOT_FOUND, "this pair is not, or no longer, to be voted on: ask for another one")
        return BlindPair(**json.loads(kept))

    async def _ask(self, asked: Any) -> Any:
        try:
            return await asked
        except (RedisError, OSError) as exc:
            raise RedisUnavailable("blind pairs cannot be kept") from exc


def _name(pair: UUID) -> str:
    return f"voice:pair:{pair.hex}"
