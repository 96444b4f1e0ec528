"""The scripts beside the Dockerfiles: secrets, health checks, and what the compose check does with a container engine."""

import importlib
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scoring.synthesis.families import FAMILIES
from voice_api.db.roles import Login
from voice_api.keys import ServiceKey

FOLDER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture
def make_secrets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/make_secrets.py as a module."""
    return _script("make_secrets", monkeypatch)


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/health.py as a module."""
    return _script("health", monkeypatch)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/stack.py as a module."""
    return _script("stack", monkeypatch)


def _script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _wallet(folder: Path, hotkey: str = "default", address: str = "5Hot") -> Path:
    (folder / "hotkeys").mkdir(parents=True)
    (folder / "hotkeys" / hotkey).write_text(json.dumps({"ss58Address": address}))
    (folder / "coldkeypub.txt").write_text(json.dumps({"ss58Address": "5Cold"}))
    (folder / "coldkey").write_text("never to be copied")
    return folder


def test_passwords_are_random_and_closed_to_others(make_secrets: ModuleType, tmp_path: Path) -> None:
    """Two folders get different passwords, which nobody but their owner can reach."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        make_secrets.make_passwords(folder, make_secrets.Readers())

    names = ("postgres", "redis", "grafana")
    passwords = {(folder / f"{name}_password").read_text() for folder in (first, second) for name in names}
    assert [len(password) for password in passwords] == [64] * 6
    assert _mode(first) == 0o700
    assert {_mode(file) & 0o707 for file in first.iterdir()} == {0o400}


def test_urls_carry_the_passwords(make_secrets: ModuleType, tmp_path: Path) -> None:
    """What the processes read fits what the stores ask for."""
    make_secrets.make_passwords(tmp_path, make_secrets.Readers())
    held = {file.name: file.read_text() for file in tmp_path.iterdir()}

    assert held["database_url"] == f"postgresql://voice:{held['postgres_password']}@postgres:5432/voice"
    assert held["redis_url"] == f"redis://:{held['redis_password']}@redis:6379/0"


def test_each_process_has_a_login_of_its_own(make_secrets: ModuleType, tmp_path: Path) -> None:
    """With a password that no other has, of the form that `voice db logins` takes."""
    make_secrets.make_passwords(tmp_path, make_secrets.Readers())
    found = [Login.of((tmp_path / f"database_url_{name}").read_text()) for name in make_secrets.LOGINS]

    assert [login.name for login in found] == ["api", "dispatcher", "worker", "validator", "backup"]
    assert len({login.password for login in found} | {(tmp_path / "postgres_password").read_text()}) == 6


def test_secrets_that_exist_are_kept(make_secrets: ModuleType, tmp_path: Path) -> None:
    """A second run changes nothing: the database already has its password."""
    make_secrets.make_passwords(tmp_path, make_secrets.Readers())
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}
    make_secrets.make_passwords(tmp_path, make_secrets.Readers())

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == before


def test_the_workers_key_is_one_that_a_worker_reads(make_secrets: ModuleType, tmp_path: Path) -> None:
    """Made without the SDK, of the form that it takes; kept when it is there."""
    make_secrets.make_service_key(tmp_path, make_secrets.Readers())
    first = ServiceKey.read(tmp_path / "service_key").address
    make_secrets.make_service_key(tmp_path, make_secrets.Readers())

    assert ServiceKey.read(tmp_path / "service_key").address == first
    assert _mode(tmp_path / "service_key") & 0o707 == 0o400


def _reads(mounted: Path, user: int, name: str = "") -> bool:
    """Whether a user can read a file that is mounted for him, or one in a folder that is: what lies above it is not asked."""
    descriptor = os.open(mounted, os.O_PATH)
    try:
        command = ["cat", f"/proc/self/fd/{descriptor}{name}"]
        ended = subprocess.run(
            command, user=user, group=user, extra_groups=(), pass_fds=(descriptor,), capture_output=True, check=False
        )
        return ended.returncode == 0
    finally:
        os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try what other users may read")
@pytest.mark.parametrize("is_root", [pytest.param(True, id="given away"), pytest.param(False, id="by an access list")])
def test_a_secret_is_read_by_the_user_that_it_is_for(make_secrets: ModuleType, tmp_path: Path, is_root: bool) -> None:
    """And by nobody else, whoever made it; a file that everybody could read is closed. Compose mounts one with the rights it has."""
    readers = make_secrets.Readers(is_root=is_root)
    make_secrets.make_passwords(tmp_path, readers)
    (tmp_path / "service_key").write_text("of an earlier release")
    (tmp_path / "service_key").chmod(0o444)
    make_secrets.make_service_key(tmp_path, readers)
    make_secrets.copy_hotkey(_wallet(tmp_path / "mine"), "default", tmp_path / "wallets", readers)

    (tmp_path / "alertmanager").mkdir()
    (tmp_path / "alertmanager" / "webhook_token").write_text("put there by hand")
    make_secrets.open_alert_secrets(tmp_path / "alertmanager", readers)

    users = (make_secrets.SUBNET, make_secrets.GRAFANA, 12_345)
    for name in ("service_key", "redis_url", "database_url_worker"):
        assert [_reads(tmp_path / name, user) for user in users] == [True, False, False]
    assert [_reads(tmp_path / "grafana_password", user) for user in users] == [False, True, False]
    assert [_reads(tmp_path / "postgres_password", user) for user in users] == [False, False, False]
    assert [_reads(tmp_path / "wallets", user, "/hotkeys/default") for user in users] == [True, False, False]
    callers = (make_secrets.ALERTMANAGER, make_secrets.SUBNET)
    assert [_reads(tmp_path / "alertmanager", user, "/webhook_token") for user in callers] == [True, False]


def test_rootless_containers_have_numbers_of_their_own(make_secrets: ModuleType, tmp_path: Path) -> None:
    """Their user 10001 is another one here: the access list names that one."""
    file = tmp_path / "key"
    file.touch()
    make_secrets.Readers(first=100_000, is_root=False).let_in(file, make_secrets.SUBNET)
    assert struct.pack("<HHI", 2, 4, 110_000) in os.getxattr(file, "system.posix_acl_access")


def test_only_the_hotkey_is_copied(make_secrets: ModuleType, tmp_path: Path) -> None:
    """The coldkey stays where it is."""
    wallet = _wallet(tmp_path / "mine", hotkey="second")
    address = make_secrets.copy_hotkey(wallet, "second", tmp_path / "out", make_secrets.Readers())

    assert address == "5Hot"
    assert sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*") if file.is_file()) == [
        "coldkeypub.txt",
        "hotkeys/default",
    ]


def test_an_operator_is_told_what_belongs_into_the_environment(
    make_secrets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The API answers as the validator, who operates it; the queue writes to it; this host has a name."""
    _wallet(tmp_path / "wallets" / "mine", address="5Validator")
    _wallet(tmp_path / "wallets" / "theirs", hotkey="q", address="5Queue")
    options = [
        "--folder",
        f"{tmp_path}/s",
        "--wallet-path",
        f"{tmp_path}/wallets",
        "--validator",
        "mine/default",
        "--queue",
        "theirs/q",
    ]
    monkeypatch.setattr(sys, "argv", ["make_secrets.py", *options])
    make_secrets.main()

    assert (tmp_path / "s" / "service_key").is_file()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "VOICE_API_HOTKEY=5Validator",
        "VOICE_API_WRITERS=5Queue",
        "VOICE_API_OPERATORS=5Validator",
        f"VOICE_HOST={socket.gethostname()}",
    ]


def test_a_missing_key_is_named(make_secrets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says which file is not there and what to name."""
    options = ["--folder", f"{tmp_path}/s", "--wallet-path", str(tmp_path), "--validator", "nobody"]
    monkeypatch.setattr(sys, "argv", ["make_secrets.py", *options])

    with pytest.raises(SystemExit, match=r"There is no key file .*nobody/coldkeypub.txt\. Name --validator"):
        make_secrets.main()


@pytest.mark.parametrize(
    ("age", "well"),
    [
        pytest.param(0.0, True, id="now"),
        pytest.param(60.0, True, id="at the limit"),
        pytest.param(60.5, False, id="too long ago"),
    ],
)
def test_a_daemon_is_well_while_its_heartbeat_is_young(health: ModuleType, tmp_path: Path, age: float, well: bool) -> None:
    """The limit itself is still well."""
    file = tmp_path / "heartbeat"
    file.touch()

    assert (health.beats(file, 60.0, file.stat().st_mtime + age) is None) is well


def test_a_daemon_that_never_ticked_is_not_well(health: ModuleType, tmp_path: Path) -> None:
    """No file is no heartbeat."""
    assert "no tick has ended yet" in health.main(["heartbeat", str(tmp_path / "none"), "60"])


@pytest.fixture
def server() -> Iterator[str]:
    """A server that says 503 on /ill and 200 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path == "/ill" else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_server_is_well_if_it_answers_with_success(health: ModuleType, server: str) -> None:
    """An error's status is not well, and neither is silence."""
    assert health.main(["http", f"{server}/healthz"]) is None
    assert "503" in health.main(["http", f"{server}/ill"])
    assert "refused" in health.main(["http", "http://127.0.0.1:1/"])


def test_a_check_that_nobody_knows_is_not_well(health: ModuleType) -> None:
    """A misspelt check in a Dockerfile shows at once."""
    assert health.main(["pulse"]).startswith("usage:")


@pytest.mark.parametrize(
    ("works", "engine"),
    [
        pytest.param({"docker info", "docker compose version", "podman info", "podman-compose version"}, "docker", id="both"),
        pytest.param({"docker info", "podman info", "podman-compose version"}, "podman", id="docker without its plugin"),
        pytest.param({"docker compose version", "podman info", "podman-compose version"}, "podman", id="no docker daemon"),
    ],
)
def test_an_engine_must_answer_with_its_compose(stack: ModuleType, works: set[str], engine: str) -> None:
    """A client without its daemon, or an engine without compose, is as good as none."""
    assert stack.find_engine(lambda *command: " ".join(command) in works).name == engine


def test_a_host_without_an_engine_is_told_what_to_install(stack: ModuleType) -> None:
    """One line, both ways out."""
    with pytest.raises(
        stack.CheckFailed, match=r"^neither docker \(with .*\) nor podman \(with .*\) works here: install one of them$"
    ):
        stack.find_engine(lambda *_: False)


def test_a_command_that_is_missing_does_not_answer(stack: ModuleType) -> None:
    """Nothing is raised for what is not installed."""
    assert (stack.answers("/nowhere/at-all"), stack.answers("false"), stack.answers("true")) == (False, False, True)


def test_a_failed_command_shows_the_end_of_what_it_said(stack: ModuleType) -> None:
    """The reason is in the one error."""
    with pytest.raises(stack.CheckFailed, match=r"sh -c 'echo why; exit 3' failed \(3\):\nwhy"):
        stack.execute(("sh", "-c", "echo why; exit 3"))


def test_a_command_has_a_limit(stack: ModuleType) -> None:
    """The check is bounded in time."""
    with pytest.raises(stack.CheckFailed, match="sleep 5 … did not end within 0 s"):
        stack.execute(("sleep", "5"), limit=0.05)


def test_the_stack_hears_nothing_of_this_shell(stack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own settings do not leak into the check; what the check says does."""
    monkeypatch.setenv("VOICE_NETUID", "77")
    monkeypatch.setenv("DATABASE_URL", "postgresql://theirs")

    assert stack.execute(("sh", "-c", 'echo "$VOICE_NETUID,$DATABASE_URL,$BT_NETWORK"'), {"BT_NETWORK": "dev"}) == ",,dev\n"


@pytest.fixture
def engine(stack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack on an engine that only writes down what it is asked, and lists what stands in `containers`."""
    program = tmp_path / "engine"
    listed = tmp_path / "containers"
    answers = (
        f'case "$1" in ps) cat {listed};; rm) : > {listed};; exec) cat {tmp_path}/said;; run) cat {tmp_path}/writable;; esac'
    )
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{answers}\n')
    program.chmod(0o755)
    listed.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return stack.Stack(stack.Engine("engine", ("engine", "build"), ("engine", "compose")), {})


@pytest.mark.parametrize(
    ("works", "flags", "found", "asked"),
    [
        pytest.param("image", [], "valkey/valkey:8.1", ["image"], id="it is here"),
        pytest.param("pull", [], "valkey/valkey:8.1", ["image", "pull"], id="it can be had"),
        pytest.param("build", [], "voice-check/valkey", ["image", "pull", "build"], id="no registry answers"),
        pytest.param("build", ["--pull=never"], "voice-check/valkey", ["image", "build"], id="no registry is to be asked"),
    ],
)
def test_others_images_are_taken_or_a_program_of_this_host_in_their_place(
    stack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: str, flags: list[str], found: str, asked: list[str]
) -> None:
    """The official image where it can be had; else one is built around the same program: for Redis, the one that the tests start."""
    program, built = tmp_path / "engine", tmp_path / "built"
    program.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\nfor last; do :; done\n'
        f'[ "$1" != build ] || ls "$last" > {built}\n[ "$1" = {works} ]\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    stand_ins = _script("stand_ins", monkeypatch)
    monkeypatch.setattr(stand_ins, "STAND_INS", {"redis": stand_ins.STAND_INS["redis"]})

    had = stand_ins.others(stand_ins.Engine("engine", ("engine", "build"), ()), flags)
    assert {service: image.partition("@")[0] for service, image in had.items()} == {"redis": found}
    assert (tmp_path / "asked").read_text().split() == asked
    if "build" in asked:
        assert built.read_text().split() == ["Dockerfile", "valkey-cli", "valkey-server", "wget"]


def test_what_cannot_be_had_is_left_out_aloud(
    stack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither image nor program: a line says what is not started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    stand_ins = _script("stand_ins", monkeypatch)
    monkeypatch.setattr(stand_ins, "STAND_INS", {name: stand_ins.STAND_INS[name] for name in ("caddy", "grafana")})

    assert stand_ins.others(stand_ins.Engine("engine", ("engine", "build"), ()), ["--pull=never"]) == {}
    said = capsys.readouterr().out
    assert "caddy is not started" in said and "grafana is not started" in said


@pytest.mark.parametrize(
    ("said", "writable", "refused"),
    [
        pytest.param("checked /opt/environments/qwen3_tts/{hash}", "", None, id="as it is locked"),
        pytest.param("installed /opt/environments/qwen3_tts/{hash}", "", "check_worker_1 has no environment", id="not there"),
        pytest.param("checked /opt/environments/qwen3_tts/0123", "", "check_worker_1 has no environment", id="another one"),
        pytest.param(
            "checked /opt/environments/qwen3_tts/{hash}",
            "/opt/environments/qwen3_tts",
            "may write /opt/environments/qwen3_tts$",
            id="open to its user",
        ),
    ],
)
def test_workers_hold_the_packages_of_a_family(
    stack: ModuleType, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, writable: str, refused: str | None
) -> None:
    """Each worker is asked, no other container is, and the image's user may write nothing of them."""
    lock = FAMILIES["qwen3_tts"].environment
    assert lock is not None
    (tmp_path / "containers").write_text("check_api_1\ncheck_worker_1\ncheck_worker_2\n")
    (tmp_path / "said").write_text(f"{said.format(hash=lock.hash)}\n")
    (tmp_path / "writable").write_text(writable)
    check = _script("stack_checks", monkeypatch)

    with pytest.raises(stack.CheckFailed, match=refused) if refused else nullcontext():
        check.check_packages(engine)

    asked = (tmp_path / "asked").read_text().splitlines()[1:]
    prepared, looked = (
        "voice worker prepare qwen3_tts",
        "run --rm --network none localhost/voice-subnet/worker find /opt/environments",
    )
    every = [f"exec check_worker_1 {prepared}", f"{looked} -writable -print -quit", f"exec check_worker_2 {prepared}"]
    assert asked[:3] == every[: len(asked)]
    assert len(asked) == (4 if refused is None else 2 if writable else 1)


def test_down_takes_the_scaled_containers_too(engine: Any, tmp_path: Path) -> None:
    """Containers are found by their label, and end before compose removes networks and volumes."""
    (tmp_path / "containers").write_text("check_worker_2\ncheck_worker_1\n")
    engine.down()
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]

    assert [line[0] for line in asked] == ["ps", "stop", "rm", "compose", "ps"]
    assert asked[2] == ["rm", "--force", "check_worker_1", "check_worker_2"]
    assert asked[3][-2:] == ["down", "--volumes"]


PAIR = "torch==2.11.0 --hash=sha256:11\ntorchaudio==2.11.0 --hash=sha256:22\n"
OF_CUDA = "nvidia-cudnn-cu13==9.19 --hash=sha256:33\ncuda-bindings==13.2 --hash=sha256:44\ntriton==3.6.0 --hash=sha256:55\n"
REST = "torch-like==1 --hash=sha256:66\nsafetensors==0.8 --hash=sha256:77\n"


@pytest.fixture
def install(tmp_path: Path) -> Any:
    """Run docker/install_locked.sh with a pip that only writes down what it is asked, on a machine of some kind."""
    shutil.copy(FOLDER / "install_locked.sh", tmp_path)
    (tmp_path / "packages").mkdir()
    for name, text in {
        "constraints.txt": "numpy==2\ntorch==2.11.0\ntorchaudio==2.11.0\n",
        "worker.txt": PAIR + OF_CUDA + REST,
    }.items():
        (tmp_path / name).write_text(text)
    programs = {
        "pip": f'echo "$@" >> {tmp_path}/asked\nfor last; do :; done\n[ ! -f "$last" ] || cp "$last" {tmp_path}/of-$(basename "$last")',
        "python": f"[ $1 != -c ] || echo {tmp_path}/packages",
        "uname": 'echo "$KIND"',
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)

    def run(kind: str, **arguments: str) -> list[str]:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "KIND": kind, **arguments}
        subprocess.run(["sh", tmp_path / "install_locked.sh", "worker", "worker,s3"], env=environment, check=True)
        return (tmp_path / "asked").read_text(encoding="utf-8").splitlines()

    return run


def test_an_image_is_installed_by_its_lock(install: Any) -> None:
    """By hash, what builds packages first; headers and static libraries go, as nothing is compiled there."""
    assert install("x86_64") == [
        "install --no-cache-dir --no-compile --no-deps --require-hashes --requirement build.txt",
        "install --no-cache-dir --no-compile --no-deps --no-build-isolation --require-hashes --requirement worker.txt",
    ]


def test_an_image_of_another_machine_is_installed_by_versions(install: Any) -> None:
    """There are no hashes of its files."""
    assert install("aarch64") == ["install --no-cache-dir --no-compile --constraint constraints.txt .[worker,s3]"]


@pytest.mark.parametrize("hashes", [pytest.param("", id="by version"), pytest.param("sha256:aa sha256:bb", id="by hash")])
def test_torch_without_cuda_comes_from_an_index_of_its_own(install: Any, tmp_path: Path, hashes: str) -> None:
    """The two wheels alone; all else comes as before, without what only CUDA needs."""
    asked = install("x86_64", TORCH_INDEX="https://wheels.test/cpu", TORCH_HASHES=hashes)
    checked = " --require-hashes" if hashes else ""
    pair, rest = asked[1:]
    told = "--hash=sha256:aa --hash=sha256:bb" if hashes else ""

    assert pair == (
        f"install --no-cache-dir --no-compile --no-deps --index-url https://wheels.test/cpu{checked} --requirement torch-pair.txt"
    )
    lines = (tmp_path / "of-torch-pair.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{name}==2.11.0 {told}".strip() for name in ("torch", "torchaudio")]
    assert rest.endswith(" --require-hashes --requirement worker-without-cuda.txt")
    assert (tmp_path / "of-worker-without-cuda.txt").read_text(encoding="utf-8") == REST


def test_nothing_that_only_compilers_need_stays(install: Any, tmp_path: Path) -> None:
    """Headers, static libraries and compilers go; libraries, and what torch runs, stay."""
    gone = ["torch/include/c10/a.h", "nvidia/cu13/include/b.h", "nvidia/cu13/lib/c.a", "torch/bin/protoc-3.13", "torch/bin/ptxas"]
    stays = ["torch/lib/libtorch.so", "torch/bin/torch_shm_manager", "numpy/include/d.h"]
    for name in (*gone, *stays):
        (tmp_path / "packages" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "packages" / name).touch()
    install("x86_64")

    assert sorted(
        str(file.relative_to(tmp_path / "packages")) for file in (tmp_path / "packages").rglob("*") if file.is_file()
    ) == sorted(stays)


def test_the_page_shows_the_sizes_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each target once, and the worker without CUDA beside them."""
    sizes = _script("image_sizes", monkeypatch)
    kept, page = json.loads(sizes.KEPT.read_text(encoding="utf-8")), sizes.PAGE.read_text(encoding="utf-8")
    built = {service["build"]["target"] for service in sizes.services().values() if "build" in service}

    assert sizes.rendered(page, kept) == page
    assert sorted(row["image"] for row in kept["images"]) == sorted({*built, "worker-without-cuda"})
    assert all(row["bytes"] > kept["base"]["bytes"] for row in kept["images"])


def test_images_are_measured_as_a_release_builds_them(stack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each target once, the worker a second time without CUDA, and what is largest in each; no build has the check's extras."""
    program = tmp_path / "engine"
    listed = "2000\\t/opt/voice/lib/python3.11/site-packages/torch\\n1000\\t/opt/voice/share/voice-subnet/judges\\n"
    answers = f"case \"$1\" in run) printf '{listed}';; image) echo 5000;; --version) echo engine version 1.2, build 3;; esac"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{answers}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sizes = _script("image_sizes", monkeypatch)
    engine = sizes.Engine("engine", ("engine", "build"), ())

    kept = sizes.measure(engine, ["--quiet"], "https://wheels.test/cpu", "sha256:aa", "a remark")

    builds = [line for line in (tmp_path / "asked").read_text(encoding="utf-8").splitlines() if line.startswith("build ")]
    targets = {service["build"]["target"] for service in sizes.services().values() if "build" in service}
    assert len(builds) == len(kept["images"]) == len(targets) + 1
    assert [line for line in builds if "EXTRAS" in line or "FAMILIES" in line or "--quiet" not in line] == []
    assert "TORCH_INDEX=https://wheels.test/cpu --build-arg TORCH_HASHES=sha256:aa" in builds[-1]
    assert "--target worker " in builds[-1]
    assert kept["images"][-1] == {
        "image": "worker-without-cuda",
        "bytes": 5000,
        "parts": {"torch": 2000, "judges": 1000},
        "remark": "a remark",
    }
    assert (kept["engine"], kept["base"]["bytes"]) == ("engine version 1.2", 5000)
