"""The walls around a guest, and its scratch folder: the files that it may read and write, and how much of the rest it may use."""

import math
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import scoring
from scoring.competition import SubmissionLimits, SynthesisRules
from workers.sandbox import limits as most
from workers.sandbox.card import Card, paths
from workers.sandbox.guest.orders import Confinement
from workers.sandbox.locked_tempdir import locked_tempdir

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_PREFIX = "guest-"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The one folder that a guest may write (`room`), beside a file that it must not reach (`witness`)."""

    room: Path
    witness: Path

    def bytes_used(self) -> int:
        """Bytes in the guest's files, which lie flat; more than SCRATCH_FILES files count as without end."""
        total = 0
        with os.scandir(self.room) as entries:
            for count, entry in enumerate(entries):
                if count >= most.SCRATCH_FILES:
                    return 1 << 62
                total += _size(entry)
        return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # removed meanwhile
        return 0


@contextmanager
def scratch(root: Path) -> Iterator[Scratch]:
    """A fresh scratch folder under `root`; it is removed in time, even after a killed worker."""
    with locked_tempdir(root, _PREFIX) as folder:
        made = Scratch(folder / "room", folder / "witness")
        made.room.mkdir()
        made.witness.write_text("not for the guest", encoding="ascii")
        yield made


def runtime_paths() -> tuple[str, ...]:
    """Folders and files that Python and its packages need at run time; the project's own code only as far as a guest uses it."""
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    own = [str(Path(scoring.__file__).parent)]
    libraries = [str(Path(prefix, "lib")) for prefix in {sys.base_prefix, sys.base_exec_prefix}]
    return tuple(dict.fromkeys([*installed, *own, *libraries, *_SYSTEM]))


def for_model(
    readable: Sequence[Path],  # the model, its family's pinned parts, and its environment
    place: Scratch,
    seconds: float,
    limits: SubmissionLimits,
    rules: SynthesisRules,
    *,
    card: Card | None,
) -> Confinement:
    """The walls for one model that may speak for so many seconds. Processor time is bounded by the deadlines of all threads together."""
    cpu_seconds = math.ceil((limits.load_seconds + seconds) * rules.threads) + most.CPU_SLACK_SECONDS
    walls = _walls(readable, place, limits.ram_bytes, cpu_seconds)
    if card is None:
        return walls
    opened = paths(card)
    return replace(walls, devices=opened.devices, readable=(*walls.readable, *opened.readable))


def for_file(folder: Path, place: Scratch, ram_bytes: int, cpu_seconds: int) -> Confinement:
    """The walls for the decoder of one file, which lies in a folder of its own."""
    return _walls((folder,), place, ram_bytes, cpu_seconds)


def for_checkpoint(file: Path, place: Scratch, ram_bytes: int, cpu_seconds: int, file_bytes: int) -> Confinement:
    """The walls for the converter of one checkpoint, which may write a file of so many bytes."""
    return replace(_walls((file,), place, ram_bytes, cpu_seconds), file_bytes=file_bytes)


def _walls(readable: Sequence[Path], place: Scratch, ram_bytes: int, cpu_seconds: int) -> Confinement:
    return Confinement(
        parent=os.getpid(),
        readable=(*runtime_paths(), *(str(path.resolve()) for path in readable)),
        devices=(),
        scratch=str(place.room),
        witness=str(place.witness),
        ram_bytes=ram_bytes,
        cpu_seconds=cpu_seconds,
        spare_bytes=most.SPARE_BYTES,
        stack_bytes=most.STACK_BYTES,
        file_bytes=most.FILE_BYTES,
        open_files=most.OPEN_FILES,
        pending_signals=most.PENDING_SIGNALS,
        threads=most.MOST_THREADS,
    )
