"""Entrants, their records and their outcomes in a round, by number: submission 3 is of hotkey h3, committed at block 3."""

from collections.abc import Sequence
from typing import Any

from scoring.ranking.fold import Judged, LedgerVerdict
from scoring.ranking.state import Record
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, entrant


def named(number: int) -> Entrant:
    """The name of submission `number`."""
    return entrant(Hotkey(f"h{number}"), Block(number))


def a_record(number: int, score: float = 0.5, speed: int = 0, *, groups: int = 100, **overrides: Any) -> Record:
    """Submission `number`, scored the same in each of so many groups."""
    micro, hotkey = round(score * MICRO), overrides.get("hotkey", Hotkey(f"h{number}"))
    fields: dict[str, Any] = {
        "entrant": entrant(hotkey, Block(number)),
        "hotkey": hotkey,
        "commit_block": Block(number),
        "tiebreak": "00",
        "tensors": None,
        "groups": groups,
        "total": groups * micro,
        "squares": groups * micro**2,
        "speed": speed,
    }
    return Record(**fields | overrides)


def a_judged(number: int, scores: Sequence[float] = (), **overrides: Any) -> Judged:
    """Submission `number` with these scores of groups g00, g01 and so on."""
    fields: dict[str, Any] = {
        "entrant": named(number),
        "hotkey": Hotkey(f"h{number}"),
        "commit_block": Block(number),
        "tiebreak": f"{number:064x}",
        "tensors": None,
        "verdict": LedgerVerdict.SCORED,
        "groups": {f"g{index:02}": Micro(round(score * MICRO)) for index, score in enumerate(scores)},
    }
    return Judged(**fields | overrides)
