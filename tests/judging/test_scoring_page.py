"""docs/scoring.md is what the code and the measurements say; every metric that costs is described."""

from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.scoring.commands import app
from scoring.competition import Profile
from scoring.errors import Code, PlatformError
from scoring.scores import aggregate
from scoring.studies.evidence import measured
from scoring.studies.evidence.discrimination import LEAST_LOSS, UNCHARGED
from scoring.studies.evidence.page import MEASURES, render
from scoring.studies.manipulations.manipulation import Manipulation

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "docs" / "measured"


@pytest.fixture(scope="module")
def page() -> str:
    """The page, rendered now."""
    return render(measured.read(STUDIES))


def test_the_page_is_up_to_date(page: str) -> None:
    """`voice scoring docs` writes it anew."""
    assert (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("profile", Profile)
def test_every_metric_that_costs_is_described(profile: Profile) -> None:
    """With unit and meaning, for people."""
    anchored = {name for factor in aggregate.load_anchors(profile).factors.values() for name in factor.metrics}
    assert anchored - set(MEASURES) == set()


def test_every_manipulation_is_charged_or_owned_up_to() -> None:
    """No third way, and none both ways."""
    assert set(LEAST_LOSS) | set(UNCHARGED) == set(Manipulation)
    assert set(LEAST_LOSS) & set(UNCHARGED) == set()
    assert all(UNCHARGED.values())
    assert all(0.0 < least <= 1.0 for least in LEAST_LOSS.values())


def test_tables_are_tables(page: str) -> None:
    """Every row of a table has as many cells as the row above it."""
    lines = page.splitlines()
    rows = [(above, line) for above, line in pairwise(lines) if line.startswith("|") and above.startswith("|")]
    assert rows
    assert [line for above, line in rows if above.count("|") != line.count("|")] == []


def test_check_tells_a_stale_page(page: str, tmp_path: Path) -> None:
    """It passes on what it wrote, fails on one changed digit and on no page, and writes nothing itself."""
    path = tmp_path / "scoring.md"
    arguments = ["docs", "--out", str(path), "--measured", str(STUDIES)]

    def check() -> None:
        CliRunner().invoke(app, [*arguments, "--check"], catch_exceptions=False, standalone_mode=False)

    with pytest.raises(PlatformError, match="out of date"):
        check()
    assert not path.exists()
    CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    check()
    assert path.read_text(encoding="utf-8") == page
    path.write_text(page.replace("0.5", "0.6", 1), encoding="utf-8")
    with pytest.raises(PlatformError, match="out of date"):
        check()


@pytest.mark.parametrize(
    ("content", "why"),
    [pytest.param(None, "cannot be read", id="missing"), pytest.param('{"groups": 1}', "not what", id="other")],
)
def test_results_of_another_form_are_refused(tmp_path: Path, content: str | None, why: str) -> None:
    """Rather than rendered with holes."""
    if content is not None:
        (tmp_path / "voices.json").write_text(content, encoding="utf-8")
    with pytest.raises(PlatformError, match=why) as told:
        measured.read(tmp_path)
    assert told.value.code is Code.ARGUMENT_INVALID
