"""The reference of alerts, of docker/alerts.yml; and a list of them for who has one and looks for what to do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from website.links import headings, slug
from website.tables import cell, table

_FIELD = re.compile(r"\{\{[^}]*?\$(?:labels\.(?P<label>\w+)|value)[^}]*\}\}")
_CONDITION = re.compile(r"\{\{-?\s*(?:if|else|end)\b[^}]*\}\}")
_HEAD = """# Alerts

The rules of [docker/alerts.yml](../../docker/alerts.yml), which the compose profile `observe` loads. Each leads to what to do.
[Metrics](metrics.md) says what the numbers mean that they look at.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A rule."""

    name: str
    severity: str
    after: str
    """How long it must hold first; '' for at once."""
    summary: str
    description: str
    page: str
    """The page of docs/ that says what to do."""
    title: str
    """The title of its section there."""
    expression: str

    def section(self, base: str) -> str:
        """A link to the section, from a page that reaches docs/ by `base`."""
        return f"[{self.title}]({base}{self.page}#{slug(self.title)})"


def found(root: Path) -> Iterator[Alert]:
    """Every rule; raises KeyError for one whose section is not there."""
    groups: list[dict[str, Any]] = yaml.safe_load((root / "docker" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        yield _alert(root, rule)


def _alert(root: Path, rule: dict[str, Any]) -> Alert:
    said = rule["annotations"]
    place = next(text for name, text in said.items() if name.startswith("runbook"))
    page, _, anchor = place.partition("docs/")[2].partition("#")
    titles = {slug(title): title for title in headings((root / "docs" / page).read_text(encoding="utf-8"))}
    return Alert(
        name=rule["alert"],
        severity=rule["labels"]["severity"],
        after=rule.get("for", ""),
        summary=_without_fields(said["summary"]),
        description=_without_fields(said.get("description", "").strip()),
        page=page,
        title=titles[anchor],
        expression=rule["expr"].strip(),
    )


def _without_fields(text: str) -> str:
    """The text with names in the places that Prometheus fills in."""
    return _FIELD.sub(lambda match: f"`{match['label'] or 'value'}`", _CONDITION.sub("", text))


def page(root: Path) -> str:
    """The reference of all alerts."""
    return _HEAD + "".join(f"\n{_section(alert)}" for alert in found(root))


def _section(alert: Alert) -> str:
    parts = (
        f"## {alert.name}",
        f"**{alert.severity}**{f', after {alert.after}' if alert.after else ''}: {cell(alert.summary)}.",
        cell(alert.description),
        f"What to do: {alert.section('../')}",
        f"```promql\n{alert.expression}\n```\n",
    )
    return "\n\n".join(part for part in parts if part)


def by_name(root: Path) -> str:
    """A section of the runbooks: each alert, what it says, and where to go."""
    rows = [(f"`{alert.name}`", cell(alert.summary), alert.section("")) for alert in found(root)]
    return f"\n## An alert came\n\n{table(('alert', 'it says', 'go to'), rows)}"
