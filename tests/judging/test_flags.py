"""Flags: a repeated recording, a sound that never changes, words of another prompt, a filter; and silence about honest voices."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
import torch

from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from prompts.voices import Attribute
from scoring.audio.audio import Audio, from_pcm, to_pcm
from scoring.audio.clip import RATE as CLIP_RATE
from scoring.audio.spoken import Spoken
from scoring.judges import flags
from scoring.judges.intelligibility import word_errors
from scoring.judges.panel import deterministic
from scoring.judges.ripples import ripples
from scoring.receipts.audit import flagged
from scoring.report import EvaluationReport, Flag, FlagKind
from scoring.scores.aggregate import JudgedSample
from scoring.scores.flags import sentence
from scoring.types import Micro

RATE = 22_050


@pytest.fixture(scope="module")
def groups() -> tuple[Group, ...]:
    """Six prompts of different texts, and a pair of one text."""
    return generate(b"\xab" * 32, GroupPlan(single=4, counterfactual=1, voice=1, asks=tuple(Attribute)))


@pytest.fixture(scope="module")
def honest(groups: tuple[Group, ...], speak: Callable[..., bytes]) -> Mapping[str, bytes]:
    """Each prompt's own text, by a voice without noise or chance: what is most alike of all that is honest."""
    return {prompt.id: speak(prompt.text, "en-us+m1") for group in groups for prompt in group.prompts}


def look(groups: Sequence[Group], pcm: Mapping[str, bytes], heard: Mapping[str, str] | None = None) -> tuple[Flag, ...]:
    """The flags of these sounds; a prompt that `heard` does not name was heard as it was asked."""
    spoken = {name: Spoken(prompt_id=name, rate=RATE, pcm=sound, seconds=0.1) for name, sound in pcm.items()}
    judged = {
        prompt.id: judged_as(prompt.text, (heard or {}).get(prompt.id, prompt.text)) for g in groups for prompt in g.prompts
    }
    with deterministic():
        return flags.look(groups, spoken, judged)


def judged_as(text: str, heard: str) -> JudgedSample:
    return JudgedSample(gate=None, metrics=word_errors(text, heard), pcm_sha256="", seconds=0.1, heard=heard)


def names(groups: Sequence[Group]) -> list[str]:
    """Prompts of different texts, one of each."""
    return list({prompt.text: prompt.id for group in groups for prompt in group.prompts}.values())


def test_honest_speech_raises_no_flag(groups: tuple[Group, ...], honest: Mapping[str, bytes]) -> None:
    """A voice that says each text raises no flag, also where two prompts of a pair have one text."""
    assert look(groups, honest) == ()


def test_a_repeated_recording_is_told_of_both(groups: tuple[Group, ...], honest: Mapping[str, bytes]) -> None:
    """One recording for two texts is noticed at both, louder, with noise and begun later too, and each names the other."""
    first, second = names(groups)[:2]
    wave = from_pcm(honest[first], RATE).samples
    noise = 0.003 * torch.randn(wave.shape[0], generator=torch.Generator().manual_seed(1))
    later = torch.cat([torch.zeros(4_001), 0.5 * wave + noise])
    found = look(groups, {**honest, second: to_pcm(Audio(later, RATE))})
    assert {(flag.prompt_id, flag.other) for flag in found} == {(first, second), (second, first)}
    assert {flag.kind for flag in found} == {FlagKind.REPEATED}
    assert all(flag.value >= 0.5 for flag in found)


@pytest.mark.parametrize("kind", ["hum", "loop"])
def test_a_sound_that_never_changes_is_told(groups: tuple[Group, ...], honest: Mapping[str, bytes], kind: str) -> None:
    """A hum, and one word in a loop, are noticed by themselves."""
    chosen = names(groups)[0]
    time = torch.arange(4 * RATE) / RATE
    hum = 0.3 * torch.sin(2 * torch.pi * 120 * time) + 0.2 * torch.sin(2 * torch.pi * 360 * time)
    loop = from_pcm(honest[chosen], RATE).samples[: RATE // 2].repeat(8)
    (found,) = look(groups, {**honest, chosen: to_pcm(Audio(hum if kind == "hum" else loop, RATE))})
    assert (found.prompt_id, found.kind, found.other) == (chosen, FlagKind.CONSTANT, "")


def test_words_of_another_prompt_are_told(groups: tuple[Group, ...], honest: Mapping[str, bytes]) -> None:
    """Whoever answers one prompt with the words of another is told which; mumbling that is no prompt's is not."""
    first, second = names(groups)[:2]
    texts = {prompt.id: prompt.text for group in groups for prompt in group.prompts}
    (found,) = look(groups, honest, {first: texts[second]})
    assert (found.prompt_id, found.kind, found.other, found.value) == (first, FlagKind.OTHER_PROMPT, second, 0.0)
    assert look(groups, honest, {first: "something quite apart from all of it"}) == ()


def test_one_filter_behind_all_clips_is_told_of_the_first(groups: tuple[Group, ...], honest: Mapping[str, bytes]) -> None:
    """A narrow filter is noticed where enough clips tell it together; on fewer it is not, nor is a wide one."""
    ids = [prompt.id for group in groups for prompt in group.prompts]
    narrow = {name: to_pcm(Audio(delayed(from_pcm(honest[name], RATE).samples, 0.3, 0.002), RATE)) for name in ids}
    wide = {name: to_pcm(Audio(delayed(from_pcm(honest[name], RATE).samples, 0.3, 0.0002), RATE)) for name in ids}
    (found,) = look(groups, narrow)
    assert (found.prompt_id, found.kind, found.other) == (ids[0], FlagKind.EQUALISED, "")
    assert look(groups, {name: narrow[name] for name in ids[:7]}) == ()
    assert look(groups, wide) == ()


def delayed(wave: torch.Tensor, gain: float, seconds: float) -> torch.Tensor:
    """The wave with itself behind it: a filter whose ripples are one in 1 / `seconds` Hz."""
    later = torch.nn.functional.pad(wave, (round(seconds * RATE), 0))[: wave.shape[0]]
    return wave + gain * later


def test_ripples_of_a_known_filter() -> None:
    """White noise behind 1 + a z^-n has the log response 20/ln 10 (a cos - a^2/2 cos 2 + ...), of which the first part is looked at."""
    noise = [torch.randn(3 * CLIP_RATE, generator=torch.Generator().manual_seed(number)) for number in range(8)]
    gain, late = 0.3, round(0.002 * CLIP_RATE)
    filtered = [
        Audio(0.05 * (wave + gain * torch.nn.functional.pad(wave, (late, 0))[: wave.shape[0]]), CLIP_RATE) for wave in noise
    ]
    assert ripples(filtered) == pytest.approx(20 / math.log(10) * gain / math.sqrt(2), abs=0.05)
    assert ripples([Audio(0.05 * wave, CLIP_RATE) for wave in noise]) == pytest.approx(0.0, abs=0.15)
    assert ripples(filtered[:7]) is None


def test_sounds_too_short_to_compare_raise_nothing(groups: tuple[Group, ...]) -> None:
    """Clips of half a second, silence and nothing at all are left to the gates."""
    ids = names(groups)
    assert look(groups, {ids[0]: b"\0\0" * 9_000, ids[1]: b"\0\0" * 90_000, ids[2]: b""}) == ()


@pytest.mark.parametrize("kind", FlagKind)
def test_each_kind_has_a_sentence_with_its_number(kind: FlagKind) -> None:
    """A flag is told in words, with its share or its dB."""
    told = sentence(Flag("single-01", kind, 0.62, "single-02"))
    assert ("0.6 dB" if kind is FlagKind.EQUALISED else "62%") in told


def test_an_audit_names_flags_that_were_left_out_or_made_up() -> None:
    """What was noticed follows from the sounds: a receipt that says less or more differs."""
    report = EvaluationReport(profile="", profile_hash="", judges={}, samples=(), groups=(), score=Micro(0), stderr=Micro(0))
    noticed = replace(report, flags=(Flag("single-01", FlagKind.REPEATED, 0.9, "single-02"),))
    moved = replace(report, flags=(Flag("single-01", FlagKind.REPEATED, 0.8, "single-02"),))
    assert flagged(noticed, moved) == []
    (left_out,) = flagged(report, noticed)
    assert (left_out.what, left_out.claimed, left_out.found) == ("single-01: repeated", "not noticed", "single-02")
    assert flagged(noticed, report)
