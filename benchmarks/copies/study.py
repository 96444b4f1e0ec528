"""The study of near-copies: honest pairs, rewrites of trained voices at every strength, and what each costs its maker in score."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path

import torch

from benchmarks.copies.document import KeyRow
from benchmarks.copies.measuring import KEY, Laboratory, Measured, Pair, draw
from benchmarks.copies.recipes import RECIPES, Half
from benchmarks.copies.rewrites import Rewrite, rewrites
from benchmarks.copies.speaking import Court
from benchmarks.copies.training import Part, Recipe, Tensors, fine_tune
from benchmarks.copies.trainings import Point, Trainings
from scoring.model.nearness import base_of, nearness
from scoring.model.sketch import KEY_BYTES, Sketch, SketchKey, sketch
from scoring.progress import NO_PROGRESS
from scoring.synthesis.csm import tiny as csm
from scoring.synthesis.llama_snac import tiny as llama_snac
from scoring.synthesis.pocket_tts import tiny as pocket_tts
from scoring.synthesis.vits import tiny as vits

SPOKEN = (8, 20, 32)
"""Steps whose sound is compared: one early, one late, one between."""
VICTIMS = {Half.CHOOSE: (0, 14), Half.REPORT: (14, 15, 0, 11)}
"""Places in a half's recipes: trainings that moved the weights little and far, of parts and of everything, and a merged low rank."""
JUDGED = (14,)
"""Those whose rewrites are judged, in the half that is reported: by far the slowest part."""
SAME_SOUND = 1e-6
"""Clips that differ by less are judged alike: the judges' own steps are coarser."""
FURTHER_STEPS = 8
FURTHER = (1e-7, 1e-6, 5e-6, 2e-5)
"""Rates at which somebody trains another's voice on."""
KEYS = 8
KEYED = ("0.0003", "0.001", "0.003")
"""Strengths of noise that are measured by several keys."""
TINY_SEEDS = 100
OTHER_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Attack:
    """One victim's rewrite: the pair of victim and copy, and the points of score that it cost (None where it was not judged)."""

    name: str
    strength: str
    pair: Pair
    loss: float | None

    @property
    def title(self) -> str:
        """Rewrite and strength."""
        return f"{self.name} {self.strength}".strip()


class Kind(StrEnum):
    """What two honest trainings have in common."""

    SEED = "alike but for the seed"
    SENTENCES = "the same sentences, learnt in another way"
    OTHER = "other sentences or another voice"
    ONE_RUN = "one run of one script over other parts: the same sentences in the same order, the same random stream"
    """Whoever sees this sees no independent work: both took the same steps in the tensors that they share."""


@dataclass(frozen=True, slots=True)
class HonestPair:
    """Points of two trainings, and what these have in common."""

    kind: Kind
    trainings: frozenset[str]
    pair: Pair


class Study:
    """One run; what it has measured is kept below the trainings' folder."""

    def __init__(self, trainings: Trainings, laboratory: Laboratory, advance: Callable[[str], None]) -> None:
        self._trainings, self._laboratory, self._advance = trainings, laboratory, advance

    def honest(self, half: Half) -> list[HonestPair]:
        """Every training with the others of its half, each point with those of as many steps."""
        found = [(recipe, self._points(recipe)) for recipe in RECIPES[half]]
        pairs: list[HonestPair] = []
        for (mine, points), (theirs, others) in combinations(found, 2):
            kind, names = kind_of(mine, theirs), frozenset((mine.name, theirs.name))
            pairs += [HonestPair(kind, names, self._laboratory.pair(*both)) for both in zip(points, others, strict=True)]
            self._laboratory.remember()
            self._advance("pairs of trainings")
        self._laboratory.forget()
        return pairs

    @property
    def scores(self) -> Sequence[float]:
        """Of the victims that were judged, before any rewrite."""
        return [self._court.score(self._point(self._last(RECIPES[Half.REPORT][place]))[1].clips) for place in JUDGED]

    @property
    def base_score(self) -> float:
        """Of the base on the same prompts."""
        return self._court.score(self._laboratory.measure("base", dict).clips)

    def changes(self) -> list[float]:
        """How far each reported victim's weights moved: the median over its trained numbers, as a share of their tensors' norms."""
        victims = [self._last(RECIPES[Half.REPORT][place]) for place in VICTIMS[Half.REPORT]]
        return [moved(victim.learnt(), self._trainings.base) for victim in victims]

    def attacks(self, half: Half) -> Iterator[Attack]:
        """Each victim's rewrites, in one order for all victims."""
        for place in VICTIMS[half]:
            victim = self._last(RECIPES[half][place])
            other = self._last(RECIPES[half][place - 3])
            judged = half is Half.REPORT and place in JUDGED
            mine = victim.tensors(self._trainings.base)
            for rewrite in rewrites(self._trainings.base, other.tensors(self._trainings.base)):
                yield self._attack(victim, mine, rewrite, judged=judged)
            for rate in FURTHER:
                yield self._attack(victim, mine, self._further(victim, rate), judged=judged)
            self._laboratory.forget()

    def keys(self) -> list[KeyRow]:
        """A victim and copies of it with noise, by sketches of several keys: what another validator would measure."""
        victim = self._last(RECIPES[Half.REPORT][JUDGED[0]])
        mine = victim.tensors(self._trainings.base)
        copies = [rewrite for rewrite in rewrites(self._trainings.base, mine) if rewrite.name == "noise"]
        copies = [rewrite for rewrite in copies if rewrite.strength in KEYED]
        found: dict[str, list[float]] = {rewrite.strength: [] for rewrite in copies}
        for number in range(KEYS):
            key = SketchKey(number, bytes([number]) * KEY_BYTES)
            base = base_of(self._trainings.base_folder, key, NO_PROGRESS)
            with self._laboratory.written(mine) as folder:
                own = sketch(folder, key, NO_PROGRESS)
            for rewrite in copies:
                with self._laboratory.written(rewrite.apply(mine, draw(f"{victim.name}: {rewrite.title}"))) as folder:
                    distance = nearness(own, sketch(folder, key, NO_PROGRESS), [base]).distance
                found[rewrite.strength].append(distance)
            self._advance("keys")
        return [KeyRow(strength=name, least=min(each), most=max(each)) for name, each in found.items()]

    def unrelated(self) -> list[Pair]:
        """Tiny networks of random weights, each with every other of its family."""
        pairs: list[Pair] = []
        with tempfile.TemporaryDirectory(prefix="voice-copies-") as name:
            for family, sketches in self._tiny(Path(name)).items():
                for (one, mine), (other, theirs) in combinations(enumerate(sketches), 2):
                    found = nearness(mine, theirs, [])
                    pairs.append(
                        Pair(one=f"{family} {one}", other=f"{family} {other}", weights=found.distance, compared=found.compared)
                    )
        return pairs

    def _tiny(self, folder: Path) -> Mapping[str, Sequence[Sketch]]:
        found: dict[str, list[Sketch]] = {"vits": [], "csm": [], "llama_snac": [], "pocket_tts": []}
        for seed in range(TINY_SEEDS):
            vits.build(folder / f"vits{seed}", seed=seed)
            found["vits"].append(sketch(folder / f"vits{seed}", KEY, NO_PROGRESS))
            self._advance("tiny networks")
        builders: Mapping[str, Callable[..., object]] = {
            "csm": csm.build,
            "llama_snac": llama_snac.build,
            "pocket_tts": pocket_tts.build,
        }
        for family, build in builders.items():
            for seed in range(OTHER_SEEDS):
                build(folder / f"{family}{seed}", seed=seed)
                found[family].append(sketch(folder / f"{family}{seed}", KEY, NO_PROGRESS))
        return found

    def _points(self, recipe: Recipe) -> list[tuple[str, Measured]]:
        return [self._point(point) for point in self._trainings.points(recipe, lambda: self._advance("training"))]

    def _point(self, point: Point) -> tuple[str, Measured]:
        measured = self._laboratory.measure(point.name, point.learnt, speaks=point.step in SPOKEN)
        self._advance("points")
        return point.name, measured

    def _last(self, recipe: Recipe) -> Point:
        return self._trainings.points(recipe, lambda: self._advance("training"))[-1]

    def _attack(self, victim: Point, mine: Tensors, rewrite: Rewrite, *, judged: bool) -> Attack:
        name = f"{victim.name}: {rewrite.title}"
        rewritten = cache(lambda: rewrite.apply(mine, draw(name)))
        copied = self._laboratory.measure(name, rewritten, rewrite.settings)
        pair = self._laboratory.pair(self._point(victim), (name, copied))
        self._laboratory.forget(name)
        self._laboratory.remember()
        self._advance("rewrites")
        return Attack(rewrite.name, rewrite.strength, pair, self._loss(victim, copied, pair) if judged else None)

    def _loss(self, victim: Point, copied: Measured, pair: Pair) -> float:
        """Points of the score that the rewrite cost."""
        if min(pair.likeness) > 1.0 - SAME_SOUND:
            return 0.0
        return self._court.score(self._point(victim)[1].clips) - self._court.score(copied.clips)

    @cached_property
    def _court(self) -> Court:
        return Court(self._laboratory.speaker.rate, self._laboratory.folder / "scores.json")

    def _further(self, victim: Point, rate: float) -> Rewrite:
        """Somebody trains another's voice on, with sentences and a stream of their own."""
        recipe = replace(victim.recipe, voice="m1", texts=1, part=Part.ALL, rate=rate, seed=77, rank=0, points=(FURTHER_STEPS,))

        def train(given: Tensors, _draw: object) -> dict[str, torch.Tensor]:
            model = self._trainings.model()
            model.load_state_dict(dict(given), strict=False)
            (found,) = fine_tune(model, recipe, self._trainings.lessons(recipe))
            return {**given, **found[2]}

        return Rewrite(name="trained on", strength=f"{FURTHER_STEPS} steps at {rate:g}", apply=train)


def kind_of(one: Recipe, other: Recipe) -> Kind:
    """What two honest trainings have in common."""
    if replace(one, name="", seed=0) == replace(other, name="", seed=0):
        return Kind.SEED
    if (one.voice, one.texts) != (other.voice, other.texts):
        return Kind.OTHER
    return Kind.ONE_RUN if one.seed == other.seed else Kind.SENTENCES


def moved(learnt: Tensors, base: Tensors) -> float:
    """Median over the numbers that were trained of how far their tensor moved, as a share of its norm."""
    rows = sorted(
        (float((tensor - base[name]).norm() / base[name].norm().clamp(min=1e-12)), tensor.numel())
        for name, tensor in learnt.items()
    )
    half, total = sum(count for _, count in rows) / 2, 0
    for distance, count in rows:
        total += count
        if total >= half:
            return distance
    return 0.0
