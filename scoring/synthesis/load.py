"""A family's adapter by its name; each is imported only when it is asked for."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:  # numpy is imported with the adapter
    from scoring.synthesis.synthesiser import Synthesiser

Dtype = Literal["float32"]
Loader = Callable[[Path, int, Dtype], "Synthesiser"]
"""`load(model_dir, threads, dtype)`: opens a model folder; any exception means that the model could not be loaded."""

_MODULES = {
    "espeak": "scoring.synthesis.espeak",
    "vits": "scoring.synthesis.vits",
    "reference": "scoring.synthesis.reference",
}


def adapter(family: str) -> Loader:
    """Import a family's adapter (and the libraries it needs) and return its loader; opens no model file.

    Raises ValueError for an unknown family and ImportError where a library is missing.
    """
    if family not in _MODULES:
        raise ValueError(f"no adapter for the family {family!r}; there are {', '.join(sorted(_MODULES))}")
    return cast(Loader, importlib.import_module(_MODULES[family]).load)


def load(family: str, model_dir: Path, threads: int, dtype: Dtype) -> "Synthesiser":
    """Load a model folder with its family's adapter."""
    return adapter(family)(model_dir, threads, dtype)
