"""The manifest of a family: what its family.toml says, and which environment it needs."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from prompts.voices import Attribute
from scoring.schema import StrictModel
from scoring.synthesis.environment import LOCK, EnvironmentLock, read_lock
from scoring.synthesis.load import Device, Dtype
from scoring.synthesis.parts import PartSource
from scoring.synthesis.settings import Setting

Patterns = Annotated[tuple[str, ...], Field(strict=False)]
Named = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class Capabilities(StrictModel):
    """Abilities of a family: a competition asks for nothing else."""

    hears: Annotated[frozenset[Annotated[Attribute, Field(strict=False)]], Field(strict=False)]
    """The attributes of a voice that reach its sound when a prompt's description asks for them."""
    description: bool
    """Whether a prompt's description in words reaches the model."""
    instruction: bool
    """Whether the way of speaking can be asked for apart from the voice."""
    speaker_prompt: bool
    """Whether it speaks in the voice of a recording, which the competition pins."""
    languages: Named
    """Two-letter codes."""
    seed: bool
    """Whether its sound depends on a random stream."""
    batch: bool
    """Whether it may be asked several prompts at once: a batch's rows are, but for rounding, what each row alone would be."""


class Template(StrictModel):
    """Format strings in the words that the family was trained on; no description: it takes none.

    `{text}` is the prompt's text, `{read_out}` the same with figures and signs in words, `{description}` the voice that is asked for.
    """

    text: str
    description: str | None = None


class Files(StrictModel):
    """Files of a repository beside card and licence, as glob patterns over paths. Each of `must` matches at least one file."""

    must: Named
    may: Patterns


class Identity(StrictModel):
    """What two repositories of one model may differ in."""

    prefix: str = ""
    """What a tensor's name may begin with, or not."""
    unused: Patterns = ()
    """Glob patterns over the names of tensors that never speak: they may be there or not, and tell no two models apart."""
    unread: Patterns = ()
    """Glob patterns over the paths of files that never change a sound."""
    tables: Patterns = ()
    """Glob patterns over the names of tensors with a row for each symbol or speaker. Rows that nobody asks for never speak, and which
    those are cannot be told exactly: a tag binds the tables, and models that differ in nothing else are one."""


class Licence(StrictModel):
    """What a miner should know about licences."""

    notes: str


class Guide(StrictModel):
    """What the miner's guide says."""

    training: str


class Manifest(StrictModel):
    """A family, as far as everybody but its adapter needs to know it."""

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    summary: str
    architectures: Named
    """Values of `model_type` in config.json."""
    devices: Annotated[tuple[Device, ...], Field(min_length=1, strict=False)]
    dtypes: Annotated[tuple[Dtype, ...], Field(min_length=1, strict=False)]
    real_time_factor: Annotated[float, Field(gt=0.0)]
    """Seconds of one thread for a second of speech, as is to be expected of the family's published sizes."""
    capabilities: Capabilities
    template: Template
    files: Files
    settings: Mapping[str, Setting] = {}
    """The keys of generation_config.json that count; no other changes a sound."""
    parts: Mapping[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], PartSource] = {}
    """What the competition pins beside a repository's files, and where it is published."""
    environment: EnvironmentLock | None
    """The packages of a lock file beside family.toml; None: the worker's own do."""
    identity: Identity = Identity()
    licence: Licence
    guide: Guide


def read_manifest(path: Path) -> Manifest:
    """The manifest in a family.toml, with the lock file beside it; raises ValueError, also where the folder bears another name."""
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    manifest = Manifest.model_validate(said | {"environment": read_lock(path.with_name(LOCK))})
    if manifest.name != path.parent.name:
        raise ValueError(f"{path} names the family {manifest.name!r}, its folder {path.parent.name!r}")
    return manifest
