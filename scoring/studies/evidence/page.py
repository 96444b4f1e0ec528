"""docs/scoring.md, rendered: every number in it is read from code, from the files that decide, or from a study's result."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts.generate import ASKED_LEVELS, SEED_BYTES
from prompts.groups import TextKind
from prompts.texts import KINDS, Texts, grammars
from prompts.voices import EDGES, LEVELS, MIDDLE_HZ, Attribute
from scoring.competition import Profile, Track, load
from scoring.described import described
from scoring.judges import integrity
from scoring.judges.delivery import SHARED_HZ
from scoring.judges.panel import Panel
from scoring.markdown import template
from scoring.ranking import duel
from scoring.report import Factor
from scoring.scores import aggregate, calibration
from scoring.scores.aggregate import METRICS, FactorAnchors
from scoring.scores.flags import MEANINGS, RIPPLES_DB
from scoring.scores.reasons import GATES
from scoring.studies.evidence import discrimination
from scoring.studies.evidence.agreement import kendall, spearman
from scoring.studies.evidence.measured import LEAST_GAP, LEAST_VOICE_GAP, MOST_GAIN, Measured
from scoring.studies.manipulations.losses import Loss
from scoring.studies.manipulations.manipulation import ENTRIES
from scoring.types import RoundNumber

TEMPLATE = "scoring.md.j2"
TARGET_AGREEMENT = 0.95
MOST_SHARE = 0.02
"""Share of D's variance common to a round up to which the group may be the unit."""
_LONG_ROUND = 200
"""Texts among which every kind has an example."""
MOVE_UNITS: Mapping[Attribute, str] = {
    Attribute.RATE: "phonemes per second",
    Attribute.PITCH: "semitones",
    Attribute.EXPRESSION: "semitones",
    Attribute.LOUDNESS: "LU",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's unit and meaning."""

    unit: str
    meaning: str


MEASURES: Mapping[str, Measure] = {
    "wer": Measure("share", "word errors against the prompt's words, as the recogniser heard them"),
    "cer": Measure("share", "the same in characters"),
    "tail_deletions": Measure("share", "words of the prompt missing from the end"),
    "trailing_insertions": Measure("share", "words heard after the prompt's last one"),
    "repeats": Measure("share", "words said again in sequence, beyond the prompt's own repeats"),
    "wer_weak": Measure("share", "word errors of a recogniser without a language model, which repairs nothing"),
    "mush": Measure("share", "words that only the strong recogniser repaired: weak errors minus strong ones"),
    "tail_unsaid": Measure("share", "part of the text's end that forced alignment does not find in the sound"),
    "distillmos": Measure("1 … 5", "predicted opinion on the whole (DistillMOS)"),
    "sig": Measure("1 … 5", "predicted opinion on the speech signal (P.835)"),
    "bak": Measure("1 … 5", "predicted opinion on the background (P.835)"),
    "ovr": Measure("1 … 5", "predicted opinion on the whole (P.835)"),
    "p808": Measure("1 … 5", "predicted opinion on the whole (P.808)"),
    "f0_span": Measure("semitones", "from the 5th to the 95th percentile of fundamental frequency, by the power of voiced sound"),
    "f0_movement": Measure("semitones/s", "path of the pitch per second of voiced sound"),
    "ringing": Measure("dB", "ripple of the spectrum that is there all the time, as an echo, a hall or a comb filter leaves it"),
    "flux_distance": Measure(
        "dB", "the way in which the spectrum changes from one hundredth of a second to the next, against natural voices'"
    ),
    "cepstral_distance": Measure("dB", "the same for the spectrum's fine shape, where formants are"),
    "delivery": Measure("0 … 1", "nearness of the measured to the asked, of the attribute that was followed least"),
    "leading_silence": Measure("s", "silence before the first sound"),
    "trailing_silence": Measure("s", "silence after the last sound"),
    "longest_pause": Measure("s", "the longest silence inside"),
    "padding": Measure("share", "all silence beyond ordinary pauses, of the clip's length"),
    "faintness": Measure("LU", "the clip lies below -33 LUFS by so much, where no soft voice was asked for"),
    "clipping": Measure("share", "samples in flat runs at the peak"),
    "crowding": Measure("share", "samples that crowd at one level: what is left of flat tops that were roughened"),
    "rumble": Measure("share", "amplitude below 16 Hz, with the zero line's offset"),
    "bandwidth": Measure("kHz", "live part of the spectrum below 8 kHz, whatever the rate promises"),
    "cliff": Measure("dB", "the steepest fall of the spectrum to all that lies above: where a filter ends it"),
    "snr": Measure("dB", "level of speech over steady noise"),
    "depth": Measure("dB", "from the level of speech down to what goes on below it from 60 to 500 Hz"),
    "hum": Measure("dB", "level of speech over the steady sound of the mains, 40 … 72 Hz"),
    "tone": Measure("s", "the longest time in which there is nothing but one tone of steady pitch"),
    "holes": Measure("share", "cells of the spectrum with nothing in them between full ones, as gating leaves them"),
    "decay": Measure("dB/s", "speed of the bands' fastest falls: slow in a reverberant room"),
    "echo": Measure("0 … 1", "likeness of the sound with itself 40 to 400 ms later"),
    "speaker_similarity": Measure(
        "cosine", "likeness of the two voices of a pair, as a network hears it that tells speakers apart"
    ),
    "phoneme_rate": Measure("1/s", "phonemes of the words said per second of them"),
    "f0_median": Measure("Hz", "median fundamental frequency of the words said, voiced frames counting by their power"),
    "f0_height": Measure("semitones", "the same, from the middle of the register asked"),
    "f0_spread": Measure("semitones", "its standard deviation, as read from the 10th and the 90th percentile"),
    "stray": Measure("s", "sound that belongs to no word of the prompt"),
    "lufs": Measure("LUFS", "integrated loudness (BS.1770)"),
}
"""Each metric for people. Its anchors say whether more is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRow:
    """One metric of a factor, as the table shows it."""

    factor: Factor
    metric: str
    unit: str
    better: str
    bad: float
    human: float
    meaning: str


def render(measured: Measured) -> str:
    """The page as Markdown; raises KeyError for a metric that `MEASURES` does not describe."""
    competition = load().at(RoundNumber(0))
    rules = competition.track[0]
    return template(Path(__file__).with_name(TEMPLATE)).render(
        competition=competition,
        rules=rules,
        described=described(),
        identity=Panel.embedded().identity,
        weights={factor.value: weight for factor, weight in rules.factors.items()},
        kinds=_kinds(),
        most_of_a_line=max(100.0 * grammar.share / _shares() / len(grammar.lines) for grammar in grammars().values()),
        gates=GATES,
        flags=MEANINGS,
        ripples_db=RIPPLES_DB,
        rates=sorted(integrity.RATES),
        least_speech=integrity.LEAST_SPEECH,
        least_speech_seconds=integrity.LEAST_SPEECH_SECONDS,
        floor=aggregate.FLOOR,
        bet_cap=duel.BET_CAP,
        profiles=[_profile(profile, rules) for profile in Profile],
        moves=[_move(attribute) for attribute in Attribute],
        scales=[(attribute.value, METRICS[attribute], EDGES[attribute]) for attribute in EDGES],
        levels=LEVELS,
        asked_levels=ASKED_LEVELS,
        middle={register.value: hertz for register, hertz in MIDDLE_HZ.items()},
        shared_hz=SHARED_HZ,
        attacks=_attacks(measured),
        judged_factors=[
            factor.value for factor in Factor if any(factor in voice.factors for voice in measured.voices.voices.values())
        ],
        ranked_voices=sorted(measured.voices.voices.items(), key=lambda item: -item[1].score),
        least_voice_gap=LEAST_VOICE_GAP,
        learnt=_learnt(measured),
        learnt_voices=list(dict.fromkeys(result.voice for result in measured.whitebox.results)),
        least_gap=LEAST_GAP,
        most_learnt_gain=MOST_GAIN,
        entries=ENTRIES,
        unheard=discrimination.UNCHARGED,
        most_gain=discrimination.MOST_GAIN,
        largest_gain=max(-share * voice.score for voice in measured.attacks.voices.values() for share in voice.losses.values()),
        thrown_away=list(Loss),
        thrown_from={name: voice for name, voice in measured.attacks.voices.items() if voice.gains},
        known_short=sorted(discrimination.KNOWN_SHORT),
        people_only=sorted(discrimination.HEARD_IN_PEOPLE),
        measured=measured,
        calibration=calibration,
        target=TARGET_AGREEMENT,
        most_share=MOST_SHARE,
        tie=[1.0 - agreement(measured.order.ranks, measured.order.tied) for agreement in (spearman, kendall)],
        order_mean=lambda name: statistics.mean(getattr(row, name) for row in measured.order.rows),
    )


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of texts: its share of a round in percent, and a text of it."""

    kind: TextKind
    share: float
    example: str


def _kinds() -> list[KindRow]:
    """Every kind, with the first text of it that the round of the block hash of zeros would ask if it were long."""
    texts = Texts(bytes(SEED_BYTES), _LONG_ROUND)
    first = {text.kind: text.words for text in reversed([texts.fresh() for _ in range(_LONG_ROUND)])}
    return [KindRow(kind, 100.0 * grammars()[kind].share / _shares(), first[kind]) for kind in KINDS]


def _shares() -> int:
    return sum(grammar.share for grammar in grammars().values())


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """One profile's factors (with the competition's weight where it uses the profile), anchors and gate."""

    name: str
    factors: Sequence[tuple[Factor, float | None, str]]
    rows: Sequence[AnchorRow]
    wrong_words: float


def _profile(profile: Profile, rules: Track) -> ProfilePart:
    scale = aggregate.load_anchors(profile)
    weights: Mapping[Factor, float] = rules.factors if rules.profile is profile else {}
    factors = [(factor, weights.get(factor), scale.factors[factor].combine.value) for factor in Factor]
    rows = [
        AnchorRow(
            factor=factor,
            metric=name,
            unit=MEASURES[name].unit,
            better="more" if a.human > a.bad else "less",
            bad=a.bad,
            human=a.human,
            meaning=MEASURES[name].meaning,
        )
        for factor, _, _ in factors
        for name, a in scale.factors[factor].metrics.items()
    ]
    return ProfilePart(profile.value, factors, rows, scale.wrong_words)


def _combination(anchors: FactorAnchors) -> str:
    """How the metrics become the factor, with the kinds of evidence by name."""
    kinds = dict.fromkeys(anchors.kinds.values())
    return f"{anchors.combine.value}: {', '.join(kinds)}" if kinds else anchors.combine.value


def _move(attribute: Attribute) -> tuple[str, str, float, str]:
    return attribute.value, METRICS[attribute], aggregate.load_anchors(Profile.EMBEDDED).moves[attribute], MOVE_UNITS[attribute]


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One manipulation: its effect, the least share of the score that it takes (None where none is promised), what each voice lost."""

    name: str
    meaning: str
    least: float | None
    losses: Sequence[float]


def _attacks(measured: Measured) -> list[AttackRow]:
    voices = measured.attacks.voices.values()
    return [
        AttackRow(name, entry.meaning, discrimination.LEAST_LOSS.get(name), [voice.losses[name] for voice in voices])
        for name, entry in ENTRIES.items()
    ]


@dataclass(frozen=True, slots=True)
class LearntRow:
    """One white-box attack as learnt on one voice, and the points that it gains each voice that it was tried on."""

    attack: str
    learnt_on: str
    gains: Mapping[str, float]


def _learnt(measured: Measured) -> list[LearntRow]:
    """In the order of the largest gain."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for result in measured.whitebox.results:
        found.setdefault((result.attack, result.learnt_on), {})[result.voice] = result.gain
    rows = [LearntRow(attack, learnt_on, gains) for (attack, learnt_on), gains in found.items()]
    return sorted(rows, key=lambda row: -max(row.gains.values()))
