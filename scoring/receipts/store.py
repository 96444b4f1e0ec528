"""The store of evidence: its interface, and the names of its files. Workers write it, the API and audits read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.receipts.receipt import Signed


class AudioStore(Protocol):
    """Keeps audio, receipts and the rules they name. Nothing that is kept ever changes."""

    def keep_audio(self, spoken: Spoken) -> None:
        """Keep a sample under the SHA-256 of its PCM; raises InfrastructureFault(STORE_UNAVAILABLE) when it cannot be written.

        Of a sample without sound nothing is kept.
        """
        ...

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """PCM (s16le, mono) and the rate in Hz that its file says; raises PlatformError(AUDIO_MISSING) where none has this hash.

        The hash binds the PCM alone: the rate that was judged is in the receipt.
        """
        ...

    def keep_evidence(self, signed: Signed, competition: Competition) -> str:
        """Keep a signed receipt and the rules that it names; returns the name of the receipt's file. Raises as `keep_audio`."""
        ...

    def competition(self, competition_hash: str) -> Competition | None:
        """The rules of this hash, or None where they are not kept; raises PlatformError(COMPETITION_INVALID) for other content."""
        ...


AUDIO, RECEIPTS, COMPETITIONS = "audio", "receipts", "competitions"
"""The beginnings of the names of sounds, of receipts, and of the rules that they name."""


def audio_name(pcm_sha256: str) -> str:
    """The FLAC file of the sample whose PCM has this hash."""
    return f"{AUDIO}/{pcm_sha256[:2]}/{pcm_sha256}.flac"


def receipt_name(receipt_hash: str) -> str:
    """The JSON file of a signed receipt."""
    return f"{RECEIPTS}/{receipt_hash}.json"


def competition_name(competition_hash: str) -> str:
    """The JSON file of the rules that receipts name by this hash."""
    return f"{COMPETITIONS}/{competition_hash}.json"


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """The files of a store that is a folder: every name is the SHA-256 (64 lower-case hex digits) of the file's content."""

    folder: Path

    def audio(self, pcm_sha256: str) -> Path:
        """The FLAC file of the sample whose PCM has this hash."""
        return self.folder / audio_name(pcm_sha256)

    def receipt(self, receipt_hash: str) -> Path:
        """The JSON file of a signed receipt."""
        return self.folder / receipt_name(receipt_hash)

    def competition(self, competition_hash: str) -> Path:
        """The JSON file of the rules that receipts name by this hash."""
        return self.folder / competition_name(competition_hash)
