"""The orders of a worker to its guest, a JSON object a line: Confinement, then ModelTask and batches of requests, or a task on a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO

from scoring.synthesis.load import Device, Dtype
from scoring.synthesis.synthesiser import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """The walls around a guest."""

    parent: int  # the worker's process id: the guest ends with it
    readable: tuple[str, ...]
    devices: tuple[str, ...]  # device files of the card that it speaks on; none without a card
    scratch: str  # the one writable folder
    witness: str  # a file of the worker's that must stay out of reach
    ram_bytes: int
    spare_bytes: int  # of address space beyond that
    stack_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int
    pending_signals: int
    threads: int
    gate: int = -1  # the inherited socket that takes the listener to the worker, which is asked for each thread


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTask:
    """A model to load, and its arithmetic."""

    family: str
    model_dir: str
    parts: str | None  # the folder of what the competition pinned for the family
    environment: str | None  # the folder of the packages that its adapter imports before all others
    device: Device
    card_bytes: int | None  # the most that it may take of a card's memory; None where it speaks on the processor
    threads: int
    dtype: Dtype
    max_seconds: float  # bounds each sample's length


@dataclass(frozen=True, slots=True)
class FileTask:
    """A sound file to decode, and the longest that its sound may be."""

    path: str
    max_seconds: float


@dataclass(frozen=True, slots=True)
class CheckpointTask:
    """A pickled checkpoint to convert, and the file to make of it."""

    path: str
    target: str


Task = ModelTask | FileTask | CheckpointTask


def encode(order: Confinement | Task | Sequence[Request]) -> bytes:
    """One order as a line."""
    value = asdict(order) if isinstance(order, Confinement | Task) else [asdict(request) for request in order]
    return json.dumps(value).encode() + b"\n"


def read_confinement(source: BinaryIO) -> Confinement:
    """The first line."""
    fields = json.loads(source.readline())
    return Confinement(**fields | {name: tuple(fields[name]) for name in ("readable", "devices")})


def read_task(source: BinaryIO) -> ModelTask | None:
    """The second line; None when the worker is gone or does not go on."""
    line = source.readline()
    return ModelTask(**json.loads(line)) if line else None


def read_file_task(source: BinaryIO) -> FileTask | None:
    """A decoder's second line; None when the worker is gone or does not go on."""
    line = source.readline()
    return FileTask(**json.loads(line)) if line else None


def read_checkpoint_task(source: BinaryIO) -> CheckpointTask | None:
    """A converter's second line; None when the worker is gone or does not go on."""
    line = source.readline()
    return CheckpointTask(**json.loads(line)) if line else None


def read_batch(source: BinaryIO) -> tuple[Request, ...]:
    """The next batch; empty when there is no more to say."""
    line = source.readline()
    return tuple(Request(**fields) for fields in json.loads(line)) if line else ()
