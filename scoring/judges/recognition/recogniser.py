"""A small recogniser that knows only the round's words, by a bigram language model over its texts, and says when it heard each."""

import math
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from pocketsphinx import Decoder

from scoring.audio.audio import noise_floor, normalise
from scoring.audio.clip import RATE, Clip
from scoring.errors import Code, InfrastructureFault
from scoring.judges.recognition.dictionary import model_folder, pronunciations, unknown
from scoring.language.text import normalise as words_of
from scoring.language.text import spell

PAD_SECONDS = 0.2
"""Silence on both sides: the recogniser needs some to find the first and the last word."""
NOISE_FLOOR = 32
"""A steady hiss of up to so many steps of 16 bits, -65 dBFS, under speech at -23 LUFS: as in any quiet room. The recogniser was
trained on recordings; in digital silence it hears words, and a voice that pauses so was read four times as badly."""
FRAMES_PER_SECOND = 100
FILLERS = "<["
"""First characters of the names of silences and noises."""

START, END = "<s>", "</s>"
DISCOUNT = 0.5
"""Absolute discount taken from each seen bigram, given to the back-off."""
NEVER = -99.0
"""log10 of a probability that is never used (a sentence does not begin twice)."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and where it was heard: seconds from the clip's start."""

    word: str
    start: float
    end: float


class Recogniser:
    """pocketsphinx with a bigram model of the round's texts. Judges in several threads may share one; a clip is decoded once."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Raises InfrastructureFault(JUDGE_UNAVAILABLE), also for a word that the pronouncing dictionary lacks."""
        self._sentences = sorted({reading for text in texts for reading in (words_of(text), spell(text))})
        self._decoder = _decoder(self._sentences)
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Clip, tuple[HeardWord, ...]] = WeakKeyDictionary()

    def recognise(self, clip: Clip) -> tuple[HeardWord, ...]:
        """The words, in order; none if nothing was heard. It starts from the same state for every clip."""
        with self._lock:
            if clip not in self._known:
                self._known[clip] = self._decode(_pcm(normalise(clip.at(RATE)).samples))
            return self._known[clip]

    def _decode(self, pcm: bytes) -> tuple[HeardWord, ...]:
        """A clip that fails twice, while a new decoder decodes silence, is one in which nothing can be heard."""
        try:
            return self._attempt(pcm)
        except RuntimeError:
            self._decoder = _decoder(self._sentences)
        try:
            self._attempt(_pcm(torch.zeros(RATE)))
        except RuntimeError as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the recogniser failed: {exc}") from exc
        try:
            return self._attempt(pcm)
        except RuntimeError:
            self._decoder = _decoder(self._sentences)
            return ()

    def _attempt(self, pcm: bytes) -> tuple[HeardWord, ...]:
        self._decoder.reinit_feat()  # channel statistics of earlier clips would change this one's words
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        return tuple(
            HeardWord(part.word.split("(")[0], _seconds(part.start_frame), _seconds(part.end_frame + 1))
            for part in self._decoder.seg() or ()
            if part.word[0] not in FILLERS
        )


def _seconds(frame: int) -> float:
    return frame / FRAMES_PER_SECOND - PAD_SECONDS


def _pcm(speech: torch.Tensor) -> bytes:
    """16-bit samples of speech float32 [n], between silences, in the quiet room's hiss."""
    padded = torch.nn.functional.pad(speech, (round(PAD_SECONDS * RATE),) * 2)
    heard = (padded * 32767.0).round() + noise_floor(padded.shape[0], NOISE_FLOOR)
    return heard.clamp(-32768, 32767).to(torch.int16).numpy().tobytes()


def _decoder(sentences: Sequence[Sequence[str]]) -> Decoder:
    vocabulary = {word for sentence in sentences for word in sentence}
    if missing := unknown(vocabulary):
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"not in the pronouncing dictionary: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="voice-words-") as name:
        folder = Path(name)
        (folder / "words.lm").write_text(arpa(sentences), encoding="utf-8")
        (folder / "words.dict").write_text(_dictionary(vocabulary), encoding="utf-8")
        try:
            return Decoder(
                hmm=str(model_folder() / "en-us"),
                lm=str(folder / "words.lm"),
                dict=str(folder / "words.dict"),
                samprate=float(RATE),
                loglevel="FATAL",
            )
        except (RuntimeError, ValueError) as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the recogniser could not be built: {exc}") from exc


def _dictionary(vocabulary: Iterable[str]) -> str:
    lines = []
    for word in sorted(vocabulary):
        for number, phonemes in enumerate(pronunciations()[word], start=1):
            lines.append(f"{word if number == 1 else f'{word}({number})'} {phonemes}")
    return "\n".join([*lines, ""])


def arpa(sentences: Iterable[Sequence[str]]) -> str:
    """A bigram language model over sentences, as sorted ARPA text: equal texts in any order give equal bytes.

    Raises ValueError if there is none.
    """
    padded = [[START, *sentence, END] for sentence in sentences if sentence]
    if not padded:
        raise ValueError("a language model needs at least one sentence")
    words = Counter(word for sentence in padded for word in sentence[1:])
    pairs = Counter(pair for sentence in padded for pair in pairwise(sentence))
    unigrams = {word: count / words.total() for word, count in words.items()}
    lines = ["\\data\\", f"ngram 1={len(unigrams) + 1}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    followers: dict[str, list[str]] = {word: [] for word in (START, *unigrams)}
    for first, second in pairs:
        followers[first].append(second)
    for word in sorted(followers):
        chance = math.log10(unigrams[word]) if word in unigrams else NEVER
        lines.append(f"{chance:.4f} {word} {_back_off(word, followers[word], pairs, unigrams):.4f}")
    lines += ["", "\\2-grams:"]
    for first, second in sorted(pairs):
        total = sum(pairs[first, follower] for follower in followers[first])
        lines.append(f"{math.log10((pairs[first, second] - DISCOUNT) / total):.4f} {first} {second}")
    return "\n".join([*lines, "", "\\end\\", ""])


def _back_off(word: str, followers: Sequence[str], pairs: Counter[tuple[str, str]], unigrams: dict[str, float]) -> float:
    """log10 of the weight of a word's unseen successors: the mass taken by the discount over their unigram mass."""
    if not followers:
        return 0.0
    freed = DISCOUNT * len(followers) / sum(pairs[word, follower] for follower in followers)
    unseen = 1.0 - math.fsum(sorted(unigrams[follower] for follower in followers))
    return math.log10(freed / max(unseen, 1e-9))
