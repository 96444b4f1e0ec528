"""Every manipulation costs: the combined score falls by the stated least amount, on voices of two synthesisers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch

from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from scoring.audio.spoken import Spoken
from scoring.competition import Competition, load
from scoring.judges.panel import Panel
from scoring.studies.evidence import measured
from scoring.studies.evidence.discrimination import LEAST_DROP, MOST_GAIN, UNCHARGED, drops, least_drop, score
from scoring.studies.manipulations.manipulation import Manipulation
from scoring.types import RoundNumber

MEASURED = Path(__file__).parents[2] / "docs" / "measured"

Answer = Callable[[Sequence[Group], str], dict[str, Spoken]]
Drops = Mapping[Manipulation, float]


@pytest.fixture(scope="module")
def competition() -> Competition:
    """The default rules."""
    return load().at(RoundNumber(0))


@pytest.fixture(scope="module")
def round_groups(competition: Competition) -> tuple[Group, ...]:
    """Singles enough to choose a short one from."""
    return generate(bytes.fromhex("07" * 32), GroupPlan(single=16, counterfactual=0, voice=0))


@pytest.fixture(scope="module")
def panel(round_groups: tuple[Group, ...]) -> Panel:
    """One for all: building it takes longer than judging a clip."""
    torch.set_num_threads(1)  # as a worker does
    return Panel.embedded()


@pytest.fixture(scope="module", params=["en-us+f2", pytest.param("en-us+edward", marks=pytest.mark.slow)])
def lost(
    request: pytest.FixtureRequest, round_groups: tuple[Group, ...], panel: Panel, competition: Competition, answer: Answer
) -> Drops:
    """What every manipulation takes from one voice, of the formant or of the Klatt synthesiser, on the shortest prompt."""
    own = [min(round_groups, key=lambda group: len(group.prompts[0].text))]
    spoken = answer(own, request.param)
    assert score(panel, own, spoken, competition) > 0.6
    return dict(drops(panel, own, spoken, competition, Manipulation))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LEAST_DROP)
def test_a_manipulation_costs_its_least_amount(lost: Drops, name: Manipulation) -> None:
    """Whoever sends it instead of the plain clip loses."""
    assert lost[name] >= LEAST_DROP[name]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(UNCHARGED))
def test_what_is_not_heard_gains_little(lost: Drops, name: Manipulation) -> None:
    """A manipulation too slight to charge wins no duel either."""
    assert lost[name] >= -MOST_GAIN


def test_the_published_measurements_hold_the_least_amounts() -> None:
    """On more voices and whole groups, as docs/scoring.md shows them."""
    voices = measured.read(MEASURED).attacks.voices
    assert {voice.synthesis for voice in voices.values()} >= {"formant", "klatt"}
    short = [
        (key, name) for key, voice in voices.items() for name, drop in voice.drops.items() if drop < least_drop(name, voice.rate)
    ]
    assert short == []


def test_a_low_pass_is_no_defect_where_the_rate_ends_anyway() -> None:
    """At 7.5 kHz, of clips at 16 kHz."""
    assert least_drop(Manipulation.BELOW_7500, 16_000) == least_drop(Manipulation.UPSAMPLED_16K, 16_000) == -MOST_GAIN
    assert least_drop(Manipulation.BELOW_7500, 22_050) == LEAST_DROP[Manipulation.BELOW_7500]
