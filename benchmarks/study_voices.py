"""`make study-voices`: are people and neural voices above machines, text by text?

Every voice says the same texts; neighbours in the list make a voice pair. With --people the texts are those of the recordings in that
folder, and the person is one of the voices; without it they are the prompts of a round. Nothing here is used to choose an anchor when
--half report is judged: anchors are chosen on the other half.
Usage: python -m benchmarks.study_voices [--people DIR] [--half tune|report|all] [--texts 30] [--json] [--out docs/measured/voices.json]
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.voices import VOICES, Kind, StudyVoice, absent, present, recordings
from prompts.generate import generate
from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Voice
from scoring import competition
from scoring.audio.audio import Audio, to_pcm
from scoring.audio.spoken import Spoken
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.studies.evidence.measured import LEAST_VOICE_GAP, JudgedVoice, OrderClaim, VoicesStudy, write
from scoring.types import MICRO, RoundNumber

SEED = bytes([7]) * 32
GOOD, MACHINES = (Kind.PERSON, Kind.NEURAL), (Kind.FORMANT, Kind.KLATT)
CLAIMS = ((GOOD, MACHINES, 0.95), ((Kind.NEURAL,), (Kind.STATISTICAL,), 0.8))
"""The first kinds' clips score above the second kinds', same text, in this share of pairs at least."""
HALVES = {"tune": slice(0, None, 2), "report": slice(1, None, 2), "all": slice(None)}


def groups_of(texts: Sequence[str]) -> tuple[Group, ...]:
    """Voice pairs of neighbours; a last text without one is a single."""
    asked = [Prompt(id=f"t{index:03d}", text=text, description="", voice=Voice()) for index, text in enumerate(texts)]
    pairs = [tuple(asked[index : index + 2]) for index in range(0, len(asked), 2)]
    kinds = {1: GroupKind.SINGLE, 2: GroupKind.VOICE}
    return tuple(Group(f"g{index:03d}", kinds[len(pair)], pair) for index, pair in enumerate(pairs))


def spoken(groups: Sequence[Group], sounds: Sequence[Audio]) -> dict[str, Spoken]:
    """The sounds as a model's answers, in the order of the prompts."""
    prompts = [prompt for group in groups for prompt in group.prompts]
    return {
        prompt.id: Spoken(prompt_id=prompt.id, rate=sound.rate, pcm=to_pcm(sound), seconds=0.0)
        for prompt, sound in zip(prompts, sounds, strict=True)
    }


def row(kind: Kind, report: EvaluationReport) -> JudgedVoice:
    """One voice's line."""
    scores = [sample.score / MICRO for sample in report.samples]
    utilities: dict[str, list[float]] = {}
    for sample in report.samples:
        for factor, utility in sample.utilities.items():
            utilities.setdefault(factor.value, []).append(utility)
    names = sorted({name for sample in report.samples for name in sample.metrics})
    return JudgedVoice(
        kind=kind.value,
        score=round(report.score / MICRO, 4),
        clips=tuple(round(value, 4) for value in scores),
        gated=sum(sample.gate is not None for sample in report.samples),
        factors={name: round(mean(found), 4) for name, found in utilities.items()},
        saturated={name: round(mean(value >= 1.0 for value in found), 4) for name, found in utilities.items()},
        metrics={
            name: round(mean(sample.metrics[name] for sample in report.samples if name in sample.metrics), 4) for name in names
        },
    )


def claims(voices: Mapping[str, JudgedVoice]) -> tuple[OrderClaim, ...]:
    """Each claim about kinds, with the share of pairs of clips in which it holds; equal scores count half."""
    found = []
    for better, worse, least in CLAIMS:
        firsts = [voice for voice in voices.values() if voice.kind in better]
        seconds = [voice for voice in voices.values() if voice.kind in worse]
        pairs = [(a > b) + 0.5 * (a == b) for one in firsts for two in seconds for a, b in zip(one.clips, two.clips, strict=True)]
        if pairs:
            found.append(OrderClaim(better=better, worse=worse, least=least, share=round(mean(pairs), 4)))
    return tuple(found)


def gap(voices: Mapping[str, JudgedVoice]) -> float | None:
    """Least difference between a neural and a formant or Klatt voice's score; None where one of them is absent."""
    neural = [voice.score for voice in voices.values() if voice.kind == Kind.NEURAL]
    machines = [voice.score for voice in voices.values() if voice.kind in MACHINES]
    return round(min(neural) - max(machines), 4) if neural and machines else None


def study(people: Path | None, half: str, most: int, chosen: Sequence[StudyVoice]) -> VoicesStudy:
    """Let every voice speak and be judged."""
    given = recordings(people) if people else {}
    texts = [text for text, _ in given.values()][HALVES[half]] if given else _prompts()[HALVES[half]]
    groups = groups_of(texts[:most])
    rules = competition.load().at(RoundNumber(0)).track[0]
    panel = Panel.embedded()
    found: dict[str, JudgedVoice] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("voices", total=len(chosen) + bool(given))
        if given:
            sounds = [sound for _, sound in given.values()][HALVES[half]][:most]
            found["person"] = row(Kind.PERSON, panel.judge(groups, spoken(groups, sounds), rules, NO_PROGRESS))
            progress.advance(task)
        for voice in chosen:
            report = panel.judge(groups, spoken(groups, voice.say(texts[:most])), rules, NO_PROGRESS)
            found[voice.name] = row(voice.kind, report)
            progress.advance(task)
    return VoicesStudy(
        profile_hash=panel.identity.hash,
        texts=len(texts[:most]),
        half=half,
        voices=found,
        claims=claims(found),
        gap=gap(found),
        absent=absent(VOICES),
    )


def _prompts() -> list[str]:
    plan = competition.load().at(RoundNumber(0)).track[0].prompts.plan
    return [prompt.text for group in generate(SEED, plan) for prompt in group.prompts]


def show(found: VoicesStudy, console: Console) -> None:
    """The table, and what is claimed of it."""
    factors = sorted({name for voice in found.voices.values() for name in voice.factors})
    table = Table("voice", "kind", "score", *factors, "gated", title=f"{found.texts} texts, half {found.half}")
    for name, voice in sorted(found.voices.items(), key=lambda item: -item[1].score):
        cells = [f"{voice.factors[f]:.3f} ({voice.saturated[f]:.0%})" if f in voice.factors else "–" for f in factors]
        table.add_row(name, voice.kind, f"{voice.score:.3f}", *cells, str(voice.gated))
    console.print(table)
    console.print("In brackets: the share of clips that the factor cannot tell from better ones (utility 1).")
    for claim in found.claims:
        console.print(
            f"{' or '.join(claim.better)} > {' or '.join(claim.worse)}: {claim.share:.3f} of pairs (target {claim.least})"
        )
    if found.gap is not None:
        console.print(f"least gap between a neural and a formant or Klatt voice: {found.gap:.3f} (target {LEAST_VOICE_GAP})")
    for line in found.absent:
        console.print(line)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=Path, help="folder of a person's recordings, each beside a .txt of its words")
    parser.add_argument("--half", choices=HALVES, default="report")
    parser.add_argument("--texts", type=int, default=30, help="texts at most")
    parser.add_argument("--voices", nargs="+", choices=[voice.name for voice in VOICES], help="only these")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    chosen = [voice for voice in present(VOICES) if not asked.voices or voice.name in asked.voices]
    document = study(asked.people, asked.half, asked.texts, chosen)
    if asked.out is not None:
        write(document, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(document.model_dump_json())
    else:
        show(document, Console())


if __name__ == "__main__":
    main()
