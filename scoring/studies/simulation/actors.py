"""Made-up miners: what each commits, and when. A strategy sees what a real miner could: the king's model and its own past."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class MadeUpModel:
    """Its true mean score (0 … 1), the tensors by which lineage knows it, and its speed in ms of compute per second of speech."""

    quality: float
    tensors: str
    speed: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A miner's knowledge in a round, for one of its hotkeys."""

    round: int
    place: int
    """Counts the miner's hotkeys from 0."""
    ability: float
    """The true mean score of the best model that the miner can train by now."""
    king: MadeUpModel | None
    king_place: int | None
    """Which of the miner's hotkeys is king, None where none is."""
    mine: tuple[MadeUpModel | None, ...]
    """The last commitment of each of the miner's hotkeys."""
    last: int | None
    """The round of this hotkey's last commitment, None before the first."""
    cooldown: int
    """Rounds in which it may not commit again."""
    generator: np.random.Generator
    new_scale: int | None = None
    """The round from which scores are measured otherwise, as everybody was told; None where there is none."""

    @property
    def own(self) -> MadeUpModel | None:
        """This hotkey's last commitment."""
        return self.mine[self.place]

    @property
    def free(self) -> bool:
        """Whether the cooldown lets this hotkey commit."""
        return self.last is None or self.round - self.last > self.cooldown

    def name(self, of: str) -> str:
        """Tensors that nobody else has."""
        return f"{of}-{self.round}-{self.generator.integers(2**40):010x}"

    def trained(self, quality: float) -> MadeUpModel:
        """A model of one's own with this true mean score."""
        return MadeUpModel(quality, self.name("trained"))

    def near_copy(self, model: MadeUpModel) -> MadeUpModel:
        """The model with noise that lineage does not catch: as good, and with sounds of its own."""
        return MadeUpModel(model.quality, f"noise:{model.tensors}:{self.name('')}", model.speed)


WORTHLESS = 0.05
"""Anybody can train a model this good."""


class Strategy(Protocol):
    """Decides what a hotkey of an actor commits in a round, if anything."""

    def commit(self, moment: Moment) -> MadeUpModel | None: ...


@dataclass(frozen=True, slots=True)
class Improver:
    """Honest work: from `start`, each commitment better than the last by `step` on average, one every `every` rounds or so."""

    start: float
    step: float = 0.012
    every: int = 40
    first: int = 0

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """A first model in round `first`, then what was gained."""
        if moment.round < self.first or not moment.free:
            return None
        if moment.own is None:
            return MadeUpModel(self.start, moment.name("improved"))
        if moment.generator.random() >= 1.0 / self.every:
            return None
        gain = float(moment.generator.exponential(self.step))
        return MadeUpModel(min(moment.own.quality + gain, 0.92), moment.name("improved"))


@dataclass(frozen=True, slots=True)
class SlowStarter:
    """A weak model first, and a good one long after."""

    weak: float
    good: float
    wakes: int

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """The weak one at once, the good one from round `wakes` on."""
        if moment.own is None:
            return MadeUpModel(self.weak, moment.name("slow"))
        late = moment.round >= self.wakes and moment.own.quality < self.good
        return MadeUpModel(self.good, moment.name("slow")) if late and moment.free else None


@dataclass(frozen=True, slots=True)
class ExactCopier:
    """Commits the king's own tensors whenever there is another king."""

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """The king's model, unless it is already its own."""
        if moment.king is None or not moment.free or (moment.own is not None and moment.own.tensors == moment.king.tensors):
            return None
        return moment.king


@dataclass(frozen=True, slots=True)
class NoiseCopier:
    """Commits the king's model with noise that lineage does not catch: as good, and with sounds of its own.

    `again`: it commits anew whenever it may, for another draw; otherwise only when there is another king.
    """

    again: bool = False

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """The king's quality under a name of its own."""
        if moment.king is None or not moment.free:
            return None
        known = moment.own is not None and moment.own.tensors.startswith(f"noise:{moment.king.tensors}:")
        if known and not self.again:
            return None
        return moment.near_copy(moment.king)


@dataclass(frozen=True, slots=True)
class Splitter:
    """One model of its own under every hotkey it has: the same tensors, or near-copies that lineage does not catch."""

    quality: float
    exact: bool

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """One commitment per hotkey, the original first."""
        if moment.own is not None or moment.round < moment.place:
            return None
        return MadeUpModel(self.quality, "split" if self.exact else f"split-{moment.place}")


@dataclass(frozen=True, slots=True)
class Junk:
    """Noise instead of speech, whenever it may."""

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """Something that hardly scores."""
        return MadeUpModel(0.03, moment.name("junk")) if moment.free else None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody of a kind (`name`) with some hotkeys, each registered once at a cost of 1."""

    name: str
    strategy: Strategy
    hotkeys: int = 1
    ability: tuple[tuple[int, float], ...] = ((0, 1.0),)
    """From a round on (they rise), the true mean score of the best model that it can train. Any public model can be copied, too."""

    def can(self, number: int) -> float:
        """Its ability in a round; 0 before the first."""
        return max((quality for since, quality in self.ability if since <= number), default=0.0)


def mixed() -> tuple[Actor, ...]:
    """Everything at once: who works, who copies, who splits, who tries again and again."""
    return (
        *(Actor("improver", Improver(0.50 + 0.02 * place, first=3 * place)) for place in range(6)),
        *(Actor("slow starter", SlowStarter(0.30, 0.66 + 0.04 * place, 80 + 60 * place)) for place in range(2)),
        Actor("exact copier", ExactCopier(), 3),
        Actor("ε-noise copier", NoiseCopier(), 5),
        Actor("noise-lover", NoiseCopier(again=True), 5),
        Actor("sybil, 5 near-copies", Splitter(0.58, exact=False), 5),
        Actor("junk", Junk(), 15),
    )


def honest() -> tuple[Actor, ...]:
    """Only those who work."""
    return tuple(Actor("improver", Improver(0.50 + 0.015 * place, first=2 * place)) for place in range(10))


def copies() -> tuple[Actor, ...]:
    """One original, and everybody else copies it."""
    return (
        Actor("original", Splitter(0.65, exact=True)),
        Actor("exact copier", ExactCopier(), 10),
        Actor("ε-noise copier", NoiseCopier(), 20),
        Actor("noise-lover", NoiseCopier(again=True), 20),
    )


def junkyard() -> tuple[Actor, ...]:
    """Three who work among a hundred hotkeys of junk."""
    return (*honest()[:3], Actor("junk", Junk(), 100))


FIELDS = {"mixed": mixed, "honest": honest, "copies": copies, "junk": junkyard}
"""By the name that `voice simulate --field` takes."""
