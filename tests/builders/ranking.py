"""Entrants, their records and their outcomes in a round, by number: submission 3 is of hotkey h3, committed at block 3.

All of them compete in the track "small", unless a test says otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scoring.competition import Competition
from scoring.ranking.credit import Credit
from scoring.ranking.fold import Judged, LedgerVerdict
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import Record, Rejection, State, TrackState
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, entrant
from tests.builders.rules import changed

SMALL = "small"


def a_state(*, round: RoundNumber | None = None, unplaced: Sequence[Rejection] = (), **fields: Any) -> State:  # noqa: A002
    """A ledger's state of one track, "small", of which `fields` are given; of none without any."""
    tracks = (TrackState(**{"track": SMALL, **fields}),) if fields else ()
    return State(round=round, tracks=tracks, unplaced=tuple(unplaced))


def small(state: State) -> TrackState:
    """The state of the track "small"."""
    return state.of(SMALL)


def with_small(state: State, **changes: Any) -> State:
    """The state with that of the track "small" changed."""
    others = tuple(track for track in state.tracks if track.track != SMALL)
    tracks = (*others, replace(small(state), **changes))
    return replace(state, tracks=tuple(sorted(tracks, key=lambda track: track.track)))


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


def a_credit(number: int, over: int | None = None, lead: float = 0.05, *, left: float = 1.0, **overrides: Any) -> Credit:
    """Submission `number` led another, or an empty throne's level, by the same in each of 100 groups; so much of it is left."""
    micro = round(lead * MICRO)
    fields: dict[str, Any] = {
        "entrant": named(number),
        "over": None if over is None else named(over),
        "groups": 100,
        "total": 100 * micro,
        "squares": 100 * micro**2,
        "open": False,
        "worth": Micro(round(micro * left)),
    }
    return Credit(**fields | overrides)


def a_round_candidate(number: int, **overrides: Any) -> RoundCandidate:
    """Submission `number`, committed at block `number`, its hotkey's first one, and no longer immune."""
    fields: dict[str, Any] = {
        "submission": SubmissionId(number),
        "commit_block": Block(number),
        "tiebreak": f"{number:04}",
        "previous_block": None,
        "immune_until": Block(0),
        "last_asked": None,
        "entrant": named(number),
        "family": "vits",
    }
    return RoundCandidate(**fields | overrides)


def at_once(rules: Competition) -> Competition:
    """The same rules, but that one round fills an empty throne: what is tested is what comes after."""
    tracks = tuple(changed(track, throne={"trial_rounds": 1}) for track in rules.track)
    return rules.model_copy(update={"track": tracks})


def a_judged(number: int, scores: Sequence[float] = (), **overrides: Any) -> Judged:
    """Submission `number` with these scores of groups g00, g01 and so on."""
    fields: dict[str, Any] = {
        "entrant": named(number),
        "hotkey": Hotkey(f"h{number}"),
        "commit_block": Block(number),
        "tiebreak": f"{number:064x}",
        "tensors": None,
        "track": SMALL,
        "verdict": LedgerVerdict.SCORED,
        "groups": {f"g{index:02}": Micro(round(score * MICRO)) for index, score in enumerate(scores)},
    }
    return Judged(**fields | overrides)
