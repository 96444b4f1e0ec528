"""Flags: a sound that repeats a recording, never changes, answers another prompt, or was equalised.

They are evidence for whoever listens, no part of a score.

They read all clips of an evaluation at once, so they stand beside the judges, who hear each group alone.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import torch

from prompts.groups import Group, Prompt
from scoring.audio.audio import Audio, from_pcm, resample
from scoring.audio.spoken import Spoken
from scoring.judges.intelligibility import word_errors
from scoring.judges.ripples import ripples
from scoring.report import Flag, FlagKind
from scoring.scores.aggregate import JudgedSample
from scoring.scores.flags import CONSTANT_SHARE, OTHER_WORDS, OWN_WORDS, REPEATED_SHARE, RIPPLES_DB

RATE = 2_000
"""Hz at which recordings are compared: the voice's melody and first formants, where no two utterances agree for a second."""
PIECE = RATE
"""Samples of a piece that is looked for: one second."""
MOST_PIECES = 8
"""Looked for of one clip, evenly over its length: of a usual sentence each second."""
APART = RATE // 4
"""Samples by which a piece of a clip must be moved to be looked for in the same clip: more than any voice's period."""
ALIKE = 0.9
"""Normalised correlation, in size, from which two seconds are the same recording. `make study-flags`, eight voices and a person, 158
clips of odd texts: honest .42 … .62, none flagged (the person's had been looked at before); a recording that comes again, with noise
at 6 dB too, .99: 79 of 79."""
EMPHASIS = 0.9
"""Of the sample before, which is taken away: else the lowest harmonics alone decide."""
QUIET = 1e-3
"""Pieces with less than this share of the loudest one's energy are pauses."""
BLOCK = 8_192
STEP = BLOCK - PIECE + 1
"""Samples of a transform, and the places that each gives."""


def look(groups: Sequence[Group], spoken: Mapping[str, Spoken], judged: Mapping[str, JudgedSample]) -> tuple[Flag, ...]:
    """The flags of an evaluation's samples, in the round's order. Run it within `scoring.judges.panel.deterministic`."""
    prompts = [prompt for group in groups for prompt in group.prompts]
    found = [*_recordings(prompts, spoken), *_words(prompts, judged), *_filter(prompts, spoken)]
    place = {prompt.id: number for number, prompt in enumerate(prompts)}
    return tuple(sorted(found, key=lambda flag: place[flag.prompt_id]))


def _words(prompts: Sequence[Prompt], judged: Mapping[str, JudgedSample]) -> Iterator[Flag]:
    """Samples whose own words were not heard, but those of another text."""
    for prompt in prompts:
        sample = judged[prompt.id]
        if not sample.heard or sample.metrics["wer"] < OWN_WORDS:
            continue
        rates = {other.id: word_errors(other.text, sample.heard)["wer"] for other in prompts if other.text != prompt.text}
        nearest = min(rates, key=rates.__getitem__, default=None)
        if nearest is not None and rates[nearest] <= OTHER_WORDS:
            yield Flag(prompt.id, FlagKind.OTHER_PROMPT, round(rates[nearest], 3), nearest)


def _filter(prompts: Sequence[Prompt], spoken: Mapping[str, Spoken]) -> Iterator[Flag]:
    """The first clip of a voice behind which stands one filter: all of them tell it together, and each has it."""
    heard = [prompt for prompt in prompts if prompt.id in spoken and spoken[prompt.id].pcm]
    found = ripples(from_pcm(spoken[prompt.id].pcm, spoken[prompt.id].rate) for prompt in heard)
    if found is not None and found >= RIPPLES_DB:
        yield Flag(heard[0].id, FlagKind.EQUALISED, round(found, 3), "")


def _recordings(prompts: Sequence[Prompt], spoken: Mapping[str, Spoken]) -> Iterator[Flag]:
    """Clips that are largely the same recording as another text's, or as themselves at another time."""
    heard = [prompt for prompt in prompts if prompt.id in spoken and spoken[prompt.id].pcm]
    clips = Clips([wave(from_pcm(spoken[prompt.id].pcm, spoken[prompt.id].rate)) for prompt in heard])
    for number, prompt in enumerate(heard):
        pieces = [likeness >= ALIKE for likeness in clips.likeness(number)]
        if not pieces:
            continue
        found = torch.stack(pieces)
        own = float(found[:, number].double().mean())
        if own >= CONSTANT_SHARE:
            yield Flag(prompt.id, FlagKind.CONSTANT, round(own, 3), "")
        others = found[:, [other.text != prompt.text for other in heard]]
        share = float(others.any(dim=1).double().mean()) if others.shape[1] else 0.0
        if share >= REPEATED_SHARE:
            named = [other.id for other in heard if other.text != prompt.text]
            yield Flag(prompt.id, FlagKind.REPEATED, round(share, 3), named[int(others.sum(dim=0).argmax())])


def wave(audio: Audio) -> torch.Tensor:
    """A sound as it is compared: float32 [n] at `RATE`, its highs emphasised."""
    slow = resample(audio, RATE).samples
    return torch.cat([slow[:1], slow[1:] - EMPHASIS * slow[:-1]])


class Clips:
    """All clips of an evaluation on one line, a piece of silence after each, and the energy of the piece at each place of it."""

    def __init__(self, waves: Sequence[torch.Tensor]) -> None:
        ends = list(itertools.accumulate((wave.shape[0] + PIECE for wave in waves), initial=0))
        self._spans = [(begin, begin + wave.shape[0]) for begin, wave in zip(ends[:-1], waves, strict=True)]
        self._line = torch.cat([part for wave in waves for part in (wave, torch.zeros(PIECE))] or [torch.zeros(PIECE)])
        places = self._line.shape[0] - PIECE + 1
        blocks = torch.nn.functional.pad(self._line, (0, -places % STEP)).unfold(0, BLOCK, STEP)
        self._transformed = torch.fft.rfft(blocks)
        squares = torch.cat([torch.zeros(1, dtype=torch.float64), self._line.to(torch.float64).square().cumsum(0)])
        self._energy = (squares[PIECE:] - squares[:-PIECE]).clamp(min=0.0)
        self._least = float(self._energy.max()) * QUIET

    def likeness(self, clip: int) -> Iterator[torch.Tensor]:
        """Of up to `MOST_PIECES` seconds of a clip, pauses aside: how much any second of each clip is like it, in its own at another time.

        Normalised correlation in size, 0 … 1: float32 [clips]. Nothing of a clip that is shorter, or silent.
        """
        begin, end = self._spans[clip]
        for start in range(begin, end - PIECE + 1, max(PIECE, (end - begin - PIECE) // (MOST_PIECES - 1))):
            if self._energy[start] <= self._least:
                continue
            found = self._correlation(start)
            found[max(0, start - APART + 1) : start + APART] = 0.0
            yield torch.stack(
                [found[max(0, low - PIECE // 2) : max(low, high - PIECE // 2) + 1].max() for low, high in self._spans]
            )

    def _correlation(self, start: int) -> torch.Tensor:
        """Correlation of the piece with the line at every place, in size: float32 [places], 0 … 1; 0 where the line is nearly silent."""
        piece = self._line[start : start + PIECE]
        found = torch.fft.irfft(self._transformed * torch.fft.rfft(piece, n=BLOCK).conj(), n=BLOCK)
        flat = found[:, :STEP].reshape(-1)[: self._energy.shape[0]]
        likeness: torch.Tensor = flat.abs() / (self._energy[start] * self._energy.clamp(min=self._least)).sqrt().to(torch.float32)
        return likeness
