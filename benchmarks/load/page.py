"""The tables of docs/sizing.md and docs/benchmarks.md from kept runs: `python -m benchmarks.load.page` writes them anew."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.targets import MOST_REQUESTS, MOST_TICK_SECONDS
from tests.builders.processes import ROOT

KEPT = ROOT / "docs" / "measured" / "load.json"
SCALE = ROOT / "docs" / "measured" / "scale.json"
PAGE = ROOT / "docs" / "sizing.md"
MEASURED_PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- load: rendered from measured/load.json -->\n", "<!-- end of load -->\n"
YEARS = ROOT / "docs" / "measured" / "validator.json"
BEGIN_YEARS, END_YEARS = "<!-- ticks: rendered from measured/validator.json -->\n", "<!-- end of ticks -->\n"
BEGIN_SCALE, END_SCALE = "<!-- scale: rendered from measured/scale.json -->\n", "<!-- end of scale -->\n"


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table of texts."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(found: Mapping[str, Any]) -> Iterator[ShownTable]:
    """All of a result, in order."""
    yield _fleets(found, faulty=False)
    yield _fleets(found, faulty=True)
    for limit in found["limits"]:
        yield _limits(limit)
    if found["compared"]:
        heads = ("a small run", "real", "on paper", "agree")
        rows = tuple(
            (each["what"], f"{each['real']:.1f}", f"{each['paper']:.1f}", "yes" if each["agrees"] else "no")
            for each in found["compared"]
        )
        yield ShownTable("The same on paper and for real, one worker of three killed", heads, rows)


def _fleets(found: Mapping[str, Any], *, faulty: bool) -> ShownTable:
    heads = ("track", "workers", "rounds in time", "oldest row, p95", "busy", "parked", "lost", f"a round, {found['currency']}")
    rows = tuple(
        (
            row["track"],
            row["workers"],
            f"{row['in_time']:.0%}",
            f"{row['p95_age_seconds'] / 60:.0f} min",
            f"{row['utilisation']:.0%}",
            f"{row['parked']} of {row['asked']}",
            str(row["lost"]),
            f"{row['cost']:.2f}",
        )
        for row in found["rows"]
        if row["faulty"] == faulty
    )
    faults = found["faults"]
    dying = f"Each host dies after {faults['mtbf_hours']:g} hours in the mean, {faults['failing']:.0%} of evaluations fail for us"
    return ShownTable(dying if faulty else "Nothing fails", heads, rows)


def _limits(limit: Mapping[str, Any]) -> ShownTable:
    heads = ("what ends", "one worker adds", "1,000 take", "there is", "enough for workers, one validator", "ten", "known by")
    rows = tuple(
        (
            row["what"],
            _number(row["each"], row["unit"]),
            _number(row["many"], row["unit"]),
            _number(row["end"], row["unit"]),
            *(f"{workers:,}" for workers in row["workers"]),
            row["basis"],
        )
        for row in limit["rows"]
    )
    return ShownTable(f"What ends first, track {limit['track']}", heads, rows)


def _number(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.6f}".rstrip("0")
    return f"{digits} {unit}".rstrip()


def scale_tables(found: Mapping[str, Any]) -> Iterator[ShownTable]:
    """What was measured of fleets of real workers, and of a thousand made-up ones."""
    heads = ("workers", "verdicts/s", "bare loop", "ratio", "due to claimed, p50; p99", "connections: PostgreSQL; Redis")
    parts = tuple(found["points"][0]["cpu_ms"])
    rows = tuple(
        (
            str(point["workers"]),
            f"{point['claims']:.0f}",
            f"{point['bare']:.0f}",
            f"{point['claims'] / point['bare']:.2f} ×",
            f"{1000 * point['p50_seconds']:.0f}; {1000 * point['p99_seconds']:.0f} ms",
            f"{point['postgres_connections']}; {point['redis_connections']}",
            *(f"{point['cpu_ms'][part]:.1f} ms" for part in parts),
        )
        for point in found["points"]
    )
    yield ShownTable(f"{found['where']}; the last columns are processor time of a verdict", (*heads, *parts), rows)
    crowd = found["crowd"]
    cells = (
        (f"signs of life/s among {crowd['workers']:,} workers", f"{crowd['heartbeats']:,.0f}"),
        ("PostgreSQL's processor for one of them", f"{crowd['heartbeat_ms']:.2f} ms"),
        (f"one sweep of the dispatcher, {crowd['workers']:,} workers at work", f"{1000 * crowd['sweep_seconds']:.0f} ms"),
        ("wake-ups/s that the dispatcher sends, where 4,000 rows become due at once", f"{crowd['wakeups']:,.0f}"),
        ("a sweep without a worker", f"{1000 * crowd['sweep_alone_seconds']:.0f} ms"),
    )
    yield ShownTable("Workers that do nothing", ("what", "measured"), cells)


def years_tables(found: Mapping[str, Any]) -> Iterator[ShownTable]:
    """A validator's ticks, the model queue's, and what people read, over a long history."""
    years = found["ticks"]
    history = years["history"]
    rows = [
        (f"a tick that {tick['what']}", _seconds(tick), f"{tick['asked']} statements", f"≤ {MOST_TICK_SECONDS:g} s")
        for tick in years["ticks"]
    ]
    rows += [
        (f"a tick of the model queue, {tick['what']}", _seconds(tick), f"{tick['asked']} requests", f"≤ {MOST_REQUESTS} requests")
        for tick in years["queue_ticks"]
    ]
    title = f"{history['miners']} miners with {history['rounds']:,} rounds, made in {years['fill_seconds']:.0f} s"
    yield ShownTable(title, ("what", "seconds; of processor", "it asks", "target"), tuple(rows))
    reads = tuple(
        (f"`{each['path']}`, {each['kilobytes']:.0f} kB", f"{1000 * each['p99_seconds']:.0f} ms") for each in years["reads"]
    )
    yield ShownTable("What people read there, the slowest first", ("read", "p99"), reads)


def _seconds(tick: Mapping[str, Any]) -> str:
    return f"{tick['seconds']:.2f}; {tick['cpu_seconds']:.2f} s"


def chain_note(found: Mapping[str, Any]) -> str:
    """What ten validators ask of the chain, in a sentence."""
    chain = found["chain"]
    return (
        f"A validator asks its chain's endpoint {chain['each']:.2f} times a second, however many miners and workers there are: "
        f"an endpoint that takes {chain['end']:g} requests a second serves {chain['validators']} validators.\n"
    )


def rendered(text: str, parts: Iterable[str], begin: str = BEGIN, end: str = END) -> str:
    """The page with these parts in their place."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + "\n" + "\n".join(parts) + "\n" + end + after


def pages() -> dict[Path, str]:
    """Each page as the kept runs have it."""
    load, scale, years = (json.loads(path.read_text(encoding="utf-8")) for path in (KEPT, SCALE, YEARS))
    sizing, measured = (path.read_text(encoding="utf-8") for path in (PAGE, MEASURED_PAGE))
    return {
        PAGE: rendered(sizing, (*map(_markdown, tables(load)), chain_note(load))),
        MEASURED_PAGE: rendered(
            rendered(measured, map(_markdown, scale_tables(scale)), BEGIN_SCALE, END_SCALE),
            map(_markdown, years_tables(years)),
            BEGIN_YEARS,
            END_YEARS,
        ),
    }


def _markdown(table: ShownTable) -> str:
    lines: Sequence[str] = [_line(table.heads), _line(("---",) * len(table.heads)), *map(_line, table.rows)]
    return f"**{table.title}.**\n\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Write the pages anew."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
