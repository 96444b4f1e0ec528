"""The reference of metrics, of the calls that define them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from website.tables import cell, code, table

_FOLDERS = ("neurons", "voice_api", "workers")
_KINDS = re.compile(r"(Gauge|Counter|Histogram|Summary)(MetricFamily)?$")
_METRICS = """# Metrics

What each process shows at `/metrics` of `VOICE_METRICS_HOST`:`VOICE_METRICS_PORT`, in Prometheus' text format.
[Operations](../operations.md#reading-the-numbers) says which to look at, and when; [alerts](alerts.md) look at them for you.
Prometheus shows a counter with `_total` after its name, and a histogram as `_bucket`, `_sum` and `_count`.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric as its definition states it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str
    """Its help."""
    group: str
    """The first sentence of the class that defines it."""


def page(root: Path) -> str:
    """The reference of all metrics, by the class that defines them."""
    metrics = sorted(found(root), key=lambda each: (each.group, each.name))
    parts = [_METRICS]
    for group in dict.fromkeys(each.group for each in metrics):
        own = [each for each in metrics if each.group == group]
        rows = [(code(each.name), each.kind, code(", ".join(each.labels)), cell(each.text)) for each in own]
        parts.append(f"## {group.rstrip('.')}\n\n{table(('metric', 'kind', 'labels', 'it says'), rows)}")
    return "\n".join(parts)


def found(root: Path) -> Iterator[Metric]:
    """Every definition of a metric in the product."""
    for path in (path for folder in _FOLDERS for path in sorted((root / folder).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        if "prometheus_client" in text:
            yield from _defined(ast.parse(text))


def _defined(module: ast.Module) -> Iterator[Metric]:
    for top in module.body:
        holder = top if isinstance(top, ast.ClassDef) else module
        group = (ast.get_docstring(holder) or "").partition(".")[0].partition(":")[0]
        for node in ast.walk(top):
            match node:
                case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=str(name)), said, *rest]) if _KINDS.match(kind):
                    short = _KINDS.sub(r"\1", kind).lower()
                    yield Metric(name=name, kind=short, labels=_labels(rest), text=_text(said), group=group)


def _labels(rest: list[ast.expr]) -> tuple[str, ...]:
    return tuple(ast.literal_eval(rest[0])) if rest and isinstance(rest[0], ast.List | ast.Tuple) else ()


def _text(said: ast.expr) -> str:
    return said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
