"""The pinned codec: the decoding half of the authors' own, which turns codes into sound."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from scoring.synthesis.load import Device, PartsUnusable
from scoring.synthesis.qwen3_tts.sizes import read_codec_sizes
from scoring.synthesis.synthesiser import Waveform

_FILE = "model.safetensors"
_HALF = "decoder."
"""How the decoding half's tensors begin; the other half hears recordings, and there are none."""


class Codec:
    """A loaded codec, float32: `codes` of each of its `books`, `rate` samples a second in frames of `frame_samples`."""

    def __init__(self, decoder: Any, rate: int, frame_samples: int) -> None:
        self._decoder, self.rate, self.frame_samples = decoder, rate, frame_samples
        self.codes, self.books = int(decoder.config.codebook_size), int(decoder.config.num_quantizers)

    def to(self, device: Device) -> None:
        """Move the network."""
        self._decoder.to(device)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Waveform:
        """The sound of one row's codes, shape (frames, books), which may be on another device."""
        waveform: Waveform = self._decoder.chunked_decode(codes.T[None].to(self._decoder.device))[0, 0].float().cpu().numpy()
        return waveform


def pinned_codec(folder: Path) -> Codec:
    """Load the codec; raises PartsUnusable unless the files hold one."""
    try:
        return _load(folder)
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as exc:
        raise PartsUnusable(f"{type(exc).__name__}: {exc}") from exc


def _load(folder: Path) -> Codec:
    from qwen_tts.core import Qwen3TTSTokenizerV2Config
    from qwen_tts.core.tokenizer_12hz.modeling_qwen3_tts_tokenizer_v2 import Qwen3TTSTokenizerV2Decoder

    sizes = read_codec_sizes(folder)
    config = Qwen3TTSTokenizerV2Config(decoder_config=sizes.decoder_config.model_dump()).decoder_config
    decoder = Qwen3TTSTokenizerV2Decoder._from_config(config)
    with safe_open(folder / _FILE, "pt") as file:
        names = [name for name in file.keys() if name.startswith(_HALF)]  # noqa: SIM118 - it is no mapping
        decoder.load_state_dict({name.removeprefix(_HALF): file.get_tensor(name).float() for name in names})
    decoder.train(False)
    if decoder.total_upsample != sizes.decode_upsample_rate:
        raise ValueError(f"its layers make {decoder.total_upsample} samples of a frame, not {sizes.decode_upsample_rate}")
    return Codec(decoder, sizes.output_sample_rate, sizes.decode_upsample_rate)
