"""A repository at one revision, as its hub describes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file: its path in the repository, its bytes, and the hash of its content: SHA-256, or else the git blob id (hex)."""

    path: str
    size: int
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a pinned revision (40 hex digits). `licence` is of the hub's own metadata, unchecked."""

    repo: str
    revision: str
    files: tuple[RepoFile, ...]
    licence: str | None

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)
