"""Least cost of each manipulation: the table that the attack suite holds the score to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prompts.groups import Group
from scoring.audio.audio import from_pcm, to_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.studies.manipulations.manipulation import Manipulation, apply
from scoring.types import MICRO

M = Manipulation
LEAST_DROP: Mapping[Manipulation, float] = {
    M.REPEAT: 0.5,
    M.FIRST_HALF: 0.25,
    M.PHRASE_REPEATED: 0.4,
    M.BABBLE: 0.4,
    M.REVERSED: 0.5,
    M.SHUFFLED: 0.5,
    M.LEADING_SILENCE: 0.2,
    M.MID_SILENCE: 0.06,
    M.TRAILING_SILENCE: 0.2,
    M.SILENCE: 0.5,
    M.TONE: 0.5,
    M.BELOW_3400: 0.2,
    M.HIDDEN_3400: 0.2,
    M.BELOW_7500: 0.02,
    M.UPSAMPLED_8K: 0.2,
    M.GATED: 0.5,
    M.QUIET: 0.02,
    M.CLIPPED: 0.2,
    M.CLIPPED_PEAKS: 0.2,
    M.DC_OFFSET: 0.03,
    M.NOISE_25: 0.01,
    M.NOISE_20: 0.03,
    M.NOISE_10: 0.2,
    M.NOISE_0: 0.5,
    M.TONES: 0.2,
    M.GLIDE: 0.1,
    M.HUM_50: 0.03,
    M.HUM_60: 0.03,
    M.REVERBERATION: 0.2,
    M.ECHO: 0.03,
    M.PITCH_UP: 0.2,
    M.PITCH_DOWN: 0.08,
    M.FAST: 0.04,
}
"""Points of the combined score (0 … 1) that a manipulation of every clip takes from a voice, at least: some way below the
smallest drop measured on any voice."""
UNCHARGED: Mapping[Manipulation, str] = {
    M.MU_LAW: "a hiss fainter than -35 dB, which few hear",
    M.NOISE_40: "fainter than the noise of many good recordings",
    M.NOISE_35: "as faint as the noise of many good recordings",
    M.UPSAMPLED_16K: "nobody can tell it from a voice made at 16 kHz",
    M.COMB: "a colour of the sound, and no defect that has a measure of its own",
    M.NOTCH: "a colour of the sound, and no defect that has a measure of its own",
    M.TILT_UP: "a colour of the sound, as any microphone has one",
    M.TILT_DOWN: "a colour of the sound, as any microphone has one",
}
"""Manipulations that the embedded profile does not charge on every voice, and the reason: no loss is promised, only a bound on the gain."""
NARROW_HZ = 16_000
"""At this rate and below a low-pass at 7.5 kHz cannot be told from the end of the converter's band."""
MOST_GAIN = 0.02
"""Points of the score that such a manipulation may gain at most."""


def least_drop(name: Manipulation, rate: int) -> float:
    """Least loss of a voice whose clips have this rate, in points of 0 … 1; negative where only the gain is bounded."""
    if name in UNCHARGED or (name is M.BELOW_7500 and rate <= NARROW_HZ):
        return -MOST_GAIN
    return LEAST_DROP[name]


def attacked(spoken: Mapping[str, Spoken], name: Manipulation) -> dict[str, Spoken]:
    """Manipulate every clip; failures stay as they are."""
    return {key: _attack(said, name) if said.pcm else said for key, said in spoken.items()}


def drops(
    panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Competition, names: Iterable[Manipulation]
) -> Iterator[tuple[Manipulation, float]]:
    """One after the other, by how much each manipulation lowers the score, in points of 0 … 1; negative where it gains."""
    plain = score(panel, groups, spoken, rules)
    for name in names:
        yield name, plain - score(panel, groups, attacked(spoken, name), rules)


def score(panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Competition) -> float:
    """The combined score of the audio, 0 … 1."""
    return panel.judge(groups, spoken, rules, NO_PROGRESS).score / MICRO


def _attack(said: Spoken, name: Manipulation) -> Spoken:
    changed = apply(name, from_pcm(said.pcm, said.rate))
    return Spoken(prompt_id=said.prompt_id, rate=changed.rate, pcm=to_pcm(changed), seconds=said.seconds)
