"""The strong recogniser: a Whisper-class model, greedy, without timestamps, in English. '' where nothing may be heard."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

from scoring.audio.clip import RATE
from scoring.judges.standard.models import LANES, Device
from scoring.judges.standard.network import NetworkInput, load_front_end, load_network, run_in_lanes

WINDOW = 30 * RATE
"""Samples that the model takes at a time; it was trained on windows filled up with silence, so every pass has this shape."""
SEARCH = 5 * RATE
"""A longer clip is cut in the quietest place of the last samples of a window."""
FRAME = RATE // 50
BUDGETS = (32, 64, 128, 256, 440)
"""Most tokens that a clip may take: the least of these that holds twice its prompt's tokens and `SPARE`."""
SPARE = 8


class StrongRecogniser:
    """Whisper (Radford et al. 2022), which guesses well and repairs bad speech."""

    def __init__(self, folder: Path, device: Device) -> None:
        self._device = device
        self._model = load_network(WhisperForConditionalGeneration, folder, device)
        self._features = load_front_end(WhisperFeatureExtractor, folder)
        self._tokenizer = load_front_end(WhisperTokenizer, folder)
        self._end = self._tokenizer.eos_token_id

    def transcribe(self, waves: Sequence[torch.Tensor], prompts: Sequence[str]) -> list[str]:
        """The text of each wave (float32 [n], 16 kHz). A prompt's length bounds what may be heard, and nothing else is known of it."""
        inputs: list[NetworkInput] = []
        owners: list[int] = []
        for owner, (wave, prompt) in enumerate(zip(waves, prompts, strict=True)):
            wanted = 2 * len(self._tokenizer(prompt, add_special_tokens=False).input_ids) + SPARE
            budget = next((budget for budget in BUDGETS if budget >= wanted), BUDGETS[-1])
            for window in windows(wave):
                inputs.append(NetworkInput((self._mel(window),), budget))
                owners.append(owner)
        texts: list[list[str]] = [[] for _ in waves]
        for owner, tokens in zip(owners, run_in_lanes(self._generate, inputs, LANES[self._device], keyed=True), strict=True):
            texts[owner].append(str(self._tokenizer.decode(tokens.tolist(), skip_special_tokens=True)).strip())
        return [" ".join(parts) for parts in texts]

    def _mel(self, window: torch.Tensor) -> torch.Tensor:
        """Log-mel features [bands, 3000]."""
        mel: torch.Tensor = self._features(window.numpy(), sampling_rate=RATE, return_tensors="pt").input_features[0]
        return mel

    def _generate(self, budget: int, mel: torch.Tensor) -> torch.Tensor:
        """Token ids [lanes, tokens], filled up with the end token to the budget."""
        tokens = self._model.generate(
            mel.to(self._device.value),
            attention_mask=torch.ones(mel.shape[0], mel.shape[2], dtype=torch.long, device=self._device.value),
            language="en",
            task="transcribe",
            return_timestamps=False,
            do_sample=False,
            num_beams=1,
            max_new_tokens=budget,
        )
        filled: torch.Tensor = torch.nn.functional.pad(tokens, (0, budget - tokens.shape[1]), value=self._end)
        return filled


def windows(wave: torch.Tensor) -> list[torch.Tensor]:
    """A wave [n] in parts of at most 30 s, cut where it is quietest; none of an empty one."""
    parts: list[torch.Tensor] = []
    while wave.shape[0] > WINDOW:
        loudness = wave[WINDOW - SEARCH : WINDOW].unfold(0, FRAME, FRAME).square().mean(dim=1)
        cut = WINDOW - SEARCH + int(loudness.argmin()) * FRAME + FRAME // 2
        parts.append(wave[:cut])
        wave = wave[cut:]
    return [*parts, wave] if wave.shape[0] else parts
