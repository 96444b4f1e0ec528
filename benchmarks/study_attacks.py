"""`make study-attacks`: the share of the score that each manipulation takes, and what throwing something away gains, voice by voice.

Natural voices speak beside robots: those of `benchmarks.voices`, and people from a folder of recordings. Neural voices and robots say the
people's texts where there are any, a round's prompts otherwise.
Usage: python -m benchmarks.study_attacks [--json] [--out docs/measured/attacks.json] [--clips 6] [--people DIR] [--voices f2 …] [NAME …]
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.voices import VOICES, Kind, StudyVoice, absent, present, recordings
from prompts.generate import generate
from prompts.groups import Group, GroupKind, GroupPlan, Prompt
from prompts.voices import Voice
from scoring import competition
from scoring.audio.audio import Audio, to_pcm
from scoring.audio.spoken import Spoken
from scoring.judges.panel import Panel
from scoring.studies.evidence.discrimination import LEAST_LOSS, MOST_GAIN, Trial, falls_short, trial
from scoring.studies.evidence.measured import AttackedVoice, AttackStudy, write
from scoring.studies.manipulations.losses import Loss
from scoring.studies.manipulations.manipulation import Manipulation
from scoring.types import RoundNumber

SEED = bytes.fromhex("07" * 32)
CHOSEN = ("hibari", "joe", "f2", "edward")
PERSON = "person"
LEAST_SECONDS = 2.0
"""Shorter recordings are left out: half of one has no words."""


def texts_of(people: Mapping[str, tuple[str, Audio]], clips: int) -> dict[str, str]:
    """Texts by name: the people's, evenly over the folder, or the prompts of a round."""
    if people:
        every = max(1, len(people) // clips)
        return {name: text for name, (text, _) in islice(people.items(), 0, every * clips, every)}
    drawn = generate(SEED, GroupPlan(single=clips, counterfactual=0, voice=0))
    return {prompt.id: prompt.text for group in drawn for prompt in group.prompts}


def plain_groups(texts: Mapping[str, str]) -> list[Group]:
    """One single per text, which asks nothing of the voice."""
    return [
        Group(name, GroupKind.SINGLE, (Prompt(id=name, text=text, description="", voice=Voice()),))
        for name, text in texts.items()
    ]


def spoken_by(audio: Mapping[str, Audio]) -> dict[str, Spoken]:
    """The clips as a model would have sent them."""
    return {name: Spoken(prompt_id=name, rate=clip.rate, pcm=to_pcm(clip), seconds=clip.seconds) for name, clip in audio.items()}


def measure(kind: Kind, unharmed: Trial, names: Sequence[Manipulation]) -> AttackedVoice:
    """Manipulate and judge for each name, then throw something away in each way."""
    return AttackedVoice(
        synthesis=kind,
        rate=unharmed.rate,
        score=round(unharmed.before, 4),
        losses={name: round(unharmed.loss(name), 4) for name in names},
        gains={name: round(unharmed.gain(name), 4) for name in Loss},
    )


def asked_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command's arguments."""
    parser.add_argument("names", nargs="*", type=Manipulation, default=list(Manipulation))
    parser.add_argument("--clips", type=int, default=6, help="clips per voice")
    parser.add_argument("--people", type=Path, help="folder of recordings, each beside a text file of its words")
    parser.add_argument("--voices", nargs="+", default=CHOSEN, choices=[voice.name for voice in VOICES])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write where asked."""
    asked = asked_of(argparse.ArgumentParser(description=__doc__))
    torch.set_num_threads(1)  # as a worker does
    people = {
        name: one for name, one in (recordings(asked.people) if asked.people else {}).items() if one[1].seconds >= LEAST_SECONDS
    }
    texts = texts_of(people, asked.clips)
    groups, rules = plain_groups(texts), competition.load().at(RoundNumber(0)).track[0]
    panel = Panel.embedded()
    chosen = tuple(voice for voice in VOICES if voice.name in asked.voices)
    missing = (*absent(chosen), *(() if people else (f"{PERSON} is absent: it needs --people DIR",)))
    found: dict[str, AttackedVoice] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("voices", total=len(chosen) + 1)
        if people:
            said = spoken_by({name: people[name][1] for name in texts})
            found[PERSON] = measure(Kind.PERSON, trial(panel, groups, rules, said), asked.names)
        progress.advance(task)
        for voice in present(chosen):
            found[voice.name] = measure(voice.kind, trial(panel, groups, rules, say(voice, texts)), asked.names)
            progress.advance(task)
    report(AttackStudy(clips=len(texts), absent=missing, profile_hash=panel.identity.hash, voices=found), asked)


def say(voice: StudyVoice, texts: Mapping[str, str]) -> dict[str, Spoken]:
    """Let a voice say the texts."""
    return spoken_by(dict(zip(texts, voice.say(list(texts.values())), strict=True)))


def report(study: AttackStudy, asked: argparse.Namespace) -> None:
    """Write the study where asked, and print it."""
    if asked.out is not None:
        write(study, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(study.model_dump_json())
        return
    for line in study.absent:
        Console().print(line)
    Console().print(table(study.voices, asked.names))
    Console().print(gains_table(study.voices))


def table(found: Mapping[str, AttackedVoice], names: Sequence[Manipulation]) -> Table:
    """Rows by manipulation; what falls short of its least loss is marked."""
    shown = Table("manipulation", "least", *(f"{name} ({entry.score:.3f})" for name, entry in found.items()))
    for name in names:
        cells = [f"{entry.losses[name]:.3f}{' !' if short(entry, name) else ''}" for entry in found.values()]
        shown.add_row(name, f"{LEAST_LOSS[name]:.2f}" if name in LEAST_LOSS else f"-{MOST_GAIN}", *cells)
    return shown


def short(entry: AttackedVoice, name: Manipulation) -> bool:
    """True if the voice lost too little."""
    return falls_short(name, entry.synthesis, entry.rate, before=entry.score, loss=entry.losses[name])


def gains_table(found: Mapping[str, AttackedVoice]) -> Table:
    """Rows by loss: points gained."""
    shown = Table("thrown away", *found)
    for loss in Loss:
        shown.add_row(loss, *(f"{entry.gains[loss]:+.4f}" for entry in found.values()))
    return shown


if __name__ == "__main__":
    main()
