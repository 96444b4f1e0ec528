"""When the demo's network has settled."""

from dataclasses import replace
from typing import Any

import pytest

from neurons.localnet.observation import MinerView, Observation
from scoring.types import Block, Hotkey, Uid


def a_miner(**overrides: Any) -> MinerView:
    """A scored king with weight and incentive."""
    miner = MinerView(
        role="clear",
        hotkey=Hotkey("h"),
        uid=Uid(2),
        repo="a/b",
        revision="0" * 40,
        state="scored",
        stage=None,
        code=None,
        reason=None,
        copy_of=None,
        submission=1,
        score=0.8,
        stderr=0.1,
        track="small",
        king=True,
        weight=0.65,
        incentive=0.65,
    )
    return replace(miner, **overrides)


def seen(*miners: MinerView, weights_block: int | None = 100) -> Observation:
    """The network at block 110."""
    return Observation(
        block=Block(110),
        round=2,
        waiting=0,
        running=0,
        weights_block=None if weights_block is None else Block(weights_block),
        burn=0.35,
        burn_incentive=0.35,
        miners=miners,
    )


@pytest.mark.parametrize(
    ("state", "judged"), [("scored", True), ("rejected", True), ("copy", True), ("queued", False), ("", False)]
)
def test_judged_means_that_everybody_has_a_verdict(state: str, judged: bool) -> None:
    """One miner without a verdict is enough to wait."""
    assert seen(a_miner(), a_miner(role="other", state=state)).judged is judged


@pytest.mark.parametrize(
    ("observation", "paid"),
    [
        pytest.param(seen(a_miner()), True, id="set after the last verdict, and paid"),
        pytest.param(seen(a_miner(), weights_block=99), False, id="set before the last verdict was in"),
        pytest.param(seen(a_miner(), weights_block=None), False, id="never set"),
        pytest.param(seen(a_miner(), a_miner(role="worse", weight=0.14, incentive=0.0)), False, id="an epoch is still to come"),
        pytest.param(
            seen(a_miner(), a_miner(role="copy", weight=0.0, incentive=0.0)), True, id="who has no weight is not waited for"
        ),
    ],
)
def test_paid_means_by_weights_that_know_every_verdict(observation: Observation, paid: bool) -> None:
    """Everybody was judged by block 99."""
    assert observation.paid_after(Block(99)) is paid
