"""The parts that a competition pins for a family, as a codec or a voice: they decide what is heard, so they are hashed with its rules."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scoring import canonical_json
from scoring.model.pinned import SAFETENSORS, Checksum, FileName, FilePath, Licence, Repo, Revision, is_pickled
from scoring.schema import StrictModel

MADE_BYTES = 64 << 10
"""What is carried inside the rules stays small."""


def _without_blanks(value: object) -> object:
    return "".join(value.split()) if isinstance(value, str) else value


def _decodes(value: str) -> str:
    try:
        found = base64.b64decode(value, validate=True)
    except binascii.Error as exc:
        raise ValueError("it is base64") from exc
    if not 0 < len(found) <= MADE_BYTES:
        raise ValueError(f"it stands for 1 to {MADE_BYTES} bytes")
    return value


Carried = Annotated[str, BeforeValidator(_without_blanks), AfterValidator(_decodes)]
"""A small file's bytes in base64; line breaks do not count."""


class PartSource(StrictModel):
    """The public home of a part, as a manifest names it."""

    what: str
    """What it is, in words."""
    repo: Repo
    ref: str = "main"
    """A branch of `repo`."""
    files: Annotated[tuple[FilePath, ...], Field(min_length=1, strict=False)]
    licence: Licence | None = None
    """Of these files, where the repository's card speaks of no licence or of others; None: the card states it."""


class PinnedPart(StrictModel):
    """A part, exactly: a repository at a revision, and the SHA-256 of each of its files."""

    repo: Repo
    revision: Revision
    licence: Licence
    files: Annotated[Mapping[FilePath, Checksum], Field(min_length=1)]
    converted: Checksum | None = None
    """SHA-256 of the `model.safetensors` that the sandbox makes of a pickled checkpoint among the files."""
    made: Mapping[FileName, Carried] = {}
    """Files that were made of those, once. Another processor would round them otherwise, so they are carried, and used instead."""

    @model_validator(mode="after")
    def _has_one_form_of_weights(self) -> Self:
        pickled = sum(map(is_pickled, self.files))
        if pickled > 1 or (pickled and SAFETENSORS in self.files) or bool(pickled) != (self.converted is not None):
            raise ValueError(f"beside one pickled checkpoint is no {SAFETENSORS}, but the checksum of what it is `converted` to")
        return self

    @property
    def loaded(self) -> Mapping[FilePath, Checksum]:
        """The files that an adapter opens: a pickled checkpoint is none of them, what was made of it is."""
        files = {name: checksum for name, checksum in self.files.items() if not is_pickled(name)}
        return files if self.converted is None else files | {SAFETENSORS: self.converted}

    @property
    def carried(self) -> Mapping[FileName, bytes]:
        """The bytes of what was made."""
        return {name: base64.b64decode(text) for name, text in self.made.items()}


PinnedParts = Mapping[str, PinnedPart]
"""A family's parts by their names."""


def digest(parts: PinnedParts) -> str:
    """SHA-256 (hex) over the canonical JSON of a family's parts."""
    return canonical_json.digest({name: part.model_dump(mode="json") for name, part in parts.items()})


def to_toml(family: str, parts: PinnedParts) -> str:
    """Parts as lines of a competition's file, to stand in the version that admits the family; no value needs escaping."""
    lines: list[str] = []
    for name, part in parts.items():
        table = f"version.track.parts.{family}.{name}"
        lines += [f"[{table}]", f'repo = "{part.repo}"', f'revision = "{part.revision}"', f'licence = "{part.licence}"']
        if part.converted is not None:
            lines += [f'converted = "{part.converted}"']
        lines += ["", f"[{table}.files]", *(f'"{path}" = "{checksum}"' for path, checksum in sorted(part.files.items())), ""]
        if part.made:
            lines += [f"[{table}.made]", *(line for file, text in sorted(part.made.items()) for line in _wrapped(file, text)), ""]
    return "\n".join(lines)


def _wrapped(file: str, text: str) -> list[str]:
    return [f'"{file}" = """', *(text[start : start + 120] for start in range(0, len(text), 120)), '"""']
