"""What the weak recogniser says of a clip, once for whoever asks: what was heard, and where the prompt's words lie."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from scoring.audio.audio import normalise
from scoring.audio.clip import RATE, Clip
from scoring.judges.judge import Utterance
from scoring.judges.standard.ctc import Emissions, WeakRecogniser
from scoring.judges.standard.timing import UNSAID, AlignedWord, align
from scoring.judges.word_timing import WordSpan
from scoring.language.text import normalise as words_of


class Aligner:
    """Forced alignment by a recogniser's emissions, which are kept with the clip. One thread at a time."""

    def __init__(self, recogniser: WeakRecogniser) -> None:
        self.recogniser = recogniser
        self._known: WeakKeyDictionary[Clip, Emissions] = WeakKeyDictionary()

    def listen(self, clips: Sequence[Clip]) -> list[Emissions]:
        """What the net says of each clip; those not heard before go through it together."""
        new = list(dict.fromkeys(clip for clip in clips if clip not in self._known))
        heard = self.recogniser.listen([normalise(clip.at(RATE)).samples for clip in new]) if new else []
        self._known.update(zip(new, heard, strict=True))
        return [self._known[clip] for clip in clips]

    def align(self, utterance: Utterance) -> tuple[AlignedWord, ...]:
        """The prompt's words in the clip, with the confidence that they were said."""
        (emissions,) = self.listen([utterance.clip])
        return align(self.recogniser, words_of(utterance.prompt.text), emissions)

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """Find the prompt's words (see `WordFinder.find`); a word of low confidence was not said where alignment puts it."""
        return tuple(WordSpan(said.word, said.start, said.end, said.confidence >= UNSAID) for said in self.align(utterance))
