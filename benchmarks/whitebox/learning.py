"""How an attack's numbers are found: by the ears' gradient where there is one, else by trying."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.whitebox.ears import Ears
from scoring.judges.panel import onednn

SHIFT = 4_000
"""Samples by which a window is moved at most: what is learnt has to hold in any place."""
FADE = 0.2
"""Share of the rate of learning that is left at the end."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long an attacker learns: steps of Adam at a rate, one clip each."""

    steps: int
    rate: float


def learn(
    attack: nn.Module, waves: Sequence[torch.Tensor], ears: Ears, effort: Effort, progress: Callable[[], None]
) -> list[float]:
    """Improve an attack's numbers on the clips in turn; the loss of each step."""
    given = [parameter for parameter in attack.parameters() if parameter.requires_grad]
    return descend(given, lambda index: attack(waves[index % len(waves)]), ears, effort, progress)


def descend(
    given: Sequence[nn.Parameter], say: Callable[[int], torch.Tensor], ears: Ears, effort: Effort, progress: Callable[[], None]
) -> list[float]:
    """Steps of Adam on numbers that make a sound: `say(step)` is the sound of a step."""
    optimiser = torch.optim.Adam(given, effort.rate, betas=(0.8, 0.99))
    shifts = torch.randint(SHIFT, (effort.steps,), generator=torch.Generator().manual_seed(3))
    losses = []
    with onednn(enabled=True):  # twice as fast; which bits come out matters to no attacker
        for step in range(effort.steps):
            for group in optimiser.param_groups:
                group["lr"] = effort.rate * (1.0 - (1.0 - FADE) * step / effort.steps)
            optimiser.zero_grad()
            loss = ears.loss(say(step), int(shifts[step]))
            loss.backward()  # type: ignore[no-untyped-call]
            for parameter in given:
                if parameter.grad is not None:
                    parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
            optimiser.step()
            losses.append(float(loss.detach()))
            progress()
    return losses


@torch.no_grad()
def best(candidates: Sequence[nn.Module], waves: Sequence[torch.Tensor], ears: Ears, progress: Callable[[], None]) -> nn.Module:
    """The candidate whose clips have the least mean loss."""
    losses = []
    with onednn(enabled=True):
        for candidate in candidates:
            losses.append(sum(float(ears.loss(candidate(wave))) for wave in waves))
            progress()
    return candidates[min(range(len(candidates)), key=losses.__getitem__)]
