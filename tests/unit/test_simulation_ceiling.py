"""The highest score that the rules let anybody reach: stated in the competition as it is computed, and the room of a margin ends there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.scoring.simulate import app
from neurons.localnet.network import COMPETITION
from prompts.voices import Attribute
from scoring.competition import DEFAULT_PATH, load
from scoring.ranking.duel import margin
from scoring.report import Factor
from scoring.studies.simulation.ceiling import ceiling
from scoring.types import Micro
from tests.builders.rules import a_track


@pytest.mark.parametrize("path", [DEFAULT_PATH, COMPETITION], ids=lambda path: path.parent.name)
def test_a_competition_states_the_ceiling_that_is_computed(path: Path) -> None:
    """For every track of every version of each file that ships."""
    for track in (track for version in load(path).version for track in version.track):
        assert track.duel.ceiling == pytest.approx(ceiling(track, 3), abs=1e-6)


@pytest.mark.parametrize(
    "asks", [(Attribute.RATE, Attribute.EXPRESSION), tuple(Attribute)], ids=lambda asks: f"{len(asks)} asked"
)
def test_a_voice_can_do_all_that_is_asked_at_once(asks: tuple[Attribute, ...]) -> None:
    """Descriptions contradict neither themselves nor what makes a voice natural: pairs, loudness and all."""
    asked = {"asks": asks, "single": 12, "counterfactual": 8, "voice": 4}
    factors = {**a_track().factors, Factor.DELIVERY: 0.2, Factor.NATURALNESS: 0.2}
    assert ceiling(a_track(prompts=asked, factors=factors), 3) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("ceiling", "score", "expected"),
    [
        pytest.param(1.0, 0.5, 0.02, id="room enough"),
        pytest.param(0.6, 0.58, 0.01, id="half of the room"),
        pytest.param(0.6, 0.6, 0.0, id="at the ceiling"),
        pytest.param(0.6, 0.7, 0.0, id="above it: no margin below 0"),
    ],
)
def test_the_margin_is_at_most_half_of_the_room_below_the_ceiling(ceiling: float, score: float, expected: float) -> None:
    """So a voice that is as good as the rules allow can always take the top."""
    rules = a_track(duel={"ceiling": ceiling}).duel
    assert margin(rules, 0, Micro(round(score * 1e6))) == round(expected * 1e6)


def test_the_command_says_both() -> None:
    """For people and for machines."""
    assert json.loads(CliRunner().invoke(app, ["ceiling", "--json"]).stdout) == {"computed": 1.0, "stated": 1.0}
    assert "scores 1.0000; the track small states 1." in CliRunner().invoke(app, ["ceiling"]).stdout
