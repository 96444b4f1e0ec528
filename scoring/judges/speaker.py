"""Consistency: one speaker in both clips of a voice pair, as a network hears it that was trained to tell speakers apart.

The network is the encoder of `resemblyzer`, of which only the weights are read; its front end is rebuilt here.
"""

import io
import math
from pathlib import Path

import torch

from scoring.audio.audio import Audio
from scoring.audio.mel import mel_bank
from scoring.judges import weights
from scoring.judges.judge import Utterance
from scoring.report import Metrics

FRAME, HOP, MELS = 400, 160, 40
"""25 ms each 10 ms, in samples, and the bands that the network reads."""
WINDOW, STEP = 160, 77
"""Frames that the network hears at a time (1.6 s), and between two beginnings, as its authors have it."""
HIDDEN, LAYERS, DIMENSIONS = 256, 3, 256
TRAINED_RMS = 10.0 ** (-30.0 / 20.0)
"""Root mean square of the clips that the network was trained on: its bands are powers, not logarithms, so that level matters."""


class VoiceEncoder(torch.nn.Module):
    """The network: three LSTM layers over 40 mel bands, their last state through a linear layer and a ReLU, at length 1.

    Source: Wan et al. 2018, "Generalized end-to-end loss for speaker verification".
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(MELS, HIDDEN, LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(HIDDEN, DIMENSIONS)

    def forward(self, bands: torch.Tensor) -> torch.Tensor:
        """Embeddings float32 [windows, 256] of length 1 and without negative numbers, of bands float32 [windows, frames, 40]."""
        _, (state, _) = self.lstm(bands)
        raw = torch.relu(self.linear(state[-1]))
        embeddings: torch.Tensor = raw / raw.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return embeddings


class SpeakerJudge:
    """Likeness of two clips' voices.

    Metric `speaker_similarity`: cosine of the clips' embeddings, `a·b / (|a| |b|)`, 0 … 1, more is better. A clip's embedding is the
    mean of its windows'. Source: generalised end-to-end speaker verification (Wan et al. 2018), with resemblyzer's weights.
    """

    name = "speaker"
    version = f"4+{weights.SPEAKER.sha256[:8]}"

    def __init__(self, where: Path | None = None) -> None:
        """Reads the network from the judges' folder or from `where`; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
        stored = torch.load(io.BytesIO(weights.read(weights.SPEAKER, where)), map_location="cpu", weights_only=True)
        self._encoder = VoiceEncoder().eval()
        wanted = self._encoder.state_dict().keys()  # beside them the file holds what only training needs
        self._encoder.load_state_dict({name: tensor for name, tensor in stored["model_state"].items() if name in wanted})

    def compare(self, one: Utterance, other: Utterance) -> Metrics:
        """The same in either order: each clip is embedded on its own."""
        first, second = (self.embed(utterance.clip.level).to(torch.float64) for utterance in (one, other))
        return {"speaker_similarity": float(torch.nn.functional.cosine_similarity(first, second, dim=0))}

    def embed(self, speech: Audio) -> torch.Tensor:
        """The voice of trimmed speech at 16 kHz and any level: float32 [256]."""
        with torch.inference_mode():
            embeddings: torch.Tensor = self._encoder(windows(mel_bands(speech.samples)))
        return embeddings.mean(dim=0)


def mel_bands(wave: torch.Tensor) -> torch.Tensor:
    """Power in mel bands of a wave at 16 kHz, brought to the level of the training: float32 [frames, 40], a frame each 10 ms.

    Frames are centred, with silence before and after the wave.
    """
    wave = wave.to(torch.float64)
    wave = wave * (TRAINED_RMS / wave.square().mean().sqrt().clamp(min=1e-9))
    frames = torch.nn.functional.pad(wave, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(FRAME, dtype=torch.float64))
    power = spectrum.real.square() + spectrum.imag.square()
    bands: torch.Tensor = (power @ mel_bank(FRAME, MELS)).to(torch.float32)
    return bands


def windows(bands: torch.Tensor) -> torch.Tensor:
    """Pieces of 160 frames, evenly placed over a clip at most 77 frames apart: [windows, 160, 40]. Silence follows a shorter clip."""
    missing = max(0, WINDOW - bands.shape[0])
    bands = torch.nn.functional.pad(bands, (0, 0, 0, missing))
    room = bands.shape[0] - WINDOW
    number = math.ceil(room / STEP) + 1
    begins = [round(room * place / max(1, number - 1)) for place in range(number)]
    return torch.stack([bands[begin : begin + WINDOW] for begin in begins])
