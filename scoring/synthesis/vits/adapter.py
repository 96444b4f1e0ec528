"""The VITS family, by transformers' own network; text, symbols and the voice's table are read by the modules beside this one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import VitsConfig, VitsModel
from transformers.utils import logging

from scoring import strict_json
from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform
from scoring.synthesis.tensors import check_tensors
from scoring.synthesis.vits.symbols import Symbols, read_symbols
from scoring.synthesis.vits.table import Speaker, VoiceTable, asked_for, read_table

_DTYPES = {"float32": torch.float32}
_RANGES: Mapping[str, tuple[float, float]] = {
    "speaking_rate": (0.25, 4.0),
    "noise_scale": (0.0, 2.0),
    "noise_scale_duration": (0.0, 2.0),
}
"""What a repository may set of how it speaks, in config.json, and from where to where."""
_READ = frozenset(
    """
    vocab_size hidden_size num_hidden_layers num_attention_heads window_size ffn_dim ffn_kernel_size flow_size spectrogram_bins
    hidden_act layer_norm_eps use_stochastic_duration_prediction num_speakers speaker_embedding_size upsample_initial_channel
    upsample_rates upsample_kernel_sizes resblock_kernel_sizes resblock_dilation_sizes leaky_relu_slope depth_separable_channels
    depth_separable_num_layers duration_predictor_flow_bins duration_predictor_tail_bound duration_predictor_kernel_size
    duration_predictor_num_flows duration_predictor_filter_channels prior_encoder_num_flows prior_encoder_num_wavenet_layers
    posterior_encoder_num_wavenet_layers wavenet_kernel_size wavenet_dilation_rate sampling_rate pad_token_id
    """.split()  # noqa: SIM905 - names read as names
) | set(_RANGES)
"""The keys of config.json that are read: what a library does for others, as to ask for one more library, is not a repository's choice."""


class Vits:
    """A loaded VITS. Each prompt is spoken alone from its own random stream: in a padded batch its length would depend on others."""

    family = "vits"

    def __init__(self, model: Any, symbols: Symbols, table: VoiceTable) -> None:
        self._model, self._symbols, self._table = model, symbols, table
        self._rate = float(model.config.speaking_rate)
        self.sample_rate = int(model.config.sampling_rate)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One forward pass per request."""
        return [self._say(request) for request in batch]

    @torch.inference_mode()
    def _say(self, request: Request) -> Waveform:
        numbers = torch.tensor([self._symbols.of(request.text, self._table)])  # [1, symbols]
        rate = asked_for(self._table.rate, request.description)
        loudness = asked_for(self._table.loudness, request.description)
        speaker = _speaker(self._table.speakers, request.description)
        self._model.speaking_rate = self._rate * (1.0 if rate is None else rate.factor)
        torch.manual_seed(request.seed)
        spoken = self._model(input_ids=numbers, speaker_id=None if speaker is None else speaker.id).waveform[0]  # [n]
        gain = np.float32(1.0 if loudness is None else 10.0 ** (loudness.gain / 20.0))
        waveform: Waveform = spoken.float().numpy() * gain
        return waveform


def _speaker(speakers: Sequence[Speaker], description: str) -> Speaker | None:
    """The speaker that is asked for, or the first one; None for a network of one voice."""
    return asked_for(speakers, description) or next(iter(speakers), None)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Vits:  # noqa: ARG001 - nothing is pinned for this family
    """Load a folder's config, safetensors, symbols and table; nothing is fetched and no code of the model is run.

    Raises ValueError with what is wrong: among others a tensor that is not the network's, one that is missing (it would be drawn at
    random), and a network of several speakers none of whom is named.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # tensors that never speak need not be there
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    raw = strict_json.read_file(model_dir / "config.json")
    sizes: dict[str, Any] = {key: value for key, value in raw.items() if key in _READ}
    config = VitsConfig(**sizes)
    check_settings(config)
    table = read_table(model_dir)
    _check_speakers(table.speakers, config)
    symbols = read_symbols(model_dir, table, config.vocab_size)
    model: Any = VitsModel.from_pretrained(
        model_dir,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # they are looked at next, but for those that never speak
        dtype=_DTYPES[dtype],
    )
    check_tensors(model_dir, model.state_dict(), Path(__file__).with_name("family.toml"))
    model.train(False)
    return Vits(model, symbols, table)


def check_settings(config: VitsConfig) -> None:
    """Raise ValueError for a way of speaking that no repository may ask for."""
    for name, (least, most) in _RANGES.items():
        value = getattr(config, name)
        if not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"config.json: {name} is {str(value)[:40]}, which is not from {least:g} to {most:g}")


def _check_speakers(speakers: Sequence[Speaker], config: VitsConfig) -> None:
    count = config.num_speakers
    if count <= 1 and config.speaker_embedding_size != 0:
        raise ValueError("config.json: a network of one voice has no speaker_embedding_size; its tensors would never speak")
    if count > 1 and not speakers:
        raise ValueError(f"the network has {count} speakers, and voice.json names none of them: nobody knows who should speak")
    if count <= 1 and speakers:
        raise ValueError("voice.json names speakers, and the network has one voice")
    strangers = [speaker.name for speaker in speakers if speaker.id >= count]
    if strangers:
        raise ValueError(f"voice.json: the network has {count} speakers, numbered from 0; {strangers[0]!r} is beyond them")
