"""What is made of a family's parts before they are pinned, by the family's own code beside its adapter."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from scoring.audio.audio import Audio

Maker = Callable[[Mapping[str, Path], Mapping[str, Audio]], Mapping[str, Mapping[str, bytes]]]
"""`make(folders, recordings)`: what is made, by part, of the parts' files and of those of them that are sound."""


def maker(family: str) -> Maker:
    """Import a family's maker and the libraries that it needs; every family that pins parts has one."""
    return cast(Maker, importlib.import_module(f"{__package__}.{family}.parts").make)
