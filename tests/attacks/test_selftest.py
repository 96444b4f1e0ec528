"""The self-test of a host's sandbox: nothing gets through, each wall that it names is what refuses, and a way out stops the worker."""

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from neurons.cli.main import app
from scoring.errors import Code, InfrastructureFault
from tests.attacks.conftest import Guests
from workers.sandbox.selftest import run
from workers.sandbox.selftest.attempt import Outcome, Wall
from workers.sandbox.selftest.catalogue import ATTEMPTS
from workers.sandbox.selftest.run import Finding

UNWALLED = str(Path(__file__).with_name("unwalled_guest.py"))
DEADLY = "a signal to itself that looks like the host's"
"""Without the filter it is what it says: no attempt comes after it."""
WALLS = {"landlock": Wall.LANDLOCK, "seccomp": Wall.SECCOMP, "capabilities": Wall.CAPABILITIES}
Found = Callable[[str | None], dict[str, Finding]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What becomes of every attempt, with all walls, or without the one that is named."""

    @cache
    def tried(without: str | None) -> dict[str, Finding]:
        folder = tmp_path_factory.mktemp("selftest")
        if without is None:
            return {finding.name: finding for finding in run.attempts(folder)}
        names = [name for name in ATTEMPTS if name != DEADLY]
        return {finding.name: finding for finding in run.attempts(folder, names, (UNWALLED, without))}

    return tried


@pytest.mark.parametrize("name", ATTEMPTS)
def test_every_attempt_is_refused(found: Found, name: str) -> None:
    """Or this host has nothing of the kind; or the page says why it remains possible."""
    assert not found(None)[name].is_breach, found(None)[name].said


@pytest.mark.parametrize("tried_by", [run.by_decoder, run.by_converter])
def test_what_a_model_cannot_reach_no_other_guest_can(tmp_path: Path, tried_by: Callable[[Path], Finding]) -> None:
    """Nor can a decoder or a converter that was taken over by its file."""
    finding = tried_by(tmp_path)
    assert not finding.is_breach, finding.said


@pytest.mark.parametrize("wall", WALLS)
def test_what_opens_without_a_wall_names_it(found: Found, wall: str) -> None:
    """The table says truly which wall refuses: what gets through once it is gone names it."""
    opened = {name for name, finding in found(wall).items() if finding.outcome is Outcome.POSSIBLE and not finding.remains}
    assert {name for name in opened if WALLS[wall] not in ATTEMPTS[name].walls} == set()
    assert opened


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user is kept from more by the kernel's own rules")
@pytest.mark.parametrize("wall", WALLS)
def test_what_names_one_wall_opens_without_it(found: Found, wall: str) -> None:
    """No attempt fails for another reason than the one wall that it names: each is real."""
    alone = {name for name, finding in found(wall).items() if ATTEMPTS[name].walls == (WALLS[wall],)}
    assert {name for name in alone if found(wall)[name].outcome is Outcome.REFUSED} == set()


def test_a_worker_says_that_its_sandbox_holds(tmp_path: Path) -> None:
    """Its log has a line with the numbers of attempts: every one is accounted for."""
    with capture_logs() as said:
        run.stop_if_open(tmp_path)
    (line,) = [line for line in said if line["event"] == "the sandbox holds"]
    assert line["refused"] + line["not_there"] + line["remain"] == len(ATTEMPTS)


def test_a_way_out_stops_the_worker(tmp_path: Path) -> None:
    """With the filter gone, the code says what is wrong and the message names the ways."""
    with pytest.raises(
        InfrastructureFault, match=r"got through: internet socket \(model: done\); fork \(model: done\)"
    ) as caught:
        run.check(run.attempts(tmp_path, ["internet socket", "passwords", "fork"], (UNWALLED, "seccomp")))
    assert caught.value.code is Code.SANDBOX_OPEN


def test_a_guest_that_does_not_outlive_an_attempt(tmp_path: Path) -> None:
    """It is named as the way out: nothing was refused."""
    (finding,) = run.attempts(tmp_path, [DEADLY], (UNWALLED, "seccomp"))
    assert (finding.name, finding.is_breach) == (DEADLY, True)


def test_a_host_without_a_sandbox_is_told_as_ever(tmp_path: Path) -> None:
    """A guest that cannot even begin is no way out."""
    with pytest.raises(InfrastructureFault) as caught:
        run.attempts(tmp_path, ["fork"], ("-m", "workers.sandbox.selftest.nothing"))
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE


def test_the_command_prints_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines: whether all held, and what became of each attempt; it ends well."""
    monkeypatch.setenv("VOICE_DATA", str(tmp_path))
    result = CliRunner().invoke(app, ["worker", "selftest", "--json"])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["held"], [row["name"] for row in said["findings"]]) == (0, True, list(ATTEMPTS))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_everything(tmp_path: Path, guests: Guests) -> None:
    """All kinds of guests, and all behaviours: every verdict is the one that was earned, and nothing is left behind."""
    run.check(list(run.everything(tmp_path)))
    assert guests() == []
    assert list(tmp_path.iterdir()) == []
