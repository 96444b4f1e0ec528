"""The demo's picture of its network: a live view while it runs, and the table at its end."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from neurons.localnet.observation import Expectation, MinerView, Observation

WIDE = 130
"""Columns from which on the outcome has a line for each miner."""
_UNSEEN = "not seen yet"
_COLOURS = {"scored": "green", "rejected": "red", "copy": "yellow", "queued": "cyan", "running": "magenta"}


def live(seen: Observation, spent_seconds: float) -> RenderableType:
    """Block, round and queue, and where each submission is."""
    head = Text.assemble(
        ("block ", "dim"), (str(seen.block), "bold"), ("  round ", "dim"), (str(seen.round), "bold"), ("  queue ", "dim"),
        (f"{seen.waiting} waiting, {seen.running} running", "bold"), ("  weights ", "dim"),
        ("on chain" if seen.weights_block is not None else "not yet", "bold"), (f"  {spent_seconds:.0f} s", "dim"),
    )  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for column in ("miner", "state", "score", "reason"):
        table.add_column(column, overflow="fold")
    for miner in seen.miners:
        table.add_row(miner.role, _state(miner), _score(miner), miner.reason or "")
    return Group(head, table)


def news(before: Observation | None, seen: Observation, spent_seconds: float) -> list[str]:
    """What changed since the look before, a line each: for a log, where nothing can be drawn again."""
    known = {} if before is None else {miner.role: _standing(miner) for miner in before.miners}
    head = f"{spent_seconds:4.0f} s  block {seen.block}  round {seen.round}"
    lines = [
        f"{head}  {miner.role}: {_standing(miner)}" for miner in seen.miners if known.get(miner.role, _UNSEEN) != _standing(miner)
    ]
    if seen.weights_block is not None and (before is None or before.weights_block is None):
        lines.append(f"{head}  the validator's first weights are on the chain")
    return lines


def _standing(miner: MinerView) -> str:
    score = "" if miner.score is None else f", score {miner.score:.4f}"
    return f"{_state(replace(miner, stage=None)).plain}{score}{'' if miner.reason is None else f', {miner.reason}'}"


def final(seen: Observation, width: int) -> Table:
    """The outcome: one row a miner, and the burn; in less than WIDE columns some cells are stacked."""
    layout = (lambda cells: cells) if width >= WIDE else _stacked
    table = Table(title=f"Voice Subnet at block {seen.block}", title_justify="left")
    for column in layout(
        tuple(map(Text, ("uid", "hotkey", "repo@revision", "state and reason", "score ± se", "weight", "incentive")))
    ):
        named = column.plain.startswith("state")
        justify: JustifyMethod = "right" if column.plain.startswith(("uid", "weight", "incentive")) else "left"
        table.add_column(column, justify=justify, no_wrap=not named, overflow="fold" if named else "ellipsis")
    for miner in sorted(seen.miners, key=lambda item: (-item.weight, item.uid)):
        table.add_row(*layout(_cells(miner)))
    table.add_section()
    burn = ("0", "owner", "", "burn: what nobody earned", "", f"{seen.burn:.4f}", f"{seen.burn_incentive:.4f}")
    table.add_row(*layout(tuple(map(Text, burn))))
    return table


def _cells(miner: MinerView) -> tuple[Text, ...]:
    return (
        Text(str(miner.uid)),
        Text(f"{miner.hotkey[:6]}…{miner.hotkey[-4:]}"),
        Text(f"{miner.repo}@{miner.revision[:7]}"),
        Text.assemble(_state(replace(miner, stage=None)), " ", "" if miner.code is None else f"[{miner.code}] {miner.reason}"),
        Text(_score(miner)),
        Text(f"{miner.weight:.4f}"),
        Text(f"{miner.incentive:.4f}"),
    )


def _stacked(cells: Sequence[Text]) -> Sequence[Text]:
    """Hotkey under repository and revision, standard error under score, incentive under weight."""
    uid, hotkey, model, state, score, weight, incentive = cells
    where = Text(f"{model.plain.replace('@', chr(10) + '@')}\n{hotkey.plain}".lstrip())
    return uid, where, state, Text(score.plain.replace(" ±", "\n±")), Text(f"{weight.plain}\n{incentive.plain}")


def verdicts(checked: Sequence[Expectation]) -> Table:
    """A row for each expectation, and whether it held."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for item in checked:
        table.add_row(Text("✓", "green") if item.held else Text("✗", "bold red"), item.text)
    return table


def as_json(seen: Observation, checked: Sequence[Expectation]) -> str:
    """The outcome for machines."""
    return json.dumps({"observation": asdict(seen), "expectations": [asdict(item) for item in checked]}, indent=2)


def _state(miner: MinerView) -> Text:
    label = "king" if miner.king else miner.state or _UNSEEN
    if miner.track is not None:
        label = f"{label}, {miner.track}"
    if miner.stage is not None:
        label = f"{label} · {miner.stage}"
    return Text(label, _COLOURS.get(miner.state, "dim"))


def _score(miner: MinerView) -> str:
    return "" if miner.score is None else f"{miner.score:.4f} ± {miner.stderr or 0.0:.4f}"
