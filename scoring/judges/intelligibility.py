"""Can the words be understood? A small recogniser that knows only the round's words listens to each clip."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import jiwer
import torch
from pocketsphinx import Decoder

from scoring.audio import normalise
from scoring.errors import Code, InfrastructureFault
from scoring.judges.dictionary import model_folder, pronunciations, unknown
from scoring.judges.judge import Utterance
from scoring.judges.language_model import arpa
from scoring.report import Metrics
from scoring.sound import RATE, Sound
from scoring.text import normalise as words_of
from scoring.text import spell

PAD_SECONDS = 0.2
"""Silence on both sides: the recogniser needs some to find the first and the last word."""
HISS = 32
"""A steady hiss of up to so many steps of 16 bits, -65 dBFS, under speech at -23 LUFS: as in any quiet room. The recogniser was
trained on recordings; in digital silence it hears words, and a voice that pauses so was read four times as badly."""
REPEATED = (2, 3, 4)
"""Lengths, in words, of what may be said again. Single words are not counted: a recogniser that guesses likes its short ones."""


class IntelligibilityJudge:
    """Word and character error rate against the prompt, by pocketsphinx with a bigram model of the round's texts.

    Metrics, all ≥ 0 and less is better: `wer`, `cer` (1 = everything wrong; more is possible), `tail_deletions` and
    `trailing_insertions` (words missing from the end, or added after it), `repeats` (sequences of words said again, beyond the
    prompt's own); these three as a share of the prompt's words.
    """

    name = "intelligibility"
    version = "pocketsphinx-5.1.1-bigram-3"

    def __init__(self, texts: Iterable[str]) -> None:
        self._decoder = _decoder(texts)

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Word errors of each utterance."""
        return [compare(words_of(utterance.prompt.text), words_of(self.transcribe(utterance.sound))) for utterance in batch]

    def transcribe(self, sound: Sound) -> str:
        """What the recogniser hears; '' if nothing. It starts from the same state for every clip."""
        speech = normalise(sound.at(RATE)).samples
        speech = torch.nn.functional.pad(speech, (round(PAD_SECONDS * RATE),) * 2)
        heard = (speech * 32767.0).round() + hiss(speech.shape[0])
        pcm = heard.clamp(-32768, 32767).to(torch.int16).numpy().tobytes()
        try:
            self._decoder.reinit_feat()  # channel statistics of earlier clips would change this one's words
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
        except RuntimeError as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the recogniser failed: {exc}") from exc
        found = self._decoder.hyp()
        return found.hypstr if found is not None else ""


def hiss(length: int) -> torch.Tensor:
    """The same noise for every clip, made of whole numbers, so that no machine rounds it: uniform in [-HISS, HISS), [length]."""
    drawn = torch.frombuffer(bytearray(hashlib.shake_256(b"hiss").digest(max(1, length))), dtype=torch.uint8)[:length]
    return (drawn % (2 * HISS)).to(torch.float32) - HISS


def compare(asked: Sequence[str], heard: Sequence[str]) -> Metrics:
    """The errors of `heard` against `asked`; raises ValueError if nothing was asked."""
    if not asked:
        raise ValueError("there is nothing to compare with: the prompt has no words")
    if not heard:
        return {"wer": 1.0, "cer": 1.0, "tail_deletions": 1.0, "trailing_insertions": 0.0, "repeats": 0.0}
    reference, hypothesis = " ".join(asked), " ".join(heard)
    words = jiwer.process_words(reference, hypothesis)
    last = words.alignments[0][-1]
    deleted = last.ref_end_idx - last.ref_start_idx if last.type == "delete" else 0
    inserted = last.hyp_end_idx - last.hyp_start_idx if last.type == "insert" else 0
    return {
        "wer": float(words.wer),
        "cer": float(jiwer.cer(reference, hypothesis)),
        "tail_deletions": deleted / len(asked),
        "trailing_insertions": inserted / len(asked),
        "repeats": repeats(asked, heard) / len(asked),
    }


def repeats(asked: Sequence[str], heard: Sequence[str]) -> int:
    """How many sequences of 2, 3 or 4 words (the length that has most) were heard more often than asked, and more than once."""
    return max(_excess(_sequences(asked, length), _sequences(heard, length)) for length in REPEATED)


def _sequences(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))


def _excess(asked: Counter[tuple[str, ...]], heard: Counter[tuple[str, ...]]) -> int:
    return sum(max(0, count - max(1, asked[sequence])) for sequence, count in heard.items())


def _decoder(texts: Iterable[str]) -> Decoder:
    sentences = sorted({reading for text in texts for reading in (words_of(text), spell(text))})
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
