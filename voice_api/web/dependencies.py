"""One process's dependencies, made once by the application's lifespan: stores, Redis, settings, and answers kept for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Annotated, Generic, Self, TypeVar

from fastapi import Depends, Request
from redis.asyncio import Redis

from scoring.competition import Schedule
from scoring.store.files import StoredFile, StoredFiles
from voice_api.db.copies import NearCopies
from voice_api.db.database import Pool
from voice_api.db.evaluations import Depth
from voice_api.db.idempotency import Idempotency
from voice_api.db.leaderboard import LeaderboardRows, LeaderboardVersion
from voice_api.db.ledger import LedgerEntry, LedgerMark
from voice_api.db.operations import NewestState, Operations, Watch
from voice_api.db.pages import PageRows
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import Registry
from voice_api.db.rounds import Rounds
from voice_api.db.speeches import Speeches
from voice_api.db.submissions import OutcomeCount, Submissions
from voice_api.db.validations import Validations
from voice_api.db.votes import Votes
from voice_api.runtime.api_metrics import ApiMetrics
from voice_api.settings import ApiSettings
from voice_api.web.edge.open_files import ConnectionBudget
from voice_api.web.ledger_standings import LedgerStandings
from voice_api.web.listening.agreement import Agreement
from voice_api.web.listening.cache import DerivedCache
from voice_api.web.listening.pairs import BlindPairs
from voice_api.web.live import LiveNews
from voice_api.web.middleware import Limits

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

TABLE_LASTS = timedelta(seconds=1)
"""The time for which the public table is given as it was written."""
COUNTS_LAST = timedelta(seconds=10)
"""The time for which a count of all rows is shown: it takes a part of a second where there are very many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The database's stores over one pool: the process's own, or the one connection of a request's transaction."""

    pool: Pool
    registry: Registry
    submissions: Submissions
    leaderboard: LeaderboardRows
    copies: NearCopies
    queue: EvaluationQueue
    rounds: Rounds
    operations: Operations
    validations: Validations
    speeches: Speeches
    workers: Workers
    watch: Watch
    votes: Votes
    pages: PageRows

    @classmethod
    def over(cls, pool: Pool) -> Self:
        """All of them over this pool."""
        return cls(
            pool=pool,
            registry=Registry(pool),
            submissions=Submissions(pool),
            leaderboard=LeaderboardRows(pool),
            copies=NearCopies(pool),
            queue=EvaluationQueue(pool),
            rounds=Rounds(pool),
            operations=Operations(pool),
            validations=Validations(pool),
            speeches=Speeches(pool),
            workers=Workers(pool),
            watch=Watch(pool),
            votes=Votes(pool),
            pages=PageRows(pool),
        )


class TtlCache(Generic[T]):
    """The last answer to a question that costs much, kept for a while.

    It asks when the last answer is older than `lasts`, one caller at a time; the others are given the last answer meanwhile.
    """

    def __init__(self, lasts: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts, self._clock = lasts.total_seconds(), clock
        self._asking = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of `ask`, or its last answer, at most `lasts` and one asking ago; raises what it raises."""
        kept = self._kept
        if kept is not None and (self._clock() < kept[0] or self._asking.locked()):
            return kept[1]
        async with self._asking:
            kept = self._kept
            if kept is None or self._clock() >= kept[0]:
                answer = await ask()
                self._kept = kept = (self._clock() + self._lasts, answer)
            return kept[1]


class KeyedCache(Generic[K, V]):
    """The answer to a question for its last key: asked again once the key is another, by one caller at a time."""

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._kept: tuple[K, V] | None = None

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """The answer of `ask` for this key; raises what it raises."""
        async with self._asking:
            if self._kept is None or self._kept[0] != key:
                self._kept = (key, await ask())
            return self._kept[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCaches:
    """Answers that cost much and are asked for often, each kept for a moment."""

    table: TtlCache[bytes]
    """The public table as JSON."""
    depths: TtlCache[Sequence[Depth]]
    outcomes: TtlCache[Sequence[OutcomeCount]]
    head: KeyedCache[LedgerMark | None, LedgerEntry | None]
    """The head of the ledger of the API's validator."""
    standings: KeyedCache[LeaderboardVersion, LedgerStandings]
    """What follows from it for the registry of a block."""
    front: KeyedCache[NewestState, bytes]
    """The first page as HTML, by all that it shows."""
    agreement: KeyedCache[int, Agreement]
    """How well listeners and judges agree, by the newest vote."""
    clip_seconds: dict[str, float | None] = field(default_factory=dict)
    """The length of stored clips by the hash of their PCM."""
    intact: dict[str, StoredFile] = field(default_factory=dict)
    """Stored clips whose PCM has the hash that they are named by."""

    @classmethod
    def empty(cls) -> Self:
        """Nothing was asked yet."""
        return cls(
            table=TtlCache(TABLE_LASTS),
            depths=TtlCache(COUNTS_LAST),
            outcomes=TtlCache(COUNTS_LAST),
            head=KeyedCache(),
            standings=KeyedCache(),
            front=KeyedCache(),
            agreement=KeyedCache(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process's dependencies."""

    settings: ApiSettings
    schedule: Schedule
    """The competition's rules, by rounds."""
    metrics: ApiMetrics
    redis: Redis
    limits: Limits
    idempotency: Idempotency
    stores: Stores
    caches: AnswerCaches
    derived: DerivedCache
    pairs: BlindPairs
    news: LiveNews
    store: StoredFiles | None
    """The files of evidence; None where no store is named."""

    @classmethod
    def over(cls, settings: ApiSettings, schedule: Schedule, metrics: ApiMetrics, pool: Pool, redis: Redis) -> Self:
        """Everything over one pool and one Redis."""
        stores = Stores.over(pool)
        return cls(
            settings=settings,
            schedule=schedule,
            metrics=metrics,
            redis=redis,
            limits=Limits(redis),
            idempotency=Idempotency(pool),
            stores=stores,
            caches=AnswerCaches.empty(),
            derived=DerivedCache(settings.copies_folder, settings.copies_bytes),
            pairs=BlindPairs(redis),
            news=LiveNews(
                partial(stores.watch.newest, settings.hotkey),
                most=ConnectionBudget.of_process(settings.connections).listeners,
            ),
            store=None if settings.store_place is None else settings.files(settings.store_place),
        )


async def service_of(request: Request) -> Service:  # a plain function would be called in a thread, for each request
    """Return the service that the lifespan made."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
