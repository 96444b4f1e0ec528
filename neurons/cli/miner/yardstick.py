"""The king's score beside a local one: of the same round where the API has it, else over all its rounds."""

from dataclasses import asdict, dataclass
from typing import Any

from neurons.settings import MinerSettings
from scoring.types import MICRO, Entrant, Micro, RoundNumber

_SECONDS = 5.0
"""The longest wait for the API: a score does not need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KingScore:
    """What the king of a track scored."""

    entrant: Entrant
    repo: str | None
    score: Micro
    stderr: Micro
    round: RoundNumber | None
    """The round in which; None: over all its rounds, which asked other prompts."""

    def beside(self, own: Micro) -> str:
        """The king's score, and how far a score is from it, in a sentence."""
        where = "in the same round" if self.round is not None else "over all its rounds, which asked other prompts"
        name = self.repo or self.entrant
        difference = (own - self.score) / MICRO
        return f"the king {name}: {self.score / MICRO:.4f} ± {self.stderr / MICRO:.4f} {where}; this is {difference:+.4f}"


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The king's score, or why there is none to compare with ('' where nobody asked)."""

    king: KingScore | None
    why: str

    def to_json(self) -> dict[str, Any] | None:
        """The king's score as plain data."""
        return None if self.king is None else asdict(self.king)

    def beside(self, own: Micro) -> str:
        """A sentence about a score; '' where nobody asked."""
        return self.why if self.king is None else self.king.beside(own)


UNASKED = Yardstick(None, "")


async def yardstick(settings: MinerSettings, track: str, number: int | None) -> Yardstick:
    """Ask the API for the king of a track; whatever stands against an answer is said, and raises nothing."""
    from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi  # heavy: every command would wait for it

    try:
        async with VoiceApi(settings.api_url, None, settings.api_hotkey, timeout=_SECONDS) as api:
            rows = await api.leaderboard(limit=1, track=track)
    except (ApiUnavailable, ApiRefused) as missing:
        return Yardstick(None, f"the king's score is not known: {missing.detail} (--offline does not ask)")
    first = next((row for row in rows if row.king), None)
    if first is None or first.score is None:
        return Yardstick(None, f"the track {track} has no king to compare with")
    repo = None if first.submission is None else first.submission.repo
    same = next((each for each in first.trend if number is not None and each.round == number and each.score is not None), None)
    score, stderr = (first.score, first.stderr) if same is None else (same.score, same.stderr)
    king = KingScore(
        entrant=first.entrant,
        repo=repo,
        score=Micro(score or 0),
        stderr=Micro(stderr or 0),
        round=None if same is None else same.round,
    )
    return Yardstick(king, "")
