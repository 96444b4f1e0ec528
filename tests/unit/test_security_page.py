"""docs/security.md lists what the self-test tries, as the code has it."""

from pathlib import Path

import pytest

from scoring.errors import Code, PlatformError
from workers.sandbox.selftest.catalogue import AREAS, ATTEMPTS
from workers.sandbox.selftest.table import rendered

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_table_is_rendered_from_the_attempts() -> None:
    """`voice worker walls` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == rendered(PAGE)


def test_every_attempt_has_a_name_of_its_own() -> None:
    """None hides another."""
    assert len(ATTEMPTS) == sum(len(area) for area in AREAS.values())


def test_every_attempt_names_a_wall_or_says_why_it_remains() -> None:
    """One or the other."""
    assert [name for name, one in ATTEMPTS.items() if bool(one.walls) == bool(one.remains)] == []


def test_a_page_without_a_place_for_the_table(tmp_path: Path) -> None:
    """It is left as it is, and the message says what is missing."""
    (tmp_path / "page.md").write_text("# Security\n", encoding="utf-8")
    with pytest.raises(PlatformError, match="has no place for the table") as caught:
        rendered(tmp_path / "page.md")
    assert caught.value.code is Code.ARGUMENT_INVALID
