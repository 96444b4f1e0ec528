"""Ports of this machine: a free one when none is named, and a clear error when the named one is taken."""

import socket

from scoring.errors import Code, PlatformError


def check_free(host: str, port: int) -> None:
    """Raise PlatformError(PORT_TAKEN) if nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise PlatformError(Code.PORT_TAKEN, f"cannot listen on {host}:{port}: {exc.strerror}.") from exc


def pick(port: int | None) -> int:
    """The named port of 127.0.0.1, checked, or a free one."""
    if port is not None:
        check_free("127.0.0.1", port)
        return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
