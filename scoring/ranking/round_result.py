"""A closed round in the ledger's terms: the judged submissions with verdict, scores and speed, and those that left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from prompts.groups import Group, Prompt
from prompts.voices import Attribute
from scoring.scores.scales import centre
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash

MISSING = -1
"""Stands in a table where a submission was not scored on a group."""


class LedgerVerdict(StrEnum):
    """The end of a submission's evaluation in the ledger's terms."""

    SCORED = "scored"
    REJECTED = "rejected"
    """Final, and the submission's fault; a copy, too."""
    ABSENT = "absent"
    """Ours: no evidence this round, nothing lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One submission's outcome in a round."""

    entrant: Entrant
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    tensors: TensorsHash | None
    verdict: LedgerVerdict
    groups: Mapping[str, Micro]
    """Its score by group id, in integers of 1e-6."""
    speed: int = 0
    """Of the whole evaluation, in milliseconds of compute per expected second of speech, 0 where unknown."""
    reason: str = ""
    """Why it was rejected."""

    @property
    def scored(self) -> bool:
        """Say whether there is anything to count."""
        return self.verdict is LedgerVerdict.SCORED and bool(self.groups)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """A closed round: its first block, its judged submissions, and those that left since the last one, each with the reason."""

    number: RoundNumber
    start: Block
    judged: Sequence[Judged]
    gone: Mapping[Entrant, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The scores of a round: `scores` is (submissions, groups) in integers of 1e-6, MISSING where there is none; `rows` finds the row.

    Groups are in the order of their ids, which is the order in which the round asked for them.
    """

    rows: Mapping[Entrant, int]
    scores: npt.NDArray[np.int64]

    def differences(self, one: Entrant, other: Entrant) -> npt.NDArray[np.int64]:
        """`one`'s scores minus `other`'s on the groups that both were scored on, in order."""
        mine, theirs = self.scores[self.rows[one]], self.scores[self.rows[other]]
        both = (mine != MISSING) & (theirs != MISSING)
        differences: npt.NDArray[np.int64] = mine[both] - theirs[both]
        return differences


def table(scored: Sequence[Judged]) -> Table:
    """The scores of all that were scored, side by side."""
    asked = list(scored[0].groups) if scored else []
    if sorted(asked) != asked or any(list(item.groups) != asked for item in scored):
        asked = sorted({group for item in scored for group in item.groups})
        values = chain.from_iterable((item.groups.get(group, MISSING) for group in asked) for item in scored)
    else:
        values = chain.from_iterable(item.groups.values() for item in scored)
    scores = np.fromiter(values, np.int64, len(scored) * len(asked)).reshape(len(scored), len(asked))
    return Table({item.entrant: row for row, item in enumerate(scored)}, scores)


def expected_seconds(prompt: Prompt) -> float:
    """About how long a prompt takes to say: its letters (English has nearly one for each phoneme) at the middle of the asked rate's bin.

    Whoever compares two models needs no dictionary for it: both are measured by the same letters.
    """
    letters = sum(character.isalnum() for character in prompt.text)
    return letters / centre(Attribute.RATE, prompt.voice.register, prompt.voice.rate)


def speed(timings: Mapping[str, float], asked: Sequence[Group]) -> int:
    """Milliseconds of computing for each expected second of speech, over a whole evaluation; less is better, 0 where unknown.

    `timings` are the receipt's, in wall-clock seconds; what counts is "speak".
    """
    expected = sum(expected_seconds(prompt) for group in asked for prompt in group.prompts)
    spoken = timings.get("speak", 0.0)
    return max(1, round(1000.0 * spoken / expected)) if spoken > 0.0 and expected > 0.0 else 0
