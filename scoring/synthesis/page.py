"""docs/families.md, rendered from the manifests."""

from collections.abc import Iterable
from pathlib import Path

from scoring.competition import load
from scoring.markdown import template
from scoring.synthesis.families import FAMILIES

TEMPLATE = "families.md.j2"


def render() -> str:
    """The page."""
    return template(Path(__file__).with_name(TEMPLATE), {"ticked": _ticked}).render(
        families=list(FAMILIES.values()), admitted=load().version[-1].families
    )


def _ticked(names: Iterable[str]) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in names)
