"""The numbers of every process as it shows them when it has just started, on an empty node."""

from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from neurons.miner.miner_metrics import MinerMetrics
from neurons.validator.follow.daemon import Gauges
from scoring.store.folder import FolderFiles
from voice_api.db.states import QueueName, SpeechState, ValidationState, WorkerDuty
from voice_api.runtime.api_metrics import ApiMetrics, DatabaseNumbers
from voice_api.runtime.chain_metrics import ChainMetrics
from voice_api.runtime.disks import show_disks, show_store
from voice_api.runtime.process_metrics import BackupMetrics, DispatcherMetrics, Ticks
from voice_api.runtime.validator_metrics import ValidatorMetrics
from voice_api.runtime.worker_metrics import WorkerMetrics

EMPTY = DatabaseNumbers(
    depths=(),
    outcomes=(),
    waiting=(),
    workers={},
    gone={(queue, duty): 0 for queue in QueueName for duty in WorkerDuty},
    bytes=9_000_000,
    validations=dict.fromkeys(ValidationState, 0),
    speeches=dict.fromkeys(SpeechState, 0),
    led=True,
    registry_age=timedelta(seconds=12),
)
"""A database without a row, which a dispatcher and a model queue have found."""


NEVER = 4e9
"""The end of a certificate, in Unix time, that no test lives to see."""


def registries() -> dict[str, CollectorRegistry]:
    """What each process counts, by the name under which Prometheus asks it."""
    follower = Ticks()
    Gauges.beside(follower)
    ValidatorMetrics(follower.registry)
    sender = Ticks()
    ChainMetrics(sender.registry)
    api, worker = ApiMetrics(), WorkerMetrics()
    api.render(EMPTY)
    show_disks(api.registry, {"store": Path("/")})
    show_store(api.registry, FolderFiles(Path("/nowhere")))
    show_disks(worker.registry, {"data": Path("/")})
    worker.certified_until(lambda: NEVER)
    return {
        "api": api.registry,
        "backup": BackupMetrics().registry,
        "dispatcher": DispatcherMetrics().registry,
        "miner": MinerMetrics().registry,
        "model-queue": sender.registry,
        "validator": follower.registry,
        "worker": worker.registry,
    }


def first_numbers() -> dict[str, str]:
    """The same as the text that Prometheus reads."""
    return {job: generate_latest(registry).decode() for job, registry in registries().items()}
