"""What a worker tells its guest: one JSON object per line: Confinement, then Task and batches of requests, or one FileTask."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request


@dataclass(frozen=True, slots=True)
class Confinement:
    """The walls. `witness` is a file of the worker's that must stay out of reach; `scratch` is the one writable folder."""

    parent: int
    readable: tuple[str, ...]
    scratch: str
    witness: str
    ram_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int


@dataclass(frozen=True, slots=True)
class Task:
    """Which model to load, with which arithmetic; `max_seconds` bounds each sample's length."""

    family: str
    model_dir: str
    threads: int
    dtype: Dtype
    max_seconds: float


@dataclass(frozen=True, slots=True)
class FileTask:
    """Which sound file to decode, and how long its sound may be."""

    path: str
    max_seconds: float


def encode(order: Confinement | Task | FileTask | Sequence[Request]) -> bytes:
    """One order as a line."""
    value = asdict(order) if isinstance(order, Confinement | Task | FileTask) else [asdict(request) for request in order]
    return json.dumps(value).encode() + b"\n"


def read_confinement(source: BinaryIO) -> Confinement:
    """The first line."""
    fields = json.loads(source.readline())
    return Confinement(**fields | {"readable": tuple(fields["readable"])})


def read_task(source: BinaryIO) -> Task | None:
    """The second line; None when the worker is gone or does not go on."""
    line = source.readline()
    return Task(**json.loads(line)) if line else None


def read_file_task(source: BinaryIO) -> FileTask | None:
    """The second line of one who decodes; None when the worker is gone or does not go on."""
    line = source.readline()
    return FileTask(**json.loads(line)) if line else None


def read_batch(source: BinaryIO) -> tuple[Request, ...]:
    """The next batch; empty when there is no more to say."""
    line = source.readline()
    return tuple(Request(**fields) for fields in json.loads(line)) if line else ()
