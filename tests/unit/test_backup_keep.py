"""Backups at their time: when one is made, which stay, and what a failure leaves."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from neurons.backup.archive import BackupManifest
from neurons.backup.create import MadeBackup
from neurons.backup.keep import BackupPolicy, clear, clear_points, kept, run
from neurons.shutdown import Shutdown
from scoring.errors import Code, PlatformError
from voice_api.runtime.process_metrics import BackupMetrics

DAILY = BackupPolicy(timedelta(days=1), keep=2)
NOW = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than whatever is made here, but for what a wrong clock makes."""


def a_backup(folder: Path, at: datetime, label: str = "") -> Path:
    """A file that is named as one."""
    path = folder / f"voice-{at:%Y%m%dT%H%M%SZ}{label}.zip"
    path.write_bytes(b"zip")
    return path


def test_the_newest_stay_and_what_is_none_of_them_does(tmp_path: Path) -> None:
    """By their moments: restore points, half-written files and strange ones are not counted, and never go."""
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    files = [a_backup(tmp_path, at) for at in (days[2], days[0], days[3], days[1])]
    twice = a_backup(tmp_path, days[3], "-1")
    os.utime(twice, (2e9, 2e9))
    others = {
        a_backup(tmp_path, days[0], "-before-0016"),
        tmp_path / ".voice-20260101T000000Z.zip.unfinished",
        tmp_path / "mine.zip",
    }
    for path in others:
        path.touch()
    assert [backup.at for backup in kept(tmp_path, NOW)] == [*days, days[3]]
    assert set(clear(tmp_path, keep=2, now=NOW)) == {files[0], files[1], files[3]}
    assert set(tmp_path.iterdir()) == others | {files[2], twice}


def test_of_restore_points_the_newest_stay(tmp_path: Path) -> None:
    """Whatever schema they are named after; backups, half-written files and strange ones are not counted, and never go."""
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    points = [
        a_backup(tmp_path, at, label)
        for at, label in zip(days, ("-before-9", "-before-0017", "-before-0016", "-before-0018"), strict=True)
    ]
    others = {
        a_backup(tmp_path, days[0]),
        tmp_path / ".voice-20260101T000000Z-before-0016.zip.unfinished",
        tmp_path / "before-0016.zip",
    }
    for path in others:
        path.touch()
    assert clear_points(tmp_path, keep=2, now=NOW) == points[:2]
    assert set(tmp_path.iterdir()) == others | set(points[2:])
    assert clear_points(tmp_path, keep=2, now=NOW) == []


def test_what_a_wrong_clock_made_keeps_nothing_away(tmp_path: Path) -> None:
    """A backup of the future is no newest one: the next is made, stays, and that one goes first; a day that is none is nobody's."""
    future, yesterday = a_backup(tmp_path, NOW), a_backup(tmp_path, datetime.now(UTC) - timedelta(hours=25))
    (tmp_path / "voice-20261399T000000Z.zip").touch()
    times: list[datetime] = []
    metrics = loop(tmp_path, made_in(tmp_path, times))
    assert (len(times), future.exists(), yesterday.exists()) == (1, False, True)
    assert number(metrics, "voice_backup_age_seconds") == pytest.approx(0, abs=5)
    points = [a_backup(tmp_path, at, "-before-0016") for at in (NOW, *times)]
    assert clear_points(tmp_path, keep=1, now=datetime.now(UTC)) == points[:1]


class Stop(Shutdown):
    """Ends the loop after some of its waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._left = waits

    async def wait(self, pause: timedelta) -> None:
        """Nobody sleeps here."""
        assert pause <= timedelta(minutes=1)
        self._left -= 1
        if self._left == 0:
            self.request()


def loop(folder: Path, make: Callable[[datetime], MadeBackup], waits: int = 3) -> BackupMetrics:
    """The numbers after some looks."""
    metrics = BackupMetrics()

    async def made(now: datetime) -> MadeBackup:
        return make(now)

    asyncio.run(run(made, folder, DAILY, stop=Stop(waits), metrics=metrics))
    return metrics


def number(metrics: BackupMetrics, name: str) -> float:
    """A number as Prometheus reads it."""
    return metrics.registry.get_sample_value(name) or 0.0


def made_in(folder: Path, times: list[datetime]) -> Callable[[datetime], MadeBackup]:
    """Makes a backup, and remembers when."""
    manifest = BackupManifest(
        format=1,
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        version="1",
        schema_revision="0001",
        tables={},
        ledgers=(),
        competition=False,
        store=None,
        members={},
    )

    def make(now: datetime) -> MadeBackup:
        times.append(now)
        return MadeBackup(a_backup(folder, now), 3, manifest)

    return make


@pytest.mark.parametrize(
    ("age", "count"),
    [pytest.param(None, 1, id="none yet"), pytest.param(25, 1, id="old enough"), pytest.param(23, 0, id="too young")],
)
def test_one_is_made_when_the_newest_is_old_enough(tmp_path: Path, age: int | None, count: int) -> None:
    """Once, however often it looks, also right after a start; and those before it are cleared."""
    if age is not None:
        a_backup(tmp_path, datetime.now(UTC) - timedelta(hours=age))
        a_backup(tmp_path, datetime.now(UTC) - timedelta(hours=age + 24))
    times: list[datetime] = []
    metrics = loop(tmp_path, made_in(tmp_path, times))
    assert len(times) == count
    assert len(kept(tmp_path, NOW)) == (1 if age is None else 2)
    expected = 0 if count else 23 * 3600
    assert number(metrics, "voice_backup_age_seconds") == pytest.approx(expected, abs=5)
    assert number(metrics, "voice_backup_bytes") == (3 if count else 0)


def test_a_failure_is_said_once_and_nothing_is_cleared(tmp_path: Path) -> None:
    """It is tried again minutes later, not at each look; the age goes on, for whoever watches."""
    for hours in (30, 60, 90):
        a_backup(tmp_path, datetime.now(UTC) - timedelta(hours=hours))

    def fail(_now: datetime) -> MadeBackup:
        raise PlatformError(Code.BACKUP_NOT_WRITTEN, "the disk is full")

    with capture_logs() as logs:
        metrics = loop(tmp_path, fail, waits=5)
    assert [(line["event"], line["code"]) for line in logs] == [("backup failed", Code.BACKUP_NOT_WRITTEN)]
    assert "the disk is full. Make room" in logs[0]["reason"]
    assert len(kept(tmp_path, NOW)) == 3
    assert number(metrics, "voice_backup_failures_total") == 1
    assert number(metrics, "voice_backup_age_seconds") == pytest.approx(30 * 3600, abs=5)
