"""A training loop for converted Piper voices, of which transformers has none: mel bands of random windows follow a lesson's.

What learns is chosen by parts of the network; low-rank updates are merged into the weights, as people publish them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import VitsModel

from benchmarks.copies.lessons import WINDOWS, Lesson, latents, log_mel, scale_of
from scoring.judges.panel import onednn

FRAMES = 32
"""Of a window: a third of a second, as VITS itself is trained."""
LIFTED = ".convs2."
"""Convolutions that only take back the converted decoder's lift: nobody who knows the conversion trains them."""
WARM = 4
"""Steps until the rate is at its full height."""
DECAY = 0.01
"""Of AdamW's weights."""

Tensors = Mapping[str, torch.Tensor]


class Part(StrEnum):
    """The part of the network that learns."""

    DECODER = "decoder"
    LAST = "last layers"
    FLOW = "flow"
    SOUND = "flow and decoder"
    TEXT = "text encoder"
    ALL = "all"

    @property
    def beginnings(self) -> tuple[str, ...]:
        """Of the names of what learns."""
        match self:
            case Part.DECODER:
                return ("decoder.",)
            case Part.LAST:
                return (
                    "decoder.upsampler.2.",
                    "decoder.resblocks.6.",
                    "decoder.resblocks.7.",
                    "decoder.resblocks.8.",
                    "decoder.conv_post.",
                )
            case Part.FLOW:
                return ("flow.",)
            case Part.SOUND:
                return ("flow.", "decoder.")
            case Part.TEXT:
                return ("text_encoder.",)
            case Part.ALL:
                return ("text_encoder.", "flow.", "decoder.")
            case unreachable:
                assert_never(unreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one fine-tuning is done; `points` are the steps after which its weights are kept."""

    name: str
    voice: str
    """Whose sentences it learns from."""
    texts: int
    """The half of the sentences, 0 or 1."""
    part: Part
    rate: float
    seed: int
    rank: int = 0
    """Of low-rank updates; 0: every weight of the part learns."""
    points: tuple[int, ...] = (2, 4, 8, 12, 16, 20, 26, 32)


class LowRank(nn.Module):
    """A weight and what is learnt beside it: the product of two thin matrices (Hu et al. 2021)."""

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The sum of both."""
        return weight + (self.up @ self.down).view_as(weight)


def fine_tune(
    model: VitsModel, recipe: Recipe, lessons: Sequence[Lesson]
) -> Iterator[tuple[int, float, dict[str, torch.Tensor]]]:
    """Train a model in place; yields step, mean loss since the last point, and copies of the tensors that learnt, at each point.

    The model is left with what it learnt: load the base's tensors again before another training.
    """
    torch.manual_seed(recipe.seed)
    given = _learning(model, recipe)
    optimiser = torch.optim.AdamW(given, recipe.rate, betas=(0.8, 0.99), weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / WARM))
    losses: list[float] = []
    with onednn(enabled=True):  # twice as fast; which bits come out matters to no training
        for step in range(1, max(recipe.points) + 1):
            lesson = lessons[int(torch.randint(len(lessons), ()))]
            optimiser.zero_grad()
            loss = loss_of(model, lesson)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(given, 10.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if step in recipe.points:
                yield step, sum(losses) / len(losses), learnt(model, recipe)
                losses.clear()
    _forget(model)


def loss_of(model: VitsModel, lesson: Lesson) -> torch.Tensor:
    """Mean distance of log mel bands over the three lengths of transform, in one window of the sentence."""
    frames = min(FRAMES, lesson.frames)
    start = int(torch.randint(lesson.frames - frames + 1, ()))
    wave = model.decoder(latents(model, lesson.ids, lesson.durations, slice(start, start + frames)))[0, 0]
    scale = scale_of(model)
    distances = [
        (log_mel(wave, window, scale) - bands[:, start : start + frames]).abs().mean()
        for window, bands in zip(WINDOWS, lesson.bands, strict=True)
    ]
    return torch.stack(distances).mean()


def learnt(model: VitsModel, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Copies of the tensors that a recipe changes, by their names in a repository."""
    with torch.no_grad():
        if recipe.rank:
            found = {f"{name}.weight": module.weight for name, module in model.named_modules() if _has_low_rank(module)}
        else:
            found = dict(_chosen(model, recipe.part))
        return {name: tensor.detach().clone() for name, tensor in found.items()}


def _learning(model: VitsModel, recipe: Recipe) -> list[nn.Parameter]:
    """The parameters that learn; all others are held."""
    model.requires_grad_(False)
    if not recipe.rank:
        found = [parameter for _, parameter in _chosen(model, recipe.part)]
        for parameter in found:
            parameter.requires_grad_(True)
        return found
    kept = [name.removesuffix(".weight") for name, tensor in _chosen(model, recipe.part) if _is_plain(name, tensor)]
    thin: list[nn.Parameter] = []
    for name in kept:
        module = model.get_submodule(name)
        update = LowRank(model.get_parameter(f"{name}.weight"), recipe.rank)
        parametrize.register_parametrization(module, "weight", update)
        thin += update.parameters()
    return thin


def _chosen(model: VitsModel, part: Part) -> list[tuple[str, nn.Parameter]]:
    return [
        (name, parameter)
        for name, parameter in model.named_parameters()
        if name.startswith(part.beginnings) and LIFTED not in name and "embed_tokens" not in name
    ]


def _is_plain(name: str, tensor: torch.Tensor) -> bool:
    """Whether low-rank updates are made beside it: a matrix or a kernel that is one tensor."""
    return name.endswith(".weight") and tensor.dim() > 1 and tensor.shape[0] > 1


def _has_low_rank(module: nn.Module) -> bool:
    made: Any = getattr(module, "parametrizations", {})
    return "weight" in made and isinstance(made["weight"][0], LowRank)


def _forget(model: VitsModel) -> None:
    """Take low-rank updates away again, merged."""
    for module in list(model.modules()):
        if _has_low_rank(module):
            parametrize.remove_parametrizations(module, "weight")
    model.requires_grad_(False)
