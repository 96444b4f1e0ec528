"""The demo's final table on terminals of different widths."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from neurons.localnet import demo_output
from neurons.localnet.observation import MinerView, Observation
from scoring.types import Block, Hotkey, Uid

REASON = "same model as submission 1, committed earlier (block 15) by 5EcWm61jmtjguuWGu8iE24ioV1Yp9j8eRbLDAm5Qdn1qT7oD"
KING = MinerView(
    role="wrong-words",
    hotkey=Hotkey("5EcWm61jmtjguuWGu8iE24ioV1Yp9j8eRbLDAm5Qdn1qT7oD"),
    uid=Uid(2),
    repo="wrong-words-labs/voice",
    revision="9cfa989d81a15acffdbb677fd7e6f640f28696f9",
    state="scored",
    stage=None,
    code=None,
    reason=None,
    copy_of=None,
    submission=1,
    score=0.7328,
    stderr=0.0795,
    track="small",
    king=True,
    weight=0.6512,
    incentive=0.6498,
)
COPY = replace(KING, uid=Uid(4), state="copy", king=False, code=1202, reason=REASON, score=0.0, weight=0.0)


@pytest.mark.parametrize("width", [80, 100, 129, 130, 200])
def test_nothing_is_cut(width: int) -> None:
    """Whoever's terminal it is: repository, revision, hotkey, reason, score, error, weight, incentive and burn are all there."""
    seen = Observation(
        block=Block(145),
        round=3,
        waiting=0,
        running=0,
        weights_block=Block(90),
        burn=0.21,
        burn_incentive=0.2099,
        miners=(KING, COPY),
    )
    output = StringIO()
    Console(width=width, file=output).print(demo_output.final(seen, width))
    text = output.getvalue()
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    for part in (
        KING.repo,
        "@9cfa989",
        "5EcWm6…T7oD",
        "king",
        "[1202]",
        "0.7328",
        "± 0.0795",
        "0.6512",
        "0.6498",
        "0.2100",
        "0.2099",
    ):
        assert part in text
    reasons = "".join(line.split("│")[3 if width < demo_output.WIDE else 4].strip() for line in lines if line.startswith("│"))
    assert REASON.replace(" ", "") in reasons.replace(" ", "")
