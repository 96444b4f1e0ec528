"""The family makes nothing of its pinned codec: it only looks whether that can be one. The packages that open it are a guest's."""

from collections.abc import Mapping
from pathlib import Path

from scoring.audio.audio import Audio
from scoring.synthesis.qwen3_tts.sizes import read_codec_sizes


def make(folders: Mapping[str, Path], recordings: Mapping[str, Audio]) -> Mapping[str, Mapping[str, bytes]]:  # noqa: ARG001 - the maker's shape
    """Nothing; raises ValueError for a codec that is none."""
    read_codec_sizes(folders["codec"])
    return {}
