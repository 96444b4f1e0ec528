"""What is pinned on a model hub: names of repositories, revisions, files and checksums."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

Repo = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
FilePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")]
"""A file in a repository, perhaps in a folder of it."""
Licence = Literal["apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc0-1.0", "mit"]
LICENCES: frozenset[str] = frozenset(get_args(Licence))
"""Licences, as a model card states them, under which anybody may use what is pinned for anything."""


SAFETENSORS = "model.safetensors"
"""The one form of weights that is ever loaded."""
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
"""Endings of files that torch pickled: reading one can run code, so that the sandbox makes safetensors of it first."""


def is_pickled(name: str) -> bool:
    """Whether a file of this name is one that torch pickled.

    >>> is_pickled("pytorch_model.bin"), is_pickled("model.safetensors")
    (True, False)
    """
    return name.endswith(PICKLED)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file; raises OSError."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
