"""Least cost of each manipulation: the table that the attack suite holds the score to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompts.groups import Group
from scoring.audio.audio import from_pcm, to_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.studies.manipulations.losses import Loss, lose
from scoring.studies.manipulations.manipulation import Manipulation, apply
from scoring.types import MICRO

M = Manipulation
LEAST_LOSS: Mapping[Manipulation, float] = {
    M.REPEAT: 0.5,
    M.FIRST_HALF: 0.25,
    M.PHRASE_REPEATED: 0.4,
    M.BABBLE: 0.3,
    M.REVERSED: 0.5,
    M.SHUFFLED: 0.5,
    M.LEADING_SILENCE: 0.2,
    M.MID_SILENCE: 0.05,
    M.TRAILING_SILENCE: 0.2,
    M.SILENCE: 0.5,
    M.TONE: 0.5,
    M.BELOW_3400: 0.2,
    M.HIDDEN_3400: 0.2,
    M.BELOW_7500: 0.01,
    M.UPSAMPLED_8K: 0.03,
    M.GATED: 0.05,
    M.QUIET: 0.01,
    M.CLIPPED: 0.2,
    M.CLIPPED_PEAKS: 0.2,
    M.DC_OFFSET: 0.03,
    M.NOISE_25: 0.01,
    M.NOISE_20: 0.03,
    M.NOISE_10: 0.1,
    M.NOISE_0: 0.2,
    M.HUM_50: 0.03,
    M.HUM_60: 0.03,
    M.TONES: 0.2,
    M.GLIDE: 0.02,
    M.REVERBERATION: 0.1,
    M.ECHO: 0.03,
    M.PITCH_UP: 0.02,
    M.PITCH_DOWN: 0.02,
    M.FAST: 0.02,
}
"""Share of the combined score that a manipulation of every clip takes from a voice, at least: some way below the smallest loss measured
on any voice. A share, because a robot's score is low, and what costs a third of it costs few points."""
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
NATURAL = frozenset({"person", "neural"})
"""Kinds of voices that sound like people. The others are robots."""
HEARD_IN_PEOPLE = frozenset({M.PITCH_UP, M.PITCH_DOWN, M.FAST})
"""Charged by naturalness alone, of which a robot has none to lose."""
NARROW_HZ = 16_000
"""At this rate and below a low-pass at 7.5 kHz cannot be told from the end of the converter's band."""
MOST_GAIN = 0.02
"""Points of the score (0 … 1) that a manipulation without a least loss may gain at most."""

KNOWN_SHORT = frozenset({("f2", M.CLIPPED), ("f2", M.HUM_50), ("f2", M.NOTCH), ("edward", M.HUM_60)})
"""Robots of the published study, and what costs them less than it must: the recogniser reads a changed clip of theirs better by chance."""


def falls_short(name: Manipulation, synthesis: str, rate: int, before: float, loss: float) -> bool:
    """True if a voice of this kind, with clips of this rate and a score of `before`, lost a smaller share than it must, or gained too
    much."""
    robot_spared = name in HEARD_IN_PEOPLE and synthesis not in NATURAL
    if name in UNCHARGED or robot_spared or (name is M.BELOW_7500 and rate <= NARROW_HZ):
        return -loss * before > MOST_GAIN
    return loss < LEAST_LOSS[name]


def attacked(spoken: Mapping[str, Spoken], name: Manipulation) -> dict[str, Spoken]:
    """Manipulate every clip; failures stay as they are."""
    return {key: _attack(said, name) if said.pcm else said for key, said in spoken.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A voice before a panel: what it said for the groups, and the score of that, 0 … 1."""

    panel: Panel
    groups: Sequence[Group]
    rules: Track
    spoken: Mapping[str, Spoken]
    before: float

    @property
    def rate(self) -> int:
        """Of its clips, Hz; the highest, where they differ."""
        return max(said.rate for said in self.spoken.values())

    def loss(self, name: Manipulation) -> float:
        """Share of the score that a manipulation takes, `1 - after / before`, negative where it gains; 0 of a voice that scores nothing."""
        after = score(self.panel, self.groups, attacked(self.spoken, name), self.rules)
        return 1.0 - after / self.before if self.before > 0.0 else 0.0

    def gain(self, name: Loss) -> float:
        """Points (0 … 1) by which losing something of every clip raises the score, negative where it falls."""
        lost = {key: _lose(said, name) if said.pcm else said for key, said in self.spoken.items()}
        return score(self.panel, self.groups, lost, self.rules) - self.before


def trial(panel: Panel, groups: Sequence[Group], rules: Track, spoken: Mapping[str, Spoken]) -> Trial:
    """Judge a voice as it is."""
    return Trial(panel=panel, groups=groups, rules=rules, spoken=spoken, before=score(panel, groups, spoken, rules))


def score(panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Track) -> float:
    """The combined score of the audio, 0 … 1."""
    return panel.judge(groups, spoken, rules, NO_PROGRESS).score / MICRO


def _attack(said: Spoken, name: Manipulation) -> Spoken:
    changed = apply(name, from_pcm(said.pcm, said.rate))
    return Spoken(prompt_id=said.prompt_id, rate=changed.rate, pcm=to_pcm(changed), seconds=said.seconds)


def _lose(said: Spoken, name: Loss) -> Spoken:
    lost = lose(name, from_pcm(said.pcm, said.rate))
    return Spoken(prompt_id=said.prompt_id, rate=lost.rate, pcm=to_pcm(lost), seconds=said.seconds)
