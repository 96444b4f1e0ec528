"""The models of the standard profile: their roles, the public repositories that fill them, their pins, the devices they run on.

Every byte of a pinned model is checked by us: what the hub says of its own files is not asked.
"""

import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol, Self, TypeVar

from pydantic import Field, TypeAdapter, model_validator

from scoring import canonical_json
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.model.pinned import PICKLED, SAFETENSORS, Checksum, FileName, Licence, Repo, Revision, file_sha256, is_pickled
from scoring.schema import StrictModel, read_toml

CATALOGUE = Path(__file__).with_name("models.toml")
COMMAND = "voice scoring pin --out pins.toml"
"""The command that makes a file of pins."""


class Role(StrEnum):
    """A pinned model's role in the profile."""

    STRONG_ASR = "strong_asr"
    """Whisper-class: WhisperForConditionalGeneration."""
    WEAK_ASR = "weak_asr"
    """A CTC recogniser without a language model: Wav2Vec2ForCTC, HubertForCTC."""


class Device(StrEnum):
    """A kind of device that networks run on. Each kind rounds differently, so it is part of a judge's version."""

    CPU = "cpu"
    CUDA = "cuda"


LANES = {Device.CPU: 1, Device.CUDA: 16}
"""Clips in one pass of a network. It is a constant of the arithmetic and never depends on how many clips there are."""

TOGETHER = {Device.CPU: 4, Device.CUDA: 64}
"""Clips handed to the judges at a time, at least; it changes memory and how often progress is told, never a number."""


class ModelSource(StrictModel):
    """The public home of a role's model: `ref` is a branch of `repo`."""

    repo: Repo
    ref: str = "main"
    licence: Licence | None = None
    """As the model card must state it; None takes any of LICENCES."""
    files: Annotated[tuple[FileName, ...], Field(min_length=1, strict=False)]
    """All are needed."""
    weights: Annotated[tuple[FileName, ...], Field(min_length=1, strict=False)]
    """The first that the repository holds is taken."""

    @model_validator(mode="after")
    def _knows_its_weights(self) -> Self:
        if [name for name in self.files if _holds_weights(name)] or [name for name in self.weights if not _holds_weights(name)]:
            raise ValueError(f"weights are {SAFETENSORS} or pickled ({', '.join(PICKLED)}), and files are neither")
        return self


class Pin(StrictModel):
    """One model, exactly: a repository at a revision, and the SHA-256 of each file that is fetched."""

    repo: Repo
    revision: Revision
    licence: Licence
    files: Annotated[Mapping[FileName, Checksum], Field(min_length=1)]
    converted: Checksum | None = None
    """SHA-256 of the safetensors that the sandbox makes of a pickled checkpoint."""

    @model_validator(mode="after")
    def _has_weights_once(self) -> Self:
        pickled = sum(is_pickled(name) for name in self.files)
        if (SAFETENSORS in self.files) + pickled != 1 or (self.converted is not None) != bool(pickled):
            raise ValueError(
                f"it holds either {SAFETENSORS} or one pickled checkpoint with the checksum of what it is `converted` to"
            )
        return self

    @property
    def checkpoint(self) -> FileName | None:
        """The pickled file among those that are fetched, if its weights are published in no other form."""
        return next((name for name in self.files if is_pickled(name)), None)

    @property
    def loaded(self) -> Mapping[FileName, Checksum]:
        """The files that a judge is loaded from: a pickled checkpoint is none of them, what was made of it is."""
        files = {name: checksum for name, checksum in self.files.items() if not is_pickled(name)}
        return files if self.converted is None else files | {SAFETENSORS: self.converted}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical JSON of all of it."""
        return canonical_json.digest(self.model_dump())

    @property
    def label(self) -> str:
        """The pin in a judge's version: repository, revision and digest, the latter two shortened."""
        return f"{self.repo}@{self.revision[:12]}+{self.digest[:12]}"


_SOURCES = TypeAdapter(dict[Role, ModelSource])
_PINS = TypeAdapter(dict[Role, Pin])
Value = TypeVar("Value")


def _holds_weights(name: str) -> bool:
    return name == SAFETENSORS or is_pickled(name)


def read_catalogue(path: Path = CATALOGUE) -> Mapping[Role, ModelSource]:
    """Role → where its model is published; raises PlatformError(SETTING_INVALID) for a file that says something else."""
    return _parsed(path, _SOURCES)


def read_pins(path: Path | None) -> Mapping[Role, Pin]:
    """Role → pinned model; raises InfrastructureFault(JUDGE_UNAVAILABLE) without such a file, and says which command makes one."""
    if path is None:
        raise InfrastructureFault(
            Code.JUDGE_UNAVAILABLE, f"VOICE_STANDARD_PINS names no file of pinned models; make it: {COMMAND}"
        )
    try:
        return _parsed(path, _PINS)
    except PlatformError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{exc.detail}; make it anew: {COMMAND}") from exc


def write_pins(path: Path, pins: Mapping[Role, Pin]) -> None:
    """Write pins as TOML, which `read_pins` reads back equal; every value matches a pattern that needs no escaping.

    Raises PlatformError(SETTING_INVALID) for a file that cannot be written.
    """
    lines = ["# Made by `voice scoring pin`. A change of any byte here is another judge.", ""]
    for role in Role:
        pin = pins[role]
        lines += [f"[{role.value}]", f'repo = "{pin.repo}"', f'revision = "{pin.revision}"', f'licence = "{pin.licence}"']
        if pin.converted is not None:
            lines += [f"# Of {SAFETENSORS}, which the sandbox makes of {pin.checkpoint}.", f'converted = "{pin.converted}"']
        lines += ["", f"[{role.value}.files]"]
        lines += [*(f'"{name}" = "{pin.files[name]}"' for name in sorted(pin.files)), ""]
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text("\n".join(lines), encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise PlatformError(Code.SETTING_INVALID, f"{path} cannot be written: {exc.strerror}") from exc


def _parsed(path: Path, schema: TypeAdapter[dict[Role, Value]]) -> dict[Role, Value]:
    found = read_toml(path, schema, Code.SETTING_INVALID)
    if missing := [role.value for role in Role if role not in found]:
        raise PlatformError(Code.SETTING_INVALID, f"{path} names no model for {', '.join(missing)}")
    return found


class Fetch(Protocol):
    """Brings a pinned model's files to disk."""

    def __call__(self, pin: Pin) -> Path:
        """A folder of a cache that holds the files that the pin is loaded from, brought there if need be; raises InfrastructureFault.

        The caller may remove the folder when a file in it differs from the pin: it is then brought there again.
        """
        ...


def fetch_checked(pin: Pin, fetch: Fetch) -> Path:
    """The folder of a pinned model, ready to load; raises InfrastructureFault when a file is missing or differs from its checksum."""
    folder = fetch(pin)
    check_files(folder, pin.repo, pin.loaded)
    return folder


def check_files(folder: Path, repo: str, files: Mapping[FileName, Checksum]) -> None:
    """Compare a cached folder's files with their checksums; where one differs, remove the folder and raise InfrastructureFault."""
    for name, checksum in files.items():
        try:
            found = file_sha256(folder / name)
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} of {repo} cannot be read: {exc.strerror}") from exc
        if found != checksum:
            shutil.rmtree(folder, ignore_errors=True)
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} of {repo} is not the file that was pinned")
