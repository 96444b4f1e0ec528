"""`make study-flags`: do flags keep silent about honest voices, and see recordings that come again? The limits' comments come from here.

Every voice of the studies that can speak here says a round's texts, and a person brings recordings. Honest: as it is. Repeated: every
second clip is the sound of the one before, changed as named. `ALIKE` was set after one look at the even clips; the odd ones are reported.
Usage: python -m benchmarks.study_flags [--people FOLDER ...] [--texts 32] [--json]
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.voices import VOICES, Kind, absent, present, recordings
from benchmarks.whitebox.__main__ import RATE_OF_LEARNING, TEACHERS, WINDOW
from benchmarks.whitebox.attacks import Equaliser
from benchmarks.whitebox.ears import Ears
from benchmarks.whitebox.learning import Effort, learn
from prompts.generate import generate
from prompts.groups import Group, GroupKind, GroupPlan, Prompt
from prompts.voices import Register, Voice
from scoring.audio.audio import Audio, resample, to_pcm
from scoring.audio.clip import RATE as CLIP_RATE
from scoring.audio.spoken import Spoken
from scoring.judges import flags
from scoring.judges.panel import deterministic
from scoring.judges.ripples import ripples
from scoring.report import Factor
from scoring.scores.aggregate import JudgedSample, load_anchors
from scoring.scores.flags import RIPPLES_DB

SEED, FILTERS_SEED = b"\x37" * 32, b"\x38" * 32
"""Of the texts for recordings, and for filters: `RIPPLES_DB` was set on those of the first."""
RATE = 22_050
LEARNT = 8
"""Clips that a filter is learnt on."""
ORDINARY = Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3)


def _noisy(wave: torch.Tensor, decibels: float) -> torch.Tensor:
    noise = torch.randn(wave.shape[0], generator=torch.Generator().manual_seed(5))
    noisy: torch.Tensor = wave + noise * wave.square().mean().sqrt() * 10.0 ** (-decibels / 20.0)
    return noisy


def _faster(wave: torch.Tensor, share: float) -> torch.Tensor:
    return resample(Audio(wave, round(RATE * (1.0 + share))), RATE).samples


CHANGES: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "honest": lambda _before, own: own,
    "the one before": lambda before, _own: before,
    "later, half as loud": lambda before, _own: torch.cat([torch.zeros(7_001), 0.5 * before]),
    "upside down": lambda before, _own: -before,
    "with noise at 20 dB": lambda before, _own: _noisy(before, 20.0),
    "with noise at 6 dB": lambda before, _own: _noisy(before, 6.0),
    "1 % faster": lambda before, _own: _faster(before, 0.01),
    "of it the first 70 %": lambda before, own: torch.cat(
        [before[: 7 * before.shape[0] // 10], own[: 3 * before.shape[0] // 10]]
    ),
    "of it the first 30 %": lambda before, own: torch.cat(
        [before[: 3 * before.shape[0] // 10], own[: 7 * before.shape[0] // 10]]
    ),
}
"""Every second clip, of the one before it and of its own."""


@dataclass(frozen=True, slots=True)
class FlagRow:
    """How many clips of a voice were flagged, of how many; `most` is the highest likeness of a second to one at another place."""

    texts: str
    voice: str
    change: str
    number: int
    flagged: int
    most: float


@dataclass(frozen=True, slots=True)
class RippleRow:
    """Ripples of a voice's odd clips behind a filter, in dB."""

    voice: str
    filter: str
    clips: int
    ripples: float


def rows(texts: str, voice: str, sounds: Sequence[Audio]) -> Iterator[FlagRow]:
    """A voice as it is, and with each change."""
    waves = [resample(sound, RATE).samples for sound in sounds]
    for name, change in CHANGES.items():
        changed = [change(waves[place - 1], wave) if place % 2 else wave for place, wave in enumerate(waves)]
        asked = range(len(waves)) if name == "honest" else range(1, len(waves), 2)
        yield _row((texts, voice, name), changed, asked)


def _row(what: tuple[str, str, str], waves: Sequence[torch.Tensor], asked: range) -> FlagRow:
    """The clips `asked` for, among all of them, each said for a text of its own."""
    prompts = [Prompt(id=f"p{number}", text=f"text {number}", description="", voice=ORDINARY) for number in range(len(waves))]
    groups = [Group(prompt.id, GroupKind.SINGLE, (prompt,)) for prompt in prompts]
    sounds = zip(prompts, waves, strict=True)
    spoken = {p.id: Spoken(prompt_id=p.id, rate=RATE, pcm=to_pcm(Audio(wave, RATE)), seconds=0.0) for p, wave in sounds}
    unheard = {prompt.id: JudgedSample(gate=None, metrics={}, pcm_sha256="", seconds=0.0) for prompt in prompts}
    told = {flag.prompt_id for flag in flags.look(groups, spoken, unheard)}
    clips = flags.Clips([flags.wave(Audio(wave, RATE)) for wave in waves])
    most = max((float(likeness.max()) for number in asked for likeness in clips.likeness(number)), default=0.0)
    return FlagRow(*what, len(asked), len(told & {prompts[number].id for number in asked}), round(most, 3))


def voices(seed: bytes, texts: int, people: Sequence[Path]) -> dict[str, Sequence[Audio]]:
    """What every voice says of a round's texts, and the recordings."""
    said = [
        prompt.text for group in generate(seed, GroupPlan(single=texts, counterfactual=0, voice=0)) for prompt in group.prompts
    ]
    clips: dict[str, Sequence[Audio]] = {voice.name: voice.say(said) for voice in present(VOICES)}
    for folder in people:
        clips[f"{Kind.PERSON.value} {folder.name}"] = [audio for _, audio in recordings(folder).values()]
    return clips


def measure(clips: Mapping[str, Sequence[Audio]]) -> list[FlagRow]:
    """All voices, on the even and on the odd texts."""
    halves = enumerate(("even", "odd"))
    return [row for first, name in halves for voice, spoken in clips.items() for row in rows(name, voice, spoken[first::2])]


def equalised(clips: Mapping[str, Sequence[Audio]], steps: int) -> Iterator[RippleRow]:
    """The ripples of all voices, as they are and behind each filter."""
    waves = {name: [resample(sound, CLIP_RATE).samples for sound in sounds] for name, sounds in clips.items()}
    filters: dict[str, torch.nn.Module] = {"none": torch.nn.Identity()}
    ears = Ears(load_anchors().factors[Factor.NATURALNESS], WINDOW)
    for teacher, taps in product((name for name in TEACHERS if name in waves), (65, 512)):
        filters[f"{taps} taps, learnt on {teacher}"] = attack = Equaliser(taps)
        learn(attack, waves[teacher][::2][:LEARNT], ears, Effort(steps, RATE_OF_LEARNING), lambda: None)
    for (name, spoken), (told, behind) in product(waves.items(), filters.items()):
        with torch.no_grad(), deterministic():
            found = ripples(Audio(behind(wave), CLIP_RATE) for wave in spoken[1::2])
        if found is not None:
            yield RippleRow(name, told, len(spoken[1::2]), round(found, 3))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=Path, nargs="*", default=[], help="folders of recordings, each beside a text file")
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--steps", type=int, default=50, help="of learning each filter")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with deterministic():
        found = measure(voices(SEED, options.texts, options.people))
        others = voices(FILTERS_SEED, options.texts, options.people)
    filtered = list(equalised(others, options.steps))
    if options.json:
        print(json.dumps({"clips": [asdict(row) for row in found], "filters": [asdict(row) for row in filtered]}, indent=1))  # noqa: T201
        return
    table = Table("texts", "voice", "clip", "clips", "flagged", "most alike second", caption="\n".join(absent(VOICES)))
    for each in found:
        table.add_row(each.texts, each.voice, each.change, str(each.number), str(each.flagged), f"{each.most:.2f}")
    filters = Table("voice", "filter behind its odd clips", "clips", "ripples, dB", caption=f"flagged from {RIPPLES_DB} dB on")
    for row in filtered:
        filters.add_row(row.voice, row.filter, str(row.clips), f"{row.ripples:.2f}")
    Console(width=120).print(table, filters)


if __name__ == "__main__":
    main()
