"""A repository at one revision, as its hub describes it: the hub's words are typed at the border, as far as they are believed.

The hub passes a model card on as its author wrote it, so nothing in it may decide whether the rest can be read.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


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


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Lfs(_Wire):
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Sibling(_Wire):
    rfilename: str
    size: Annotated[int, Field(ge=0, lt=2**63)]
    blob_id: Annotated[str | None, Field(alias="blobId", pattern="^[0-9a-f]{40}$")] = None
    lfs: _Lfs | None = None

    @model_validator(mode="after")
    def _has_a_checksum(self) -> Self:
        if self.lfs is None and self.blob_id is None:
            raise ValueError("a file has no checksum")
        return self


class ModelAnswer(_Wire):
    """The hub's JSON about one revision."""

    sha: str
    siblings: list[_Sibling]
    card_data: Annotated[object, Field(alias="cardData")] = None

    def repository(self, repo: str) -> Repository:
        """The repository in the form that the checks take."""
        licence = self.card_data.get("license") if isinstance(self.card_data, dict) else None
        files = tuple(_file(sibling) for sibling in self.siblings)
        return Repository(repo, self.sha, files, licence if isinstance(licence, str) else None)


class ListedModel(_Wire):
    """A public repository, as the hub lists it."""

    id: str


class TreeEntry(_Wire):
    """A file or a folder, as the hub lists them by folders."""

    type: str
    path: str
    size: int = 0


_MOST_DIGITS = 18


def read_description(raw: bytes) -> ModelAnswer:
    """The hub's JSON about one revision; raises ValueError for what cannot be read, and RecursionError for what is nested too deeply.

    A card holds what its author likes: numbers of any length, or half of a character. A stricter reader would refuse the whole answer.
    """
    return ModelAnswer.model_validate(json.loads(raw, parse_int=_number))


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


Listed = TypeAdapter(list[ListedModel])
"""The hub's list of public repositories."""
Tree = TypeAdapter(list[TreeEntry])
"""The hub's list of a revision's files and folders."""


def _file(sibling: _Sibling) -> RepoFile:
    return RepoFile(sibling.rfilename, sibling.size, sibling.lfs.sha256 if sibling.lfs else None, sibling.blob_id)
