"""Can the words be understood? Two recognisers listen: a strong one that repairs bad speech, and a weak one that cannot."""

from collections.abc import Sequence

from scoring.judges.intelligibility import compare
from scoring.judges.judge import Utterance
from scoring.judges.recognition.dictionary import count_phonemes
from scoring.judges.standard.aligner import Aligner
from scoring.judges.standard.asr import StrongRecogniser
from scoring.judges.standard.timing import timing
from scoring.language.text import normalise as words_of
from scoring.report import Metrics


class WordsJudge:
    """Errors against the prompt, and when it was said.

    The strong recogniser's errors have the names that the embedded profile's have: see `intelligibility.compare`. `wer_weak` and
    `cer_weak` are the weak one's; `mush` is `wer_weak - wer`, at least 0: what only guessing understands. All of these: less is
    better. The timings are `timing.timing`'s.

    A clip in which the weak recogniser hears no letter at all is not given to the strong one, which invents words for silence.
    """

    name = "intelligibility"

    def __init__(self, strong: StrongRecogniser, weak: Aligner, version: str) -> None:
        self.version = version
        self._strong, self._weak = strong, weak

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """All metrics of each utterance."""
        weak = [self._weak.recogniser.text(heard) for heard in self._weak.listen([utterance.clip for utterance in batch])]
        voiced = [index for index, text in enumerate(weak) if text]
        strong = self._strong.transcribe(
            [batch[index].clip.level.samples for index in voiced], [batch[index].prompt.text for index in voiced]
        )
        heard = dict(zip(voiced, strong, strict=True))
        return [self._metrics(utterance, heard.get(index, ""), weak[index]) for index, utterance in enumerate(batch)]

    def _metrics(self, utterance: Utterance, strong: str, weak: str) -> Metrics:
        asked = words_of(utterance.prompt.text)
        errors, plain = compare(asked, words_of(strong)), compare(asked, words_of(weak))
        return {
            **errors,
            "wer_weak": plain["wer"],
            "cer_weak": plain["cer"],
            "mush": max(0.0, plain["wer"] - errors["wer"]),
            **timing(self._weak.align(utterance), utterance.clip.audio.seconds, count_phonemes(asked)),
        }
