"""The study's instrument: speech changed in pace, pitch and range of pitch measures as it was told to."""

from io import StringIO

import pytest
from rich.console import Console

from benchmarks.psola import Change, change
from benchmarks.study_delivery import COLUMNS, Line, Row, asked, obey, table
from benchmarks.voices import VOICES
from prompts.generate import ASKED_LEVELS
from prompts.voices import ORDINARY, Attribute, Register, Voice, asked_attributes, place
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.audio.pitch import quantiles
from scoring.judges.delivery import NORMAL_RANGE, height, semitones
from tests.judging.conftest import Speak

TEXT = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."


@pytest.fixture(scope="module")
def plain(speak: Speak) -> Audio:
    """A woman's voice of a formant synthesiser."""
    return from_pcm(speak(TEXT), 22_050)


def heard(sound: Audio) -> tuple[float, float, float]:
    """Seconds, median F0 in Hz, spread in semitones."""
    low, middle, high = quantiles(Clip(sound).pitch, (0.1, 0.5, 0.9))
    return sound.seconds, middle, semitones(low, high) / NORMAL_RANGE


@pytest.mark.parametrize(
    ("wanted", "seconds", "pitch", "spread"),
    [
        pytest.param(Change(), 1.0, 1.0, 1.0, id="nothing"),
        pytest.param(Change(pace=1.4), 1 / 1.4, 1.0, 1.0, id="faster"),
        pytest.param(Change(pitch=2 ** (3 / 12)), 1.0, 2 ** (3 / 12), 1.0, id="three semitones higher"),
        pytest.param(Change(range=0.4), 1.0, 1.0, 0.4, id="flatter"),
    ],
)
def test_speech_changes_in_what_was_asked_alone(
    plain: Audio, wanted: Change, seconds: float, pitch: float, spread: float
) -> None:
    """Length, pitch and its spread, as multiples of what they were."""
    before, after = heard(plain), heard(change(plain, wanted))
    assert after[0] / before[0] == pytest.approx(seconds, rel=0.01)
    assert after[1] / before[1] == pytest.approx(pitch, rel=0.04)
    assert after[2] / before[2] == pytest.approx(spread, rel=0.2)


def test_an_obedient_voice_lands_on_the_levels_asked(plain: Audio) -> None:
    """Higher and flatter, within half a level."""
    made = obey(Line(TEXT, plain), Voice(register=Register.HIGH, pitch=5, expression=1), rate=12.0)
    _, middle, spread = heard(made)
    assert place(Attribute.PITCH, height(middle, Register.HIGH)) == pytest.approx(4.7, abs=0.5)
    assert place(Attribute.EXPRESSION, spread) == pytest.approx(1.3, abs=0.5)


def test_each_text_is_asked_of_the_voices_own_register() -> None:
    """In levels and words as rounds draw them."""
    voices = [group.prompts[0].voice for group in asked([TEXT] * 8, Register.LOW)]
    assert {voice.register for voice in voices} == {Register.LOW}
    levels = {voice.level(attribute) for voice in voices for attribute in asked_attributes(voice)}
    assert levels == set(ASKED_LEVELS) and ORDINARY not in levels


def test_its_table_fits_an_ordinary_terminal() -> None:
    """80 columns: no heading, name or number is cut or broken."""
    longest = max((voice.name for voice in VOICES), key=len)
    row = Row(voice=longest, could=0.9, again=0.8, followed=0.7, obedient=0.6, ignoring=0.5, obeyed=0.4, ignored=0.3)
    printed = StringIO()
    Console(width=80, file=printed).print(table([row]))
    heading, numbers = printed.getvalue().splitlines()
    assert (heading.split(), numbers.split()[0], len(numbers.split())) == ([*COLUMNS], row.voice, len(COLUMNS))
