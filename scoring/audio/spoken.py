"""A model's answer to one prompt, as it left the sandbox."""

from dataclasses import dataclass

from scoring.report import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Raw audio of one prompt: `pcm` is signed 16-bit little-endian mono at `rate` Hz; `seconds` is the wall-clock time it took.

    `failure` is set when the model failed on this prompt; `pcm` is then empty.
    """

    prompt_id: str
    rate: int
    pcm: bytes
    seconds: float
    failure: Gate | None = None

    @property
    def duration(self) -> float:
        """Length of the audio in seconds."""
        return len(self.pcm) / 2 / self.rate if self.rate else 0.0
