"""What updates a host's stack: it takes a release that may be taken and holds, and comes back from any other, also when it is killed."""

import errno
import fcntl
import hashlib
import importlib
import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from neurons.release.record import ReleaseRecord, signed
from scoring.errors import Code
from tests.builders import command_line
from tests.builders.addresses import ALICE
from voice_api.db.database import release
from voice_api.keys import ServiceKey

ROOT = Path(__file__).resolve().parents[2]
ENV = "# the operator's own\nBT_NETWORK=test\nVOICE_IMAGE_API=registry.example.org/own@sha256:{old}\nVOICE_NETUID=7 # ours\n"
OLD, NEW = "0a" * 32, "1b" * 32
TARGETS = ("api", "dispatcher", "gpu-worker", "model-queue", "validator", "worker")
SERVICES = {"postgres": 1, "redis": 1, "api": 1, "dispatcher": 1, "worker": 2, "backup": 1, "model-queue": 1, "validator": 1}
ENDED = ("migrate", "certify", "prune")
POINTS = "voice-20261201T000000Z.zip voice-20261201T000100Z-before-0019.zip voice-20261202T000100Z-before-0020.zip"


class Killed(BaseException):
    """The process ends here, without a word."""


@dataclass
class FakeEngine:
    """A host's engine: services run what their images' variables named when they were started."""

    modules: ModuleType
    folder: Path
    asked: list[str] = field(default_factory=list)
    running: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICES, "old"))
    counts: dict[str, int] = field(default_factory=lambda: dict(SERVICES))
    schema: str = "0019"
    refuses: str = ""
    """Begins the command that fails."""
    broken: frozenset[str] = frozenset()
    """Services that are never well with the new images."""
    lost: bool = False
    """Whether nothing is ever well again once it was stopped."""
    migrates: bool = False
    verified: dict[Any, Any] = field(default_factory=dict)
    """What the release that runs said of a record; it says the same again."""
    ails: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"old": ("certificate",), "new": ("certificate",)})
    """What the validator's doctor finds to fail, by what runs."""

    def pull(self, image: str) -> Any:
        return self._ended(f"pull {image}")

    def once(self, image: str, command: tuple[str, ...], given: bytes, environment: Mapping[str, str]) -> Any:
        self._ended(f"once {image.partition('@')[0]}")
        asked = (command, given, *environment.items())
        if asked not in self.verified:
            with mock.patch.object(sys, "stdin", mock.Mock(buffer=io.BytesIO(given), isatty=lambda: False)):
                ended = command_line.voice(self.folder, *command[1:], **environment)
            self.verified[asked] = self.modules.Ended(ended.returncode, ended.stdout, ended.stderr)
        return self.verified[asked]

    def compose(self, *arguments: str, images: Mapping[str, str]) -> Any:
        new = any(NEW in image for image in images.values())
        line = " ".join(arguments)
        ended = self._ended(f"{line.replace('run --rm --no-deps -T', 'run')}{' (new)' if new else ''}")
        if arguments[0] == "stop":
            for service in arguments[1:]:
                self.counts[service] = 0
        if "backup create" in line:
            return self.modules.Ended(ended.status, json.dumps({"file": "/backups/voice-now.zip"}), ended.complaint)
        if "upgrade check" in line and ended.status:
            rows = [{"check": "competition", "health": "failing"}, {"check": "schema", "health": "ok"}]
            return self.modules.Ended(ended.status, json.dumps({"findings": rows}), "")
        return self.modules.Ended(0, POINTS, "") if "ls /backups" in line else ended

    def up(self, *arguments: str, images: Mapping[str, str]) -> Any:
        ended = self.compose("up", *arguments, images=images)
        new = any(NEW in image for image in images.values())
        scales = dict(word.split("=") for word in arguments if "=" in word)
        if not ended.status:
            for service in (word for word in arguments if word in SERVICES):
                self.counts[service] = int(scales.get(service, "1"))
                self.running[service] = "new" if new else "old"
            self.schema = "0020" if new and self.migrates else self.schema
        return ended

    def execute(self, container: str, *command: str) -> Any:
        ended = self._ended(f"exec {container} {command[0]}")
        if command[0] == "psql":
            return self.modules.Ended(0, f"{self.schema}\n", "")
        failing = self.ails[self.running["validator"]] if command[2] == "validator" else ()
        rows = [{"check": check, "health": "failing"} for check in failing]
        return self.modules.Ended(1 if rows else 0, json.dumps({"findings": rows}), ended.complaint)

    def containers(self) -> list[Any]:
        self._ended("ps")
        up = [
            self.modules.Container(name=f"{service}_{number}", service=service, is_running=True, is_well=self._is_well(service))
            for service, count in self.counts.items()
            for number in range(count)
        ]
        return up + [self.modules.Container(name=each, service=each, is_running=False, is_well=False) for each in ENDED]

    def _is_well(self, service: str) -> bool:
        stopped = any("stop" in line for line in self.asked)
        return not (self.lost and stopped) and not (service in self.broken and self.running[service] == "new")

    def _ended(self, line: str) -> Any:
        self.asked.append(line)
        refused = bool(self.refuses) and line.startswith(self.refuses)
        return self.modules.Ended(1, "", "first\nno room on the disk") if refused else self.modules.Ended(0, "", "")


@dataclass
class DyingEngine:
    """An engine whose caller is killed at one of its commands: before that has any effect, or after it has had all of it."""

    engine: FakeEngine
    at: int
    late: bool
    count: int = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.engine, name)

        def called(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at and not self.late:
                raise Killed
            ended = real(*arguments, **options)
            if self.count == self.at:
                raise Killed
            return ended

        return called


@dataclass
class Host:
    """A host with a stack, a release that it could take, and what updates it."""

    modules: Any
    steps: ModuleType
    folder: Path
    key: ServiceKey
    engine: Any
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=2))
    """When it sees a record for the first time."""

    @property
    def env(self) -> Path:
        return self.folder / ".env"

    @property
    def state(self) -> Any:
        return json.loads((self.folder / "updates" / "state.json").read_text())

    def publish(self, **overrides: Any) -> None:
        """Put a record where VOICE_RELEASE_URL leads."""
        standard: dict[str, Any] = {
            "format": 1,
            "version": "9.1.0",
            "published_at": datetime.now(UTC) - timedelta(days=3),
            "commit": "2c" * 20,
            "schema_revision": "0020",
            "competition_hash": "ab" * 32,
            "compose_sha256": hashlib.sha256((self.folder / "docker-compose.yml").read_bytes()).hexdigest(),
            "security": False,
            "images": {target: f"registry.example.org/{target}@sha256:{NEW}" for target in TARGETS},
            "notes": {},
            "signer": self.key.address,
        }
        (self.folder / "release.json").write_text(signed(ReleaseRecord(**standard | overrides), self.key.sign))

    def run(self, **wanted: bool) -> tuple[str, str]:
        """One run: how it ended, and its line."""
        node = self.modules.Node(
            engine=self.engine,
            compose=self.folder / "docker-compose.yml",
            env=self.env,
            folder=self.folder / "updates",
            fetch=self.steps.fetch,
            now=lambda: self.now,
            pause=lambda _: None,
            told=lambda _: None,
            patience=10.0,
        )
        try:
            return "DONE", self.steps.update(node, self.steps.Wanted(**wanted))
        except self.modules.Stopped as end:
            return end.status.name, str(end)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script beside the Dockerfile, as a module."""
    monkeypatch.syspath_prepend(ROOT / "docker")
    return importlib.import_module


@pytest.fixture
def host(docker: Callable[[str], ModuleType], tmp_path: Path) -> Host:
    """A stack that is well but for an old finding of the doctor's, and a release that holds."""
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    key = ServiceKey.at(tmp_path / "release.key")
    settings = f"VOICE_RELEASE_KEY={key.address}\nVOICE_RELEASE_URL={tmp_path / 'release.json'}\n"
    (tmp_path / ".env").write_text(ENV.format(old=OLD) + settings)
    modules, engine, steps = docker("update_node"), docker("update_engine"), docker("update")
    made = Host(modules, steps, tmp_path, key, FakeEngine(engine, tmp_path))
    made.publish()
    return made


def named(host: Host) -> dict[str, str]:
    """The images that .env names, by the hash of their content."""
    lines = (line.partition("=") for line in host.env.read_text().splitlines() if line.startswith("VOICE_IMAGE_"))
    return {variable: image.rpartition(":")[2] for variable, _, image in lines}


EVERY = {f"VOICE_IMAGE_{target.upper().replace('-', '_')}": NEW for target in TARGETS}


def test_a_release_that_holds_is_taken_over(host: Host) -> None:
    """Its images are fetched, it looks at the node, a backup is made; then everything changes at once, as many workers as before."""
    before = host.env.read_text()
    outcome, line = host.run()
    assert (outcome, line.startswith("9.1.0 runs, and everything that was well is well"), "/backups/voice-now.zip" in line) == (
        "DONE",
        True,
        True,
    ), line
    assert named(host) == EVERY
    assert [each for each in before.splitlines() if "VOICE_IMAGE" not in each] == [
        each for each in host.env.read_text().splitlines() if "VOICE_IMAGE" not in each
    ]
    assert [each for each in host.engine.asked if not each.startswith(("ps", "exec", "pull"))] == [
        "once registry.example.org/own",
        "run validator voice upgrade check validator --json (new)",
        "run worker voice upgrade check worker --json (new)",
        "run backup voice backup create --json",
        "stop api backup dispatcher model-queue validator worker (new)",
        "up --scale worker=2 api backup certify dispatcher migrate model-queue postgres redis validator worker (new)",
    ]
    assert Counter(each.partition("@")[0] for each in host.engine.asked if each.startswith("pull")) == {
        f"pull registry.example.org/{target}": 1
        for target in TARGETS
        if target != "gpu-worker"  # of which none runs here
    }
    assert (host.state["version"], host.state["switch"]) == ("9.1.0", None)
    assert host.run() == ("DONE", "9.1.0 runs, and nothing is newer")


def unchanged(host: Host, outcome: str, words: str, **wanted: bool) -> None:
    """A run that ends so, and leaves everything as it was."""
    before = host.env.read_text()
    ended, line = host.run(**wanted)
    assert (ended, words in line) == (outcome, True), line
    assert host.env.read_text() == before
    assert set(host.engine.running.values()) == {"old"}
    assert not [each for each in host.engine.asked if each.startswith(("stop", "up"))]


@pytest.mark.parametrize(
    ("release", "code"),
    [
        pytest.param({"version": "0.0.1"}, Code.RELEASE_NOT_NEWER, id="older"),
        pytest.param({"signer": ALICE}, Code.RELEASE_INVALID, id="another's"),
    ],
)
def test_a_release_that_must_not_be_taken_is_refused(host: Host, release: dict[str, Any], code: Code) -> None:
    """By the release that runs, with its code."""
    host.publish(**release)
    unchanged(host, "REFUSED", f"error {code} ")


def test_a_forged_record_is_refused(host: Host) -> None:
    """One image more of another content."""
    text = (host.folder / "release.json").read_text()
    (host.folder / "release.json").write_text(text.replace(NEW, "2c" * 32, 1))
    unchanged(host, "REFUSED", f"error {Code.RELEASE_INVALID} ")


def test_an_older_release_than_one_that_was_taken_is_refused(host: Host) -> None:
    """Also where the images that run know nothing of it: a mirror that shows old records again gains nothing."""
    assert host.run()[0] == "DONE"
    host.engine.asked.clear()
    host.publish(version="9.0.9")
    outcome, line = host.run()
    assert (outcome, f"error {Code.RELEASE_NOT_NEWER} " in line, "9.1.0" in line) == ("REFUSED", True, True)
    assert not [each for each in host.engine.asked if each.startswith(("pull", "stop", "up"))]


def test_the_release_that_was_put_here_by_hand_is_not_newer(host: Host) -> None:
    """On a host that never took one by a record that is no failure."""
    host.publish(version=release())
    unchanged(host, "DONE", f"{release()} runs, and nothing is newer")
    assert not [each for each in host.engine.asked if each.startswith("pull")]


def test_a_young_release_is_held_back_until_it_is_told_otherwise(host: Host) -> None:
    """From its first sight on, which is remembered; the outcome is no failure."""
    first, host.now = host.now, datetime.now(UTC)
    unchanged(host, "DONE", "The release 9.1.0 is held back until")
    host.now = first
    unchanged(host, "DONE", "held back until")
    assert host.run(at_once=True)[0] == "DONE"
    assert named(host) == EVERY


def test_what_mends_a_weakness_is_held_back_as_the_operator_says(host: Host) -> None:
    """Two hours, or what .env says."""
    host.now = datetime.now(UTC) - timedelta(hours=3)
    host.publish(security=True)
    host.env.write_text(host.env.read_text() + "VOICE_HOLD_BACK_SECURITY_HOURS=4\n")
    unchanged(host, "DONE", "held back until")
    host.env.write_text(host.env.read_text().replace("HOURS=4", "HOURS=2"))
    assert host.run()[0] == "DONE"


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        pytest.param(
            "pull registry.example.org/validator", "validator@sha256:" + NEW + " cannot be fetched (no room", id="fetch"
        ),
        pytest.param("run worker", "`voice upgrade check worker` finds in the way: competition", id="upgrade check"),
        pytest.param("run backup", "no backup could be made (no room on the disk)", id="backup"),
    ],
)
def test_what_fails_before_the_change_changes_nothing(host: Host, refuses: str, words: str) -> None:
    """And is tried again by the next run."""
    host.engine.refuses = refuses
    unchanged(host, "REFUSED", words)
    host.engine.refuses = ""
    assert host.run()[0] == "DONE"


def test_what_is_no_json_is_refused(host: Host) -> None:
    """However deep it is nested."""
    (host.folder / "release.json").write_text("[" * 200_000)
    unchanged(host, "REFUSED", f"error {Code.RELEASE_INVALID} ")


def test_another_compose_file_is_a_persons_work(host: Host) -> None:
    """The line says which commit has it."""
    host.publish(compose_sha256="ef" * 32)
    unchanged(host, "BY_HAND", f"git checkout --detach {'2c' * 20}")


def test_a_release_without_an_image_that_is_run_is_refused(host: Host) -> None:
    """It is named."""
    host.publish(images={"api": f"registry.example.org/api@sha256:{NEW}"})
    unchanged(host, "REFUSED", "has no image of dispatcher, gpu-worker, model-queue, validator, worker")


def test_a_stack_that_does_not_run_is_left_alone(host: Host) -> None:
    """Nobody could say whether it is well afterwards."""
    host.engine.counts = {"postgres": 1, "redis": 1}
    unchanged(host, "REFUSED", "no service of a release is well")


def test_a_look_changes_nothing(host: Host) -> None:
    """It ends before the backup."""
    unchanged(host, "DONE", "9.1.0 may be taken over", look_only=True)
    assert not [each for each in host.engine.asked if "backup" in each]


def test_a_look_goes_on_with_nothing(host: Host) -> None:
    """An update that was broken off is named, and left to a run that may change something."""
    host.engine = DyingEngine(real := host.engine, 18, late=False)
    with pytest.raises(Killed):
        host.run()
    assert host.state["switch"]["version"] == "9.1.0"
    host.engine, before = real, (host.env.read_text(), len(real.asked))
    outcome, line = host.run(look_only=True)
    assert (outcome, "the update to 9.1.0 was broken off" in line, "without --dry-run" in line) == ("REFUSED", True, True), line
    assert (host.env.read_text(), len(real.asked)) == before
    assert host.run()[0] == "DONE"


def test_a_file_that_cannot_be_written_in_the_middle_is_gone_on_with(host: Host) -> None:
    """The line says what to do, and the outcome is the one in which neither release may run."""
    steps = importlib.import_module("update_steps")
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch.object(steps, "_name", side_effect=full):
        outcome, line = host.run()
    assert (outcome, "a file: No space left on device" in line, "run this again" in line) == ("BROKEN", True, True), line
    assert host.run()[0] == "DONE"


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        pytest.param({"broken": frozenset({"worker"})}, "not well: worker", id="a service"),
        pytest.param({"ails": {"old": (), "new": ("trust",)}}, "the doctor finds to fail validator: trust", id="the doctor"),
    ],
)
def test_a_release_that_does_not_hold_gives_way_to_the_former_one(host: Host, trouble: dict[str, Any], words: str) -> None:
    """The former images are named as they were, and run; the release is not tried again until somebody says so."""
    before = host.env.read_text()
    for name, value in trouble.items():
        setattr(host.engine, name, value)
    outcome, line = host.run()
    assert (outcome, words in line, "The former release runs again" in line) == ("WENT_BACK", True, True), line
    assert Counter(host.env.read_text().splitlines()) == Counter(before.splitlines())
    assert (set(host.engine.running.values()), host.engine.counts) == ({"old"}, SERVICES)
    host.engine.asked.clear()
    outcome, line = host.run()
    assert (outcome, words in line, "--again" in line, host.engine.asked) == ("WENT_BACK", True, True, [])
    host.engine.broken, host.engine.ails = frozenset(), {"old": (), "new": ()}
    assert host.run(again=True)[0] == "DONE"


def test_a_newer_release_follows_one_that_did_not_hold(host: Host) -> None:
    """Without being told."""
    host.engine.broken = frozenset({"api"})
    assert host.run()[0] == "WENT_BACK"
    host.engine.broken = frozenset()
    host.publish(version="9.1.1")
    host.now -= timedelta(days=1)
    assert (host.run()[0], named(host)) == ("DONE", EVERY)


def test_a_release_that_cannot_be_started_gives_way(host: Host) -> None:
    """Compose says why."""
    host.engine.refuses = (
        "up --scale worker=2 api backup certify dispatcher migrate model-queue postgres redis validator worker (new)"
    )
    outcome, line = host.run()
    assert (outcome, "cannot be started (no room on the disk)" in line) == ("WENT_BACK", True), line


def test_where_the_schema_moved_a_person_is_told_the_way_back(host: Host) -> None:
    """The former release cannot live with it: the stack is stopped, and the line is what to type."""
    host.engine.broken, host.engine.migrates = frozenset({"validator"}), True
    outcome, line = host.run()
    assert outcome == "BROKEN"
    assert "from 0019 to 0020" in line
    assert (
        "`docker compose run --rm --no-deps --entrypoint=voice migrate backup restore /backups/voice-20261202T000100Z-before-0020.zip "
        in line
    )
    assert named(host) == {"VOICE_IMAGE_API": OLD}
    assert {service for service, count in host.engine.counts.items() if count} == {"postgres", "redis"}


def test_where_neither_release_is_well_that_is_said(host: Host) -> None:
    """The host itself is ill."""
    host.engine.lost = True
    outcome, line = host.run()
    assert (outcome, "Nor is the former release well: not well: api" in line) == ("BROKEN", True), line
    assert named(host) == {"VOICE_IMAGE_API": OLD}


@pytest.mark.parametrize("late", [pytest.param(False, id="before a command"), pytest.param(True, id="after a command")])
@pytest.mark.parametrize("holds", [pytest.param(True, id="holds"), pytest.param(False, id="does not hold")])
def test_what_was_killed_anywhere_is_gone_on_with(host: Host, monkeypatch: pytest.MonkeyPatch, holds: bool, late: bool) -> None:
    """After the next run either the new images are named and run, or the former ones are, and nothing is left of the change."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a process is killed here, no machine
    fresh, before = host.engine, host.env.read_text()
    for step in range(1, 200):
        shutil.rmtree(host.folder / "updates", ignore_errors=True)
        host.env.write_text(before)
        engine = FakeEngine(fresh.modules, host.folder, verified=fresh.verified)
        engine.broken = frozenset() if holds else frozenset({"api"})
        host.engine = dying = DyingEngine(engine, step, late)
        try:
            outcome, line = host.run()
        except Killed:
            outcome, line = host.run()
        assert outcome == ("DONE" if holds else "WENT_BACK"), (step, line)
        assert set(engine.running.values()) == ({"new"} if holds else {"old"}), step
        assert named(host) == (EVERY if holds else {"VOICE_IMAGE_API": OLD}), step
        assert engine.counts == SERVICES, step
        assert host.state["switch"] is None
        if dying.count < step:
            break
    assert step > 15


def test_two_runs_are_never_at_work_together(host: Host) -> None:
    """The second one leaves at once."""
    (host.folder / "updates").mkdir()
    with (host.folder / "updates" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        unchanged(host, "BUSY", "another run is at work")


@pytest.mark.parametrize(
    ("settings", "outcome", "words"),
    [
        pytest.param({"VOICE_RELEASE_URL": ""}, "SETTING", "set VOICE_RELEASE_URL", id="not named"),
        pytest.param({"VOICE_RELEASE_KEY": ""}, "SETTING", "VOICE_RELEASE_KEY", id="no key"),
        pytest.param({"VOICE_RELEASE_URL": "/none"}, "REFUSED", "/none cannot be read (No such file", id="no file"),
        pytest.param({"VOICE_RELEASE_URL": "https://u:pw@[::1/r?t=k"}, "REFUSED", "https://[::1/r cannot", id="no address"),
        pytest.param({"VOICE_RELEASE_URL": "http://127.0.0.1/r"}, "REFUSED", "no https:// address", id="in the clear"),
        pytest.param({"VOICE_RELEASE_URL": "/dev/zero"}, "REFUSED", "is larger than", id="endless"),
    ],
)
def test_a_record_that_cannot_be_had_is_named(host: Host, settings: dict[str, str], outcome: str, words: str) -> None:
    """And nothing is asked of the engine."""
    state = importlib.import_module("update_state")
    host.env.write_text(state.with_variables(host.env.read_text(), settings))
    unchanged(host, outcome, words)
    assert host.engine.asked == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"A=\xff\n", "is no text in UTF-8", id="no text"),
        pytest.param(b"A=\0\n", "holds a NUL character", id="NUL"),
    ],
)
def test_an_env_that_cannot_be_read_is_named(host: Host, text: bytes, words: str) -> None:
    """Before anything else."""
    host.env.write_bytes(text)
    outcome, line = host.run()
    assert (outcome, words in line, str(host.env) in line, host.engine.asked) == ("SETTING", True, True, []), line


@pytest.mark.parametrize(
    "text", [pytest.param("[]", id="a list"), pytest.param("", id="empty"), pytest.param("\xff", id="no text")]
)
def test_a_state_that_is_none_is_named(host: Host, text: str) -> None:
    """A person looks at it."""
    (host.folder / "updates").mkdir()
    (host.folder / "updates" / "state.json").write_text(text, encoding="latin-1")
    unchanged(host, "SETTING", "state.json holds no state of an update")


def test_env_keeps_its_rights_and_all_that_is_not_ours(docker: Callable[[str], ModuleType], tmp_path: Path) -> None:
    """Values change in their lines, new ones stand at the end, and None takes a line away; a link stays a link."""
    state = docker("update_state")
    assert state.with_variables("A=1\n# B=2\nB=3\n\nC='4'\n", {"B": "x", "C": None, "D": "y"}) == "A=1\n# B=2\nB=x\n\nD=y\n"
    assert state.variables("A=1\n# B=2\n B = 3\nC='4'\nexport D=5\nE=\"6\" \n") == {"A": "1", "C": "4", "E": "6"}
    assert state.variables("A=1 # x\nB='2 # y' # z\nC=#\nD=4#5\nE=\"6\n") == {
        "A": "1",
        "B": "2 # y",
        "C": "",
        "D": "4#5",
        "E": '"6',
    }
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    state.write_whole(tmp_path / "link", "A=2\n")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "real").read_text()) == (True, "A=2\n")
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_first_sights_are_remembered_for_some(docker: Callable[[str], ModuleType]) -> None:
    """One that comes again keeps its time; whoever shows ever new ones fills nothing."""
    state = docker("update_state").State()
    for day in range(1, 30):
        state = docker("update_state").State(seen=state.seen_at(str(day), f"2026-11-{day:02}"))
    assert sorted(state.seen) == ["22", "23", "24", "25", "26", "27", "28", "29"]
    assert state.seen_at("25", "2027-01-01")["25"] == "2026-11-25"


def test_only_images_that_run_here_are_fetched(host: Host) -> None:
    """A host that runs no model queue does not wait for its image; its name is kept for the day when one runs."""
    del host.engine.counts["model-queue"]
    assert host.run()[0] == "DONE"
    fetched = {each.partition("@")[0].rpartition("/")[2] for each in host.engine.asked if each.startswith("pull")}
    assert fetched == {"api", "dispatcher", "validator", "worker"}
    assert named(host) == EVERY


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_a_time_in_which_nothing_can_be_well_is_refused(
    docker: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A release that holds would be given up at once."""
    monkeypatch.setattr(sys, "argv", ["update.py", f"--wait={text}"])
    with pytest.raises(SystemExit) as end:
        docker("update").main()
    assert (end.value.code, f"{text} is no number of seconds" in capsys.readouterr().err) == (2, True)


def test_the_project_is_named_as_compose_names_it(docker: Callable[[str], ModuleType]) -> None:
    """By .env, else by the file."""
    project_of = docker("update").project_of
    assert project_of(ROOT / "docker-compose.yml", {}) == "voice-subnet"
    assert project_of(ROOT / "docker-compose.yml", {"COMPOSE_PROJECT_NAME": "second"}) == "second"
