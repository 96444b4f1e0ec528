"""256 miners with 1,000 rounds behind them, on a real PostgreSQL: the validator's ticks, the model queue's, and what people read."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from redis import Redis

from benchmarks.service_bed import Bed
from benchmarks.service_client import fetch, get, load
from benchmarks.targets import MOST_FILL_SECONDS, MOST_REQUESTS, MOST_TICK_SECONDS
from benchmarks.validator_history import History, fill, hotkey_of
from benchmarks.validator_ticks import TickCost, ValidatorBench, queue_tick
from scoring.competition import load as load_rules
from scoring.types import RoundNumber
from voice_api.db.database import open_pool
from voice_api.runtime.redis_state import EPOCH

ROUNDS_PLAYED = 3
_READS_SECONDS = 2.0
_LATER_BLOCKS = 7_200


@dataclass(frozen=True, slots=True)
class ReadCost:
    """99 of 100 answers to a path take less, one after the other; and its length."""

    path: str
    p99_seconds: float
    kilobytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class YearsCost:
    """What was measured; of ticks the slowest of some."""

    history: History
    fill_seconds: float
    ticks: tuple[TickCost, ...]
    queue_ticks: tuple[TickCost, ...]
    reads: tuple[ReadCost, ...]
    """The slowest first."""

    @property
    def met(self) -> bool:
        """Every target: ticks, requests, and the time to make the history."""
        in_time = all(tick.seconds <= MOST_TICK_SECONDS for tick in self.ticks)
        return (
            in_time and all(tick.asked <= MOST_REQUESTS for tick in self.queue_ticks) and self.fill_seconds <= MOST_FILL_SECONDS
        )

    def to_json(self) -> dict[str, Any]:
        """As it is printed for machines."""
        return asdict(self) | {"met": self.met}

    def rows(self) -> Sequence[tuple[str, str, str]]:
        """As the table shows it: what, measured, target."""
        history = self.history
        made = f"making {history.miners} miners' {history.rounds:,} rounds"
        ticks = [
            (
                f"a tick that {tick.what}",
                f"{tick.seconds:.2f} s ({tick.cpu_seconds:.2f} of processor), {tick.asked} statements",
                f"≤ {MOST_TICK_SECONDS:g} s",
            )
            for tick in self.ticks
        ]
        queue = [
            (f"the model queue, {tick.what}", f"{tick.seconds:.2f} s, {tick.asked} requests", f"≤ {MOST_REQUESTS} requests")
            for tick in self.queue_ticks
        ]
        reads = [(f"p99 of {each.path}, {each.kilobytes:.0f} kB", f"{1000 * each.p99_seconds:.0f} ms", "") for each in self.reads]
        return [(made, f"{self.fill_seconds:.0f} s", f"≤ {MOST_FILL_SECONDS:g} s"), *ticks, *queue, *reads]


async def years(history: History) -> YearsCost:
    """Make the history, play rounds on it, and read what people read."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # a tick says what it did
    with Bed.standing("voice-bench-") as bed:
        return await _measured(bed, history)


async def _measured(bed: Bed, history: History) -> YearsCost:
    schedule = load_rules()
    await bed.make("years", 0, 0)
    async with open_pool(bed.database("years"), application="bench") as pool:
        bench = ValidatorBench.over(pool, bed.wallet, history, schedule, bed.folder)
        began = time.monotonic()
        await fill(pool, bench.chain.validator, history, schedule.at(RoundNumber(history.rounds)))
        filled = time.monotonic() - began
        for number in range(history.rounds + 1, history.rounds + 1 + ROUNDS_PLAYED):
            await bench.play(RoundNumber(number))
        _remember_nonces(bed.redis)
        port = await bed.serve("api", "years")
        url = f"http://127.0.0.1:{port}"
        quiet = await queue_tick(bench, url, "nothing new")
        reads = [await _read(port, path) for path in _paths(history)]
        bench.chain.later = _LATER_BLOCKS
        busy = await queue_tick(bench, url, "everybody committed again")
    return YearsCost(
        history=history,
        fill_seconds=filled,
        ticks=tuple(bench.costs.values()),
        queue_ticks=(quiet, busy),
        reads=tuple(sorted(reads, key=lambda each: -each.p99_seconds)),
    )


def _remember_nonces(url: str) -> None:
    """A Redis that has remembered nonces for long: else the API refuses signatures of its first seconds."""
    with Redis.from_url(url) as redis:
        redis.hset(EPOCH, mapping={"run": redis.info("server")["run_id"], "since": 0})


def _paths(history: History) -> Sequence[str]:
    """What people read of a long history: pages, and the tables behind them."""
    miner, last = hotkey_of(7), history.rounds + ROUNDS_PLAYED
    pages = ("/", "/duels", "/rounds", f"/rounds/{last}", f"/miners/{miner}", "/queue", "/status")
    tables = (
        "/v1/leaderboard?limit=99",
        "/v1/leaderboard?limit=500",
        "/v1/duels",
        "/v1/ledger?limit=1",
        f"/v1/rounds/{last}/evidence",
    )
    return (*pages, *tables, "/v1/explain/9", f"/v1/submissions?hotkey={miner}", f"/v1/evaluations?round={last}")


async def _read(port: int, path: str) -> ReadCost:
    request = get(path)
    status, body = await fetch(port, request)
    if status != 200:
        raise RuntimeError(f"{path} answers {status}: {body[:200]!r}")
    done = await load(port, lambda: request, 1, _READS_SECONDS)
    return ReadCost(path, done.p99, len(body) / 1000)
