"""How far voices get that do as a description says, and voices that do not: natural ones, changed in pace, pitch and range of pitch.

Each voice says texts in its ordinary way. The same sound, changed so that it is moved from where it measures to the asked levels,
stands for a voice that obeys; unchanged, it stands for one that ignores what it is asked. Both are judged by the whole embedded
profile, and compared with what the voice could score if its delivery were perfect: one that ignores with its ordinary sound, one that
obeys with that sound taken apart and laid down again unchanged, because the study's own synthesis is no part of obeying. Prompts name
the voice's own register: nobody changes a man into a woman by changing pitch. Voices that are no Python package of this project are
named when absent.

    python -m benchmarks.study_delivery [--people FOLDER] [--texts 12] [--voices hibari joe]
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.psola import Change, change
from benchmarks.voices import VOICES, absent, present, recordings
from prompts.draw import Draw
from prompts.generate import describe, generate, name_speaker
from prompts.groups import Group, GroupKind, GroupPlan, Prompt, TextKind
from prompts.voices import MIDDLE_HZ, ORDINARY, Attribute, Register, Voice, centre
from scoring.audio.audio import Audio, to_pcm
from scoring.audio.clip import Clip
from scoring.audio.pitch import quantiles
from scoring.audio.spoken import Spoken
from scoring.competition import Track, load
from scoring.judges.delivery import NORMAL_RANGE, height, pitch_of_all, semitones
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport, Factor, SampleReport
from scoring.scores.aggregate import METRICS, combine
from scoring.types import RoundNumber

SEED = bytes([11]) * 32
ASKS = (Attribute.RATE, Attribute.PITCH, Attribute.EXPRESSION)
DELIVERY = 0.2
"""Weight of delivery where it is asked; the packaged competition's other factors keep their proportions."""
TRIES, LEAST_SPREAD, FARTHEST = 4, 0.1, 3.0
SHY = 0.3
"""Share of the way to the next level that an obedient voice stays short of the asked one's middle: nobody exaggerates."""
COLUMNS = ("voice", "could", "again", "follows", "share", "obeys", "share", "delivery", "ignores", "share", "delivery")
"""Of the table: a row's numbers in their order, each with its share of what the voice could score. They fit into 80 columns."""
OBEDIENT, IGNORING = 0.95, 0.6
"""Share of what a voice could score: at least for one that obeys, at most for one that does not."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text, as a voice says it in its ordinary way."""

    text: str
    plain: Audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One voice's means over its texts: scores, and the utility of delivery when it obeys and when it does not."""

    voice: str
    could: float
    again: float
    """What it could score after the study's own analysis and synthesis, with nothing changed."""
    followed: float
    """The same with the delivery that it has when it obeys: what its delivery leaves of it."""
    obedient: float
    """With all that the changed sound scores: the study's synthesis sounds less natural the further it is from the voice's own way."""
    ignoring: float
    obeyed: float
    ignored: float


def weights() -> dict[Factor, float]:
    """The packaged competition's, with delivery."""
    factors = load().at(RoundNumber(0)).track[0].factors
    return {factor: weight * (1.0 - DELIVERY) for factor, weight in factors.items()} | {Factor.DELIVERY: DELIVERY}


def asked(texts: Sequence[str], register: Register) -> list[Group]:
    """A prompt for each text, in a voice of this register as rounds draw them."""
    drawn = generate(SEED, GroupPlan(single=min(100, 4 * len(texts)), counterfactual=0, voice=0, asks=ASKS))
    voices = [group.prompts[0].voice for group in drawn if group.prompts[0].voice.register is register]
    return [_group(number, text, voices[number % len(voices)]) for number, text in enumerate(texts)]


def _group(number: int, text: str, voice: Voice) -> Group:
    draw, name = Draw(SEED, f"description {number}"), f"g{number:02d}"
    description = describe(voice, name_speaker(voice.register, draw), draw)
    prompt = Prompt(id=f"{name}.a", text=text, description=description, voice=voice, kind=TextKind.GIVEN)
    return Group(name, GroupKind.SINGLE, (prompt,))


def obey(line: Line, voice: Voice, rate: float) -> Audio:
    """The line moved to every level asked, a little to the ordinary side of its middle; `rate` is its own, in phonemes per second.

    A voice that obeys hears itself: what was still off in pitch and range after a try is made up for in the next.
    """
    pace = _aim(Attribute.RATE, voice.rate) / rate if voice.rate != ORDINARY else 1.0
    pitch, spread = _heard(line.plain, voice)
    wanted = (
        _aim(Attribute.PITCH, voice.pitch) if voice.pitch != ORDINARY else pitch,
        _aim(Attribute.EXPRESSION, voice.expression) if voice.expression != ORDINARY else spread,
    )
    move, tries = Change(pace=pace), list[tuple[float, Audio]]()
    for _ in range(TRIES):
        move = Change(
            pace=pace,
            pitch=_within(move.pitch * 2.0 ** ((wanted[0] - pitch) / 12.0)),
            range=_within(move.range * wanted[1] / max(spread, LEAST_SPREAD)),
        )
        made = change(line.plain, move)
        pitch, spread = _heard(made, voice)
        tries.append((abs(wanted[0] - pitch) + abs(wanted[1] - spread), made))
    return min(tries, key=lambda tried: tried[0])[1]


def _within(factor: float) -> float:
    """No voice is stretched further than this."""
    return min(FARTHEST, max(1.0 / FARTHEST, factor))


def _heard(sound: Audio, voice: Voice) -> tuple[float, float]:
    """Semitones from the middle of the asked register, and the spread of the pitch in semitones."""
    low, middle, high = quantiles(pitch_of_all(Clip(sound).level), (0.1, 0.5, 0.9))
    if voice.register is None:
        raise ValueError("the study's prompts name a register")
    return height(middle, voice.register), semitones(low, high) / NORMAL_RANGE if low > 0.0 else 0.0


def _aim(attribute: Attribute, level: int) -> float:
    middle, ordinary = centre(attribute, level), centre(attribute, level + (1 if level < ORDINARY else -1))
    return middle + SHY * (ordinary - middle)


def measure(name: str, lines: Sequence[Line], rules: Track) -> Row:
    """Judge the voice's lines as they are and as an obedient voice would say them."""
    register = _register(lines)
    groups = asked([line.text for line in lines], register)
    panel = Panel.embedded()
    plain = _judged(panel, groups, [line.plain for line in lines], rules)
    again = _judged(panel, groups, [change(line.plain, Change()) for line in lines], rules)
    changed = [
        obey(line, group.prompts[0].voice, sample.metrics[METRICS[Attribute.RATE]])
        for line, group, sample in zip(lines, groups, plain.samples, strict=True)
    ]
    followed = _judged(panel, groups, changed, rules)
    return Row(
        voice=name,
        could=statistics.mean(_score(sample, delivery=1.0) for sample in plain.samples),
        again=statistics.mean(_score(sample, delivery=1.0) for sample in again.samples),
        followed=statistics.mean(
            _score(sample, delivery=obeying.utilities.get(Factor.DELIVERY, 0.0))
            for sample, obeying in zip(again.samples, followed.samples, strict=True)
        ),
        obedient=statistics.mean(_score(sample) for sample in followed.samples),
        ignoring=statistics.mean(_score(sample) for sample in plain.samples),
        obeyed=_utility(followed),
        ignored=_utility(plain),
    )


def _register(lines: Sequence[Line]) -> Register:
    """The register whose middle is nearest to the voice's pitch."""
    middle = statistics.median(quantiles(Clip(line.plain).pitch, (0.5,))[0] for line in lines)
    return min(MIDDLE_HZ, key=lambda register: abs(height(middle, register)))


def _judged(panel: Panel, groups: Sequence[Group], sounds: Sequence[Audio], rules: Track) -> EvaluationReport:
    spoken = {
        group.prompts[0].id: Spoken(prompt_id=group.prompts[0].id, rate=sound.rate, pcm=to_pcm(sound), seconds=0.0)
        for group, sound in zip(groups, sounds, strict=True)
    }
    return panel.judge(groups, spoken, rules, NO_PROGRESS)


def _score(sample: SampleReport, delivery: float | None = None) -> float:
    """The sample's score, 0 where a gate is closed; with another delivery than it has."""
    if sample.gate is not None:
        return 0.0
    utilities = {**sample.utilities, **({} if delivery is None else {Factor.DELIVERY: delivery})}
    return combine(utilities, weights())


def _utility(report: EvaluationReport) -> float:
    return statistics.mean(sample.utilities.get(Factor.DELIVERY, 0.0) for sample in report.samples)


def table(rows: Sequence[Row]) -> Table:
    """The rows, with the shares that matter."""
    shown = Table(*COLUMNS, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        shown.add_row(
            row.voice,
            *(f"{value:.3f}" for value in (row.could, row.again, row.followed, row.followed / row.again)),
            *(f"{value:.3f}" for value in (row.obedient, row.obedient / row.again, row.obeyed)),
            *(f"{value:.3f}" for value in (row.ignoring, row.ignoring / row.could, row.ignored)),
        )
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, help="folder of recordings, each beside a .txt of its words")
    parser.add_argument("--texts", type=int, default=12)
    parser.add_argument("--voices", nargs="*", help="of those that are there")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    rules, console = load().at(RoundNumber(0)).track[0], Console()
    chosen = [voice for voice in VOICES if options.voices is None or voice.name in options.voices]
    for line in absent(chosen):
        console.print(line)
    found = _lines(options.people) if options.people else {}
    texts = [line.text for line in found.values()] or [
        group.prompts[0].text for group in generate(SEED, GroupPlan(single=options.texts, counterfactual=0, voice=0))
    ]
    texts = texts[: options.texts]
    rows = [measure("person", list(found.values())[: options.texts], rules)] if found else []
    for voice in present(chosen):
        lines = [Line(text, sound) for text, sound in zip(texts, voice.say(texts), strict=True)]
        rows.append(measure(voice.name, lines, rules))
    console.print(table(rows))
    console.print(
        f"Wanted shares: {OBEDIENT:g} at least for a voice that obeys, {IGNORING:g} at most for one that ignores descriptions."
    )


def _lines(folder: Path) -> dict[str, Line]:
    return {name: Line(text, sound) for name, (text, sound) in recordings(folder).items()}


if __name__ == "__main__":
    main()
