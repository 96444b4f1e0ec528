"""`voice miner check`: a validator's checks on a model folder, all findings at once; with --speak, one sentence in the sandbox."""

import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurons.cli.options import AsJson, CompetitionFile, answer, given, load
from neurons.cli.output import prints_aside, stages
from neurons.settings import MinerSettings
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.foreign_words import printable
from scoring.report import Gate

if TYPE_CHECKING:
    from neurons.miner.first_words import FirstWords
    from neurons.miner.model_check import CheckedModel
    from scoring.audio.spoken import Spoken
    from scoring.competition import Track

Folder = Annotated[Path, typer.Argument(help="The model's folder.")]
Speak = Annotated[bool, typer.Option("--speak", help="Load the model in the sandbox, and let it say one sentence.")]
Out = Annotated[Path | None, typer.Option("--out", help="With --speak: keep the sentence as this WAV file.")]


def check(
    folder: Folder, speak: Speak = False, out: Out = None, competition: CompetitionFile = None, as_json: AsJson = False
) -> None:
    """Run the validator's checks on a model folder; ends with 1 where a validator would refuse it, and names every reason."""
    from neurons.miner.model_check import look_into_folder

    if out is not None and not speak:
        raise PlatformError(Code.ARGUMENT_INVALID, "--out keeps what --speak says: give both.")
    settings = MinerSettings(**given(competition=competition))
    rules = load(settings.competition).version[-1]
    found, faults = look_into_folder(folder, rules)
    words: FirstWords | None = None
    gate: Gate | None = None
    if speak and found is not None:
        try:
            words, gate = _speak(folder, found.family, rules.track_of(found.family), settings)
        except SubmissionFault as fault:
            faults = (fault,)
    if words is not None and words.said.failure is not None:
        faults = (SubmissionFault(Code.GENERATION_FAILED, f"{words.said.failure}: {words.said.reason}"),)
    if words is not None and out is not None:
        write_wav(out, words.said)
    spoken = None if words is None else SpokenPrompt(words, gate)
    answer(as_json, _document(found, faults, spoken), lambda: _show(found, faults, spoken))
    if faults:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class SpokenPrompt:
    """A model's first words, and the gate that they would close; None: they would be judged."""

    words: "FirstWords"
    gate: Gate | None


def _speak(folder: Path, family: str, rules: "Track", settings: MinerSettings) -> "tuple[FirstWords, Gate | None]":
    with prints_aside(), stages() as progress:
        from neurons.miner.first_words import first_words
        from scoring.judges.integrity import examine

        words = first_words(folder, family, rules, settings, progress)
        found = examine(words.prompt, words.said, rules.limits)
    return words, found if isinstance(found, Gate) else None


def write_wav(file: Path, said: "Spoken") -> None:
    """Keep a sample that has sound as a WAV file; raises PlatformError(ARGUMENT_INVALID) where it cannot be written."""
    if not said.pcm:
        return
    try:
        with wave.open(str(file), "wb") as opened:
            opened.setparams((1, 2, said.rate, 0, "NONE", ""))
            opened.writeframes(said.pcm)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {file} cannot be written: {exc.strerror}") from exc


def _document(found: "CheckedModel | None", faults: Sequence[SubmissionFault], spoken: SpokenPrompt | None) -> dict[str, Any]:
    """Everything, as plain JSON data."""
    return {
        "accepted": not faults,
        "faults": [_finding(fault) for fault in faults],
        "model": None if found is None else asdict(found),
        "speech": None if spoken is None else _sentence(spoken),
    }


def _finding(fault: SubmissionFault) -> dict[str, Any]:
    """A fault: its code, the files that it is about, what is wrong, and what to do."""
    return {
        "code": fault.code,
        "name": fault.code.slug,
        "paths": list(fault.paths),
        "detail": fault.detail,
        "advice": fault.advice,
    }


def _sentence(spoken: SpokenPrompt) -> dict[str, Any]:
    words, said = spoken.words, spoken.words.said
    return {
        "text": words.prompt.text,
        "description": words.prompt.description,
        "load_seconds": words.load_seconds,
        "speak_seconds": said.seconds,
        "late_after": words.late_after,
        "duration": said.duration,
        "rate": said.rate,
        "gate": spoken.gate,
        "reason": said.reason,
    }


def _show(found: "CheckedModel | None", faults: Sequence[SubmissionFault], spoken: SpokenPrompt | None) -> None:
    console, table = Console(soft_wrap=True, highlight=False), Table("", "", show_header=False, box=None)
    if found is not None:
        for name, value in (
            ("family", found.family),
            ("files", f"{found.files}, {found.total_bytes:,} bytes"),
            ("content hash", found.prints.content),
            ("tensors hash", found.prints.tensors),
        ):
            table.add_row(name, value)
        console.print(table)
    if spoken is not None:
        _show_words(console, spoken)
    for fault in faults:
        console.print(Text.assemble((f"{fault.code} {fault.code.slug}", "bold red"), f"  {printable(fault.told)}"))
    if faults:
        console.print("A validator refuses this folder.")
    elif spoken is None:
        console.print("A validator accepts these files. Add --speak to see whether the model loads and speaks.")
    else:
        console.print("A validator accepts this folder.")


def _show_words(console: Console, spoken: SpokenPrompt) -> None:
    from scoring.scores.reasons import GATES

    words, said = spoken.words, spoken.words.said
    console.print(Text(f"“{printable(words.prompt.text)}” {printable(words.prompt.description)}".strip()))
    console.print(
        f"loaded in {words.load_seconds:.1f} s, spoken in {said.seconds:.2f} s (late after {words.late_after:g} s): "
        f"{said.duration:.2f} s of sound at {said.rate} Hz"
    )
    if spoken.gate is not None and said.failure is None:
        console.print(f"This sample would score 0: {GATES[spoken.gate]}.")
