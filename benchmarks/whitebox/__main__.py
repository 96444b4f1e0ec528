"""`make study-whitebox`: what an attacker gains who knows the judges.

An attack is learnt on one half of the texts and judged on the other. With --people the texts are those of the recordings in that
folder, and the person is one of the voices. What is not installed is named as absent. Nothing of what is printed chose an anchor.
Usage: python -m benchmarks.whitebox [--people DIR] [--learnt 12] [--texts 4] [--steps 80] [--json] [--out docs/measured/whitebox.json]
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.study_voices import HALVES
from benchmarks.voices import VOICES, Kind, StudyVoice, absent, present, recordings
from benchmarks.whitebox.ears import Ears
from benchmarks.whitebox.learning import Effort
from benchmarks.whitebox.study import (
    Court,
    Standing,
    Trial,
    Victim,
    at_judges_rate,
    per_clip,
    result,
    try_on,
    universal,
)
from benchmarks.whitebox.vocoder import TunedVoice, joe
from prompts.generate import generate
from scoring import competition
from scoring.audio.audio import Audio
from scoring.judges.panel import Panel
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors
from scoring.studies.evidence.measured import LEAST_GAP, MOST_GAIN, AttackResult, WhiteboxStudy, write
from scoring.types import RoundNumber

SEED = bytes([11]) * 32
ATTACKED = ("lively", "espeak", "f2", "edward", "joe", "hibari")
"""Voices of the study, where they are there."""
TEACHERS = ("lively", "joe")
"""Voices on which attacks are learnt: a formant voice whose own settings gave it the melody of people, and a neural one."""
RATE_OF_LEARNING, RATE_OF_TUNING = 0.01, 0.00003
"""Of Adam: for an attack's few numbers, and for a decoder's many."""
LONGEST = 80
"""Characters of a text: an attack costs its clips' seconds many times over."""
WINDOW = 61_440
"""Samples that the ears of the attacker hear at a time: half of DistillMOS's window, for half of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done: texts learnt on, texts judged, steps of learning, and voices attacked."""

    learnt: int
    judged: int
    steps: int
    voices: Sequence[str]


class Study:
    """One run of the study."""

    def __init__(self, people: Path | None, size: Size, advance: Callable[[], None]) -> None:
        given = recordings(people) if people else {}
        texts = [text for text, _ in given.values()] or _prompts()
        self._first = texts[HALVES["tune"]][: size.learnt]
        self._second = texts[HALVES["report"]][: size.judged]
        self._victims = [self._victim(voice) for voice in present(VOICES) if voice.name in size.voices]
        if given:
            sounds = [sound for _, sound in given.values()]
            own = (sounds[HALVES["tune"]][: size.learnt], sounds[HALVES["report"]][: size.judged])
            self._victims.append(_victim("person", Kind.PERSON, *own))
        rules = competition.load().at(RoundNumber(0)).track[0]
        self._court = Court(texts=self._second, panel=Panel.embedded(), rules=rules)
        self._ears = Ears(load_anchors().factors[Factor.NATURALNESS], WINDOW)
        self._size, self._effort, self._advance = size, Effort(size.steps, RATE_OF_LEARNING), advance

    def run(self, tell: Callable[[AttackResult], None]) -> WhiteboxStudy:
        """Learn every attack and try it; each result is told as soon as it is there."""
        before = {victim.name: self._court.scores(victim.judged) for victim in self._victims}
        results: list[AttackResult] = []
        for found in self._results(before):
            tell(found)
            results.append(found)
        neural = [before[victim.name][0] for victim in self._victims if victim.kind is Kind.NEURAL]
        return WhiteboxStudy(
            profile_hash=self._court.panel.identity.hash,
            texts=len(self._second),
            learnt=len(self._first),
            steps=self._size.steps,
            lowest_neural=round(min(neural), 4) if neural else None,
            results=tuple(results),
            absent=absent([voice for voice in VOICES if voice.name in self._size.voices]),
        )

    def _results(self, before: Mapping[str, Standing]) -> Iterator[AttackResult]:
        """Attacks learnt on each teacher and tried on everyone, those made for a clip, and the tuned voice."""
        teachers = [victim for victim in self._victims if victim.name in TEACHERS]
        for teacher in teachers:
            for name, attack in universal(teacher, self._ears, self._effort, self._advance):
                yield from try_on(self._victims, name, attack, teacher.name, Trial(self._court, before))
        for teacher in teachers:
            yield from self._clip_by_clip(teacher, before[teacher.name])
        yield from (self._tuned(victim) for victim in self._victims if victim.name == "joe")

    def _victim(self, voice: StudyVoice) -> Victim:
        said = voice.say([*self._first, *self._second])
        return _victim(voice.name, voice.kind, said[: len(self._first)], said[len(self._first) :])

    def _clip_by_clip(self, victim: Victim, before: Standing) -> list[AttackResult]:
        """Attacks that are made for each clip of a voice."""
        made = [per_clip(wave, self._ears, self._effort, self._advance) for wave in victim.judged]
        return [result(name, victim.name, victim, before, self._court.scores([clip[name] for clip in made])) for name in made[0]]

    def _tuned(self, victim: Victim) -> AttackResult:
        """The converted voice before and after its last layers learnt."""
        voice = TunedVoice(joe(), [*self._first, *self._second])
        judged = range(len(self._first), len(self._first) + len(self._second))
        before = self._court.scores([voice.say(index) for index in judged])
        voice.tune(range(len(self._first)), self._ears, self._tuning, self._advance)
        return result(
            "last layers tuned", victim.name, victim, before, self._court.scores([voice.say(index) for index in judged])
        )

    @property
    def _tuning(self) -> Effort:
        return Effort(self._size.steps, RATE_OF_TUNING)


def _victim(name: str, kind: Kind, learnt: Sequence[Audio], judged: Sequence[Audio]) -> Victim:
    return Victim(name=name, kind=kind, learnt=at_judges_rate(learnt), judged=at_judges_rate(judged))


def _prompts() -> list[str]:
    plan = competition.load().at(RoundNumber(0)).track[0].prompts.plan
    texts = [prompt.text for group in generate(SEED, plan) for prompt in group.prompts]
    return [text for text in texts if len(text) <= LONGEST]


def line(found: AttackResult) -> str:
    """One result in words."""
    natural = f"naturalness {found.natural_before:.2f} to {found.natural_after:.2f}"
    return f"{found.attack} of {found.learnt_on} on {found.voice}: {found.before:.3f} to {found.after:.3f}, {natural}"


def show(found: WhiteboxStudy, console: Console) -> None:
    """The table, and what the gate asks."""
    table = Table(
        "attack", "learnt on", "voice", "score", "after", "gain", "naturalness", title=f"{found.texts} unseen texts a voice"
    )
    for each in sorted(found.results, key=lambda each: -each.gain):
        mark = " !" if each.gain > MOST_GAIN else ""
        natural = f"{each.natural_before:.2f} to {each.natural_after:.2f}"
        numbers = (f"{each.before:.3f}", f"{each.after:.3f}", f"{each.gain:+.3f}{mark}")
        table.add_row(each.attack, each.learnt_on, each.voice, *numbers, natural)
    console.print(table)
    console.print(f"largest gain {found.most_gain:+.3f} (at most {MOST_GAIN} is asked)")
    if found.least_gap is not None:
        console.print(
            f"best attacked formant voice: {found.least_gap:.3f} under the lowest neural one (at least {LEAST_GAP} is asked)"
        )
    for sentence in found.absent:
        console.print(sentence)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=Path, help="folder of a person's recordings, each beside a .txt of its words")
    parser.add_argument("--learnt", type=int, default=12, help="texts on which attacks are learnt")
    parser.add_argument("--texts", type=int, default=4, help="texts that are judged")
    parser.add_argument("--steps", type=int, default=80, help="steps of learning")
    parser.add_argument("--voices", nargs="+", default=ATTACKED, help="voices that are attacked, beside the person")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    size = Size(learnt=asked.learnt, judged=asked.texts, steps=asked.steps, voices=asked.voices)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("learning", total=None)
        study = Study(asked.people, size, lambda: progress.advance(task))
        document = study.run(lambda found: progress.console.print(line(found)))
    if asked.out is not None:
        write(document, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(document.model_dump_json())
    else:
        show(document, Console())


if __name__ == "__main__":
    main()
