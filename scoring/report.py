"""An evaluation's result in plain numbers. Free of torch, so that every process can read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scoring.types import Micro


class Gate(StrEnum):
    """Reason for which a sample scored 0."""

    GENERATION_FAILED = "generation_failed"
    TIMEOUT = "timeout"
    EMPTY = "empty"
    NOT_FINITE = "not_finite"
    WRONG_RATE = "wrong_rate"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_SPEECH = "no_speech"
    WRONG_WORDS = "wrong_words"


class Factor(StrEnum):
    """The parts of a score; each is a utility in [0, 1], more is better."""

    INTELLIGIBILITY = "intelligibility"
    NATURALNESS = "naturalness"
    DELIVERY = "delivery"
    """Obedience to the description; a sample of plain reading, which asks nothing of the voice, has no such factor."""
    CLEANLINESS = "cleanliness"
    """The sound as a recording: no padding or gaps, no clipping, no missing treble, no noise."""
    CONSISTENCY = "consistency"
    """One speaker in both clips of a voice pair; a sample of any other group has no such factor."""


class FlagKind(StrEnum):
    """Reason to listen to a sound before it is believed. A flag changes no score: it is evidence for whoever looks."""

    REPEATED = "repeated"
    """Most of the clip is the same recording as in the clip of another text."""
    CONSTANT = "constant"
    """Most of the clip is the same all along: a hum, or one piece in a loop."""
    OTHER_PROMPT = "other_prompt"
    """The words heard are those of another prompt of the round."""
    EQUALISED = "equalised"
    """One narrow filter stands behind all clips, as it does where it was learnt against a judge; said of the first clip."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What was noticed about one sample. `value` is what passes the limit of `scoring.scores.flags`: a share, 0 … 1; of `equalised` dB."""

    prompt_id: str
    kind: FlagKind
    value: float
    other: str
    """The prompt whose recording or words it has; '' where the kind names none."""


Metrics = Mapping[str, float]
"""Raw numbers of one sample by name, each in the unit that its judge documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """One prompt's outcome."""

    prompt_id: str
    group_id: str
    score: Micro
    gate: Gate | None
    """The closed gate, if any: the score is then 0."""
    metrics: Metrics
    utilities: Mapping[Factor, float]
    """Each in [0, 1], more is better; none where a gate is closed."""
    pcm_sha256: str
    """Of the signed 16-bit little-endian mono PCM; '' without audio."""
    seconds: float
    """Wall-clock time to speak the prompt, not the clip's length."""
    rate: int = 0
    """Of the PCM, in Hz; 0 without audio."""
    reason: str = ""
    """Why there is no sound to judge, in the guest's or the worker's words, escaped; '' where there is one."""
    heard: str = ""
    """The words that the judges heard, escaped; '' where none were listened for."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One group's score, the unit of every later comparison."""

    id: str
    kind: str
    score: Micro


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """One submission in one round."""

    profile: str
    profile_hash: str
    """SHA-256 (hex) over the judges' versions and the anchors."""
    judges: Mapping[str, str]
    """Each judge's version by its name."""
    samples: tuple[SampleReport, ...]
    groups: tuple[GroupReport, ...]
    score: Micro
    """Mean of the groups' scores."""
    stderr: Micro
    """Standard error of that mean."""
    flags: tuple[Flag, ...] = ()
    """What was noticed, in the order of samples; no part of any score."""
