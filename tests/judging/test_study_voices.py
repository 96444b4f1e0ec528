"""The voices of the studies: those that are there speak, the others are named with what they need; recordings come with their words."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.piper import phonemes
from benchmarks.voices import VOICES, Kind, absent, present, recordings
from scoring.audio.audio import Audio
from scoring.studies.manipulations.manipulation import write

TEXTS = ("Hello; who is there?", "The ghost!")


def test_a_voice_speaks_every_text_and_always_alike() -> None:
    """espeak-ng, which is everywhere; the first text is the longer one."""
    (voice,) = [each for each in VOICES if each.name == "edward"]
    said = voice.say(TEXTS)
    assert [audio.rate for audio in said] == [22_050, 22_050]
    assert said[0].seconds > said[1].seconds > 0.3
    assert all(torch.equal(a.samples, b.samples) for a, b in zip(said, voice.say(TEXTS), strict=True))


def test_who_is_missing_is_named_with_what_it_needs() -> None:
    """A voice is either present or named."""
    voices = (replace(VOICES[0], is_there=lambda: False), replace(VOICES[1], is_there=lambda: True))
    assert absent(voices) == ("hibari is absent: it needs pip install hibari-tts==0.2.1",)
    assert [voice.name for voice in present(voices)] == ["joe"]


def test_voices_have_names_of_their_own_and_several_kinds() -> None:
    """Two neural voices, and every kind that a synthesiser can be."""
    assert len({voice.name for voice in VOICES}) == len(VOICES)
    assert sum(voice.kind is Kind.NEURAL for voice in VOICES) >= 2
    assert {voice.kind for voice in VOICES} == set(Kind) - {Kind.PERSON}


def test_recordings_come_with_their_words(tmp_path: Path) -> None:
    """Dots in front of a text stand for what was cut off."""
    write(Audio(torch.full((1600,), 0.25), 16_000), tmp_path / "one.wav")
    (tmp_path / "one.txt").write_text("... is not there.\n", encoding="utf-8")
    ((name, (text, audio)),) = recordings(tmp_path).items()
    assert (name, text, audio.rate) == ("one", "is not there.", 16_000)
    assert float(audio.samples[0]) == pytest.approx(0.25, abs=1e-4)


def test_phonemes_keep_the_punctuation() -> None:
    """Clause by clause, none of them lost."""
    found = phonemes(["Hello; who is there?", "No"], "en-us")
    assert [found[0].count(sign) for sign in ";?"] == [1, 1]
    assert found[0].startswith("həl") and found[1] == "nˈoʊ"
