"""A model's answer to one prompt, as it left the sandbox."""

from dataclasses import dataclass

from scoring.report import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Raw audio of one prompt."""

    prompt_id: str
    rate: int
    """Hz."""
    pcm: bytes
    """Signed 16-bit little-endian mono; empty where the model failed."""
    seconds: float
    """Wall-clock time to speak the prompt."""
    failure: Gate | None = None
    """Set when the model failed on this prompt."""
    reason: str = ""
    """Why it failed, in the guest's or the worker's words, escaped; '' where it did not."""

    @property
    def duration(self) -> float:
        """Length of the audio in seconds."""
        return len(self.pcm) / 2 / self.rate if self.rate else 0.0
