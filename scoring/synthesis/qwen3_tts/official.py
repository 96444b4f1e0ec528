"""The official package of Qwen3-TTS, without what its demos and its training need."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

_UNUSED = ("librosa", "librosa.filters", "sox")
"""What the package imports to read recordings, and a guest never has."""


def import_official() -> None:
    """Make `qwen_tts` importable: modules that only read recordings are empty. Raises ImportError where the package is missing."""
    for name in _UNUSED:
        if name not in sys.modules:
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            sys.modules[name] = module
    sys.modules["librosa.filters"].mel = None  # type: ignore[attr-defined]  # imported by name
    import qwen_tts  # noqa: F401 - the modules below it are imported by who needs them
