"""What the weak recogniser says of a clip, once for whoever asks: what was heard, and where the prompt's words lie."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from scoring.audio.audio import normalise
from scoring.audio.clip import RATE, Sound
from scoring.judges.judge import Utterance
from scoring.judges.standard.ctc import Emissions, WeakRecogniser
from scoring.judges.standard.timing import UNSAID, Said, align
from scoring.judges.word_timing import Place
from scoring.language.text import normalise as words_of


class Aligner:
    """Forced alignment by a recogniser's emissions, which are kept with the clip. One thread at a time."""

    def __init__(self, recogniser: WeakRecogniser) -> None:
        self.recogniser = recogniser
        self._known: WeakKeyDictionary[Sound, Emissions] = WeakKeyDictionary()

    def listen(self, sounds: Sequence[Sound]) -> list[Emissions]:
        """What the net says of each clip; those not heard before go through it together."""
        new = list(dict.fromkeys(sound for sound in sounds if sound not in self._known))
        heard = self.recogniser.listen([normalise(sound.at(RATE)).samples for sound in new]) if new else []
        self._known.update(zip(new, heard, strict=True))
        return [self._known[sound] for sound in sounds]

    def align(self, utterance: Utterance) -> tuple[Said, ...]:
        """The prompt's words in the clip, with the confidence that they were said."""
        (emissions,) = self.listen([utterance.sound])
        return align(self.recogniser, words_of(utterance.prompt.text), emissions)

    def find(self, utterance: Utterance) -> tuple[Place, ...]:
        """As `places.Finder.find`: a word of low confidence was not said where alignment puts it."""
        return tuple(Place(said.word, said.start, said.end, said.confidence >= UNSAID) for said in self.align(utterance))
