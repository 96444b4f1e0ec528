"""`make game-day`: twelve faults on a node of real processes; the doctor names each, one alert is told, and all is well again after it.

Usage: python -m tests.gameday.run [--only NAME ...] [--most 480] [--json]; ends with 1 where something does not hold.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.builders.processes import left_behind
from tests.builders.storm_run import Found, main, show
from tests.gameday import alerts
from tests.gameday import arena as arenas
from tests.gameday.alerts import Pager
from tests.gameday.arena import API, DISPATCHER, FOLLOWER, QUEUE, VALIDATOR, WORKERS
from tests.gameday.day import FaultRow, GameDay
from tests.gameday.faults import DISK_SIZE, FaultName, retire_follower
from tests.gameday.restore import RestoreRow, lose_and_restore
from tests.gameday.scaled import FACTOR

JOBS: Mapping[str, Sequence[str]] = {
    "api": (API,),
    "dispatcher": (DISPATCHER,),
    "model-queue": (QUEUE,),
    "validator": (VALIDATOR, FOLLOWER),
    "worker": WORKERS,
}
"""The jobs of docker/prometheus.yml, and the processes of each."""
RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Found):
    """What came of each fault and of the restore; what this machine could not try; and how much faster this network is."""

    rows: Sequence[FaultRow]
    told: Mapping[str, Sequence[str]]
    """By fault: the alerts that somebody was told of from when it was made to when the next one was."""
    restore: RestoreRow | None
    left_out: Sequence[str]
    factor: int


def game_day(only: Sequence[str], most: float) -> Outcome:
    """Start a node, let twelve things go wrong one after the other, lose its database, and look."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="voice-game-") as name:
        folder = Path(name)
        with _disk(folder / "disk") as is_mounted:
            found = _day(folder, [each for each in (*FaultName, RESTORE) if each in (only or each)], is_mounted, started, most)
        checks = {**found.checks, "no process is left behind": left_behind(folder)}
    return replace(found, seconds=round(time.monotonic() - started, 1), checks=checks)


def _day(folder: Path, wanted: Sequence[str], is_mounted: bool, started: float, most: float) -> Outcome:
    left_out = _left_out(wanted, is_mounted)
    faults = [FaultName(name) for name in wanted if name != RESTORE and name not in left_out]
    rows, restored, late = list[FaultRow](), None, list[str]()
    with ExitStack() as stack:
        arena = stack.enter_context(arenas.running(folder))
        pager = None
        if not alerts.missing():
            targets = {job: [arena.ports[name] for name in names] for job, names in JOBS.items()}
            pager = stack.enter_context(alerts.running(folder / "alerts", targets))
        day = GameDay(arena, pager)
        day.begin(faults)
        if FaultName.PARTED_LEDGER not in faults:
            retire_follower(arena)
        for name in faults:
            if time.monotonic() > started + most:
                late.append(name)
                continue
            print(f"{time.monotonic() - started:.0f} s: {name}", file=sys.stderr, flush=True)  # noqa: T201
            rows.append(day.play(name))
        left = day.end()
        told = _told(rows, pager)
        if RESTORE in wanted:
            restored = lose_and_restore(arena)
        dead = arena.processes.dead()
    return Outcome(
        seconds=0.0,
        checks={
            **_checks(rows, told if pager else None, restored),
            "no alert is left": left,
            "no process ended by itself": dead,
            "all of it in time": late,
        },
        rows=rows,
        told=told,
        restore=restored,
        left_out=left_out,
        factor=FACTOR,
    )


def _left_out(wanted: Sequence[str], is_mounted: bool) -> list[str]:
    """What cannot be tried here; it is said at once."""
    found = []
    if FaultName.DISK_FULL in wanted and not is_mounted:
        print("disk full is left out: only who may mount a file system can try it", file=sys.stderr)  # noqa: T201
        found.append(FaultName.DISK_FULL.value)
    if alerts.missing():
        why = f"alerts are left out: {', '.join(alerts.missing())} not found (Debian: prometheus, prometheus-alertmanager)"
        print(why, file=sys.stderr)  # noqa: T201
        found.append("alerts")
    return found


def _told(rows: Sequence[FaultRow], pager: Pager | None) -> dict[str, list[str]]:
    ends = [*(row.made_at for row in rows[1:]), float("inf")]
    pages = [] if pager is None else pager.pages
    return {
        row.fault: sorted({page.alert for page in pages if row.made_at <= page.at < end})
        for row, end in zip(rows, ends, strict=False)
    }


def _checks(
    rows: Sequence[FaultRow], told: Mapping[str, Sequence[str]] | None, restored: RestoreRow | None
) -> dict[str, list[str]]:
    found = {
        "the doctor names each": [row.fault for row in rows if row.named_after is None],
        "and nothing that is no consequence": [f"{row.fault}: {', '.join(row.strange)}" for row in rows if row.strange],
        "all is well after it": [row.fault for row in rows if row.well_after is None],
    }
    if told is not None:
        wrong = [f"{row.fault}: {', '.join(told[row.fault])}" for row in rows if list(told[row.fault]) != [row.alert]]
        found["one alert is told of each"] = wrong
    if restored is not None:
        found["the restored database decides as before"] = [] if restored.is_same else [str(restored)]
    return found


@contextmanager
def _disk(folder: Path) -> Iterator[bool]:
    """A disk of its own, in memory and empty, where this user may mount one; else a plain folder."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True)


def _show(found: Outcome) -> None:
    doctor = {row.fault: f"{row.row}: {row.said} ({_after(row.named_after)})" for row in found.rows}
    told = {row.fault: f"{', '.join(found.told[row.fault]) or 'none'} ({_after(row.told_after)})" for row in found.rows}
    well = {row.fault: _after(row.well_after) for row in found.rows}
    restored = {} if found.restore is None else {"restore": f"the same: {found.restore.is_same}"}
    left = f"faults made: {len(found.rows)}" + (f", left out: {', '.join(found.left_out)}" if found.left_out else "")
    show({"doctor": doctor, "told": told, "well again": {**well, **restored}}, found, left)


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.0f} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.gameday.run")
    names = [*(name.value for name in FaultName), RESTORE]
    parser.add_argument("--only", nargs="+", default=[], choices=names, help="these alone")
    parser.add_argument("--most", type=float, default=450.0, help="seconds after which no further fault is made")
    return parser


if __name__ == "__main__":
    sys.exit(main(_parser(), game_day, _show))
