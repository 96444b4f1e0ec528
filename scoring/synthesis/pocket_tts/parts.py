"""What is made of the pinned files once: the speaker's latents, from a recording, by the codec's own encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from transformers import PocketTTSAudioTokenizerModel, PocketTTSFeatureExtractor

from scoring.audio.audio import Audio, resample

RECORDING_SECONDS = 10.0
"""More of a voice would only make every sample slower."""


def make(folders: Mapping[str, Path], recordings: Mapping[str, Audio]) -> Mapping[str, Mapping[str, bytes]]:
    """By part, the files that are carried: the speaker's `latents.safetensors`, `latents` of shape (frames, latent_dim).

    `folders` holds each part's files, `recordings` those of them that are sound, decoded. Raises ValueError for a codec or a recording
    that is none.
    """
    if "speaker" not in recordings:
        raise ValueError("speaker is no recording: it is a WAV, FLAC or OGG file")
    torch.set_num_threads(1)
    codec = PocketTTSAudioTokenizerModel.from_pretrained(folders["codec"], local_files_only=True, use_safetensors=True)
    codec.train(False)
    if codec.config.encoder_config is None:
        raise ValueError("the codec has no encoder, so it cannot read a recording")
    return {"speaker": {"latents.safetensors": save({"latents": _latents(codec, recordings["speaker"])})}}


@torch.inference_mode()
def _latents(codec: PocketTTSAudioTokenizerModel, recording: Audio) -> torch.Tensor:
    """A recording's beginning, brought to the codec's rate and ended on a short pause, as latents."""
    rate = int(codec.config.sampling_rate)
    sound = resample(recording, rate).samples[: int(RECORDING_SECONDS * rate)]
    frame = codec.config.frame_size
    extractor: Any = PocketTTSFeatureExtractor(sampling_rate=rate, frame_size=frame, pad_to_multiple_of=frame)  # type: ignore[no-untyped-call]
    inputs = extractor([sound], sampling_rate=rate)
    encoded = codec.encode(inputs["input_values"], inputs["padding_mask"])
    latents: torch.Tensor = encoded.latents[0][encoded.latents_mask[0].bool()].float().contiguous()
    return latents
