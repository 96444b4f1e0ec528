"""The interface of every model family: load a model, then ask it for batches of samples."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from scoring.synthesis.load import Device

Row = TypeVar("Row")
Said = TypeVar("Said")
Waveform = NDArray[np.float32]
"""One sample, shape (n,), float32, mono, full scale at ±1."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt as a model sees it. `seed` (0 … 2^63 - 1) starts the prompt's own random stream."""

    prompt_id: str
    text: str
    description: str
    seed: int


@dataclass(frozen=True, slots=True)
class NotSpoken:
    """A prompt that a model has no sound for, and why: the reason goes to the model's owner."""

    reason: str


class NotAllSpoken(Exception):
    """Some requests of a batch have no sound; `results` has one per request, in order."""

    def __init__(self, results: Sequence[Waveform | NotSpoken]) -> None:
        super().__init__("; ".join(result.reason for result in results if isinstance(result, NotSpoken)))
        self.results = results


class Synthesiser(Protocol):
    """A loaded model. The same requests give the same samples, whatever was generated before."""

    @property
    def family(self) -> str:
        """The family's name, as competitions list it."""

    @property
    def sample_rate(self) -> int:
        """Rate of every sample, in Hz."""

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One waveform per request, in order; raises NotAllSpoken where a request fails alone. Another exception fails the batch."""


class Movable(Protocol):
    """A loaded model of a family that speaks on other devices than the processor, too."""

    def to(self, device: Device) -> None:
        """Move its networks to a device, before its first batch."""


def say_together(
    batch: Sequence[Request],
    row: Callable[[Request], Row],
    say: Callable[[list[Row]], Iterable[Said]],
    waveform: Callable[[Said], Waveform | NotSpoken],
) -> list[Waveform]:
    """Requests as rows of one batch, for families that say codes: `row` makes each, `say` them all, `waveform` decodes each answer.

    Raises NotAllSpoken where a request fails alone: `row` raises ValueError for what nobody can say.
    """
    asked: list[tuple[Row] | NotSpoken] = []
    for request in batch:
        try:
            asked.append((row(request),))
        except ValueError as exc:
            asked.append(NotSpoken(str(exc)))
    said = iter(say([each[0] for each in asked if not isinstance(each, NotSpoken)]))
    results = [each if isinstance(each, NotSpoken) else waveform(next(said)) for each in asked]
    spoken = [result for result in results if not isinstance(result, NotSpoken)]
    if len(spoken) < len(batch):
        raise NotAllSpoken(results)
    return spoken
