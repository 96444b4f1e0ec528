"""Every manipulation costs: the combined score falls by the stated least share, on a neural voice and on robots."""

from pathlib import Path

import pytest
import torch

from benchmarks.study_attacks import plain_groups, say
from benchmarks.voices import VOICES as STUDY_VOICES
from benchmarks.voices import StudyVoice
from prompts.groups import Group
from scoring.competition import Track, load
from scoring.judges.panel import Panel
from scoring.studies.evidence import measured
from scoring.studies.evidence.discrimination import KNOWN_SHORT, Trial, falls_short, trial
from scoring.studies.manipulations.manipulation import Manipulation
from scoring.types import RoundNumber

M = Manipulation
VOICES = [
    pytest.param("hibari", id="hibari"),
    pytest.param("f2", id="f2", marks=pytest.mark.slow),
    pytest.param("edward", id="edward", marks=pytest.mark.slow),
]
"""A neural voice, one voice of espeak-ng's formant synthesis, and one of its Klatt synthesiser."""
QUICK = {
    M.FIRST_HALF,
    M.SHUFFLED,
    M.MID_SILENCE,
    M.BELOW_3400,
    M.GATED,
    M.NOISE_20,
    M.ECHO,
    M.PITCH_UP,
    M.FAST,
    M.MU_LAW,
    M.NOTCH,
}
"""One of each kind; the others take minutes."""
FALLS_SHORT = {("f2", name) for name in (M.BELOW_7500, M.GATED, M.MID_SILENCE, M.HUM_50, M.HUM_60)} | {("edward", M.GLIDE)}
"""What these robots do not lose: the recogniser misreads them, and reads a changed clip better now and then (f2 .10, gated .21)."""
TEXT = "The old lamp fell off the table, and nobody in the room was hurt."
MEASURED = Path(__file__).parents[2] / "docs" / "measured"


@pytest.fixture(scope="module")
def rules() -> Track:
    """The default rules."""
    return load().at(RoundNumber(0)).track[0]


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    """One prompt, which asks nothing of the voice."""
    return plain_groups({"lamp": TEXT})


@pytest.fixture(scope="module")
def panel(groups: list[Group]) -> Panel:
    """One for all: building it takes longer than judging a clip."""
    torch.set_num_threads(1)  # as a worker does
    return Panel.embedded()


@pytest.fixture(scope="module", params=VOICES)
def voice(request: pytest.FixtureRequest) -> StudyVoice:
    """One after the other."""
    (chosen,) = [each for each in STUDY_VOICES if each.name == request.param]
    return chosen


@pytest.fixture(scope="module")
def unharmed(voice: StudyVoice, groups: list[Group], panel: Panel, rules: Track) -> Trial:
    """The voice's clip, as it is."""
    return trial(panel, groups, rules, say(voice, {"lamp": TEXT}))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in Manipulation])
def test_a_manipulation_costs_its_least_share(
    name: Manipulation, voice: StudyVoice, unharmed: Trial, request: pytest.FixtureRequest
) -> None:
    """Whoever sends it instead of the plain clip loses, or, where nobody hears it, gains next to nothing."""
    if (voice.name, name) in FALLS_SHORT:
        request.applymarker(pytest.mark.xfail(reason="a robot far below every natural voice gains by being read better"))
    loss = unharmed.loss(name)
    assert not falls_short(name, voice.kind, unharmed.rate, before=unharmed.before, loss=loss)


def test_the_published_measurements_hold_the_least_shares() -> None:
    """On more voices and clips, people's among them, as docs/scoring.md shows them."""
    voices = measured.read(MEASURED).attacks.voices
    assert {voice.synthesis for voice in voices.values()} >= {"person", "neural", "klatt"}
    assert [key for key, voice in voices.items() if set(voice.losses) != set(Manipulation)] == []
    short = {
        (key, name)
        for key, voice in voices.items()
        for name, share in voice.losses.items()
        if falls_short(name, voice.synthesis, voice.rate, before=voice.score, loss=share)
    }
    assert short == KNOWN_SHORT


@pytest.mark.parametrize(
    ("name", "synthesis", "rate", "loss", "expected"),
    [
        pytest.param(M.BELOW_7500, "person", 16_000, 0.0, False, id="where the rate ends anyway"),
        pytest.param(M.BELOW_7500, "person", 22_050, 0.0, True, id="where there was more"),
        pytest.param(M.FAST, "formant", 22_050, 0.0, False, id="a hurried robot"),
        pytest.param(M.FAST, "neural", 24_000, 0.0, True, id="a hurried voice"),
        pytest.param(M.MU_LAW, "neural", 24_000, -0.02, False, id="a small gain"),
        pytest.param(M.MU_LAW, "neural", 24_000, -0.06, True, id="a gain"),
        pytest.param(M.REPEAT, "formant", 22_050, 0.49, True, id="a robot that repeats itself"),
    ],
)
def test_who_must_lose_what(name: Manipulation, synthesis: str, rate: int, loss: float, expected: bool) -> None:
    """By kind of voice and rate, at a score of a half."""
    assert falls_short(name, synthesis, rate, before=0.5, loss=loss) is expected
