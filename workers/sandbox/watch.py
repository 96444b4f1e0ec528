"""What a guest holds, as its host sees it: numbers that the guest cannot move."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_USER, _SYSTEM, _THREADS = 11, 12, 17
"""Places in /proc/PID/stat after the name: ticks of processor time, and number of threads."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_BESIDE = re.compile(rb"^(?:VmSwap|VmPTE|HugetlbPages):\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a guest."""

    held_bytes: int
    """The most that was ever resident, mapped files and shared pages included, and what lies in swap, in large pages and in page tables."""
    threads: int
    cpu_seconds: float  # of all threads that were


def look(pid: int) -> Seen:
    """What a child holds that may have ended, and was not waited for.

    All its threads share one memory, which any living one shows: the first thread's own numbers are zero once that has ended.
    """
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()  # from the third on: the second is a name that the guest chooses
    ticks = int(fields[_USER]) + int(fields[_SYSTEM])
    return Seen(_held(Path(f"/proc/{pid}/task")), int(fields[_THREADS]), ticks / _TICKS)


def _held(tasks: Path) -> int:
    for task in tasks.iterdir():
        try:
            status = (task / "status").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        if peak := _PEAK.search(status):
            return (int(peak[1]) + sum(map(int, _BESIDE.findall(status)))) << 10
    return 0
