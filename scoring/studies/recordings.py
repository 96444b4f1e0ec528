"""A folder of recordings: sound files, each beside a text file of the same name that holds its words."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import ORDINARY, Register, Voice
from scoring.audio.audio import from_file, resample, to_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import Profile, Track, load
from scoring.errors import Code, PlatformError
from scoring.judges.integrity import RATES
from scoring.judges.panel import Panel
from scoring.language.text import doubts, normalise
from scoring.progress import NO_PROGRESS
from scoring.report import Factor, Metrics
from scoring.scores.calibration import RecordingSet
from scoring.types import RoundNumber

ENDINGS = frozenset({".wav", ".flac", ".ogg"})


@dataclass(frozen=True, slots=True)
class Recordings:
    """The recordings of a folder, each as a group of one prompt; `files` in the same order, `sha256` over names and contents."""

    groups: tuple[Group, ...]
    files: tuple[Path, ...]
    sha256: str


def find(folder: Path, label: str) -> Recordings:
    """Read the folder's texts and hash its files; the prompts' ids begin with `label`.

    Raises PlatformError(ARGUMENT_INVALID) if there is no recording, or a text is missing.
    """
    files = tuple(sorted(path for path in _entries(folder) if path.suffix.lower() in ENDINGS))
    if not files:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{folder} holds no WAV, FLAC or OGG file")
    total = hashlib.sha256()
    groups: list[Group] = []
    for path in files:
        text = _words(path.with_suffix(".txt"))
        for part in (path, path.with_suffix(".txt")):
            total.update(f"{part.name}\0{hashlib.sha256(part.read_bytes()).hexdigest()}\n".encode())
        prompt = Prompt(
            id=f"{label}.{path.name}",
            text=text,
            description="",
            voice=Voice(register=Register.LOW, rate=ORDINARY, pitch=ORDINARY, expression=ORDINARY, loudness=ORDINARY),
        )
        groups.append(Group(f"{label}.{path.name}", GroupKind.SINGLE, (prompt,)))
    return Recordings(tuple(groups), files, total.hexdigest())


def measure(
    panel: Panel, found: Recordings, profile: Profile, progress: Callable[[int, int], None]
) -> tuple[Sequence[Metrics], RecordingSet]:
    """Every recording's metrics from the panel; one that a gate before the judges keeps out is left out and named with the gate."""
    rules, metrics = _rules(profile), list[Metrics]()
    left_out: dict[str, str] = {}
    for done, (group, path) in enumerate(zip(found.groups, found.files, strict=True), start=1):
        (prompt,) = group.prompts
        report = panel.judge([group], {prompt.id: _spoken(prompt.id, path)}, rules, NO_PROGRESS)
        (sample,) = report.samples
        if sample.metrics:
            metrics.append(sample.metrics)
        else:
            left_out[path.name] = str(sample.gate)
        progress(done, len(found.files))
    return metrics, RecordingSet(found.sha256, len(metrics), left_out)


def _rules(profile: Profile) -> Track:
    """The default limits; weights of factors decide nothing here, but there must be some."""
    update = {"profile": profile, "factors": dict.fromkeys(Factor, 1.0 / len(Factor))}
    return load().at(RoundNumber(0)).track[0].model_copy(update=update)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{folder} cannot be read: {exc.strerror}") from exc


def _words(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} must hold the recording's words as plain text") from exc
    if not normalise(text):
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} holds no words")
    if unsure := doubts(text):
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path}: nobody can be sure how to read: {', '.join(unsure)}")
    return text


def _spoken(prompt_id: str, path: Path) -> Spoken:
    """The recording as a model would have sent it: 16 bits, at the next allowed rate."""
    audio = from_file(path)
    audio = resample(audio, min((rate for rate in RATES if rate >= audio.rate), default=max(RATES)))
    return Spoken(prompt_id=prompt_id, rate=audio.rate, pcm=to_pcm(audio), seconds=0.0)
