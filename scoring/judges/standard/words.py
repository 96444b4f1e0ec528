"""Intelligibility by two recognisers: a strong one that repairs bad speech, and a weak one that cannot."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from scoring.audio.clip import Clip
from scoring.judges.intelligibility import word_errors
from scoring.judges.judge import Utterance
from scoring.judges.recognition.dictionary import count_phonemes
from scoring.judges.standard.alignment import ForcedAligner, timing
from scoring.judges.standard.asr import StrongRecogniser
from scoring.language.text import normalise as words_of
from scoring.report import Metrics


class WordsJudge:
    """Errors of both recognisers against the prompt, and the timing of its words.

    The strong recogniser's errors have the names that the embedded profile's have: see `intelligibility.word_errors`. `wer_weak` and
    `cer_weak` are the weak one's; `mush = max(0, wer_weak - wer)` is the share of words that only guessing understands. All of these are
    shares ≥ 0; less is better. The timings are those of `alignment.timing`.

    A clip in which the weak recogniser hears no letter at all is not given to the strong one, which invents words for silence.
    """

    name = "intelligibility"

    def __init__(self, strong: StrongRecogniser, weak: ForcedAligner, version: str) -> None:
        self.version = version
        self._strong, self._weak = strong, weak
        self._heard: WeakKeyDictionary[Clip, str] = WeakKeyDictionary()

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """All metrics of each utterance."""
        weak = [self._weak.recogniser.text(heard) for heard in self._weak.listen([utterance.clip for utterance in batch])]
        voiced = [index for index, text in enumerate(weak) if text]
        strong = self._strong.transcribe(
            [batch[index].clip.level.samples for index in voiced], [batch[index].prompt.text for index in voiced]
        )
        heard = dict(zip(voiced, strong, strict=True))
        self._heard.update((utterance.clip, heard.get(index, "")) for index, utterance in enumerate(batch))
        return [self._metrics(utterance, heard.get(index, ""), weak[index]) for index, utterance in enumerate(batch)]

    def heard(self, clip: Clip) -> str:
        """The strong recogniser's words of a clip that was measured; '' of any other."""
        return self._heard.get(clip, "")

    def _metrics(self, utterance: Utterance, strong: str, weak: str) -> Metrics:
        text = utterance.prompt.text
        errors, plain = word_errors(text, strong), word_errors(text, weak)
        return {
            **errors,
            "wer_weak": plain["wer"],
            "cer_weak": plain["cer"],
            "mush": max(0.0, plain["wer"] - errors["wer"]),
            **timing(self._weak.align(utterance), utterance.clip.audio.seconds, count_phonemes(words_of(text))),
        }
