"""Our images for `make compose-check`, built as the compose file says."""

import re
import time
from collections.abc import Mapping
from typing import Any

import yaml
from stack import ROOT, Engine, console, execute
from stack_checks import FAMILY

BUILD_SECONDS = 3600.0
_WORKERS = ("worker", "gpu-worker")


def build(engine: Engine, flags: list[str]) -> None:
    """Build the image of each target that the compose file names, and say how large it is."""
    built = {local(service["image"]): service["build"]["target"] for service in services().values() if "build" in service}
    for image, target in built.items():
        extras = ["--build-arg", "EXTRAS=demo", "--build-arg", f"FAMILIES={FAMILY}"] if target in _WORKERS else []
        started = time.monotonic()
        build_image(engine, image, target, [*flags, *extras])
        size = execute((engine.name, "image", "inspect", "--format", "{{.Size}}", image))
        console.print(f"built {image}: {int(size) / 1e6:,.0f} MB in {time.monotonic() - started:.0f} s")


def build_image(engine: Engine, image: str, target: str, flags: list[str]) -> None:
    """Build a target of the Dockerfile; raises CheckFailed."""
    what = ("--file", "docker/Dockerfile", "--target", target, "--tag", image, ".")
    execute((*engine.build, *flags, *what), limit=BUILD_SECONDS)


def local(image: str) -> str:
    """The image that a service runs where no variable names another one."""
    return re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", image)


def services() -> Mapping[str, Mapping[str, Any]]:
    """The services of the compose file, by name."""
    read: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return read
