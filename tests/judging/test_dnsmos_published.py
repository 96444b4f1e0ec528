"""The published protocol and the network behind it: against the ONNX graph itself, window by window."""

from collections.abc import Callable

import pytest
import torch

from benchmarks.dnsmos_published import PublishedDnsmos, doubled, starts
from benchmarks.dnsmos_torch import P835
from scoring.audio.audio import Audio, from_pcm, resample
from scoring.judges import dnsmos
from scoring.judges.dnsmos import WINDOW, log_mel, opinions
from scoring.judges.naturalness import on_onnxruntime
from scoring.model import onnx_weights


@pytest.fixture(scope="module")
def speech(speak: Callable[..., bytes]) -> Audio:
    """Some 4 s of speech at 16 kHz."""
    return resample(from_pcm(speak("Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."), 22_050), 16_000)


def test_shared_convolutions_give_what_the_graph_gives(speech: Audio) -> None:
    """A clip of 4.2 s, doubled to 16.8 s: each window by itself through the ONNX graphs gives the same means to 1e-4."""
    clip = Audio(speech.samples[: round(4.2 * 16_000)], 16_000)
    wave, graph, p808 = doubled(clip.samples), on_onnxruntime(dnsmos.P835), on_onnxruntime(dnsmos.P808)
    windows = [wave[second * 16_000 : second * 16_000 + WINDOW] for second in starts(wave.shape[0])]
    expected = opinions([graph(window) for window in windows], [p808(log_mel(window[:-160]))[0] for window in windows])
    assert len(windows) == 7
    assert PublishedDnsmos()(clip) == pytest.approx(expected, abs=1e-4)
    assert PublishedDnsmos(lanes=2)(clip) == PublishedDnsmos()(clip)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(9.01, [0], id="one window"),
        pytest.param(10.9, [0], id="not a whole second more than nine"),
        pytest.param(12.0, [0, 1, 2], id="three"),
        pytest.param(18.0, [0, 1, 2, 3, 4, 5, 6], id="seven and eight end a sample short"),
        pytest.param(36.0, [0, 1, 2, 3, 4, 5, 6, 24, 25, 26], id="as do all to 23"),
    ],
)
def test_windows_begin_where_the_published_script_begins_them(seconds: float, expected: list[int]) -> None:
    """Each whole second, less those that its arithmetic leaves out."""
    assert starts(round(seconds * 16_000)) == expected


def test_a_short_clip_is_doubled(tone: Callable[..., Audio]) -> None:
    """2.5 s become 10 s; what fills a window stays."""
    assert doubled(tone(200.0, seconds=2.5).samples).shape == (160_000,)
    assert doubled(torch.zeros(WINDOW)).shape == (WINDOW,)


@pytest.mark.parametrize("audio", [Audio(torch.zeros(0), 16_000), Audio(torch.zeros(100), 8_000)])
def test_refuses_what_the_script_cannot_judge(audio: Audio) -> None:
    """Nothing at all, and another rate."""
    with pytest.raises(ValueError, match="16 kHz"):
        PublishedDnsmos()(audio)


@pytest.mark.parametrize("model", [b"\x3a\x7f", b"not a network at all", b"\xff" * 40, b"\x3a\x04\x2a\x02\x08"])
def test_other_bytes_are_no_network(model: bytes) -> None:
    """Cut short, of unknown types, or with numbers that never end."""
    with pytest.raises(ValueError, match="not an ONNX file"):
        onnx_weights.read(model)


def test_reads_each_weight_once() -> None:
    """Shapes of the published graph: seven convolutions of 3 × 3 and three dense layers."""
    weights = onnx_weights.read(dnsmos.read(dnsmos.folder(), dnsmos.P835))
    convolutions = [tuple(value.shape) for name, value in weights.items() if name.endswith("kernel:0") and value.dim() == 4]
    assert sorted(convolutions) == [
        *((32, 32, 3, 3),) * 2, (32, 64, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 128, 3, 3), (128, 1, 3, 3),
    ]  # fmt: skip
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_a_strip_is_what_the_whole_gives(speech: Audio) -> None:
    """Frames in the middle come out the same from a strip as from all frames at once."""
    network = P835(dnsmos.read(dnsmos.folder(), dnsmos.P835))
    with torch.inference_mode():
        features = network.features(speech.samples[:40_000])
        whole = network.strip(features, 0, features.shape[2])
        assert torch.allclose(network.strip(features, 50, 90), whole[:, :, 50:90], atol=1e-5)
