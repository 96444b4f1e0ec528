"""A family's environment: installed by pip from its lock, looked through, and imported by its guests alone. No index is asked."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules, load
from scoring.errors import Code, InfrastructureFault
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.environment import LOCK
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from tests.builders import espeak_voices
from tests.builders.command_line import voice
from tests.builders.environments import HUM, build_lock, needing, only_from
from tests.builders.limits import limits
from tests.builders.tools import build_tools
from tests.builders.verdicts import NobodyBefore, self_certified
from tests.builders.workers import a_claim
from tests.integration.hub_thread import hub_over
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.evaluate import Assignment, evaluate
from workers.hub.client import Hub
from workers.sandbox.sandbox import Sandbox

GUEST = Path(__file__).with_name("humming_guest.py")
MakeStore = Callable[..., EnvironmentStore]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the made-up packages were installed, once; beside it `wheels`, the one place that packages may come from."""
    folder = tmp_path_factory.mktemp("made")
    with only_from(folder / "wheels"):
        families = needing(build_lock(folder / "wheels"), folder)
        assert EnvironmentStore(folder / "environments", installs=True, families=families)("espeak", NO_PROGRESS)
        yield folder


@pytest.fixture
def store(tmp_path: Path, made: Path) -> MakeStore:
    """A new look at this test's environments by a process that installs them or not; of the made-up lock, or of another."""

    def make(*, installs: bool = False, text: str | None = None) -> EnvironmentStore:
        lock = (made / LOCK).read_text(encoding="utf-8") if text is None else text
        return EnvironmentStore(tmp_path / "environments", installs=installs, families=needing(lock, tmp_path / "lock"))

    return make


@pytest.fixture
def packages(tmp_path: Path, made: Path, store: MakeStore) -> Path:
    """The made-up packages on this test's host, as they were installed."""
    shutil.copytree(made / "environments", tmp_path / "environments")
    folder = store()("espeak", NO_PROGRESS)
    assert folder is not None
    return folder


def hum(tmp_path: Path, environment: Path, *texts: str) -> tuple[Spoken, ...]:
    """Let a model speak in the sandbox, by the adapter that needs the made-up packages."""
    (tmp_path / "model").mkdir()
    requests = [Request(f"p{number}", text, "", number) for number, text in enumerate(texts or ("hum",))]
    rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
    sandbox = Sandbox(tmp_path / "scratch", [str(GUEST)])
    return sandbox.speak(tmp_path / "model", "espeak", requests, limits(), rules, environment=environment, on_sample=NO_PROGRESS)


def refused(store: EnvironmentStore) -> str:
    """Why the environment cannot be used: our fault, in one line."""
    with pytest.raises(InfrastructureFault) as caught:
        store("espeak", NO_PROGRESS)
    assert caught.value.code is Code.ENVIRONMENT_UNAVAILABLE
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_a_guest_imports_its_familys_packages_first(tmp_path: Path, packages: Path, store: MakeStore) -> None:
    """One that the worker lacks, and one that it has in another version; it may read them, and write none."""
    said, version, written, again = hum(tmp_path, packages, "hum", "version", "write", "hum")
    assert np.frombuffer(said.pcm, "<i2")[0] == round(0.25 * 32767)
    assert version.reason == "0.0.7"
    assert (written.failure, written.reason.partition(":")[0]) == (Gate.GENERATION_FAILED, "PermissionError")
    assert again.pcm == said.pcm
    assert store()("espeak", NO_PROGRESS) == packages


def test_it_is_installed_once_and_whole(tmp_path: Path, store: MakeStore) -> None:
    """What came is told package by package; afterwards no process asks for anything. Dependencies never came, and what a killed
    process left is gone."""
    (tmp_path / "environments" / ".making-left" / "packages").mkdir(parents=True)
    told: list[tuple[int, int]] = []
    assert store(installs=True).prepare("espeak", lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]
    (folder,) = (tmp_path / "environments" / "espeak").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["packages", "record.json"]
    assert sorted(path.name for path in (folder / "packages").iterdir()) == [
        *("hum", "hum-0.0.7.dist-info", "num2words", "num2words-0.0.7.dist-info")
    ]
    assert [path.name for path in (tmp_path / "environments").iterdir()] == ["espeak"]
    with only_from(tmp_path / "nothing"):
        assert not store(installs=True).prepare("espeak", NO_PROGRESS)
        assert store()("espeak", NO_PROGRESS) == folder / "packages"
    assert store()("vits", NO_PROGRESS) is None


def test_of_two_at_once_one_installs(store: MakeStore) -> None:
    """The other waits, and finds it ready."""
    stores = [store(installs=True) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda each: each.prepare("espeak", NO_PROGRESS), stores)) == [False, True]


def test_what_is_not_prepared_is_named(packages: Path, store: MakeStore) -> None:
    """By a process that installs nothing; another lock is another environment."""
    other = (packages.parents[3] / "lock" / LOCK).read_text(encoding="utf-8") + "# another\n"
    name = hashlib.sha256(other.encode()).hexdigest()[:12]
    assert refused(store(text=other)) == f"the environment {name} of the family espeak is not prepared"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            lambda p: (p / "hum" / "__init__.py").write_text("TONE = 0.26\n"), "was changed: hum/__init__.py", id="as long"
        ),
        pytest.param(lambda p: (p / "hum" / "__init__.py").unlink(), "was changed: hum/__init__.py", id="gone"),
        pytest.param(lambda p: (p / "torch.py").touch(), "was changed: torch.py", id="one more"),
        pytest.param(lambda p: (p / "more").symlink_to(p), "was changed: more", id="a link"),
        pytest.param(lambda p: (p.parent / "record.json").write_text("{}"), "cannot be read", id="no record"),
        pytest.param(
            lambda p: (p.parent / "record.json").write_text(
                json.dumps(json.loads((p.parent / "record.json").read_text()) | {"python": "another"})
            ),
            "was prepared for another Python (another)",
            id="of another Python",
        ),
    ],
)
def test_a_changed_one_is_noticed(packages: Path, store: MakeStore, change: Callable[[Path], object], why: str) -> None:
    """Whoever looks at it for the first time sees it."""
    change(packages)
    assert refused(store()).endswith(f" of the family espeak {why}")


def test_a_change_is_noticed_and_mended_while_a_worker_runs(packages: Path, store: MakeStore) -> None:
    """A process that found it well looks again before each guest; `prepare` brings the right files back."""
    worker = store()
    assert worker("espeak", NO_PROGRESS) == packages
    (packages / "hum" / "__init__.py").write_text("TONE = 0.26\n", encoding="utf-8")
    assert "was changed" in refused(worker)
    assert store(installs=True).prepare("espeak", NO_PROGRESS)
    assert worker("espeak", NO_PROGRESS) == packages
    assert (packages / "hum" / "__init__.py").read_text(encoding="utf-8") == HUM


@pytest.mark.parametrize(
    ("signum", "status"), [pytest.param(signal.SIGTERM, 143, id="asked to"), pytest.param(signal.SIGKILL, -9, id="killed")]
)
def test_a_command_that_ends_in_the_middle(tmp_path: Path, signum: signal.Signals, status: int) -> None:
    """No pip goes on without it; asked to end, it leaves nothing half-written. The index of this pip never answers."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        port = index.getsockname()[1]
        place = {
            "PIP_INDEX_URL": f"http://127.0.0.1:{port}/",
            "PIP_CONFIG_FILE": "/dev/null",
            "VOICE_ENVIRONMENTS": str(tmp_path),
        }
        command = [sys.executable, "-m", "neurons.cli", "worker", "prepare", "qwen3_tts"]
        with subprocess.Popen(command, env={"PATH": os.defpath, **place}, stderr=subprocess.DEVNULL) as process:
            index.settimeout(60)
            held = index.accept()[0]
            (pip,) = psutil.Process(process.pid).children()
            process.send_signal(signum)
            assert process.wait(20) == status
            held.close()
    assert psutil.wait_procs([pip], timeout=20)[1] == []
    assert (signum is signal.SIGKILL) == any(tmp_path.glob(".making-*"))


def test_other_bytes_than_those_of_the_lock(tmp_path: Path, store: MakeStore) -> None:
    """Nothing is installed, nothing is left, and the reason is pip's."""
    text = build_lock(tmp_path / "wheels")
    build_lock(tmp_path / "wheels", hum="TONE = 1.0\n")
    with only_from(tmp_path / "wheels"):
        assert "could not be installed: THESE PACKAGES DO NOT MATCH THE HASHES" in refused(store(installs=True, text=text))
    assert [path for path in (tmp_path / "environments").rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, store: MakeStore) -> None:
    """As that of an image."""
    (tmp_path / "environments").touch()
    assert f"cannot be written below {tmp_path / 'environments'}" in refused(store(installs=True))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param(
            {"hum": "import nothing_of_this_name\n"}, "No module named 'nothing_of_this_name'", id="a library is missing"
        ),
        pytest.param(
            {"hum": "", "num2words": "raise RuntimeError(__file__)"}, "RuntimeError: environment/num2words", id="it breaks"
        ),
        pytest.param({"hum": "", "numpy": ""}, "brings numpy, which the guest itself has imported already", id="too late"),
    ],
)
def test_an_environment_that_does_not_work_is_no_models_fault(tmp_path: Path, code: dict[str, str], why: str) -> None:
    """As every library that a family needs; the reason names no folder of this host."""
    for name, text in code.items():
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "__init__.py").write_text(text, encoding="utf-8")
    with pytest.raises(InfrastructureFault, match=why) as caught:
        hum(tmp_path, tmp_path / "packages")
    assert caught.value.code is Code.LIBRARY_MISSING
    assert str(tmp_path) not in caught.value.detail


def test_a_host_without_it_fetches_no_model(tmp_path: Path, store: MakeStore) -> None:
    """A worker says so as soon as it knows the family: a retry for the operator, and no verdict."""
    model = espeak_voices.build(tmp_path / "models")["clear"]
    rules = load(COMPETITION).at(RoundNumber(0))
    revision = publish(tmp_path / "hub", "clear/voice", model)
    claim = a_claim(repo="clear/voice", revision=revision, competition_hash=rules.hash)
    with hub_over(tmp_path / "hub") as url:
        hub = Hub(url, tmp_path / "cache")
        tools = build_tools(tmp_path, hub=hub, environments=store())
        with pytest.raises(InfrastructureFault) as caught:
            evaluate(Assignment(claim, rules, self_certified(tmp_path / "receipts")), tools, NobodyBefore(), NO_PROGRESS)
    assert (caught.value.code, hub.folder(claim.repo, claim.revision).exists()) == (Code.ENVIRONMENT_UNAVAILABLE, False)
    assert "voice worker prepare FAMILY" in caught.value.told


@pytest.fixture
def installation(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """One whose family espeak needs the made-up packages; returns what pip must hear to find them."""
    for name, manifest in needing((made / LOCK).read_text(encoding="utf-8"), tmp_path / "lock").items():
        monkeypatch.setitem(FAMILIES, name, manifest)
    return {name: os.environ[name] for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE")}


def test_the_command_prepares_what_the_competition_needs(tmp_path: Path, installation: dict[str, str]) -> None:
    """All, or by name; what is there is only checked."""
    lock = FAMILIES["espeak"].environment
    assert lock is not None
    folder = f".voice/environments/espeak/{lock.hash}"
    everything = voice(tmp_path, "worker", "prepare", "--all", "--competition", str(COMPETITION), **installation)
    assert (everything.returncode, everything.stdout.splitlines()[1:]) == (0, [f"installed {folder}"])
    assert everything.stdout.startswith("checked ")
    assert "prepare" in everything.stderr
    named = voice(tmp_path, "worker", "prepare", "espeak", "vits")
    assert named.stdout.splitlines() == [f"checked {folder}", "vits needs no packages beside the worker's own"]


def test_a_miner_need_not_prepare_anything(tmp_path: Path, installation: dict[str, str]) -> None:
    """`voice miner check --speak` installs what the family needs, in the folder that is named, and says how far it is."""
    model = espeak_voices.build(tmp_path / "models")["clear"]
    options = ("--speak", "--competition", str(COMPETITION))
    spoke = voice(tmp_path, "miner", "check", str(model), *options, VOICE_ENVIRONMENTS="mine", **installation)
    assert (spoke.returncode, spoke.stdout.splitlines()[-1]) == (0, "A validator accepts this folder.")
    assert "prepare" in spoke.stderr
    assert len(list((tmp_path / "mine" / "espeak").glob("*/packages/hum/__init__.py"))) == 1


@pytest.mark.parametrize(
    ("names", "why"),
    [
        pytest.param((), "name judges, a family, or --all", id="nothing"),
        pytest.param(
            ("judges", "nobody"), f"no family is called nobody; there are {', '.join(sorted(FAMILIES))}", id="a stranger"
        ),
    ],
)
def test_the_command_knows_what_there_is(tmp_path: Path, names: tuple[str, ...], why: str) -> None:
    """Before anything is installed."""
    ended = voice(tmp_path, "worker", "prepare", *names)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"error {Code.ARGUMENT_INVALID} {why}" in ended.stderr
