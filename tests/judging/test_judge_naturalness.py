"""Naturalness: the front end against an independent one, windows, and scores that do not depend on company."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchaudio

from benchmarks.voices import hibari
from scoring.audio.audio import Audio, from_pcm, loudness, normalise
from scoring.audio.clip import Clip
from scoring.errors import Code, InfrastructureFault
from scoring.judges import dnsmos
from scoring.judges.dnsmos import WINDOW, log_mel
from scoring.judges.judge import Utterance
from scoring.judges.naturalness import GAP, NOISE_FLOOR, NaturalnessJudge, distillmos_windows, dnsmos_windows, windows
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors

TEXT = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."


@pytest.fixture(scope="module")
def judge() -> NaturalnessJudge:
    """Both networks."""
    return NaturalnessJudge()


@pytest.fixture(scope="module")
def clip(speak: Callable[..., bytes]) -> Audio:
    """A short clear clip."""
    return from_pcm(speak(TEXT), 22_050)


def slaney_filter(band: int, hertz: float) -> float:
    """One triangle of unit area at one frequency, by the definition: linear below 1 kHz, 27 mels per factor 6.4 above."""

    def to_hertz(mel: float) -> float:
        return mel * 200.0 / 3.0 if mel < 15.0 else 1000.0 * 6.4 ** ((mel - 15.0) / 27.0)

    top = 15.0 + 27.0 * math.log(8.0) / math.log(6.4)
    low, middle, high = (to_hertz(top * (band + edge) / 121.0) for edge in range(3))
    height = 2.0 / (high - low)
    return height * max(0.0, min((hertz - low) / (middle - low), (high - hertz) / (high - middle)))


def test_features_agree_with_an_independent_front_end(clip: Audio) -> None:
    """torchaudio's spectrogram and decibels, and mel filters by their definition, give the same features.

    Not torchaudio's own mel filters: they take the last bin of an odd transform for half the sampling rate.
    """
    wave = dnsmos_windows(Clip(clip))[0, :-160].to(torch.float64)
    window = torch.hann_window(321, dtype=torch.float64)
    power = torchaudio.functional.spectrogram(wave, 0, window, 321, 160, 321, 2.0, False, pad_mode="constant")
    filters = torch.tensor(
        [[slaney_filter(band, k * 16_000 / 321) for k in range(161)] for band in range(120)], dtype=torch.float64
    )
    mel = filters @ power
    decibels = torchaudio.functional.amplitude_to_DB(mel[None], 10.0, 1e-10, math.log10(float(mel.max())), top_db=80.0)
    expected = ((decibels[0] + 40.0) / 40.0).T.to(torch.float32)
    features = log_mel(wave.to(torch.float32))
    assert features.shape == (900, 120)
    assert torch.allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "count"),
    [
        pytest.param(0.5, 1, id="repeated 18 times"),
        pytest.param(9.0, 1, id="just short of a window"),
        pytest.param(9.1, 2, id="just longer"),
        pytest.param(27.0, 3, id="three windows"),
    ],
)
def test_windows_cover_a_clip_without_redundancy(tone: Callable[..., Audio], seconds: float, count: int) -> None:
    """As few windows as cover the clip, each full, in a hiss; the last ends with it."""
    audio = tone(200.0, seconds=seconds)
    cut = dnsmos_windows(Clip(audio))
    assert cut.shape == (count, WINDOW)
    assert loudness(Audio(cut[0], 16_000)) == pytest.approx(-23.0, abs=0.3)
    if count > 1:
        assert float((cut[-1][-100:] - normalise(audio).samples[-100:]).abs().max()) <= NOISE_FLOOR / 32768


def test_a_short_clip_is_repeated_from_its_start(tone: Callable[..., Audio]) -> None:
    """Half a second, again and again."""
    (cut,) = dnsmos_windows(Clip(tone(200.0, seconds=0.5)))
    assert torch.equal(cut[:8000], cut[8000:16_000])


def test_silence_cannot_be_judged() -> None:
    """The gates keep it out; if it came here, it would be our mistake."""
    silent = Clip(Audio(torch.zeros(16_000), 16_000))
    for cut in (dnsmos_windows, distillmos_windows):
        with pytest.raises(ValueError, match="no speech"):
            cut(silent)


def test_repetitions_fall_on_other_frames() -> None:
    """A clip of whole hops begins 2.5 ms later in its hop each time it is repeated for DistillMOS."""
    clip = torch.arange(1.0, 1601.0)
    (cut,) = windows(clip, 5000, GAP)
    starts = [int(place) for place in (cut == 1.0).nonzero()[:, 0]]
    assert starts == [0, 1640, 3280, 4920]
    assert [start % 160 for start in starts] == [0, 40, 80, 120]
    assert torch.equal(windows(clip, 1000)[1], clip[600:])


def test_a_neural_voice_is_far_above_a_formant_one(judge: NaturalnessJudge, clip: Audio, ask: Callable[..., Utterance]) -> None:
    """Every kind of evidence but DNSMOS tells them apart: utilities of a neural voice above .6, of a formant voice below .4."""
    scale = load_anchors().factors[Factor.NATURALNESS]
    (neural,) = hibari([TEXT])
    found = [judge.measure([ask(sound)])[0] for sound in (neural, clip)]
    kinds = [scale.by_kind({name: scale.metrics[name].utility(one[name]) for name in scale.metrics}) for one in found]
    for kind in ("opinion", "articulation", "formants"):
        assert kinds[0][kind] > 0.6
        assert kinds[1][kind] < 0.4
    assert scale.utility(found[0]) > 0.7
    assert scale.utility(found[1]) < 0.2


def test_scores_do_not_depend_on_company_or_threads(
    judge: NaturalnessJudge, clip: Audio, tone: Callable[..., Audio], ask: Callable[..., Utterance]
) -> None:
    """Alone, in a batch, in another order, with one torch thread or two: the same bits."""
    speech, beep = ask(clip), ask(tone(200.0, seconds=10.0))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = judge.measure([speech])
        torch.set_num_threads(2)
        together = judge.measure([beep, speech])
    finally:
        torch.set_num_threads(before)
    assert alone == together[1:]
    assert judge.measure([]) == []


def test_noise_lowers_every_score_in_use(judge: NaturalnessJudge, clip: Audio, ask: Callable[..., Utterance]) -> None:
    """0 dB of white noise costs at least half a point on each scale that has an anchor; a lower level costs nothing."""
    noise = torch.randn(clip.samples.shape, generator=torch.Generator().manual_seed(2)) * clip.samples.square().mean().sqrt()
    noisy, faint = Audio((clip.samples + noise).clamp(-1, 1), clip.rate), Audio(clip.samples * 0.25, clip.rate)
    clean_scores, noisy_scores, faint_scores = judge.measure([ask(clip), ask(noisy), ask(faint)])
    for name in ("ovr", "bak", "p808"):
        assert noisy_scores[name] < clean_scores[name] - 0.5
        assert faint_scores[name] == pytest.approx(clean_scores[name], abs=0.15)


def test_a_sound_that_comes_twice_is_judged_once(
    clip: Audio, ask: Callable[..., Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same samples in one batch share the networks' answers; another sound does not."""
    judge, seen = NaturalnessJudge(), 0

    def network(_: torch.Tensor) -> list[float]:
        nonlocal seen
        seen += 1
        return [3.0 + seen, 3.0, 3.0]

    monkeypatch.setattr(judge, "_p835", network)
    quieter = Audio(clip.samples[: clip.rate], clip.rate)
    first, again, other = judge.measure([ask(clip), ask(clip), ask(quieter)])
    assert first == again != other
    assert seen == 2


def test_the_version_names_the_networks_and_the_arithmetic() -> None:
    """Receipts compare it: another file or another arithmetic is another judge."""
    assert NaturalnessJudge.version == (
        "distillmos-b18b3ac60227-dnsmos-269fbebdb513-9246480c5856-prosody-1-articulation-2-ringing-2-float32-4"
    )


def test_a_missing_or_altered_network_is_our_fault(tmp_path: Path) -> None:
    """Neither is ever judged with: the evaluation is tried again elsewhere."""
    with pytest.raises(InfrastructureFault, match=r"model_v8\.onnx cannot be read") as missing:
        dnsmos.read(tmp_path, dnsmos.P808)
    (tmp_path / "model_v8.onnx").write_bytes(b"not the network")
    with pytest.raises(InfrastructureFault, match=r"model_v8\.onnx is not the DNSMOS network") as altered:
        dnsmos.read(tmp_path, dnsmos.P808)
    assert {missing.value.code, altered.value.code} == {Code.JUDGE_UNAVAILABLE}
