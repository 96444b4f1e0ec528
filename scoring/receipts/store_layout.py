"""Where evidence lies below the folder of the audio store: workers write it there, the API serves it from there."""

from pathlib import Path


def audio_path(store: Path, pcm_sha256: str) -> Path:
    """The FLAC file of the sample whose PCM has this SHA-256 (64 lower-case hex digits)."""
    return store / "audio" / pcm_sha256[:2] / f"{pcm_sha256}.flac"
