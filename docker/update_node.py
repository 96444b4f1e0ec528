"""This host as an update sees it: its settings, its images, which of its services are well, and how a run may end. Needs Python only."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from update_engine import Container, Ended, Engine
from update_state import variables

DOCTORS = ("validator", "worker", "api")
"""The services whose doctor is asked."""
UNCHANGED = "nothing was changed:"
_IMAGE = re.compile(r"\$\{(VOICE_IMAGE_([A-Z0-9_]+)):-([^}]+)\}")
_SERVICE_IMAGE = re.compile(r"^  ([a-z][a-z0-9-]*):|^    image: \$\{(VOICE_IMAGE_[A-Z0-9_]+):-", re.MULTILINE)
_SCHEMA = ("psql", "--username", "voice", "--dbname", "voice", "--tuples-only", "--no-align")


class Status(IntEnum):
    """How a run ended, as its exit status."""

    DONE = 0
    REFUSED = 1
    SETTING = 2
    BUSY = 3
    BY_HAND = 4
    WENT_BACK = 5
    BROKEN = 6


class Stopped(Exception):
    """The end of a run that does not go on, with its status and its line."""

    def __init__(self, status: Status, line: str) -> None:
        super().__init__(line)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """This host, as far as an update goes."""

    engine: Engine
    compose: Path
    env: Path
    folder: Path
    """Of what is kept between two runs."""
    fetch: Callable[[str], bytes]
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    told: Callable[[str], None]
    patience: float
    """Seconds in which everything is to be well again."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What .env says."""
        return variables(self.env_text)

    @property
    def env_text(self) -> str:
        """The file .env; empty where there is none."""
        return env_text(self.env)

    @property
    def targets(self) -> Mapping[str, str]:
        """What each image is built from, by the variable that names the image in the compose file."""
        found = _IMAGE.findall(self.compose.read_text(encoding="utf-8"))
        return {variable: target.lower().replace("_", "-") for variable, target, _ in found}

    @property
    def images(self) -> dict[str, str]:
        """The images that are run now, by their variables: the compose file's own where .env names none."""
        named, found = self.settings, _IMAGE.findall(self.compose.read_text(encoding="utf-8"))
        return {variable: named.get(variable) or image for variable, _, image in found}

    def used(self, services: Collection[str]) -> set[str]:
        """The variables of the images that these services run: a host without cards is spared the image for them."""
        found, service = set[str](), ""
        for named, variable in _SERVICE_IMAGE.findall(self.compose.read_text(encoding="utf-8")):
            service = named or service
            if variable and service in services:
                found.add(variable)
        return found

    @property
    def state_file(self) -> Path:
        """Where the state is."""
        return self.folder / "state.json"

    def run(self, *command: str, images: Mapping[str, str]) -> Ended:
        """Run a command in a new container of a service, beside what is up."""
        return self.engine.compose("run", "--rm", "--no-deps", "-T", *command, images=images)

    def schema(self, found: list[Container]) -> str:
        """The database's revision; empty where it cannot be asked, as where it is on another host."""
        running = [each.name for each in found if each.service == "postgres" and each.is_running]
        if not running:
            return ""
        ended = self.engine.execute(running[0], *_SCHEMA, "--command", "select version_num from alembic_version")
        return ended.printed.strip() if ended.status == 0 else ""

    def failing(self, found: list[Container]) -> tuple[str, ...]:
        """What the doctors of the running services find to be failing."""
        rows: list[str] = []
        for service in DOCTORS:
            running = [each for each in found if each.service == service and each.is_running]
            if running:
                failing = failing_rows(self.engine.execute(running[0].name, "voice", "doctor", service, "--json"))
                rows += [f"{service}: {row}" for row in (["the doctor cannot be asked"] if failing is None else failing)]
        return tuple(rows)


def env_text(path: Path) -> str:
    """The text of a file .env, empty where there is none; raises OSError, and Stopped for what is no text."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError as exc:
        raise Stopped(Status.SETTING, f"{path} is no text in UTF-8: write it anew") from exc
    if "\0" in text:
        raise Stopped(Status.SETTING, f"{path} holds a NUL character: take it out")
    return text


def well(found: list[Container]) -> dict[str, int]:
    """How many containers of each service are well."""
    services = sorted(each.service for each in found if each.is_well)
    return {service: services.count(service) for service in services}


def failing_rows(ended: Ended) -> list[str] | None:
    """The names of the rows that fail in what the doctor, or the check of an upgrade, printed; None where it printed something else."""
    try:
        return [row["check"] for row in json.loads(ended.printed)["findings"] if row["health"] == "failing"]
    except (ValueError, KeyError, TypeError):
        return None


def said(ended: Ended, what: str) -> dict[str, Any]:
    """The object that a command printed; raises Stopped for one that failed, or said something else."""
    must(ended, what)
    try:
        found = json.loads(ended.printed)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Stopped(Status.REFUSED, f"{UNCHANGED} {what} (it did not print what was asked for)")
    return found


def must(ended: Ended, what: str) -> None:
    """Raise Stopped for a command that failed."""
    if ended.status:
        raise Stopped(Status.REFUSED, f"{UNCHANGED} {what} ({ended.why})")
