"""The bases that a competition names."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from structlog.testing import capture_logs

from neurons.cli.main import app
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.copy_rules import CopyRules
from scoring.model.fingerprint import fingerprint
from scoring.model.sketch import SketchKey
from scoring.progress import NO_PROGRESS
from scoring.types import RoundNumber
from workers.evaluation.bases import BaseStore

REPO, REVISION = "voices/base", "ab" * 20
KEY, OTHER_KEY = SketchKey(1, bytes(32)), SketchKey(2, bytes(range(32)))
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A base's folder, where a store below `tmp_path` keeps what it fetched."""
    folder = tmp_path / "bases" / REPO / REVISION
    folder.mkdir(parents=True)
    save_file({"w": np.arange(9.0, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "none"}', encoding="ascii")
    return folder


def rules(content: str) -> CopyRules:
    """The rules in force, with this base."""
    found = load().at(RoundNumber(0)).copies.model_dump() | {"bases": {content: {"repo": REPO, "revision": REVISION}}}
    return CopyRules.model_validate(found)


def test_a_base_is_sketched_by_the_key_once(tmp_path: Path, model: Path) -> None:
    """At each precision, by either key; its files are read once for each."""
    store, named = BaseStore(NOBODY, tmp_path / "bases"), rules(fingerprint(model, NO_PROGRESS).content)
    told: list[tuple[int, int]] = []
    (found,) = store(named, KEY, lambda done, total: told.append((done, total)))
    (again,) = store(named, KEY, lambda _done, _total: pytest.fail("it is read again"))
    (other,) = store(named, OTHER_KEY, NO_PROGRESS)
    assert (found.folder, found is again, len(found.base.sketches)) == (model, True, 3)
    assert (told, told[-1]) == (sorted(told), (4 * 36, 4 * 36))
    mine, theirs = (each.base.sketches[0].tensors["w"] for each in (found, other))
    assert (mine.norm, list(mine.projections) == list(theirs.projections)) == (theirs.norm, False)


@pytest.mark.parametrize("is_there", [pytest.param(True, id="another model"), pytest.param(False, id="nobody answers")])
def test_nothing_but_what_the_rules_name(tmp_path: Path, model: Path, is_there: bool) -> None:
    """What is not the base is left out, and the log says why: a worker goes on without it."""
    with capture_logs() as logs:
        found = BaseStore(NOBODY, tmp_path / ("bases" if is_there else "empty"))(rules("00" * 32), KEY, NO_PROGRESS)
    code = Code.PART_UNAVAILABLE if is_there else Code.HUB_UNAVAILABLE
    assert (found, [(line["code"], line["base"]) for line in logs]) == ((), [(code, "00" * 32)])


def test_the_command_writes_what_the_rules_name(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed lines are the competition's."""
    app(["family", "base", str(model), "--repo", REPO, "--revision", REVISION], standalone_mode=False)
    named = tomllib.loads(capsys.readouterr().out)["version"]["copies"]["bases"]
    assert named == {fingerprint(model, NO_PROGRESS).content: {"repo": REPO, "revision": REVISION}}


def test_a_base_has_a_revision(model: Path) -> None:
    """A branch names another model tomorrow."""
    with pytest.raises(PlatformError, match="40 hexadecimal digits"):
        app(["family", "base", str(model), "--repo", REPO, "--revision", "main"], standalone_mode=False)
