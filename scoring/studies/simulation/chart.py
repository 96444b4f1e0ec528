"""Charts as SVG: lines over a number, bars over names. The same numbers give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

COLOURS = ("#0a7d55", "#b3541e", "#3b5bdb", "#8a3ffc", "#6b7280", "#c2255c")
WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 66, 560, 40, 300
_STEPS = 5


@dataclass(frozen=True, slots=True)
class Labels:
    """The title of a chart and the names of its axes."""

    title: str
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class _Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    name: str
    points: str
    colour: str
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    x: float
    y: float
    width: float
    height: float
    colour: str
    label: str


def lines(labels: Labels, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """One line per name; both axes begin at 0. Raises ValueError without a point."""
    right = max(x for points in series.values() for x, _ in points)
    top = max(y for points in series.values() for _, y in points)
    drawn = [
        _Curve(
            name=name,
            points=" ".join(f"{_across(x, right):.1f},{_up(y, top):.1f}" for x, y in points),
            colour=COLOURS[place % len(COLOURS)],
            key=TOP + 8 + 20 * place,
        )
        for place, (name, points) in enumerate(series.items())
    ]
    x_ticks = [_Tick(round(_across(value, right), 1), f"{value:.3g}") for value in _ticks(right)]
    return _render(labels, RIGHT, x_ticks, _heights(top), lines=drawn)


def bars(labels: Labels, values: Mapping[str, float]) -> str:
    """One bar per name, with its value on top; no value is negative. Raises ValueError for none."""
    top, right = max(values.values()), WIDTH - 20
    step = (right - LEFT) / len(values)
    drawn, names = [], []
    for place, (name, value) in enumerate(values.items()):
        x, y = LEFT + step * (place + 0.15), _up(value, top)
        colour = COLOURS[place % len(COLOURS)]
        drawn.append(
            _Column(
                x=round(x, 1),
                y=round(y, 1),
                width=round(step * 0.7, 1),
                height=round(BOTTOM - y, 1),
                colour=colour,
                label=f"{value:.3g}",
            )
        )
        names.append(_Tick(round(x + step * 0.35, 1), name))
    return _render(labels, right, names, _heights(top), bars=drawn)


def _render(
    labels: Labels,
    right: float,
    x_ticks: Sequence[_Tick],
    y_ticks: Sequence[_Tick],
    lines: Sequence[_Curve] = (),
    bars: Sequence[_Column] = (),
) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": right, "top": TOP, "bottom": BOTTOM}
    named = {"title": labels.title, "x_label": labels.x, "y_label": labels.y}
    return environment.get_template("chart.svg.j2").render(
        **frame, **named, x_ticks=x_ticks, y_ticks=y_ticks, lines=lines, bars=bars
    )


def _across(value: float, most: float) -> float:
    return LEFT + (RIGHT - LEFT) * (value / most if most else 0.0)


def _up(value: float, most: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * (value / most if most else 0.0)


def _ticks(most: float) -> list[float]:
    return [most * step / _STEPS for step in range(_STEPS + 1)]


def _heights(top: float) -> list[_Tick]:
    return [_Tick(round(_up(value, top), 1), f"{value:.3g}") for value in _ticks(top)]
