"""What training saved becomes a repository's folder, by the converter of the model's family."""

import importlib
import importlib.util
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.synthesis.families import FAMILIES

PICKLED = frozenset({".ckpt", ".pt", ".pth", ".bin"})
"""Endings of files that can run code when they are opened: they are opened in the sandbox."""
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")
_CARD = """---
license: {licence}
library_name: transformers
pipeline_tag: text-to-speech
language: en
---
# {name}
A voice of the family {family}, converted from {source}.
"""

Converter = Callable[[Path, Path, Path], None]
"""`convert(source, weights, target)` writes all but the card into the folder `target`. `source` is what the miner named; `weights` the
same, or the safetensors that were made of a pickled file. Raises VoiceError with what is wrong."""


def converter(family: str) -> Converter:
    """A family's converter; raises PlatformError(ARGUMENT_INVALID) where there is none."""
    names = [name for name in FAMILIES if importlib.util.find_spec(f"scoring.synthesis.{name}.convert")]
    if family not in names:
        raise PlatformError(Code.ARGUMENT_INVALID, f"nothing is converted for the family {family}; there are {', '.join(names)}.")
    return cast(Converter, importlib.import_module(f"scoring.synthesis.{family}.convert").convert)


def convert(source: Path, target: Path, family: str, licence: str) -> None:
    """Write a repository's folder, new, from what training saved; raises VoiceError, and leaves nothing behind then."""
    write = converter(family)
    if not source.exists():
        raise PlatformError(Code.ARGUMENT_INVALID, f"There is no {source}.")
    if target.exists():
        raise PlatformError(Code.ARGUMENT_INVALID, f"{target} is there already; name a new folder.")
    if not _LICENCE.fullmatch(licence):
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"--licence {licence[:60]}: name it as the model hub does, for example cc0-1.0."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-")
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{target} cannot be written: {exc.strerror}") from exc
    with place as made:
        weights = _unpickled(source, Path(made)) if source.suffix in PICKLED else source
        room = Path(made) / "model"
        room.mkdir()
        write(source, weights, room)
        card = _CARD.format(licence=licence, name=target.name, family=family, source=source.name)
        (room / "README.md").write_text(card, encoding="utf-8")
        room.rename(target)


def _unpickled(source: Path, place: Path) -> Path:
    """The tensors of a pickled file as safetensors, made in the sandbox."""
    from workers.sandbox.convert_checkpoint import convert as convert_in_sandbox

    weights = place / "weights.safetensors"
    try:
        convert_in_sandbox(place, source, weights)
    except InfrastructureFault as fault:
        if fault.code is not Code.JUDGE_UNAVAILABLE:
            raise
        raise PlatformError(Code.ARGUMENT_INVALID, fault.detail) from fault
    return weights
