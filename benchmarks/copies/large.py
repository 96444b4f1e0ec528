"""What hashing and sketching cost for a file of gigabytes: seconds against one plain reading of it, and memory."""

import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from benchmarks.copies.document import LargeFile

PIECE = 1 << 20
TENSORS = 64
ROWS = 1024


_FORM = TypeAdapter(tuple[LargeFile, ...])


def kept_or_measured(gigabytes: float, config: Path, parent: Path) -> tuple[LargeFile, ...]:
    """What was measured below `parent` before, or now."""
    kept = parent / f"large-{gigabytes:g}.json"
    if not kept.is_file():
        kept.write_bytes(_FORM.dump_json(tuple(measure(gigabytes, config, parent))))
    return _FORM.validate_json(kept.read_bytes())


def measure(gigabytes: float, config: Path, parent: Path) -> list[LargeFile]:
    """Cold and warm, on a file that is written below `parent` and removed again."""
    with tempfile.TemporaryDirectory(dir=parent, prefix="large-") as name:
        folder = Path(name)
        shutil.copy(config, folder / "config.json")
        written = _write(folder / "model.safetensors", gigabytes)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return [pool.submit(_measure, folder, written / 1e9, cold).result() for cold in (True, False)]


def _write(path: Path, gigabytes: float) -> int:
    """A file of random float32 tensors; its bytes."""
    columns = int(gigabytes * 1e9 / (4 * ROWS * TENSORS))
    size = 4 * ROWS * columns
    header = {
        f"decoder.large.{number}.weight": {
            "dtype": "F32",
            "shape": [ROWS, columns],
            "data_offsets": [number * size, (number + 1) * size],
        }
        for number in range(TENSORS)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = np.random.default_rng(1).standard_normal(size // 4, dtype=np.float32)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for number in range(TENSORS):
            file.write(np.roll(block, number).tobytes())
        file.flush()
        os.fsync(file.fileno())
    return path.stat().st_size


def _measure(folder: Path, gigabytes: float, cold: bool) -> LargeFile:
    """In a process of its own, whose memory is that of hash and sketch."""
    from scoring.model.fingerprint import fingerprint
    from scoring.model.sketch import SketchKey, sketch
    from scoring.progress import NO_PROGRESS

    path = folder / "model.safetensors"
    load = round(os.getloadavg()[0], 1)
    read, _ = _seconds(lambda: _read(path), path, cold)
    hashed, hashed_cpu = _seconds(lambda: fingerprint(folder, NO_PROGRESS), path, cold)
    sketched, sketched_cpu = _seconds(lambda: sketch(folder, SketchKey(1, bytes(32)), NO_PROGRESS), path, cold)
    return LargeFile(
        gigabytes=round(gigabytes, 2),
        cold=cold,
        load=load,
        read=read,
        fingerprint=hashed,
        sketch=sketched,
        fingerprint_cpu=hashed_cpu,
        sketch_cpu=sketched_cpu,
        peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    )


def _seconds(work: Callable[[], object], path: Path, cold: bool) -> tuple[float, float]:
    """Seconds by the clock, and of this process on a core."""
    if cold:
        _forget(path)
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return round(time.perf_counter() - start, 3), round(time.process_time() - start_cpu, 3)


def _forget(path: Path) -> None:
    """Ask the kernel to keep nothing of a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(path: Path) -> int:
    with path.open("rb", buffering=0) as file:
        return sum(len(piece) for piece in iter(lambda: file.read(PIECE), b""))
