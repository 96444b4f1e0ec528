"""What processes count, read back as Prometheus reads it."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from scoring.errors import Code, PlatformError
from scoring.store.files import StoredFile
from scoring.store.folder import FolderFiles
from scoring.types import Block, RoundNumber
from voice_api.db.states import QueueName, RefusalClass, WeightOutcome
from voice_api.runtime.chain_metrics import ChainMetrics
from voice_api.runtime.disks import StoreSize, show_disks
from voice_api.runtime.process_metrics import DispatcherMetrics, Ticks, exposed
from voice_api.runtime.validator_metrics import LedgerNumbers, ValidatorMetrics
from voice_api.runtime.worker_metrics import WorkerMetrics
from workers.sandbox.card_numbers import CardNumbers


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """One sample."""
    return registry.get_sample_value(name, labels)


def test_a_turn_that_ends_well_is_counted_and_dated() -> None:
    """Its time is observed, and its end is the last success; before the first that is the process's own beginning."""
    ticks = Ticks()
    began = value(ticks.registry, "voice_tick_success_timestamp_seconds") or 0
    assert began > 1_600_000_000, "a process that has just begun is late with nothing"
    with ticks.measured():
        pass
    assert value(ticks.registry, "voice_ticks_total", outcome="done") == 1
    assert value(ticks.registry, "voice_tick_seconds_count") == 1
    assert (value(ticks.registry, "voice_tick_success_timestamp_seconds") or 0) > began


def test_a_turn_that_raises_is_an_outage_and_no_success() -> None:
    """What it raised passes through."""
    ticks = Ticks()
    began = value(ticks.registry, "voice_tick_success_timestamp_seconds")
    with pytest.raises(PlatformError), ticks.measured():
        raise PlatformError(Code.CHAIN_UNAVAILABLE)
    assert value(ticks.registry, "voice_ticks_total", outcome="outage") == 1
    assert value(ticks.registry, "voice_tick_success_timestamp_seconds") == began


def test_the_dispatcher_counts_by_queue() -> None:
    """Wake-ups, leases that ran out, and what is left of the retries."""
    metrics = DispatcherMetrics()
    metrics.woke(QueueName.GPU, 2)
    metrics.expired(evaluations=3, validations=1, speeches=0)
    assert math.isnan(value(metrics.registry, "voice_redis_up") or 0), "who does not lead knows nothing"
    metrics.redis(answers=True, emptied=True, tidied=2)
    metrics.budget({QueueName.CPU: 1, QueueName.GPU: 3}, left_today=5)
    found = {
        "cpu woken": value(metrics.registry, "voice_dispatcher_wakeups_total", queue="cpu"),
        "gpu woken": value(metrics.registry, "voice_dispatcher_wakeups_total", queue="gpu"),
        "expired": value(metrics.registry, "voice_dispatcher_leases_expired_total", of="evaluations"),
        "cpu left": value(metrics.registry, "voice_retries_left", queue="cpu"),
        "redis": value(metrics.registry, "voice_redis_up"),
        "emptied": value(metrics.registry, "voice_redis_emptied_total"),
        "tidied": value(metrics.registry, "voice_dispatcher_tidied_total"),
        "today": value(metrics.registry, "voice_retries_left_today"),
    }
    assert found == {
        "cpu woken": 0,
        "gpu woken": 2,
        "expired": 3,
        "cpu left": 1,
        "redis": 1,
        "emptied": 1,
        "tidied": 2,
        "today": 5,
    }


def test_the_validator_shows_what_keeps_weights_from_being_set() -> None:
    """One class at a time, and none once nothing does; and what counts for nothing, in all and by track."""
    metrics = ValidatorMetrics()
    metrics.fold(LedgerNumbers(round=RoundNumber(9), uncounted=3, refused={"rules": 2}, tracks={"small": True, "large": False}))
    assert value(metrics.registry, "voice_ledger_round") == 9
    assert value(metrics.registry, "voice_receipts_refused", why="rules") == 2
    metrics.weights.weigh(RefusalClass.OURS, held=False)
    assert value(metrics.registry, "voice_rounds_uncounted") == 3
    assert [value(metrics.registry, "voice_track_refused", track=track) for track in ("small", "large")] == [1, 0]
    assert stopped(metrics) == {"passing": 0, "permanent": 0, "ours": 1}
    metrics.weights.weigh(None, held=True)
    assert stopped(metrics) == {"passing": 0, "permanent": 0, "ours": 0}
    assert value(metrics.registry, "voice_weights_held") == 1


def test_the_validator_shows_how_its_weights_stand() -> None:
    """Their age, what the last plan burns, and each step of an attempt; before anything is known that is no number."""
    metrics = ValidatorMetrics()
    names = ("voice_ledger_round", "voice_weights_age_blocks", "voice_weights_burn_ratio")
    assert all(math.isnan(value(metrics.registry, name) or 0) for name in names)
    metrics.weights.stand(last_update=Block(900), block=Block(1000), cutoff=5000)
    metrics.weights.planned(0.25, expired=2)
    metrics.weights.attempted(WeightOutcome.FAILED, RefusalClass.OURS)
    found = [
        value(metrics.registry, "voice_weights_age_blocks"),
        value(metrics.registry, "voice_weights_cutoff_blocks"),
        value(metrics.registry, "voice_weights_burn_ratio"),
        value(metrics.registry, "voice_weights_expired_in_a_row"),
        value(metrics.registry, "voice_weights_attempts_total", outcome="failed", **{"class": "ours"}),
        value(metrics.registry, "voice_weights_attempts_total", outcome="set", **{"class": "none"}),
    ]
    assert found == [100, 5000, 0.25, 2, 1, 0]


def test_a_chain_that_stands_still_is_seen_by_the_time_since_it_moved() -> None:
    """The same block again changes nothing: neither when it moved, nor how far the clocks are apart."""
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    times = iter((start, start + timedelta(seconds=40), start + timedelta(seconds=400)))
    registry = CollectorRegistry()
    chain = ChainMetrics(registry, clock=lambda: next(times))
    assert value(registry, "voice_chain_moved_timestamp_seconds") == start.timestamp()
    for _ in range(2):
        chain.saw(Block(7), start + timedelta(seconds=10))
    shown = {name: value(registry, f"voice_{name}") for name in ("chain_block", "clock_ahead_seconds")}
    assert shown == {"chain_block": 7, "clock_ahead_seconds": 30}
    assert value(registry, "voice_chain_moved_timestamp_seconds") == start.timestamp() + 40
    chain.saw(Block(8), start)
    assert value(registry, "voice_clock_ahead_seconds") == 400


def test_disks_are_looked_at_when_somebody_asks(tmp_path: Path) -> None:
    """A folder that is not there has no number."""
    registry = CollectorRegistry()
    show_disks(registry, {"data": tmp_path, "store": tmp_path / "none"})
    assert 0 < (value(registry, "voice_disk_free_bytes", of="data") or 0) < (value(registry, "voice_disk_bytes", of="data") or 0)
    assert math.isnan(value(registry, "voice_disk_bytes", of="store") or 0)


def test_a_store_is_added_up_beside_and_not_again_for_an_hour(tmp_path: Path) -> None:
    """Who asks first gets no number, and waits for nothing; sounds, receipts and rules count."""
    for name in ("audio/aa/1.flac", "receipts/bb/2.json", "competitions/3.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    now, asked = [0.0], threading.Event()

    class Waiting(FolderFiles):
        """A store that tells its files once the first answer was there."""

        def each(self, prefix: str) -> Iterator[StoredFile]:
            assert asked.wait(10)
            return super().each(prefix)

    size = StoreSize(Waiting(tmp_path), clock=lambda: now[0])
    assert math.isnan(size.bytes())
    asked.set()
    until(lambda: size.bytes() == 15)
    (tmp_path / "audio" / "aa" / "4.flac").write_bytes(b"12345")
    assert size.bytes() == 15
    now[0] = 3601.0
    until(lambda: size.bytes() == 20)


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread, within reason."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_cards_are_shown_as_the_driver_tells_them() -> None:
    """In bytes, degrees and shares; what a card does not tell is left out, and so is everything where no driver answers."""
    said = "00000000:17:00.0, 1024, 81559, 64, 50\n00000000:65:00.0, 0, 81559, [N/A], 0\n"
    registry = CollectorRegistry()
    registry.register(CardNumbers(lambda: said))
    assert value(registry, "voice_card_memory_bytes", card="00000000:17:00.0", state="used") == 1 << 30
    assert value(registry, "voice_card_temperature_celsius", card="00000000:17:00.0") == 64
    assert value(registry, "voice_card_used_ratio", card="00000000:17:00.0") == 0.5
    assert value(registry, "voice_card_temperature_celsius", card="00000000:65:00.0") is None
    silent = CollectorRegistry()
    silent.register(CardNumbers(lambda: ""))
    assert value(silent, "voice_card_memory_bytes", card="00000000:17:00.0", state="used") is None


def stopped(metrics: ValidatorMetrics) -> dict[str, float | None]:
    """The gauge of each class."""
    return {kind.value: value(metrics.registry, "voice_weights_stopped", **{"class": kind.value}) for kind in RefusalClass}


def test_a_run_is_counted_by_outcome_and_code() -> None:
    """A run without a code has an empty label."""
    metrics = WorkerMetrics()
    metrics.ended("scored")
    metrics.ended("parked", Code.HUB_UNAVAILABLE)
    metrics.retried()
    metrics.lease_lost()
    assert value(metrics.registry, "voice_worker_runs_total", outcome="scored", code="") == 1
    assert value(metrics.registry, "voice_worker_runs_total", outcome="parked", code="hub-unavailable") == 1
    assert value(metrics.registry, "voice_worker_retries_total") == 1
    assert value(metrics.registry, "voice_worker_leases_lost_total") == 1


def test_a_stage_lasts_until_the_next_begins_or_the_run_ends() -> None:
    """Signs of progress of one stage are one measurement; the last stage ends with the run, even one that fails."""
    metrics = WorkerMetrics()
    with pytest.raises(PlatformError), metrics.stages() as at:
        for stage in ("fetch", "fetch", "speak"):
            at(stage)
        raise PlatformError(Code.INTERNAL)
    counts = {stage: value(metrics.registry, "voice_worker_stage_seconds_count", stage=stage) for stage in ("fetch", "speak")}
    assert counts == {"fetch": 1, "speak": 1}


def test_the_numbers_are_shown_on_their_own_port_while_the_process_runs() -> None:
    """With the process's own memory beside them; after the end nothing listens."""
    port = free_port()
    with exposed(WorkerMetrics().registry, "127.0.0.1", port) as shown:
        text = httpx.get(f"http://127.0.0.1:{shown}/metrics", trust_env=False).text
    assert "voice_worker_retries_total 0.0" in text
    assert "process_resident_memory_bytes" in text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_port_0_shows_nothing() -> None:
    """The default: no process listens unless it is told to."""
    with exposed(Ticks().registry, "127.0.0.1", 0) as shown:
        assert shown is None


def test_a_taken_port_is_told_by_name() -> None:
    """The error is coded and names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(PlatformError, match=f"VOICE_METRICS_PORT {port}") as refusal,
            exposed(Ticks().registry, "127.0.0.1", port),
        ):
            raise AssertionError("it must not start")
    assert refusal.value.code is Code.PORT_TAKEN


def test_two_processes_in_one_interpreter_do_not_share() -> None:
    """Each has a registry of its own."""
    first, second = WorkerMetrics(), WorkerMetrics()
    first.retried()
    assert "voice_worker_retries_total 0.0" in generate_latest(second.registry).decode()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
