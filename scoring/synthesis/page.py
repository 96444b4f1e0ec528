"""docs/families.md, rendered from the manifests."""

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scoring.competition import load
from scoring.synthesis.families import FAMILIES

TEMPLATE = "families.md.j2"


def render() -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown of our own manifests, not HTML of anybody's
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ticked"] = _ticked
    return environment.get_template(TEMPLATE).render(families=list(FAMILIES.values()), admitted=load().version[-1].families)


def _ticked(names: Iterable[str]) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in names)
