"""The family makes nothing of its pinned codec: it only looks whether that can be opened."""

from collections.abc import Mapping
from pathlib import Path

from scoring.audio.audio import Audio
from scoring.synthesis.llama_snac.adapter import pinned_codec
from scoring.synthesis.load import PartsUnusable


def make(folders: Mapping[str, Path], recordings: Mapping[str, Audio]) -> Mapping[str, Mapping[str, bytes]]:  # noqa: ARG001 - the maker's shape
    """Nothing; raises ValueError for a codec that is none."""
    try:
        pinned_codec(folders["codec"])
    except PartsUnusable as exc:
        raise ValueError(str(exc)) from exc
    return {}
