"""A real Prometheus and a real Alertmanager on loopback, and the pager that they tell."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from neurons.localnet.services import pick_port
from tests.builders.processes import ROOT
from tests.gameday.scaled import FACTOR, routing, rules
from voice_api.runtime.process_end import die_with_parent

PROGRAMS = ("prometheus", "prometheus-alertmanager")
_END_SECONDS = 5.0
_DOCKER = ROOT / "docker"


@dataclass(frozen=True, slots=True)
class Page:
    """An alert of which somebody was told: when it began, whom, and the moment, of the monotonic clock."""

    alert: str
    began: str
    receiver: str
    at: float


@dataclass(slots=True)
class Pager:
    """What people were told, each alert once for each time that it fired; and which alerts are firing for them now."""

    pages: list[Page] = field(default_factory=list)
    firing: set[str] = field(default_factory=set)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def told(self, receiver: str, message: Mapping[str, Any]) -> None:
        """Take one message of Alertmanager's: a group, whose alerts have one name."""
        name = message["groupLabels"]["alertname"]
        for each in message["alerts"]:
            key = (each["fingerprint"], each["startsAt"])
            if each["status"] == "firing" and key not in self._seen:
                self._seen.add(key)
                self.pages.append(Page(name, each["startsAt"], receiver, time.monotonic()))
        (self.firing.add if message["status"] == "firing" else self.firing.discard)(name)

    def since(self, moment: float) -> dict[str, Page]:
        """The first page of each alert that somebody was told of since a moment."""
        found: dict[str, Page] = {}
        for page in self.pages:
            if page.at >= moment:
                found.setdefault(page.alert, page)
        return found


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def running(folder: Path, targets: Mapping[str, Sequence[int]]) -> Iterator[Pager]:
    """Ask the processes of each job, by their ports, with the rules and the routing of docker/; nothing is left running."""
    folder.mkdir()
    pager = Pager()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pager))
    threading.Thread(target=server.serve_forever, name="pager", daemon=True).start()
    prometheus, manager = pick_port(None), pick_port(None)
    _write(folder, targets, manager, f"http://127.0.0.1:{server.server_port}")
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name, arguments in _commands(folder, prometheus, manager).items():
            with (folder / f"{name}.log").open("wb") as log:
                started.append(subprocess.Popen([name, *arguments], stdout=log, stderr=log, preexec_fn=die_with_parent))
        yield pager
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        server.shutdown()
        server.server_close()


def ask(folder: Path, job: str, ports: Sequence[int]) -> None:
    """Name the ports of a job's processes, in a file that Prometheus watches; nothing where none runs."""
    if folder.is_dir():
        file = folder / f"{job}.targets.json"
        written = file.with_suffix(".new")
        written.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}" for port in ports]}]), encoding="utf-8")
        written.rename(file)


def _write(folder: Path, targets: Mapping[str, Sequence[int]], manager: int, webhook: str) -> None:
    """The files of both; JSON is YAML, too."""
    read = {name: yaml.safe_load((_DOCKER / name).read_text(encoding="utf-8")) for name in ("alerts.yml", "alertmanager.yml")}
    for job, ports in targets.items():
        ask(folder, job, ports)
    second = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    files = {
        "rules.json": rules(read["alerts.yml"], FACTOR),
        "alertmanager.json": routing(read["alertmanager.yml"], FACTOR, webhook),
        "prometheus.json": {
            "global": second,
            "rule_files": ["rules.json"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
            "scrape_configs": [{"job_name": job, "file_sd_configs": [{"files": [f"{job}.targets.json"]}]} for job in targets],
        },
    }
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")


def _commands(folder: Path, prometheus: int, manager: int) -> Mapping[str, Sequence[str]]:
    return {
        "prometheus-alertmanager": (
            f"--config.file={folder / 'alertmanager.json'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{manager}",
            "--cluster.listen-address=",
        ),
        "prometheus": (
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ),
    }


def _handler(pager: Pager) -> type[BaseHTTPRequestHandler]:
    class Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the server calls it
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pager.told(self.path.strip("/"), json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    return Told
