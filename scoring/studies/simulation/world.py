"""Group scores of made-up models: what they share, what is a model's own, and what fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.competition import Competition
from scoring.types import MICRO, Micro

Micros = NDArray[np.int64]
"""Scores or differences in integers of 1e-6."""
Floats = NDArray[np.float64]


def groups_of(competition: Competition) -> int:
    """The number of groups that a round asks."""
    return competition.track[0].prompts.groups


@dataclass(frozen=True, slots=True)
class NewScale:
    """A change of the rules that everybody knows of: from a round on scores are measured otherwise, and are higher by `gain`."""

    round: int
    gain: float


@dataclass(frozen=True, slots=True)
class World:
    """The law of scores. `sd` is that of two models' difference on the same group, before failures; every model fails `failures` of its
    groups, which score 0; `difficulty` is the sd of what a group does to all models alike. All in units of the score.
    """

    sd: float = 0.05
    failures: float = 0.0
    difficulty: float = 0.1
    new_scale: NewScale | None = None

    def scale(self, number: int) -> str:
        """The name of what scores of a round are measured by."""
        return "new" if self.new_scale is not None and number >= self.new_scale.round else "old"

    def measured(self, quality: float, number: int) -> float:
        """A model's true mean in a round, from that on the scale of the first one."""
        return quality if self.new_scale is None or number < self.new_scale.round else quality + self.new_scale.gain

    def draw(self, generator: np.random.Generator, qualities: Floats, groups: int) -> Micros:
        """Scores [..., models, groups] of models [..., models] of these true means, on the same groups, 0 … 1,000,000."""
        common = generator.normal(0.0, self.difficulty, (*qualities.shape[:-1], 1, groups))
        return self._scored(qualities[..., None] + common, generator)

    def ask(self, seed: Sequence[int], models: Mapping[int, float], groups: int) -> Micros:
        """Scores [models, groups] of a round: each model (by number, with its true mean) scores the same whoever else is asked."""
        common = np.random.default_rng(seed).normal(0.0, self.difficulty, groups)
        rows = [self._scored(common + mean, np.random.default_rng([*seed, number])) for number, mean in models.items()]
        return np.stack(rows)

    def _scored(self, means: Floats, generator: np.random.Generator) -> Micros:
        scores = np.clip(means + generator.normal(0.0, self.sd / 2**0.5, means.shape), 0.0, 1.0)
        if self.failures:
            scores[generator.random(scores.shape) < self.failures] = 0.0
        return np.rint(scores * MICRO).astype(np.int64)

    def differences(self, generator: np.random.Generator, mean: float, shape: Sequence[int]) -> Micros:
        """Paired differences [*shape] of two models of which one is better by `mean`, both around .65."""
        pair = self.draw(generator, np.broadcast_to(np.array([0.65, 0.65 + mean]), (*shape[:-1], 2)), shape[-1])
        return pair[..., 1, :] - pair[..., 0, :]

    def lead(self, excess: float, margin: Micro, clip: float) -> float:
        """By how much the better model's mean must be higher, so that the clipped difference exceeds the margin by `excess` of its sd.

        Found by bisection on 100,000 groups, the same for every lead: good to a hundredth of the sd.
        """
        low, high = 0.0, 0.3
        for _ in range(12):
            middle = (low + high) / 2
            drawn = self.differences(np.random.default_rng(0), middle, (100_000,))
            clipped = np.clip(drawn, -round(clip * MICRO), round(clip * MICRO))
            enough = float(clipped.mean()) - margin >= excess * float(clipped.std())
            low, high = (low, middle) if enough else (middle, high)
        return high
