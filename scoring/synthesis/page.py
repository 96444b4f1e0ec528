"""docs/families.md, rendered from the manifests."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from scoring.competition import load
from scoring.described import described
from scoring.markdown import template
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest
from scoring.synthesis.settings import Setting

TEMPLATE = "families.md.j2"


def render(families: Iterable[Manifest] = tuple(FAMILIES.values())) -> str:
    """The page."""
    return template(Path(__file__).with_name(TEMPLATE), {"ticked": _ticked, "range": _range, "versions": _versions}).render(
        families=list(families), admitted=load().version[-1].families, described=described()
    )


def _range(setting: Setting) -> str:
    """The values that a setting may have, and the one that stands for it."""
    kind = "a whole number, " if setting.whole else ""
    return f"{kind}{setting.low:g} … {setting.high:g}, without it {setting.default:g}"


def _versions(packages: Mapping[str, str]) -> str:
    """Packages with their versions."""
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def _ticked(names: Iterable[str]) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in names)
