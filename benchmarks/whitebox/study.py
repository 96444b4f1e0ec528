"""The study: every attack is learnt on some texts of one voice, and judged by the real panel on other texts of every voice."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import mean

import torch
from torch import nn

from benchmarks.study_voices import groups_of, spoken
from benchmarks.voices import Kind
from benchmarks.whitebox.attacks import AddedNoise, Both, ChangingHall, Colour, Echo, Equaliser, Hiss, Network
from benchmarks.whitebox.ears import Ears
from benchmarks.whitebox.learning import Effort, best, learn
from scoring.audio.audio import Audio, resample
from scoring.audio.clip import RATE
from scoring.competition import Track
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import Factor
from scoring.studies.evidence.measured import AttackResult
from scoring.types import MICRO

NOISE_DB = -35.0
"""Level of learnt noise under the clip."""
ECHOES = tuple(product((8.0, 15.0, 25.0, 40.0, 60.0, 120.0), (0.1, 0.3, 0.6)))
"""Delays in ms, and gains."""
HALLS = tuple(product((80.0, 150.0), (0.3, 0.5), (0.0, 2.0)))
"""Lengths of a tail in ms, gains, and dB an octave by which highs are lifted."""
HISSES = tuple(product(Colour, (-25.0, -30.0, -38.0, -46.0)))
"""Colours, and levels in dB."""
SEARCHED_ON = 2
"""Clips on which candidates are tried."""
PEAK = 0.9
"""Of full scale, for a changed sound that would exceed it."""
Standing = tuple[float, float]
"""Combined score and naturalness of a voice, 0 … 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A voice at 16 kHz: what it says of the texts to learn on, and of those that are judged."""

    name: str
    kind: Kind
    learnt: Sequence[torch.Tensor]
    judged: Sequence[torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """The real judges of some texts."""

    texts: Sequence[str]
    panel: Panel
    rules: Track

    def scores(self, waves: Sequence[torch.Tensor]) -> Standing:
        """The combined score of the waves as 16-bit sound, and their mean naturalness."""
        groups = groups_of(self.texts)
        sounds = [Audio(_within(wave.detach()), RATE) for wave in waves]
        report = self.panel.judge(groups, spoken(groups, sounds), self.rules, NO_PROGRESS)
        natural = [sample.utilities.get(Factor.NATURALNESS, 0.0) for sample in report.samples]
        return report.score / MICRO, mean(natural)


@dataclass(frozen=True, slots=True)
class Trial:
    """Who judges, and how the voices stood before."""

    court: Court
    before: Mapping[str, Standing]


def universal(victim: Victim, ears: Ears, effort: Effort, progress: Callable[[], None]) -> Iterator[tuple[str, nn.Module]]:
    """Every attack that is made once for all clips, learnt or searched on what a voice says of the first texts."""
    learnt: dict[str, nn.Module] = {
        "small network": Network(),
        "equaliser and noise": Both(512, RATE, NOISE_DB),
        "equaliser, 512 taps": Equaliser(512),
        "equaliser, 65 taps": Equaliser(65),
        "a second of noise": AddedNoise(RATE, NOISE_DB),
    }
    for name, attack in learnt.items():
        learn(attack, victim.learnt, ears, effort, progress)
        yield name, attack
    few = victim.learnt[:SEARCHED_ON]
    yield "echo", best([Echo(delay, gain) for delay, gain in ECHOES], few, ears, progress)
    yield "changing hall", best([ChangingHall(tail, gain, tilt) for tail, gain, tilt in HALLS], few, ears, progress)
    yield "hiss", best([Hiss(colour, level) for colour, level in HISSES], few, ears, progress)


def per_clip(wave: torch.Tensor, ears: Ears, effort: Effort, progress: Callable[[], None]) -> dict[str, torch.Tensor]:
    """The clip after each attack that is made for it alone."""
    made: dict[str, nn.Module] = {
        "equaliser for each clip": Equaliser(512),
        "noise for each clip": AddedNoise(wave.shape[0], NOISE_DB),
        "equaliser and noise for each clip": Both(512, wave.shape[0], NOISE_DB),
    }
    for attack in made.values():
        learn(attack, [wave], ears, effort, progress)
    return {name: attack(wave).detach() for name, attack in made.items()}


def try_on(victims: Sequence[Victim], name: str, attack: nn.Module, learnt_on: str, trial: Trial) -> Iterator[AttackResult]:
    """One attack on every voice."""
    for victim in victims:
        with torch.no_grad():
            changed = [attack(wave) for wave in victim.judged]
        yield result(name, learnt_on, victim, trial.before[victim.name], trial.court.scores(changed))


def result(attack: str, learnt_on: str, victim: Victim, before: Standing, after: Standing) -> AttackResult:
    """A line of the table."""
    return AttackResult(
        attack=attack,
        learnt_on=learnt_on,
        voice=victim.name,
        kind=victim.kind.value,
        before=round(before[0], 4),
        after=round(after[0], 4),
        natural_before=round(before[1], 4),
        natural_after=round(after[1], 4),
    )


def at_judges_rate(sounds: Sequence[Audio]) -> list[torch.Tensor]:
    """The sounds at 16 kHz."""
    return [resample(sound, RATE).samples for sound in sounds]


def _within(wave: torch.Tensor) -> torch.Tensor:
    """The wave, made softer where it would not fit 16 bits."""
    peak = float(wave.abs().max()) if wave.shape[0] else 0.0
    return wave * (PEAK / peak) if math.isfinite(peak) and peak > PEAK else wave
