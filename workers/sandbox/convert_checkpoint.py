"""A pickled checkpoint becomes safetensors inside the sandbox: opening one can run code, which then finds walls around it."""

import math
import stat
from collections.abc import Sequence
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.model.safetensors_header import read_header
from workers.sandbox import confinement
from workers.sandbox.confinement import scratch
from workers.sandbox.file_guest import BrokenByFile, FileGuest, ask
from workers.sandbox.guest.frames import FrameKind
from workers.sandbox.guest.orders import CheckpointTask

HEADER_BYTES = 16 << 20
"""Most that the names and shapes of a model's tensors may take."""
_RAM_BYTES = 2 << 30
"""Of torch itself, and of one tensor's copy."""
_SECONDS, _BYTES_PER_SECOND = 60.0, 20 << 20
_PROGRAM = ("-m", "workers.sandbox.guest.convert")


def convert(
    scratch_root: Path, checkpoint: Path, target: Path, *, seconds: float | None = None, program: Sequence[str] = _PROGRAM
) -> None:
    """Write the checkpoint's tensors to `target`, a new file, in safetensors.

    Raises InfrastructureFault: JUDGE_UNAVAILABLE with a sentence on what is wrong with the checkpoint, also for one that crashes the
    converter or keeps it busy for `seconds` (by default as its size needs), another code where this host is at fault. In every such
    case `target` is not there. `program` is what Python runs as guest; only tests name another.
    """
    size = checkpoint.stat().st_size
    guest = FileGuest(
        kind="converter",
        program=tuple(program),
        ram_bytes=_RAM_BYTES + 2 * size,
        scratch_bytes=size + HEADER_BYTES,
        seconds=seconds or math.ceil(_SECONDS + size / _BYTES_PER_SECOND),
        answer_bytes=0,
    )
    with scratch(scratch_root.resolve()) as place:
        made = place.room / "model.safetensors"
        walls = confinement.for_checkpoint(checkpoint, place, guest.ram_bytes, math.ceil(2 * guest.seconds), guest.scratch_bytes)
        try:
            frame = ask(guest, CheckpointTask(str(checkpoint.resolve()), str(made)), place, walls)
        except BrokenByFile as broken:
            raise _refused(checkpoint, str(broken)) from broken
        match frame.kind:
            case FrameKind.LOADED:
                _keep(checkpoint, made, target)
            case FrameKind.NOT_LOADED:
                raise _refused(checkpoint, frame.reason)
            case _:
                raise _refused(checkpoint, "it makes a converter misbehave")


def _keep(checkpoint: Path, made: Path, target: Path) -> None:
    """Move what the guest wrote out of its room, if it is what it should be: the guest may have been taken over."""
    try:
        found = made.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise _refused(checkpoint, "it makes a converter misbehave")
        read_header(made, HEADER_BYTES)
        made.chmod(0o644)
        made.replace(target)
    except FileNotFoundError as exc:
        raise _refused(checkpoint, "it makes a converter misbehave") from exc
    except SubmissionFault as fault:
        raise _refused(checkpoint, f"it makes a converter misbehave: {fault.detail}") from fault
    except OSError as exc:
        raise InfrastructureFault(Code.WORKER_ERROR, f"{target} cannot be written: {exc.strerror}") from exc


def _refused(checkpoint: Path, why: str) -> InfrastructureFault:
    return InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{checkpoint.name} cannot be converted: {why}")
