"""The baseline: the same judges, one file after the other, each by its package's own front end and with that package's own threads."""

import contextlib
import sys
import warnings
from collections.abc import Sequence

import distillmos
import jiwer
import librosa
import numpy as np
import torch
import torchaudio
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from speechmos import dnsmos

from prompts.groups import Group
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import RATE, Clip
from scoring.audio.pitch import HIGHEST_HZ, LOWEST_HZ
from scoring.audio.spoken import Spoken
from scoring.judges import weights
from scoring.judges.cleanliness import CleanlinessJudge
from scoring.judges.judge import Utterance
from scoring.judges.speaker import SpeakerJudge
from scoring.language.text import normalise

Wave = NDArray[np.float32]


class FileByFile:
    """The judges as a script would run them: `faster_whisper`, `speechmos`, `distillmos`, librosa's `pyin`, torchaudio's `loudness`.

    Each network is built once. Both recognisers have the same weights in the same type, and hear greedily. Cleanliness and speaker
    are this project's code in both: one has no package, the other's needs a compiler.
    """

    def __init__(self) -> None:
        folder = (weights.folder() / weights.WHISPER.path).parent
        self._recogniser = WhisperModel(str(folder), device="cpu", compute_type="float32", local_files_only=True)
        with contextlib.redirect_stdout(sys.stderr):  # it says which weights it loaded
            self._opinion = distillmos.ConvTransformerSQAModel().eval()
        self._speaker = SpeakerJudge()

    def sample(self, group: Group, index: int, said: Spoken) -> Utterance:
        """Judge one sample by everything that needs no second one."""
        audio = from_pcm(said.pcm, said.rate)
        wave = load(audio)
        pieces, _ = self._recogniser.transcribe(
            wave, language="en", beam_size=1, temperature=0.0, word_timestamps=True, condition_on_previous_text=False
        )
        heard = normalise(" ".join(piece.text for piece in pieces))
        jiwer.wer(" ".join(normalise(group.prompts[index].text)), " ".join(heard) or "-")
        opinions(wave)
        with torch.inference_mode():
            self._opinion(torch.from_numpy(wave)[None])
        pyin(wave)
        torchaudio.functional.loudness(audio.samples[None], audio.rate)
        utterance = Utterance(group.prompts[index], group, Clip(audio))
        CleanlinessJudge().measure([utterance])
        return utterance

    def group(self, group: Group, said: Sequence[Spoken]) -> None:
        """Judge a group's samples, and a voice pair as one."""
        utterances = [self.sample(group, index, spoken) for index, spoken in enumerate(said)]
        if group.kind.value == "voice":
            self._speaker.compare(*utterances)


def load(audio: Audio) -> Wave:
    """The sound as librosa would hand it on: 16 kHz, in [-1, 1]."""
    wave: Wave = librosa.resample(audio.samples.numpy(), orig_sr=audio.rate, target_sr=RATE)
    return np.clip(wave, -1.0, 1.0)


def opinions(wave: Wave) -> dict[str, float]:
    """DNSMOS as published, by our names."""
    found = dnsmos.run(wave, RATE)
    return {name: float(found[f"{theirs}_mos"]) for name, theirs in NAMES.items()}


NAMES = {"sig": "sig", "bak": "bak", "ovr": "ovrl", "p808": "p808"}


def pyin(wave: Wave, frame_length: int = 2048, hop_length: int = 512) -> None:
    """librosa's F0 over our range; by default it looks at 31 frames per second, we at 100."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        librosa.pyin(wave, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=RATE, frame_length=frame_length, hop_length=hop_length)
