"""Whisper tiny.en, run by CTranslate2 in float32: what is said in a clip, by a recogniser that knows any word, and where each word is.

Source: "Robust Speech Recognition via Large-Scale Weak Supervision" (Radford et al. 2022). Each clip is heard by itself, greedily, on one
thread, in the window of 30 s that the network was trained with: silence fills what is left of it.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from weakref import WeakKeyDictionary

import ctranslate2
import torch
from tokenizers import Tokenizer

from scoring.audio.clip import RATE, Clip
from scoring.audio.mel import mel_bank
from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights
from scoring.language.text import normalise as words_of

VERSION = f"whisper-tiny.en-{weights.WHISPER.sha256[:12]}-float32"
FFT, HOP, MELS = 400, 160, 80
"""The network's input: 25 ms frames each 10 ms, 80 mel bands."""
WINDOW = 30 * RATE
"""Samples that the network takes at once."""
SEAM, QUIET = 10 * RATE, RATE // 10
"""A clip that is longer than the window is parted at the quietest of these tenths of a second, in the last ten seconds of the window."""
FLOOR, DYNAMIC = 1e-10, 8.0
"""The least power of a band, and how many powers of ten below the loudest cell the quietest may lie."""
START, NO_TIMES, END = "<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>"
TOKENS_PER_SECOND, LEAST_TOKENS, MOST_TOKENS = 10, 10, 220
"""Longest answer: it now and then says "dot dot dot" without end, and nobody speaks as fast as this."""
NO_SPEECH = 0.6
"""Probability of silence above which nothing was said: in silence, hum and noise it guesses a word."""
TOKEN_SECONDS = 0.02
"""The alignment's step."""
LATE_SECONDS = 0.06
"""So much later than a word begins its first token is heard: half of 82 words of two espeak-ng voices, whose own places are known, began
.06 s away from this one and nine tenths .11."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and where it was heard: seconds from the clip's start."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Piece:
    """A window's worth of a clip: where it begins, how many frames of 10 ms it has, what the encoder made of it, and its text."""

    start: float
    frames: int
    encoded: ctranslate2.StorageView
    text: str


@dataclass(slots=True)
class _Hearing:
    """What was heard in a clip; None: nobody has listened yet. Whoever wants it holds the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pieces: tuple[_Piece, ...] | None = None


class Recogniser:
    """The network and its tokens. Judges in several threads may share one; a clip is heard once, up to `lanes` clips at the same time."""

    def __init__(self, lanes: int = 1) -> None:
        """Raises InfrastructureFault(JUDGE_UNAVAILABLE) without the network's files."""
        files = {file.name: weights.read(file) for file in (weights.WHISPER, weights.WHISPER_CONFIG, weights.WHISPER_VOCABULARY)}
        self._tokens = Tokenizer.from_str(weights.read(weights.WHISPER_TOKENIZER).decode("utf-8"))
        self._prompt = [self._tokens.token_to_id(name) for name in (START, NO_TIMES)]
        self._end = self._tokens.token_to_id(END)
        try:
            self._network = ctranslate2.models.Whisper(
                "tiny.en", device="cpu", compute_type="float32", inter_threads=lanes, intra_threads=1, files=files
            )
        except (RuntimeError, ValueError) as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the recogniser could not be built: {exc}") from exc
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Clip, _Hearing] = WeakKeyDictionary()

    def hear(self, clip: Clip) -> str:
        """What is said, as it is written; empty if nothing is."""
        return " ".join(piece.text for piece in self._pieces(clip) if piece.text)

    def place(self, clip: Clip) -> tuple[HeardWord, ...]:
        """The words that are said, in order, each with its place: the way through the attention that tells sound by tokens."""
        return tuple(word for piece in self._pieces(clip) for word in self._placed(piece))

    def _pieces(self, clip: Clip) -> tuple[_Piece, ...]:
        with self._lock:
            hearing = self._known.setdefault(clip, _Hearing())
        with hearing.lock:
            if hearing.pieces is None:
                hearing.pieces = tuple(self._heard(start, wave) for start, wave in _parts(clip))
            return hearing.pieces

    def _heard(self, start: float, wave: torch.Tensor) -> _Piece:
        seconds = wave.shape[0] / RATE
        features = ctranslate2.StorageView.from_array(log_mel(wave)[None].numpy())
        most = min(MOST_TOKENS, LEAST_TOKENS + math.ceil(TOKENS_PER_SECOND * seconds))
        try:
            encoded = self._network.encode(features)
            (found,) = self._network.generate(encoded, [self._prompt], beam_size=1, max_length=most, return_no_speech_prob=True)
        except RuntimeError as exc:
            raise _fault(exc) from exc
        said = [token for token in found.sequences_ids[0] if token < self._end]
        text = self._tokens.decode(said).strip() if found.no_speech_prob <= NO_SPEECH else ""
        return _Piece(start, wave.shape[0] // HOP, encoded, text)

    def _placed(self, piece: _Piece) -> tuple[HeardWord, ...]:
        words = words_of(piece.text)
        if not words:
            return ()
        tokens = [self._tokens.encode(f" {word}", add_special_tokens=False).ids for word in words]
        try:
            (found,) = self._network.align(
                piece.encoded, self._prompt[:1], [[token for word in tokens for token in word]], piece.frames
            )
        except RuntimeError as exc:
            raise _fault(exc) from exc
        begins = _begins(found.alignments)
        first, *inner, last = (begins[token] for token in accumulate((len(word) for word in tokens), initial=0))
        edges = [first, *(max(first, edge - LATE_SECONDS) for edge in inner), last]
        return tuple(
            HeardWord(word, piece.start + start, piece.start + end)
            for word, start, end in zip(words, edges, edges[1:], strict=False)
        )


def log_mel(wave: torch.Tensor) -> torch.Tensor:
    """The network's input: float32 [80, 3000] of a wave [at most 480000] at 16 kHz, silence behind it.

    `(max(lg m, max - 8) + 4) / 4` of the power m in each band, the greater maximum over the window.
    """
    padded = torch.nn.functional.pad(wave.to(torch.float64), (0, WINDOW - wave.shape[0]))
    mirrored = torch.nn.functional.pad(padded[None], (FFT // 2, FFT // 2), mode="reflect")[0]
    spectrum = torch.fft.rfft(mirrored.unfold(-1, FFT, HOP)[:-1] * torch.hann_window(FFT, dtype=torch.float64))  # [3000, 201]
    power = (spectrum.real.square() + spectrum.imag.square()) @ mel_bank(FFT, MELS)
    logarithm = power.clamp(min=FLOOR).log10()
    scaled: torch.Tensor = (logarithm.clamp(min=float(logarithm.max()) - DYNAMIC) + 4.0) / 4.0
    return scaled.T.to(torch.float32).contiguous()


def _parts(clip: Clip) -> Iterator[tuple[float, torch.Tensor]]:
    """The clip's speech at -23 LUFS in parts that fit the window, each with its start in seconds: cut where it is quietest."""
    wave, start = clip.level.samples, 0
    while wave.shape[0] - start > WINDOW:
        last = wave[start + WINDOW - SEAM : start + WINDOW].unfold(0, QUIET, QUIET)
        end = start + WINDOW - SEAM + int(last.square().sum(dim=1).argmin()) * QUIET + QUIET // 2
        yield clip.speech_start + start / RATE, wave[start:end]
        start = end
    yield clip.speech_start + start / RATE, wave[start:]


def _begins(path: Sequence[tuple[int, int]]) -> list[float]:
    """Seconds at which the path through (token, step) comes to each token, the end's among them."""
    first: dict[int, int] = {}
    for token, step in path:
        first.setdefault(token, step)
    return [first[token] * TOKEN_SECONDS for token in sorted(first)]


def _fault(exc: RuntimeError) -> InfrastructureFault:
    return InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the recogniser failed: {exc}")
