"""Attacks: changes of a sound with numbers that can be learnt or searched. Waves are float32 [n] at 16 kHz; the length stays."""

import math
from enum import StrEnum

import torch
from torch import nn

from scoring.audio.clip import RATE

CENTRE = 32
"""Samples by which an equaliser may sound ahead; all other taps come after: a filter in a vocoder's last layer is causal or nearly so."""
CHANNELS, KERNEL = 12, 31
"""Of the small network behind a voice."""


TAILS, TURN_SECONDS, MOST_TURNS = 6, 0.06, 2048
"""Of a changing hall: how many tails there are, for how long one sounds, and turns enough for two minutes."""


class Colour(StrEnum):
    """Slope of a noise's power over frequency."""

    WHITE = "white"
    PINK = "pink"
    """-3 dB per octave."""
    BROWN = "brown"
    """-6 dB per octave."""


class Equaliser(nn.Module):
    """A linear filter: one for every clip, or one made for a clip. It folds into a vocoder's last layer."""

    def __init__(self, taps: int) -> None:
        super().__init__()
        straight = torch.zeros(taps)
        straight[CENTRE] = 1.0
        self.taps = nn.Parameter(straight)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound, filtered."""
        return filtered(wave, self.taps)


class AddedNoise(nn.Module):
    """So many samples of noise, repeated over the clip, at a level in dB under the clip's own."""

    def __init__(self, samples: int, level_db: float, seed: int = 0) -> None:
        super().__init__()
        self.noise = nn.Parameter(torch.randn(samples, generator=torch.Generator().manual_seed(seed)))
        self._level = 10.0 ** (level_db / 20.0)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound with the noise."""
        whole = self.noise.repeat(math.ceil(wave.shape[0] / self.noise.shape[0]))[: wave.shape[0]]
        added: torch.Tensor = whole / root_mean_square(whole) * root_mean_square(wave).detach() * self._level
        return wave + added


class Both(nn.Module):
    """An equaliser, and noise behind it."""

    def __init__(self, taps: int, samples: int, level_db: float) -> None:
        super().__init__()
        self.equaliser, self.added = Equaliser(taps), AddedNoise(samples, level_db)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound, filtered and with the noise."""
        changed: torch.Tensor = self.added(self.equaliser(wave))
        return changed


class Network(nn.Module):
    """A small network behind the voice: three convolutions with a rectifier between, added to the sound. More than a filter can."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        last = nn.Conv1d(CHANNELS, 1, KERNEL, padding=KERNEL // 2, bias=False)
        nn.init.zeros_(last.weight)
        self.layers = nn.Sequential(
            nn.Conv1d(1, CHANNELS, KERNEL, padding=KERNEL // 2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(CHANNELS, CHANNELS, KERNEL, padding=8 * (KERNEL // 2), dilation=8),
            nn.LeakyReLU(0.2),
            last,
        )

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound, changed; the network hears it at one level."""
        level = root_mean_square(wave).detach()
        changed: torch.Tensor = self.layers((wave / level)[None, None])[0, 0]
        return wave + changed * level


class Echo(nn.Module):
    """One echo, found by search."""

    def __init__(self, delay_ms: float, gain: float) -> None:
        super().__init__()
        self._delay, self._gain = round(delay_ms * RATE / 1000.0), gain

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound with its echo."""
        late = nn.functional.pad(wave, (self._delay, 0))[: wave.shape[0]]
        return wave + self._gain * late


class ChangingHall(nn.Module):
    """A short hall whose walls move: random tails take turns, so that nothing rings all the time. Found by search, learnt from nobody."""

    def __init__(self, tail_ms: float, gain: float, tilt_db: float) -> None:
        super().__init__()
        self._gain, self._tilt = gain, tilt_db
        draw = torch.Generator().manual_seed(11)
        samples = round(tail_ms * RATE / 1000.0)
        fall = 10.0 ** (-3.0 * torch.arange(samples) / samples)
        tails = torch.randn(TAILS, samples, generator=draw) * fall
        tails[:, 0] = 0.0
        self._tails = tails / tails.square().sum(dim=1, keepdim=True).sqrt()
        self._turns = torch.randint(0, TAILS, (MOST_TURNS,), generator=draw)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound with the hall's, its highs lifted by so many dB an octave."""
        length = wave.shape[0]
        points = length + self._tails.shape[1]
        wet = torch.fft.irfft(torch.fft.rfft(wave, n=points) * torch.fft.rfft(self._tails, n=points), n=points)[:, :length]
        time = torch.arange(length) / (TURN_SECONDS * RATE)
        turn, between = time.long(), (time - time.floor()) * math.pi / 2.0
        place = torch.arange(length)
        late = wet[self._turns[turn], place] * between.cos() + wet[self._turns[turn + 1], place] * between.sin()
        return _tilted(wave + self._gain * late, self._tilt)


def _tilted(wave: torch.Tensor, db_an_octave: float) -> torch.Tensor:
    """The sound with its highs lifted, from 60 Hz on."""
    spectrum = torch.fft.rfft(wave)
    hertz = torch.linspace(0.0, RATE / 2.0, spectrum.shape[0]).clamp(min=60.0)
    lifted: torch.Tensor = torch.fft.irfft(spectrum * 10.0 ** (db_an_octave * torch.log2(hertz / 60.0) / 20.0), n=wave.shape[0])
    return lifted


class Hiss(nn.Module):
    """Noise of a colour and a level, found by search."""

    def __init__(self, colour: Colour, level_db: float) -> None:
        super().__init__()
        self._colour, self._level = colour, 10.0 ** (level_db / 20.0)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound with the noise."""
        drawn = torch.randn(wave.shape[0], generator=torch.Generator().manual_seed(2))
        slope = {Colour.WHITE: 0.0, Colour.PINK: 0.5, Colour.BROWN: 1.0}[self._colour]
        spectrum = torch.fft.rfft(drawn)
        places = torch.arange(spectrum.shape[0]).clamp(min=max(1, round(50.0 * wave.shape[0] / RATE)))
        noise = torch.fft.irfft(spectrum / places**slope, n=wave.shape[0])
        added: torch.Tensor = noise / root_mean_square(noise) * root_mean_square(wave) * self._level
        return wave + added


def filtered(wave: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Convolution, as long as the wave and as late: the taps' `CENTRE` is time 0."""
    points = wave.shape[0] + taps.shape[0]
    whole: torch.Tensor = torch.fft.irfft(torch.fft.rfft(wave, points) * torch.fft.rfft(taps, points), points)
    return whole[CENTRE : CENTRE + wave.shape[0]]


def root_mean_square(wave: torch.Tensor) -> torch.Tensor:
    """`sqrt(mean x²)`, never 0."""
    level: torch.Tensor = wave.square().mean().clamp(min=1e-12).sqrt()
    return level
