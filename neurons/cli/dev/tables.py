"""Tables of `voice dev`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.devchain.faults import Fault
from neurons.devchain.genesis import RAO
from neurons.devchain.subnet import U16_MAX
from scoring.foreign_words import printable

if TYPE_CHECKING:
    from neurons.devchain.operations import BlockSummary
    from neurons.devchain.overview import Overview


def show_blocks(found: "Sequence[BlockSummary]") -> None:
    """Show each block with its events."""
    table = Table("block", "hash", "events")
    for block in found:
        table.add_row(str(block.number), block.hash[:14], Text("\n".join(printable(event) for event in block.events)))
    Console().print(table)


def show_overview(found: "Overview") -> None:
    """Show the chain, from its head to its faults."""
    console = Console()
    console.print(
        f"subnet {found.netuid} at block {found.block} (final: {found.finalized}), a block every {found.block_seconds:g} s;"
        f" epoch {found.epoch} ends at block {found.next_epoch}; owner's hotkey {found.owner_hotkey}"
    )
    console.print(_neurons(found))
    texts = {h: printable(bytes.fromhex(c.data).decode("utf-8", "replace")) for h, c in found.commitments.items()}
    _show_rows(console, "commitments", [(h, f"block {c.block}", texts[h]) for h, c in found.commitments.items()])
    waiting = [(s.hotkey, f"block {s.block}, epoch {s.epoch}", f"opens at round {s.reveal_round}") for s in found.sealed]
    _show_rows(console, "sealed weights", waiting)
    console.print(Text("hyperparameters: " + ", ".join(f"{name} {value}" for name, value in found.rules.items())))
    if found.faults:
        show_faults(found.faults)


def show_faults(found: Sequence[Fault]) -> None:
    """Show each fault with its plan and its strikes."""
    if not found:
        Console().print("The node is sound: there is no fault.")
        return
    table = Table("fault", "kind", "calls", "share", "what", "blocks", "whose", "struck", box=SIMPLE_HEAD)
    for fault in found:
        plan = fault.plan
        detail = {"stall": f"{plan.seconds:g} s", "error": plan.name}.get(plan.kind.value, "")
        until = "" if plan.until_block is None else f"{plan.until_block}"
        table.add_row(
            str(fault.id),
            plan.kind.value,
            Text(printable(plan.call)),
            f"{plan.share:g}",
            Text(printable(f"{detail} after".strip() if plan.after else detail)),
            f"{fault.since}…{until}",
            "everybody's" if plan.pid is None else f"process {plan.pid}",
            str(fault.hits),
        )
    Console().print(table)


def _neurons(found: "Overview") -> Table:
    table = Table(
        "uid",
        Column("hotkey", no_wrap=True),
        "stake",
        "permit",
        "incentive",
        "dividends",
        "updated",
        "immune",
        Column("weights", overflow="fold"),
        box=SIMPLE_HEAD,
    )
    for row in found.neurons:
        total = sum(row.weights.values()) or 1
        table.add_row(
            str(row.uid),
            f"{row.hotkey[:8]}…{row.hotkey[-4:]}",
            f"{row.stake / RAO:g}",
            "yes" if row.permit else "",
            f"{row.incentive / U16_MAX:.3f}",
            f"{row.dividends / U16_MAX:.3f}",
            f"{row.last_update}{'' if row.active else ' (inactive)'}",
            f"until {row.immune_until}" if row.immune_until > found.block else "",
            " ".join(f"{uid}:{value / total:.3f}" for uid, value in sorted(row.weights.items())),
        )
    return table


def _show_rows(console: Console, title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    if rows:
        table = Table("hotkey", "where", title, box=SIMPLE_HEAD)
        for hotkey, where, what in rows:
            table.add_row(hotkey, where, Text(what))
        console.print(table)
