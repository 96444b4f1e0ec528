"""Codes drawn row by row, each row from a random stream of its own: what stands beside it in a batch changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scoring.synthesis.length import DidNotStop
from scoring.synthesis.synthesiser import NotSpoken


@dataclass(frozen=True, slots=True)
class Sampling:
    """A repository's own settings of a draw; the manifest gives their ranges."""

    temperature: float
    """0 takes the likeliest code, without any chance."""
    top_k: int
    """How many of the likeliest codes may be drawn."""


def gumbel(stream: torch.Generator, *shape: int) -> Tensor:
    """Gumbel noise, float32, on the CPU; the largest of log-probabilities with it is a draw from them.

    It begins with uniform numbers of float64, which are whole numbers of a fixed size: every machine draws the same.
    """
    uniform = torch.rand(shape, dtype=torch.float64, generator=stream)
    return -(-uniform.log()).log().float()


def draw(logits: Tensor, noise: Tensor, sampling: Sampling) -> Tensor:
    """A code for each row, shape (rows,), from logits and noise of shape (rows, codes): an id below `codes`, whatever they hold."""
    if sampling.temperature == 0.0:
        return logits.argmax(-1)
    scores = logits / sampling.temperature
    least = scores.topk(min(sampling.top_k, scores.shape[-1])).values[:, -1:]
    return (scores + noise).masked_fill(scores < least, -torch.inf).argmax(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """A text to say frame by frame; each family adds what its networks read of it."""

    most_frames: int
    seed: int
    """Starts its random stream: 0 … 2^64 - 1."""


@dataclass(slots=True)
class Saying:
    """A row while it is said."""

    row: FrameRow
    stream: torch.Generator
    frames: list[Tensor] = field(default_factory=list)
    failure: str | None = None

    def take(self, codes: Tensor, is_end: bool, is_number: bool) -> bool:
        """Keep the next frame, unless it is the end of the speech; return whether there is more to say."""
        if not is_number:
            self.failure = "what the network says of its next frame is no number"
        elif is_end:
            self.failure = None if self.frames else "it ended before it had said anything"
        else:
            self.frames.append(codes)
            if len(self.frames) < self.row.most_frames:
                return True
            self.failure = str(DidNotStop(len(self.frames)))
        return False

    @property
    def said(self) -> Tensor | NotSpoken:
        """Codes of shape (frames, codebooks), on the CPU, or why there are none."""
        return torch.stack(self.frames) if self.failure is None else NotSpoken(self.failure)


@dataclass(frozen=True, slots=True)
class Frame:
    """What the live rows say next; each tensor's first axis is theirs."""

    codes: Tensor
    """Shape (rows, codebooks)."""
    ends: Tensor
    """Whether it is no frame, but the end of a speech."""
    are_numbers: Tensor
    """Whether the codes were drawn from numbers."""


def say_frames(
    rows: Sequence[FrameRow],
    frame: Callable[[Sequence[Saying]], Frame],
    step: Callable[[Tensor, Sequence[int]], None],
) -> list[Tensor | NotSpoken]:
    """Say all rows in step, one result per row, in order.

    `frame` draws the live rows' next codes; `step` reads them, and is given the places of the rows that go on.
    """
    saying = [Saying(row, torch.Generator().manual_seed(row.seed)) for row in rows]
    live = list(saying)
    while live:
        drawn = frame(live)
        answers = zip(live, drawn.codes.cpu(), drawn.ends.tolist(), drawn.are_numbers.tolist(), strict=True)
        kept = [place for place, (item, *answer) in enumerate(answers) if item.take(*answer)]
        live = [live[place] for place in kept]
        if live:
            step(drawn.codes, kept)
    return [item.said for item in saying]
