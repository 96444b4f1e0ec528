"""How a submission stands, in words: its rank and why, its pay, the score of each round, and its duels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from scoring.foreign_words import printable
from scoring.types import MICRO, Entrant, entrant

if TYPE_CHECKING:
    from voice_api.schemas import LeaderboardRowOut, SubmissionOut
    from voice_api.schemas.duels import DuelOut

_SHOWN_ROUNDS = 5
"""Of the scores that the API gives; --json has all of them."""
_SHOWN_DUELS = 2


@dataclass(frozen=True, slots=True)
class Standings:
    """What the API's leaderboard says of a hotkey's submissions, and their duels, each by the submission's name."""

    rows: "Mapping[Entrant, LeaderboardRowOut]"
    duels: "Sequence[DuelOut]"

    def of(self, item: "SubmissionOut") -> "LeaderboardRowOut | None":
        """The line of a submission; None for one that the table leaves out."""
        return self.rows.get(_name(item))

    def duels_of(self, item: "SubmissionOut") -> "list[DuelOut]":
        """A submission's duels on either side, the one that opened last first."""
        return [duel for duel in self.duels if _name(item) in (duel.challenger, duel.king)]

    def to_json(self, item: "SubmissionOut") -> dict[str, Any]:
        """Both as plain data."""
        row = self.of(item)
        standing = None if row is None else row.model_dump(mode="json", exclude={"submission", "trend"})
        rounds = [] if row is None else [score.model_dump(mode="json") for score in row.trend]
        return {"standing": standing, "rounds": rounds, "duels": [duel.model_dump(mode="json") for duel in self.duels_of(item)]}

    def in_words(self, item: "SubmissionOut") -> list[Text]:
        """Lines about a submission; none for one of which the table says nothing."""
        row = self.of(item)
        if row is None:
            return []
        lines = [Text(f"Submission {item.id}: ", "bold") + Text(f"{_place(row)}, {_pay(row)}")]
        if row.reason:
            lines.append(_line("why", row.reason))
        if row.trend:
            lines.append(_line("rounds", ", ".join(_rounds(row))))
        return lines + [_line("duel", _duel(duel, _name(item))) for duel in self.duels_of(item)[:_SHOWN_DUELS]]


def _name(item: "SubmissionOut") -> Entrant:
    return entrant(item.hotkey, item.commit_block)


def _line(name: str, text: str) -> Text:
    return Text(f"  {name:<7}", "dim") + Text(printable(text))


def _place(row: "LeaderboardRowOut") -> str:
    if row.rank is None:
        return "no rank"
    king = ", king" if row.king else ""
    return f"rank {row.rank} in {row.track}{king}"


def _pay(row: "LeaderboardRowOut") -> str:
    if not row.share:
        return "not paid"
    return f"paid {row.share:.2%} of the emission"


def _rounds(row: "LeaderboardRowOut") -> Iterator[str]:
    """The last scores, newest first, and how many more there are."""
    for score in list(reversed(row.trend))[:_SHOWN_ROUNDS]:
        yield f"{score.round}: {(score.score or 0) / MICRO:.4f} ± {(score.stderr or 0) / MICRO:.4f}"
    if row.scored_rounds > _SHOWN_ROUNDS:
        yield f"{row.scored_rounds - _SHOWN_ROUNDS} more"


def _duel(duel: "DuelOut", own: Entrant) -> str:
    """A duel from one side: against whom, the evidence of what is needed, the lead, and what follows."""
    challenges = duel.challenger == own
    side = f"with the king {duel.king}" if challenges else f"its place against {duel.challenger}"
    lead = "" if duel.lead is None else f", lead {duel.lead / MICRO:+.4f} of the challenger's"
    return (
        f"{side}: evidence {duel.wealth:.4g} of {duel.threshold:.4g}{lead}, after {duel.groups} groups in {duel.rounds} rounds; "
        f"{duel.why}: {duel.then}"
    )
