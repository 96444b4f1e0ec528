"""`make test-chaos`: a whole service under a seeded storm of faults, and what must hold afterwards.

Usage: python -m tests.chaos.run [--seed 1] [--faults 120] [--rounds 24] [--json]; ends with 1 where something does not hold.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scoring.receipts.certificate import Trust
from scoring.types import Hotkey
from tests.builders.processes import left_behind
from tests.builders.storm_run import Found, main, show
from tests.chaos import arena as arenas
from tests.chaos.arena import Arena
from tests.chaos.faults import Planned, plan
from tests.chaos.invariants import Evidence, violations
from tests.chaos.workload import RULES, RULES_TEXT, Workload
from voice_api.db.database import Pool, open_pool
from voice_api.errors import DatabaseUnavailable
from voice_api.keys import verify

_HEAL_SECONDS = 0.2
_ANSWERED = frozenset({"200", "503", "no connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much: see the options' help."""

    seed: int
    faults: int
    pause: float
    rounds: int
    newcomers: int
    entries: int
    workers: int
    sample_seconds: float
    settle: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Found):
    """What was injected, and what came of it."""

    seed: int
    evaluations: int
    injected: Mapping[str, int]
    outcomes: Mapping[str, int]
    answers: Mapping[str, int]  # to readers of the API


def storm(settings: Settings) -> Outcome:
    """Start a service, let everything go wrong, wait until it is quiet, and look."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="voice-chaos-") as name:
        folder = Path(name)
        with arenas.running(folder, RULES_TEXT, settings.workers, settings.sample_seconds) as arena:
            found = asyncio.run(_bounded(arena, settings))
        checks = {**found.checks, "no process is left behind": left_behind(folder)}
    return replace(found, seconds=time.monotonic() - started, checks=checks)


async def _bounded(arena: Arena, settings: Settings) -> Outcome:
    async with asyncio.timeout(settings.most):
        async with open_pool(arena.postgres.url, application="chaos", lazy=True) as pool:
            return await _storm(arena, pool, settings)


async def _storm(arena: Arena, pool: Pool, settings: Settings) -> Outcome:
    work = Workload(settings.rounds, settings.newcomers, settings.entries)
    faults = plan(settings.seed, settings.faults, settings.pause)
    reading = asyncio.create_task(work.read(arena))
    opening = asyncio.create_task(_open_rounds(arena, pool, work, settings))
    await _first_verdict(pool)
    for planned in faults:
        await _pass(arena, planned)
    await opening
    await asyncio.to_thread(arena.let_go)
    quiet = await _quiet(arena, pool, settings.settle)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    evidence = Evidence(RULES, Trust(frozenset({Hotkey(arena.api_hotkey)}), frozenset(), verify), arena.store)
    checks = dict(await violations(pool, work.asked, evidence))
    checks["everything came to rest"] = [] if quiet else ["something still waits or runs"]
    checks["the API answers, or says 503"] = sorted(set(work.answers) - _ANSWERED)
    injected = dict(Counter(planned.fault.value for planned in faults))
    outcomes = await _outcomes(arena, pool, work)
    return Outcome(
        seconds=0.0,
        checks=checks,
        seed=settings.seed,
        evaluations=len(work.asked),
        injected=injected,
        outcomes=outcomes,
        answers=dict(sorted(work.answers.items())),
    )


async def _open_rounds(arena: Arena, pool: Pool, work: Workload, settings: Settings) -> None:
    """Spread over the time that the faults take, so that there is always something to do."""
    pause = 0.9 * settings.faults * settings.pause / settings.rounds
    for _ in range(settings.rounds):
        await work.open_next(arena, pool)
        await asyncio.sleep(pause)


async def _first_verdict(pool: Pool) -> None:
    """Everything has started: faults from now on hit something."""
    while not await _count(pool, "state = 'scored'"):  # noqa: ASYNC110  # the database is another process
        await asyncio.sleep(_HEAL_SECONDS)


async def _pass(arena: Arena, planned: Planned) -> None:
    """Let the pause go by with everybody healed, then strike."""
    until = time.monotonic() + planned.pause
    while time.monotonic() < until:
        await asyncio.to_thread(arena.heal)
        await asyncio.sleep(min(_HEAL_SECONDS, planned.pause))
    await asyncio.to_thread(arena.inflict, planned)


async def _quiet(arena: Arena, pool: Pool, settle: float) -> bool:
    """Wait for the end of all work; False when it takes longer than `settle` seconds."""
    until = time.monotonic() + settle
    while time.monotonic() < until:
        await asyncio.to_thread(arena.heal)
        if not await _count(pool, "state in ('queued', 'running')"):
            return True
        await asyncio.sleep(_HEAL_SECONDS)
    return False


async def _count(pool: Pool, condition: str) -> int:
    """How many evaluations there are of a kind; 1 while nobody can say."""
    try:
        async with pool.connection() as connection:
            return int(await connection.fetchval(f"select count(*) from evaluations where {condition}"))  # noqa: S608  # ours
    except DatabaseUnavailable:
        return 1 if "queued" in condition else 0


async def _outcomes(arena: Arena, pool: Pool, work: Workload) -> Mapping[str, int]:
    async with pool.connection() as connection:
        verdicts = await connection.fetch("select state, count(*) from evaluations group by state order by state")
        attempts = await connection.fetchval("select sum(attempt) from evaluations")
        returned = await connection.fetch(
            "select concat_ws(' ', coalesce(code::text, case when detail like 'the track %' then 'moved' else 'drained' end),"
            " case when code = 2202 then detail else cause end) as why, count(*)"
            " from events"
            " where kind = 'evaluation' and from_state = 'running' and to_state = 'queued' group by 1 order by 1"
        )
    logs = "".join(path.read_text(errors="replace") for path in (arena.folder / "logs").glob("worker-*.log"))
    return {
        **{f"evaluations {row['state']}": row["count"] for row in verdicts},
        "claims": attempts,
        **{f"returned, {row['why']}": row["count"] for row in returned},
        "leases found lost by their worker": logs.count("lease lost"),
        **{f"ended by itself, {words}": count for words, count in sorted(arena.ended_alone.items())},
        **{f"writes repeated, {name}": count for name, count in sorted(work.unreached.items())},
    }


def _show(found: Outcome) -> None:
    tables = {f"injected, seed {found.seed}": found.injected, "came of it": found.outcomes, "answers to readers": found.answers}
    show(tables, found, f"{found.evaluations} evaluations, {sum(found.injected.values())} faults")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=160, help="how many")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds before each")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--newcomers", type=int, default=3, help="submissions that each round brings")
    parser.add_argument("--entries", type=int, default=16, help="submissions that a round asks for, at most")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sample-seconds", type=float, default=0.05, help="for each of an evaluation's 12 samples")
    parser.add_argument(
        "--settle", type=float, default=90.0, help="the longest time until everything is quiet afterwards, in seconds"
    )
    parser.add_argument("--most", type=float, default=420.0, help="the longest time for everything, in seconds")
    return parser


if __name__ == "__main__":
    sys.exit(main(_parser(), lambda **options: storm(Settings(**options)), _show))
