"""docs/families.md is what the manifests say."""

from pathlib import Path

from scoring.synthesis.families import FAMILIES
from scoring.synthesis.page import render

PAGE = Path(__file__).parents[2] / "docs" / "families.md"


def test_the_page_is_rendered_from_the_manifests() -> None:
    """`voice family docs` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == render()


def test_every_family_says_how_it_is_trained_and_what_it_holds() -> None:
    """Each has a section with its guide, its files and its licence."""
    page = render()
    for manifest in FAMILIES.values():
        section = page.partition(f"\n## {manifest.name}\n")[2].partition("\n## ")[0]
        for said in (manifest.guide.training.strip(), manifest.licence.notes.strip(), *manifest.files.must, *manifest.files.may):
            assert said in section, said
