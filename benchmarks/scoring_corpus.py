"""The scoring benchmark's sound: one evaluation as it comes out of a sandbox, and a mix of clips good and bad."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from neurons.localnet import models
from prompts.groups import Group
from scoring.audio.audio import Audio, normalise, resample, to_pcm, trim
from scoring.audio.clip import RATE
from scoring.audio.spoken import Spoken
from scoring.competition import Track, load
from scoring.studies.manipulations.effects import noise
from scoring.synthesis.espeak_library import EspeakSettings, say
from scoring.synthesis.load import adapter
from scoring.synthesis.render import render
from scoring.synthesis.synthesiser import Request
from scoring.types import BlockHash, RoundNumber

BLOCK_HASH = BlockHash("0x" + "5a" * 32)
VOICES = ("en-us+f2", "en-us+edward", "en-us+m1", "en-us", "en-us+klatt4", "en-us+f4")
NOISE_DB = (None, 40.0, 30.0, 20.0, 15.0, 10.0, 5.0, 0.0)
"""White noise below the speech; None adds none. The mix of clips goes through all voices and all of these."""
SHORTEST, LONGEST = 2.0, 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class SpokenEvaluation:
    """One model's audio in one round of the default competition's first track."""

    rules: Track
    groups: Sequence[Group]
    spoken: Mapping[str, Spoken]

    @property
    def seconds(self) -> float:
        """Seconds of sound."""
        return sum(said.duration for said in self.spoken.values())


def evaluation() -> SpokenEvaluation:
    """44 samples by the demo's clear voice, spoken inside this process."""
    rules = load().at(RoundNumber(0)).track[0]
    groups = rules.groups(BLOCK_HASH)
    with tempfile.TemporaryDirectory(prefix="voice-bench-") as folder:
        voice = adapter("espeak")(models.write_espeak(Path(folder, "clear"), "clear"), None, 1, "float32")
    prompts = [prompt for group in groups for prompt in group.prompts]
    asked = [render("espeak", prompt) for prompt in prompts]
    waves = voice.generate([Request(p.id, a.text, a.description or "", 0) for p, a in zip(prompts, asked, strict=True)])
    sounds = (Audio(torch.from_numpy(wave), voice.sample_rate) for wave in waves)
    spoken = {
        p.id: Spoken(prompt_id=p.id, rate=voice.sample_rate, pcm=to_pcm(sound), seconds=0.0)
        for p, sound in zip(prompts, sounds, strict=True)
    }
    return SpokenEvaluation(rules, groups, spoken)


def clips(groups: Sequence[Group], count: int) -> list[Audio]:
    """Clips of 2 … 10 s at 16 kHz, each length of its own, from clear speech to speech in as much noise.

    All at -23 LUFS from the first to the last speech: protocols then differ in their windows only.
    """
    texts = [prompt.text for group in groups for prompt in group.prompts]
    return [_clip(index, count, texts) for index in range(count)]


def _clip(index: int, count: int, texts: Sequence[str]) -> Audio:
    text = " ".join(texts[(index + step) % len(texts)] for step in range(4))
    wave = say(text, EspeakSettings(voice=VOICES[index % len(VOICES)], rate=165, pitch=50, range=50, amplitude=100, word_gap=0))
    length = round((SHORTEST + (LONGEST - SHORTEST) * (index * 7 % count) / (count - 1)) * RATE)
    speech = resample(Audio(torch.from_numpy(wave), 22_050), RATE)
    clip = Audio(speech.samples[RATE // 2 :][:length], RATE)
    level = NOISE_DB[index // len(VOICES) % len(NOISE_DB)]
    return normalise(trim(clip if level is None else noise(clip, level)))
