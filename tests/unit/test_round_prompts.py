"""A round's prompts are drawn again from what is stored of it, or it is said why they are not."""

from typing import Any

import pytest

from scoring.competition import load
from scoring.types import Block, BlockHash, RoundNumber
from voice_api.db.rounds import Round
from voice_api.db.states import RoundState
from voice_api.web.round_prompts import round_prompts

SCHEDULE = load()
RULES = SCHEDULE.at(RoundNumber(7))
TRACK = RULES.track[0]


def a_round(**overrides: Any) -> Round:
    """A round that was opened under the rules of now."""
    standard: dict[str, Any] = {
        "round": RoundNumber(7),
        "start_block": Block(2_520),
        "block_hash": BlockHash("0x" + "7b" * 32),
        "deadline_block": Block(3_600),
        "competition_hash": RULES.hash,
        "state": RoundState.CLOSED,
        "pending": 0,
    }
    return Round(**standard | overrides)


def test_the_prompts_are_those_of_the_block_hash() -> None:
    """As the worker drew them, and each is found by its id."""
    found = round_prompts(SCHEDULE, a_round(), TRACK.name)
    assert (found.groups, found.rules, found.why) == (TRACK.groups(BlockHash("0x" + "7b" * 32)), TRACK, "")
    prompt = found.groups[3].prompts[-1]
    assert (found.prompt(prompt.id), found.group(found.groups[3].id)) == (prompt, found.groups[3])
    assert (found.prompt("g99.z"), found.group("g99")) == (None, None)
    assert round_prompts(SCHEDULE, a_round(block_hash=BlockHash("0x" + "7c" * 32)), TRACK.name).groups != found.groups


@pytest.mark.parametrize(
    ("overrides", "track", "why"),
    [
        pytest.param({"competition_hash": "c" * 64}, TRACK.name, "other rules (cccccccccccc…)", id="rules that are not ours"),
        pytest.param({}, "nowhere", "no track nowhere", id="no such track"),
        pytest.param({}, None, "track is not known", id="a family that nobody read"),
    ],
)
def test_where_they_are_not_known_it_says_why(overrides: dict[str, Any], track: str | None, why: str) -> None:
    """Nothing is drawn under rules that may be others."""
    found = round_prompts(SCHEDULE, a_round(**overrides), track)
    assert (found.groups, found.rules, why in found.why) == ((), None, True)
