"""A family's adapter by its name; each is imported only when it is asked for."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:  # numpy is imported with the adapter
    from scoring.synthesis.synthesiser import Synthesiser

Device = Literal["cpu", "cuda"]
"""The kind of processor that a model speaks on."""
Dtype = Literal["float32", "bfloat16"]
"""The numbers that it computes with."""
Loader = Callable[[Path, Path | None, int, Dtype], "Synthesiser"]
"""`load(model_dir, parts, threads, dtype)`: opens a model folder, and the folder of what the competition pinned for the family, if
there is any. PartsUnusable means that these cannot be opened, any other exception that the model cannot be loaded. A model is loaded on
the processor; one of a family that names another device goes there by `Movable.to`."""


class PartsUnusable(Exception):
    """The pinned parts cannot be opened: this host, or who pinned them, answers for that, not the model."""


_MODULES = {path.parent.name: f"{__package__}.{path.parent.name}.adapter" for path in Path(__file__).parent.glob("*/family.toml")}
_MODULES["reference"] = f"{__package__}.reference"


def adapter(family: str) -> Loader:
    """Import a family's adapter (and the libraries it needs) and return its loader; opens no model file.

    Raises ValueError for an unknown family and ImportError where a library is missing.
    """
    if family not in _MODULES:
        raise ValueError(f"no adapter for the family {family!r}; there are {', '.join(sorted(_MODULES))}")
    return cast(Loader, importlib.import_module(_MODULES[family]).load)
