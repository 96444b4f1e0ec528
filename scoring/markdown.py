"""Templates of pages in Markdown, filled in with numbers and words of our own."""

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def template(path: Path, filters: Mapping[str, Callable[..., str]] | None = None) -> Template:
    """The template in a file; a name that it is not given is an error when it is rendered."""
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown of our own, not HTML of anybody's
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(path.name)
