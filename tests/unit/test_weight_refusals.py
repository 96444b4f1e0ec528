"""The chain's refusals: their classes and advice, and those that the metagraph tells before anything is sent."""

from dataclasses import replace
from pathlib import Path

import pytest

from neurons.chain.types import Refused
from neurons.validator.weights.refusals import OURS, PASSING, PERMANENT, REFUSALS, UNKNOWN, Refusal, obstacle, refusal_of
from scoring.types import Hotkey, Uid
from tests.builders import chain
from voice_api.db.states import RefusalClass

GUIDE = (Path(__file__).parents[2] / "docs" / "validator.md").read_text(encoding="utf-8")
ME = chain.a_neuron(uid=Uid(1), hotkey=Hotkey("me"), stake=5_000_000_000)
SUBNET = chain.a_metagraph(neurons=(ME,))
ROW = {Uid(0): 21_845, Uid(2): 65_535}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_each_has_its_row_in_the_guide(refusal: Refusal) -> None:
    """Name, class and advice, as the code has them, in a sentence of at most 25 words."""
    assert f"| `{refusal.name}` | {refusal.kind.value} | {refusal.advice} |" in GUIDE
    assert (len(refusal.advice.split()) <= 25, refusal.advice.endswith(".")) == (True, True)


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        pytest.param(Refused("invalid_argument", "IncorrectWeightVersionKey", ""), OURS, id="by name, whatever the code"),
        pytest.param(Refused("too_early", "SomethingNew", ""), PASSING, id="by code"),
        pytest.param(Refused("not_registered", "", ""), PERMANENT, id="the SDK's own, without a name"),
        pytest.param(Refused("unknown", "SomethingNew", ""), OURS, id="unknown"),
    ],
)
def test_a_refusal_is_known_by_its_name_or_else_by_its_code(refused: Refused, kind: RefusalClass) -> None:
    """What nobody knows here is this release's fault."""
    assert refusal_of(refused).kind is kind
    assert (refusal_of(refused) is UNKNOWN) == (refused.code == "unknown")


@pytest.mark.parametrize(
    ("rules", "mine", "row", "version_key", "name"),
    [
        pytest.param({}, {}, ROW, 0, None, id="nothing in the way"),
        pytest.param({"weights_min_stake": 5_000_000_001}, {}, ROW, 0, "NotEnoughStakeToSetWeights", id="a rao too little"),
        pytest.param({"weights_min_stake": 5_000_000_000}, {}, ROW, 0, None, id="just enough"),
        pytest.param({"weights_min_stake": 10**12, "owner_hotkey": Hotkey("me")}, {}, ROW, 0, None, id="the owner needs none"),
        pytest.param({"weights_version": 7}, {}, ROW, 6, "IncorrectWeightVersionKey", id="an old key"),
        pytest.param({"weights_version": 7}, {}, ROW, 7, None, id="the subnet's key"),
        pytest.param({"weights_version": 7}, {}, ROW, 8, None, id="a newer key"),
        pytest.param({}, {"validator_permit": False}, ROW, 0, "NeuronNoValidatorPermit", id="no permit"),
        pytest.param({}, {"validator_permit": False}, {Uid(1): 65_535}, 0, None, id="for itself alone"),
        pytest.param({"min_allowed_weights": 3}, {}, ROW, 0, "WeightVecLengthIsLow", id="a weight too few"),
        pytest.param({"min_allowed_weights": 2}, {}, ROW, 0, None, id="just enough weights"),
        pytest.param({"max_weights_limit": 49_150}, {}, ROW, 0, "MaxWeightExceeded", id="75 %, and a little less allowed"),
        pytest.param({"max_weights_limit": 49_152}, {}, ROW, 0, None, id="75 % allowed"),
        pytest.param(
            {"min_allowed_weights": 3, "max_weights_limit": 1}, {}, {Uid(1): 65_535}, 0, None, id="no limit for itself alone"
        ),
        pytest.param(
            {"weights_min_stake": 10**12, "weights_version": 7},
            {"validator_permit": False},
            ROW,
            0,
            "NotEnoughStakeToSetWeights",
            id="the first one, as the chain looks",
        ),
    ],
)
def test_what_the_metagraph_tells(
    rules: dict[str, int], mine: dict[str, bool], row: dict[Uid, int], version_key: int, name: str | None
) -> None:
    """By the chain's own name, before anything is signed."""
    found = obstacle(replace(SUBNET, **rules), replace(ME, **mine), row, version_key)  # type: ignore[arg-type]
    assert (None if found is None else found.refusal.name) == name


def test_it_says_what_is_asked_what_there_is_and_what_to_do() -> None:
    """In words for the log, which puts no full stop twice."""
    found = obstacle(replace(SUBNET, weights_version=7), ME, ROW, 0)
    assert str(found) == (
        "the subnet asks for version key 7, and `VOICE_VERSION_KEY` is 0 (IncorrectWeightVersionKey, ours). "
        "Install the newest release, and set `VOICE_VERSION_KEY` to the subnet's number"
    )
