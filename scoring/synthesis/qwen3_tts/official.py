"""The official package of Qwen3-TTS, without what only reads recordings, or belongs to models of an older codec."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_PACKAGE = "qwen_tts"
_OLD_CODEC = "qwen_tts.core.tokenizer_25hz."
_UNUSED = {
    "librosa": (),
    "librosa.filters": ("mel",),
    f"{_OLD_CODEC}configuration_qwen3_tts_tokenizer_v1": ("Qwen3TTSTokenizerV1Config",),
    f"{_OLD_CODEC}modeling_qwen3_tts_tokenizer_v1": ("Qwen3TTSTokenizerV1Model",),
}
"""Modules that the package imports for other uses than a guest's, and what it imports of them by name."""


def import_official() -> None:
    """Make `qwen_tts` importable without those modules; raises ImportError where the package is missing."""
    if find_spec(_PACKAGE) is None:  # nothing is put in anybody's way then
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    for name, imported in _UNUSED.items():
        if name not in sys.modules:
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            for thing in imported:
                setattr(module, thing, type(thing, (), {}))
            sys.modules[name] = module
