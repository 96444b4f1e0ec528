"""DNSMOS's P.835 network in torch, from the weights of its ONNX file: windows that overlap share their convolutions.

The graph takes 9.01 s of sound and nothing else. Here its first four convolutions, which are 98 % of the work, run once over any
length.

A wave is float32 [samples] at 16 kHz; its features are [1, 1, frames, 161], 100 frames per second; the trunk keeps frames and
bands and gives 32 channels; the head turns 900 frames of that into the raw (sig, bak, ovr).
"""

import torch

from scoring.model import onnx_weights

FRAME, HOP = 320, 160
"""Samples."""
REACH = 4
"""The trunk's output at a frame depends on this many frames on each side."""
STRIP = 300
"""Frames that go through the trunk at a time: few enough that its intermediate results stay in the cache."""
LEAST_POWER = 1e-12
TRUNK = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3")
HEAD = ("conv2d_4", "conv2d_5", "conv2d_6")
DENSE = ("dense", "dense_1", "dense_3")

Layer = tuple[torch.Tensor, torch.Tensor]
"""A layer's weights and biases."""


class P835:
    """The network, all of it in float32."""

    def __init__(self, model: bytes) -> None:
        weights = onnx_weights.read(model)
        self._fourier = torch.cat([weights[f"time2freq/stft-{part}/kernel:0"][:, :, 0] for part in ("real", "imag")]).T
        self._trunk, self._head = ([_convolution(weights, name) for name in names] for names in (TRUNK, HEAD))
        self._dense = [_dense(weights, name) for name in DENSE]

    @torch.inference_mode()
    def features(self, wave: torch.Tensor) -> torch.Tensor:
        """Logarithm (base 10) of each frame's power by frequency."""
        spectrum = wave.unfold(0, FRAME, HOP) @ self._fourier
        real, imaginary = spectrum.chunk(2, dim=1)
        return (real.square() + imaginary.square()).clamp(min=LEAST_POWER).log10()[None, None]

    def trunk(self, features: torch.Tensor) -> torch.Tensor:
        """The trunk's output for all frames; beyond the first and the last frame there are zeros."""
        return torch.cat([self.strip(features, start, stop) for start, stop in strips(features)], dim=2)

    @torch.inference_mode()
    def strip(self, features: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """The trunk's output at some of the frames."""
        first, last = max(0, start - REACH), min(stop + REACH, features.shape[2])
        passed = features[:, :, first:last].contiguous(memory_format=torch.channels_last)
        for weight, bias in self._trunk:
            passed = _convolve(passed, weight, bias).relu_()
        return passed[:, :, start - first : stop - first]

    @torch.inference_mode()
    def head(self, passed: torch.Tensor) -> torch.Tensor:
        """Raw opinions float32 [windows, 3] of the trunk's output [windows, 32, 900, 161]."""
        for weight, bias in self._head:
            passed = _convolve(torch.max_pool2d(passed, 2), weight, bias).relu_()
        found = passed.amax(dim=(2, 3))
        for index, (weight, bias) in enumerate(self._dense):
            found = (found if index == 0 else found.relu()) @ weight + bias
        return found

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        """Raw opinions float32 [3] of one wave of 144,160 samples."""
        return self.head(self.trunk(self.features(wave)))[0]


def strips(features: torch.Tensor) -> list[tuple[int, int]]:
    """First frame of each strip, and the one after its last."""
    frames = features.shape[2]
    return [(start, min(start + STRIP, frames)) for start in range(0, frames, STRIP)]


def _convolve(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """3 × 3 with zeros around, by oneDNN even where the process has switched it off: it has the kernels for these shapes."""
    return torch.mkldnn_convolution(images, weight, bias, padding=(1, 1), stride=(1, 1), dilation=(1, 1), groups=1)


def _convolution(weights: dict[str, torch.Tensor], name: str) -> Layer:
    return weights[f"{name}/kernel:0"].contiguous(memory_format=torch.channels_last), weights[f"{name}/bias:0"]


def _dense(weights: dict[str, torch.Tensor], name: str) -> Layer:
    matrix, bias = (weights[f"mos_estimator_logpow/{name}/{part}/ReadVariableOp/resource:0"] for part in ("MatMul", "BiasAdd"))
    return matrix, bias
