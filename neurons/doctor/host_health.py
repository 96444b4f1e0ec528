"""This host: Python and its packages, the kernel and the sandbox, cards, folders, judges, environments and a worker's certificate."""

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, fault, warning, well
from neurons.doctor.words import gigabytes, listed
from scoring.errors import Code, InfrastructureFault
from scoring.store.place import StorePlace
from voice_api.db.states import QueueName

if TYPE_CHECKING:
    from workers.sandbox.card import Card
    from workers.sandbox.selftest.run import Finding as Attempted

OURS = "voice-subnet"
_LITTLE, _NOTHING = 5 << 30, 1 << 30
"""Bytes left below which a disk is soon full, or is: one model, or one round's sounds, may be a gigabyte."""
_LITTLE_SHARE, _NOTHING_SHARE = 0.05, 0.01
"""Of a small disk, instead, the share that is left."""
_LEAST_LANDLOCK, _WHOLE_LANDLOCK = 3, 6
_ASK_SECONDS = 5.0


def python(packages: Sequence[str], installed: Callable[[str], str] = version) -> Finding:
    """The row of Python and the packages of a role, by their names."""
    found, missing = [f"Python {platform.python_version()}"], []
    for name in (OURS, *packages):
        try:
            found.append(f"{name} {installed(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        fix = "Install this project with the extra that the role needs: `pip install 'voice-subnet[worker]'` (from a clone: `make`)."
        return failing(CheckName.PYTHON, f"{listed(found)}; not installed: {listed(missing)}", fix)
    return well(CheckName.PYTHON, listed(found))


def kernel(release: str, landlock: int) -> Finding:
    """The row of the kernel, by the version of Landlock that it has; 0 is none."""
    if landlock < _LEAST_LANDLOCK:
        fix = (
            "Use Linux 6.2 or newer with Landlock on (`lsm=landlock,…` of the kernel's command line): no model speaks without it."
        )
        return failing(CheckName.KERNEL, f"Linux {release}, Landlock version {landlock}", fix, Code.SANDBOX_UNAVAILABLE)
    more = "" if landlock >= _WHOLE_LANDLOCK else "; the filter does what newer versions would"
    return well(CheckName.KERNEL, f"Linux {release}, Landlock version {landlock}{more}")


def sandbox(attempted: Sequence["Attempted"]) -> Finding:
    """The row of the sandbox, by what a hostile guest of ours could do."""
    breaches = [each.name for each in attempted if each.is_breach]
    if breaches:
        fix = "Let no model speak on this host; `voice worker selftest` shows the way, and SECURITY.md says whom to tell."
        return failing(CheckName.SANDBOX, f"a hostile guest got through: {listed(breaches)}", fix, Code.SANDBOX_OPEN)
    return well(CheckName.SANDBOX, f"none of {len(attempted)} ways out is open")


def cards(found: Sequence["Card"], driver: str, queue: QueueName) -> Finding:
    """The row of the cards; `driver` is what it says of itself, '' where it does not answer."""
    if not found:
        if queue is QueueName.GPU:
            fix = "Install NVIDIA's driver (in compose: its Container Toolkit, profile gpu), or set VOICE_QUEUE=cpu."
            return failing(CheckName.CARD, "none, and VOICE_QUEUE is gpu", fix, Code.CARD_UNAVAILABLE)
        return well(CheckName.CARD, "none, and the queue cpu needs none")
    if not driver:
        fix = "Install `nvidia-smi` beside the driver: a worker asks it for free memory."
        row = failing if queue is QueueName.GPU else warning
        return row(CheckName.CARD, f"{len(found)} found, and nvidia-smi does not answer", fix)
    return well(CheckName.CARD, driver)


def ask_driver() -> str:
    """What NVIDIA's driver says of the cards: name, version and free memory of each; '' where it does not answer."""
    fields = "--query-gpu=name,driver_version,memory.free,memory.total"
    try:
        said = subprocess.run(
            ["nvidia-smi", fields, "--format=csv,noheader"], capture_output=True, text=True, check=True, timeout=_ASK_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(said.strip().splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """A file system: bytes in all and left for this user, and files that may still be made (None where it does not count them)."""

    total: int
    left: int
    files_left: int | None


def disk_space(folder: Path) -> DiskSpace:
    """The file system of a folder, or of its nearest parent that exists; raises OSError."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    found = os.statvfs(place)
    files = found.f_favail if found.f_files else None
    return DiskSpace(total=found.f_blocks * found.f_frsize, left=found.f_bavail * found.f_frsize, files_left=files)


def disk(folder: Path, space: DiskSpace) -> Finding:
    """The row of one folder's file system."""
    value = f"{folder}: {gigabytes(space.left)} of {gigabytes(space.total)} left"
    fix = "Make room: `voice store prune --dry-run` says what may go of the store; a worker's cache obeys VOICE_CACHE_BYTES."
    if space.files_left == 0:
        return failing(CheckName.DISK, f"{value}, and no file can be made (inodes)", fix)
    if space.left < min(_NOTHING, _NOTHING_SHARE * space.total):
        return failing(CheckName.DISK, value, fix)
    if space.left < min(_LITTLE, _LITTLE_SHARE * space.total):
        return warning(CheckName.DISK, value, fix)
    return well(CheckName.DISK, value)


def environments(families: Iterable[str], problems: Mapping[str, str]) -> Finding:
    """The row of the environments that a competition's families need; `problems` says what is wrong, by family."""
    needed = list(families)
    if problems:
        fix = f"Run `voice worker prepare {' '.join(problems)}`."
        return failing(CheckName.ENVIRONMENTS, "; ".join(problems.values()), fix, Code.ENVIRONMENT_UNAVAILABLE)
    return well(CheckName.ENVIRONMENTS, f"prepared: {listed(needed)}" if needed else "no family of the competition needs one")


def judges(check: Callable[[], None]) -> Finding:
    """The row of the judges' networks."""
    try:
        check()
    except InfrastructureFault as exc:
        return fault(CheckName.JUDGES, exc)
    return well(CheckName.JUDGES, "each file is right")


def store(place: StorePlace | None, *, is_written: bool) -> Finding:
    """The row of a store that could be listed, a folder or a bucket; `is_written`: this role writes into it."""
    if place is None:
        fix = "Set VOICE_STORE to where the workers write, so that people can hear samples."
        return warning(CheckName.STORE, "none is named: the API has no sounds", fix)
    if isinstance(place, Path):
        nearest = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
        if is_written and not os.access(nearest, os.W_OK):
            return failing(CheckName.STORE, f"{place} cannot be written by this user", "Give it to the worker's user.")
        if not is_written and not place.is_dir():
            return warning(
                CheckName.STORE, f"there is no folder {place} yet", "The first evaluation makes it, or VOICE_STORE is wrong."
            )
    return well(CheckName.STORE, str(place))


def settings(wrong: Sequence[str], role: str) -> Finding:
    """The row of the settings: each that cannot be read, with why; `role` is the first that reads such a one."""
    if wrong:
        fix = f"`voice init {role}` asks for what is needed and writes it into a file; `.env.example` explains each."
        return failing(CheckName.SETTINGS, "; ".join(wrong), fix, Code.SETTING_INVALID)
    return well(CheckName.SETTINGS, "each can be read")


def unread_settings(trouble: str, role: str) -> Finding:
    """The row of the settings of a host whose file of them cannot be read."""
    fix = f"Correct the file, or write it anew: `voice init {role} --force` asks for all of it, and keeps the old one beside it."
    value = f"{trouble}; what depends on settings was not looked at"
    return failing(CheckName.SETTINGS, value, fix, Code.SETTING_INVALID)
