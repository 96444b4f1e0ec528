"""What processes count, read back as Prometheus reads it."""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from scoring.errors import Code, PlatformError
from voice_api.db.states import QueueName, RefusalClass
from voice_api.runtime.process_metrics import DispatcherMetrics, Ticks, ValidatorMetrics, WorkerMetrics, exposed


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """One sample."""
    return registry.get_sample_value(name, labels)


def test_a_turn_that_ends_well_is_counted_and_dated() -> None:
    """Its time is observed, and its end is the last success."""
    ticks = Ticks()
    assert value(ticks.registry, "voice_tick_success_timestamp_seconds") == 0
    with ticks.measured():
        pass
    assert value(ticks.registry, "voice_ticks_total", outcome="done") == 1
    assert value(ticks.registry, "voice_tick_seconds_count") == 1
    assert (value(ticks.registry, "voice_tick_success_timestamp_seconds") or 0) > 1_600_000_000


def test_a_turn_that_raises_is_an_outage_and_no_success() -> None:
    """What it raised passes through."""
    ticks = Ticks()
    with pytest.raises(PlatformError), ticks.measured():
        raise PlatformError(Code.CHAIN_UNAVAILABLE)
    assert value(ticks.registry, "voice_ticks_total", outcome="outage") == 1
    assert value(ticks.registry, "voice_tick_success_timestamp_seconds") == 0


def test_the_dispatcher_counts_by_queue() -> None:
    """Wake-ups, leases that ran out, and what is left of the retries."""
    metrics = DispatcherMetrics()
    metrics.woke(QueueName.GPU, 2)
    metrics.expired(evaluations=3, validations=1, speeches=0)
    metrics.budget({QueueName.CPU: 1, QueueName.GPU: 3}, left_today=5)
    found = {
        "cpu woken": value(metrics.registry, "voice_dispatcher_wakeups_total", queue="cpu"),
        "gpu woken": value(metrics.registry, "voice_dispatcher_wakeups_total", queue="gpu"),
        "expired": value(metrics.registry, "voice_dispatcher_leases_expired_total", of="evaluations"),
        "cpu left": value(metrics.registry, "voice_retries_left", queue="cpu"),
        "today": value(metrics.registry, "voice_retries_left_today"),
    }
    assert found == {"cpu woken": 0, "gpu woken": 2, "expired": 3, "cpu left": 1, "today": 5}


def test_the_validator_shows_what_keeps_weights_from_being_set() -> None:
    """One class at a time, and none once nothing does; and what counts for nothing, in all and by track."""
    metrics = ValidatorMetrics()
    metrics.fold(3, {"small": True, "large": False})
    metrics.weigh(RefusalClass.OURS, held=False)
    assert value(metrics.registry, "voice_rounds_uncounted") == 3
    assert [value(metrics.registry, "voice_track_refused", track=track) for track in ("small", "large")] == [1, 0]
    assert stopped(metrics) == {"passing": 0, "permanent": 0, "ours": 1}
    metrics.weigh(None, held=True)
    assert stopped(metrics) == {"passing": 0, "permanent": 0, "ours": 0}
    assert value(metrics.registry, "voice_weights_held") == 1


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
