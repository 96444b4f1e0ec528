"""Every attempt, by its name."""

from collections.abc import Mapping

from workers.sandbox.selftest import on_files, on_kernel, on_processes
from workers.sandbox.selftest.attempt import Attempt

AREAS: Mapping[str, tuple[Attempt, ...]] = {
    "files": on_files.ATTEMPTS,
    "processes": on_processes.ATTEMPTS,
    "the kernel and the network": on_kernel.ATTEMPTS,
}
ATTEMPTS: Mapping[str, Attempt] = {one.name: one for area in AREAS.values() for one in area}
