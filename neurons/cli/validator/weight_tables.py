"""The output of the commands about weights, as JSON data and as tables."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.output import plain
from neurons.validator.weights.schedule import Due, NotYet
from scoring.errors import Code, PlatformError
from scoring.weights.explanation import explain, explain_all
from scoring.weights.plan import CarriedOver, Snapshot, WeightPlan, to_u16
from scoring.weights.plan import plan as make_plan

if TYPE_CHECKING:
    from neurons.validator.weights.view import CheckedReplay, PlanView
    from voice_api.db.weights import WeightAttempt

Data = dict[str, Any]
_BEACON_BEGAN, _BEACON_SECONDS = 1_692_803_367, 3
"""The beacon (drand's quicknet) whose rounds open sealed weights: the Unix time of its first round, and the time between two."""


def opens(reveal_round: int) -> datetime:
    """When the beacon publishes a round."""
    return datetime.fromtimestamp(_BEACON_BEGAN + (reveal_round - 1) * _BEACON_SECONDS, UTC)


def attempt(each: "WeightAttempt") -> Data:
    """An attempt without what it kept: that is behind `voice validator replay`."""
    names = ("id", "block", "snapshot_hash", "outcome", "mechanism", "reveal_round", "applied_block", "next_block", "error")
    data = {name: getattr(each, name) for name in names}
    data["opens_at"] = None if each.reveal_round is None else opens(each.reveal_round).isoformat()
    return data | {"carried": each.plan_input.why if isinstance(each.plan_input, CarriedOver) else None}


def show_attempts(attempts: Sequence["WeightAttempt"]) -> None:
    """Newest first, each from its sending to its end."""
    if not attempts:
        Console().print("No attempt to set weights was made yet.")
        return
    table = Table("block", Column("snapshot", no_wrap=True), "outcome", box=SIMPLE_HEAD)
    for each in attempts:
        table.add_row(str(each.block), each.snapshot_hash, Text(plain(_outcome(each))))
    Console().print(table)


def _outcome(each: "WeightAttempt") -> str:
    words = [each.outcome.value.replace("_", " ")]
    if each.reveal_round is not None:
        words.append(f"sealed until round {each.reveal_round} of the beacon ({opens(each.reveal_round):%-d %b %H:%M} UTC)")
    if each.applied_block is not None:
        words.append(f"seen to count in block {each.applied_block}")
    if each.next_block is not None:
        words.append(f"again from block {each.next_block} on")
    if isinstance(each.plan_input, CarriedOver):
        words.append(f"an older plan: {each.plan_input.why}")
    return "; ".join([*words, *([each.error] if each.error else [])])


def planned(view: "PlanView", decision: Due | NotYet) -> Data:
    """The plan of now, and when it would be sent."""
    data = {"ledger_hash": view.head.state_hash, "round": view.head.round, "throne": view.head.state.throne}
    data |= {"snapshot_hash": view.snapshot.hash, "block": view.snapshot.block, "owner": view.snapshot.owner}
    data |= {"burn": view.plan.burn, "vector": to_u16(view.plan.vector), "lines": _lines(view.snapshot, view.plan)}
    match decision:
        case Due(carry):
            return data | {"due": True, "next_block": None, "why": carry}
        case NotYet(block, why):
            return data | {"due": False, "next_block": block, "why": why}
        case unreachable:
            assert_never(unreachable)


def _lines(snapshot: Snapshot, plan: WeightPlan) -> list[Data]:
    """Each line of the plan with its explanation."""
    words = explain_all(snapshot, plan)
    return [asdict(line) | asdict(words[line.uid]) for line in plan.lines]


def show_plan(view: "PlanView", decision: Due | NotYet) -> None:
    """A row for each registered uid, with its share and the reason."""
    data, console = planned(view, decision), Console()
    values = dict(to_u16(view.plan.vector))
    table = Table("uid", Column("hotkey", no_wrap=True), "share", "u16", "why", box=SIMPLE_HEAD)
    for line in data["lines"]:
        facts = str(line["uid"]), _short(line["hotkey"]), _share(line["share"]), str(values.get(line["uid"], ""))
        table.add_row(*facts, Text(plain(line["reason"])))
    console.print(table)
    console.print(Text(plain(f"Ledger {data['ledger_hash']} after round {data['round']}: {data['throne']}")))
    console.print(f"Burned to uid {view.snapshot.owner}: {_share(view.plan.burn) or '0'}; snapshot {view.snapshot.hash}")
    console.print(Text(_when(decision)))


def _when(decision: Due | NotYet) -> str:
    match decision:
        case Due(carry):
            held = f"Due now, as the last plan carried over, and not as the table has it: {carry}."
            return held if carry else "Due now. Nothing was signed."
        case NotYet(None, why):
            return f"Not due: {why}."
        case NotYet(block, why):
            return f"Not due before block {block}: {why}."
        case unreachable:
            assert_never(unreachable)


def replays(snapshot_hash: str, found: Sequence["CheckedReplay"]) -> Data:
    """Each attempt that was made from the snapshot, and what is equal."""
    rows = [asdict(each.replayed) | {"equal": each.replayed.holds, "counts_on_chain": each.counts} for each in found]
    return {"snapshot_hash": snapshot_hash, "attempts": rows, "equal": all(each.replayed.holds for each in found)}


def show_replays(found: Sequence["CheckedReplay"]) -> None:
    """The vector, and for each attempt whether it was this one."""
    console = Console(soft_wrap=True)
    console.print(" ".join(f"{uid}:{value}" for uid, value in found[0].replayed.vector))
    for each in found:
        it = each.replayed
        sent = "equal to" if it.vector == it.sent else "DIFFERENT from"
        kept = "" if it.hash_holds else "; the snapshot that was kept has ANOTHER hash"
        chain = {
            True: "it counts on the chain now",
            False: "other weights count on the chain now",
            None: "the chain cannot be read",
        }
        console.print(f"{it.validator}, block {it.block} ({it.outcome.value}): {sent} what was sent{kept}; {chain[each.counts]}")


def explained(view: "PlanView", uid: int) -> Data:
    """All that is known of a uid; raises PlatformError(NOT_FOUND)."""
    line = next((line for line in view.plan.lines if line.uid == uid), None)
    if line is None:
        raise PlatformError(Code.NOT_FOUND, f"no hotkey is registered under uid {uid}")
    state = view.head.state
    duel = next((asdict(duel) | {"wealth": duel.wealth} for duel in state.duels if duel.challenger == line.entrant), None)
    ended = [asdict(over) for over in (*state.lost, *state.ended) if over.entrant == line.entrant]
    weight = view.plan.vector.get(line.uid, 0.0)
    facts = {"weight": weight, "king": line.entrant is not None and line.entrant == state.king, "throne": state.throne}
    words = explain(view.snapshot, view.plan, line.uid)
    return (
        asdict(line)
        | asdict(words)
        | facts
        | {"duel": duel, "duels_over": ended, "block": view.snapshot.block, "round": view.head.round}
    )


def show_explained(found: Data) -> None:
    """A fact a line."""
    burned = found["weight"] - found["share"]
    facts = {
        "hotkey": found["hotkey"],
        "submission": found["entrant"] or "none",
        "share": f"{found['share']:.6f}" + (f", and {burned:.6f} that nobody earned" if burned > 0 else ""),
        "place": {None: "none", 0: "king"}.get(found["place"], f"{(found['place'] or 0) + 1}"),
        "rank": "none" if found["rank"] is None else str(found["rank"]),
        "evidence": found["evidence"] or "none",
        "lineage": found["lineage"] or "nothing is known",
        "lacks": found["lacks"] or "nothing",
        "throne": found["throne"],
        "as of": f"round {found['round']}, block {found['block']}",
    }
    table = Table(Column(style="bold", no_wrap=True), Column(overflow="fold"), show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, Text(plain(str(value))))
    Console().print(table)


def changes(now: Snapshot, then: Snapshot) -> list[Data]:
    """Each uid that gets something under one of two snapshots, or whose reason is another; both have the same hotkeys."""
    names = ("share", "place", "rank", "reason")
    plans = make_plan(now), make_plan(then)
    rows = []
    for old, new in zip(_lines(now, plans[0]), _lines(then, plans[1]), strict=True):
        if old["share"] or new["share"] or old["reason"] != new["reason"]:
            parts = {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}
            rows.append({"uid": old["uid"], "hotkey": old["hotkey"], **parts})
    burned = [{"share": plan.burn, "place": None, "rank": None, "reason": "nobody earned it"} for plan in plans]
    return [*rows, {"uid": None, "hotkey": "burned", "before": burned[0], "after": burned[1]}]


def show_changes(found: Sequence[Data], hotkey: str, score: float) -> None:
    """Before and after, side by side."""
    table = Table("uid", Column("hotkey", no_wrap=True), "now", f"if {_short(hotkey)} scored {score:g}", "then", box=SIMPLE_HEAD)
    for row in found:
        after = row["after"]
        uid = "" if row["uid"] is None else str(row["uid"])
        shares = _share(row["before"]["share"]), _share(after["share"])
        table.add_row(uid, _short(row["hotkey"]), *shares, Text(plain(after["reason"])))
    Console().print(table)


def _short(hotkey: str) -> str:
    return hotkey if len(hotkey) < 16 else f"{hotkey[:8]}…{hotkey[-4:]}"


def _share(value: float) -> str:
    return f"{value:.4f}" if value else ""
