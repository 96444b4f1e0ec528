"""`make soak`: several validators on one stack, hundreds of rounds of a quick chain whose node keeps failing, and what must hold.

Usage: python -m tests.soak.run [--rounds 300] [--validators 3] [--miners 12] [--seed 1] [--most 560] [--json]; ends with 1 where
something does not hold.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from neurons.devchain import operations
from tests.builders.processes import left_behind
from tests.builders.storm_run import Found, main, show
from tests.soak import checks, vectors
from tests.soak.arena import Arena, Size, running
from tests.soak.beacon import Beacon
from tests.soak.checks import GROWTH_MIB, Memory
from tests.soak.miners import Miners
from tests.soak.seasons import Seasons
from tests.soak.storm import storm
from voice_api.db.database import Pool, open_pool
from voice_api.db.ledger import LedgerEntry

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 40.0
_END_SECONDS = 20.0
_MIB = 2**20
_STEADY_ROUNDS = 100
"""Shorter runs are still warming up when they end: their memory is shown and not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much: see the options' help."""

    rounds: int
    validators: int
    miners: int
    seed: int
    block_seconds: float
    pause: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Found):
    """What happened, who reigned, and what it cost."""

    counts: Mapping[str, int]
    kings: Sequence[str]
    memory: Mapping[str, Memory]


@dataclass(slots=True)
class Watch:
    """What was seen of the processes: who died, and how much memory the validators held."""

    arena: Arena
    dead: set[str] = field(default_factory=set)
    memory: dict[str, list[float]] = field(default_factory=dict)

    def look(self) -> None:
        """Take one sample of each."""
        self.dead |= set(self.arena.processes.dead())
        for name in self.arena.validators:
            with suppress(psutil.NoSuchProcess):
                resident = psutil.Process(self.arena.processes.running[name].pid).memory_info().rss
                self.memory.setdefault(name, []).append(resident / _MIB)


def soak(settings: Settings) -> Outcome:
    """Start everything, let the node fail for so many rounds, wait until it is quiet, and look."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="voice-soak-") as name:
        folder = Path(name)
        size = Size(settings.validators, settings.miners, settings.block_seconds)
        with running(folder, size) as arena:
            found = asyncio.run(_soak(arena, settings, started))
        checks = {**found.checks, "no process is left behind": left_behind(folder)}
    return replace(found, seconds=time.monotonic() - started, checks=checks)


async def _soak(arena: Arena, settings: Settings, started: float) -> Outcome:
    async with open_pool(arena.database, application="soak") as pool:
        watch = Watch(arena)
        miners, beacon = Miners(arena, settings.seed, settings.rounds), Beacon(arena.devchain, pool, settings.seed)
        seasons = Seasons(arena, settings.rounds)
        await miners.begin()
        going_on = [asyncio.create_task(_blow(arena, settings)), asyncio.create_task(beacon.shine())]
        until = started + settings.most - 2 * _SETTLE_SECONDS - _END_SECONDS
        while (folded := await _folded(pool, arena)) < settings.rounds and time.monotonic() < until and not watch.dead:
            watch.look()
            for task in going_on:
                if task.done():
                    task.result()  # it never ends but by an error
            await miners.go_on(folded)
            seasons.go_on(folded)
            await asyncio.sleep(_LOOK_SECONDS)
        going_on[0].cancel()
        counts = _struck(arena)
        operations.clear_faults(arena.devchain)
        silent = await _silent(arena)
        agreed = await _agree(pool, arena)
        statuses = await asyncio.to_thread(_end, arena)
        going_on[1].cancel()
        return await _judge(pool, arena, settings, watch, miners.counts + beacon.counts + counts, silent, agreed, statuses)


async def _blow(arena: Arena, settings: Settings) -> None:
    """Begin one fault after the other."""
    pids = [arena.processes.running[name].pid for name in arena.validators]
    for gust in storm(settings.seed, settings.pause):
        await asyncio.sleep(gust.pause)
        head = operations.blocks(arena.devchain, 1)[0].number
        operations.add_fault(arena.devchain, gust.until(head, pids))


async def _folded(pool: Pool, arena: Arena) -> int:
    """How many rounds every validator has folded."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select count(*) as rounds from ledger group by validator")
    return min((int(row["rounds"]) for row in rows), default=0) if len(rows) == arena.size.validators else 0


async def _silent(arena: Arena) -> list[str]:
    """Wait until the chain has taken weights of every validator from now on; of whom it has not."""
    head = operations.blocks(arena.devchain, 1)[0].number
    until, missing = time.monotonic() + _SETTLE_SECONDS, list(arena.validators)
    while missing and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        taken = await asyncio.to_thread(vectors.takers, arena, head)
        missing = [name for name in arena.validators if arena.hotkey(name) not in taken]
    return missing


async def _agree(pool: Pool, arena: Arena) -> list[str]:
    """Wait for a moment in which all ledgers have one head; what they have otherwise."""
    query = "select distinct on (validator) validator, round, state_hash from ledger order by validator, round desc"
    until, heads = time.monotonic() + _SETTLE_SECONDS, list[tuple[int, str]]()
    while time.monotonic() < until:
        async with pool.connection() as connection:
            heads = [(row["round"], row["state_hash"]) for row in await connection.fetch(query)]
        if len(heads) == arena.size.validators and len(set(heads)) == 1:
            return []
        await asyncio.sleep(_LOOK_SECONDS / 5)
    return [f"round {number}: {digest[:12]}" for number, digest in heads]


def _struck(arena: Arena) -> Counter[str]:
    """Faults by kind, and how often each struck."""
    found = operations.faults(arena.devchain)
    begun = Counter(f"faults, {fault.plan.kind.value}" for fault in found)
    begun["faults of one validator's node"] = sum(fault.plan.pid is not None for fault in found)
    for fault in found:
        begun[f"calls hit, {fault.plan.kind.value}"] += fault.hits
    return begun


def _end(arena: Arena) -> Mapping[str, int | None]:
    """Ask the validators to end; their exit statuses, None for one that does not."""
    processes = [(name, arena.processes.running[name]) for name in arena.validators]
    for _, process in processes:
        process.terminate()
    until = time.monotonic() + _END_SECONDS
    while time.monotonic() < until and any(process.poll() is None for _, process in processes):
        time.sleep(_LOOK_SECONDS / 5)
    return {name: process.poll() for name, process in processes}


async def _judge(
    pool: Pool,
    arena: Arena,
    settings: Settings,
    watch: Watch,
    counts: Counter[str],
    silent: list[str],
    agreed: list[str],
    statuses: Mapping[str, int | None],
) -> Outcome:
    ledgers = await checks.ledgers(pool, arena)
    rounds = min(len(entries) for entries in ledgers.values())
    memory = {name: checks.memory(samples) for name, samples in watch.memory.items()}
    steady = memory if settings.rounds >= _STEADY_ROUNDS else {}
    numbers, invalid, mistaken = await _vectors(pool, arena, counts)
    found = {
        f"{settings.rounds} rounds are folded by each": [f"{rounds}"] if rounds < settings.rounds else [],
        "no process died": [*sorted(watch.dead), *(f"{name} ended with {status}" for name, status in statuses.items() if status)],
        "every validator ends when asked to": [name for name, status in statuses.items() if status is None],
        "every vector on the chain is valid, and was planned": invalid[:5],
        "what validators believe of their weights is what the chain did": mistaken[:5],
        "every validator sets weights once the node is well": silent,
        "all ledgers end on the same king and hash": agreed,
        "all ledgers are the same, round by round": checks.differences(ledgers),
        "memory is flat": [f"{name}: {seen.growth:+.1f} MiB" for name, seen in steady.items() if seen.growth > GROWTH_MIB],
        "somebody holds the top of each track": sorted({"small", "described"} - set(ledgers[arena.validators[0]][-1].kings)),
    }
    reigns = [reign for track in ("small", "described") for reign in _reigns(track, ledgers[arena.validators[0]])]
    counts["rounds"] = rounds
    counts |= Counter({f"vectors, {name}": number for name, number in numbers.items()})
    counts |= _logged(arena)
    return Outcome(seconds=0.0, checks=found, counts=dict(sorted(counts.items())), kings=reigns, memory=memory)


def _reigns(track: str, ledger: Sequence[LedgerEntry]) -> list[str]:
    """Who held the top of a track, one after the other."""
    kings = [entry.kings.get(track) for entry in ledger]
    return [f"{track}: {king}" for number, king in enumerate(kings) if number == 0 or king != kings[number - 1]]


async def _vectors(pool: Pool, arena: Arena, counts: Counter[str]) -> tuple[dict[str, int], list[str], list[str]]:
    """How many vectors of each validator count on the chain, what is wrong with any, and what validators are wrong about."""
    seen = vectors.history(arena)
    counts["vectors sealed"] = len(seen.sealed)
    numbers, invalid, mistaken = {}, list[str](), list[str]()
    for name in arena.validators:
        hotkey = arena.hotkey(name)
        kept = await vectors.attempts(pool, hotkey)
        counts.update(f"attempts, {name}, {attempt.outcome.value}" for attempt in kept)
        plans = {vectors.planned(attempt) for attempt in kept}
        given = [vector for vector in seen.given if vector.hotkey == hotkey]
        numbers[name] = len(given)
        invalid += [why for vector in given if (why := vectors.invalid(vector, plans)) is not None]
        mistaken += [f"{name}: {why}" for why in vectors.mistaken(seen, hotkey, kept)]
    return numbers, invalid, mistaken


def _logged(arena: Arena) -> Counter[str]:
    """What the validators said that is worth counting."""
    counts: Counter[str] = Counter()
    for name in arena.validators:
        log = (arena.folder / "logs" / f"{name}.log").read_text(errors="replace")
        counts["ticks skipped for an outage"] += log.count('"tick skipped"')
        counts["folds that another was faster with"] += log.count('"fold skipped"')
    return counts


def _show(found: Outcome) -> None:
    memory = {name: f"peak {seen.peak:.0f} MiB, growth {seen.growth:+.1f} MiB" for name, seen in found.memory.items()}
    show({"what": found.counts, "memory": memory}, found, f"{len(found.kings)} reigns in {found.counts['rounds']} rounds")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run")
    parser.add_argument("--rounds", type=int, default=300, help="that each validator is to fold")
    parser.add_argument("--validators", type=int, default=3)
    parser.add_argument("--miners", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--block-seconds", type=float, default=0.2)
    parser.add_argument("--pause", type=float, default=4.0, help="mean seconds before each fault")
    parser.add_argument("--most", type=float, default=580.0, help="the longest time for everything, in seconds")
    return parser


if __name__ == "__main__":
    sys.exit(main(_parser(), lambda **options: soak(Settings(**options)), _show))
