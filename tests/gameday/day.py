"""A game day under way: each fault is made, named, told, taken away, and over."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurons.doctor.role import Role
from tests.gameday.alerts import Pager
from tests.gameday.arena import FOLLOWER, VALIDATOR, WORKERS, Arena
from tests.gameday.faults import FAULTS, Fault, FaultName

ASKED = ((Role.VALIDATOR, VALIDATOR), (Role.WORKER, WORKERS[0]), (Role.API, "api"))
"""The roles in which the whole node is looked at, each by the environment of a process."""
_PAUSE_SECONDS = 0.5
_READY_SECONDS = 150.0
_FAULT_SECONDS = 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """What came of one fault. Times are seconds after it was made, or taken away; None where that never came."""

    fault: str
    role: str
    row: str
    """The doctor's row that is to name it."""
    said: str
    """How the doctor names it; '' where it did not."""
    named_after: float | None
    follows: Sequence[str]
    """Other rows that were not well with it."""
    strange: Sequence[str]
    """Those of them that are no consequence."""
    alert: str
    told_after: float | None
    well_after: float | None
    """Until the doctor finds in no role what it did not find before the day."""
    made_at: float


@dataclass(slots=True)
class GameDay:
    """The node, the pager (None where this machine has none), and what is not at its best even when all is well, by process."""

    arena: Arena
    pager: Pager | None
    usual: dict[str, frozenset[str]] = field(default_factory=dict)

    def begin(self, faults: Sequence[FaultName]) -> None:
        """Wait until something was folded and paid, and nothing fails that a fault is to be named by. Raises RuntimeError."""
        asked = {**{process: role for role, process in ASKED}, **{FAULTS[name].asked: FAULTS[name].role for name in faults}}
        rows = {(FAULTS[name].asked, FAULTS[name].row) for name in faults}
        deadline = time.monotonic() + _READY_SECONDS
        for process, role in asked.items():
            while True:
                ill = self._ill(role, process)
                if not any((process, row) in rows for row in ill) and self._has_folded():
                    break
                self._alive()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{process} is not well from the beginning: {ill}")
                time.sleep(_PAUSE_SECONDS)
            self.usual[process] = frozenset(ill)

    def play(self, name: FaultName) -> FaultRow:
        """Make a fault, wait until doctor and pager name it, take it away, and wait until the doctor finds nothing more."""
        fault, began = FAULTS[name], time.monotonic()
        fault.make(self.arena)
        said, named_after, follows = "", None, set[str]()
        while time.monotonic() - began < _FAULT_SECONDS and not (said and self._told_at(fault, began)):
            ill = self._ill(fault.role, fault.asked)
            if fault.row in ill and not said:
                said, named_after = ill[fault.row], _since(began)
            follows |= set(ill) - self.usual[fault.asked] - {fault.row}
            time.sleep(_PAUSE_SECONDS)
        told_at = self._told_at(fault, began)
        fault.mend(self.arena)
        well_after = self._well_after(fault)
        fault.afterwards(self.arena)
        return FaultRow(
            fault=name.value,
            role=fault.role.value,
            row=fault.row.value,
            said=said,
            named_after=named_after,
            follows=sorted(follows),
            strange=sorted(follows - fault.follows),
            alert=fault.alert,
            told_after=None if self.pager is None or told_at is None else round(told_at - began, 1),
            well_after=well_after,
            made_at=began,
        )

    def end(self) -> list[str]:
        """Wait until no alert is told any more; those that are left."""
        deadline = time.monotonic() + _FAULT_SECONDS
        while self.pager is not None and self.pager.firing and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return [] if self.pager is None else sorted(self.pager.firing)

    def _told_at(self, fault: Fault, began: float) -> float | None:
        """When the fault's alert was told, which is at once where nobody can be."""
        if self.pager is None:
            return began
        page = self.pager.since(began).get(fault.alert)
        return None if page is None else page.at

    def _well_after(self, fault: Fault) -> float | None:
        mended = time.monotonic()
        for role, process in dict.fromkeys(((fault.role, fault.asked), *ASKED)):
            while set(self._ill(role, process)) - self.usual[process]:
                self._alive()
                if time.monotonic() - mended > _FAULT_SECONDS:
                    return None
                time.sleep(_PAUSE_SECONDS)
        return _since(mended)

    def _ill(self, role: Role, process: str) -> Mapping[str, str]:
        """What the doctor says of each row that is not well, by its name."""
        ended = self.arena.voice(process, "doctor", role.value, "--json")
        if not ended.stdout:
            raise RuntimeError(f"the doctor says nothing: {ended.stderr.strip()[-500:]}")
        findings: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
        ill = [each for each in findings if each["health"] in ("warning", "failing")]
        return {each["check"]: each["value"].replace(str(self.arena.folder), "") for each in ill}

    def _has_folded(self) -> bool:
        return self.arena.folds(FOLLOWER) > 0

    def _alive(self) -> None:
        dead = self.arena.processes.dead()
        if dead:
            raise RuntimeError(f"ended by themselves: {', '.join(dead)}")


def _since(moment: float) -> float:
    return round(time.monotonic() - moment, 1)
