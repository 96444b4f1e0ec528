"""How many files a process may have open, and how many of them may be connections."""

import resource
from dataclasses import dataclass
from typing import Self

_KEPT_BACK = 256
"""For everything that is no connection: the database's, Redis's, files, and those that are just being refused."""
LISTENERS = 2_000
"""Open pages that hear news, where the process may have files enough: each holds a connection."""


def raise_limit() -> None:
    """Let this process have as many files open as it may choose itself.

    The soft limit of 1,024 that many hosts begin with is for programs that pass sockets to `select`; ours don't.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass(frozen=True, slots=True)
class ConnectionBudget:
    """The most connections in all, and the most open pages beside them."""

    connections: int
    listeners: int

    @classmethod
    def within(cls, open_files: int, connections: int) -> Self:
        """As many connections as are wanted, and LISTENERS; where the files don't suffice, both by the same part fewer."""
        wanted = connections + LISTENERS
        part = min(1.0, max(0, open_files - _KEPT_BACK) / wanted)
        return cls(max(1, int(connections * part)), max(1, int(LISTENERS * part)))

    @classmethod
    def of_process(cls, connections: int) -> Self:
        """The budget under the limit that this process has now."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls.within(connections + LISTENERS + _KEPT_BACK if soft == resource.RLIM_INFINITY else soft, connections)
