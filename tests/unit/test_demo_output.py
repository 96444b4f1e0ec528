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


def seen_at(block: int, *miners: MinerView, weights_block: int | None = None) -> Observation:
    """A look at the network."""
    return Observation(
        block=Block(block),
        round=3,
        waiting=0,
        running=0,
        weights_block=None if weights_block is None else Block(weights_block),
        burn=0.0,
        burn_incentive=0.0,
        miners=miners,
    )


def test_a_log_has_a_line_for_each_change() -> None:
    """Nothing for whom nobody has seen yet, nothing for what stays, and nothing for the stages of one evaluation."""
    unseen = replace(KING, state="", king=False, score=None, track=None)
    queued = replace(unseen, role="copy", state="queued")
    first = seen_at(10, unseen, queued)
    assert demo_output.news(None, first, 1.5) == ["   2 s  block 10  round 3  copy: queued"]
    assert demo_output.news(first, seen_at(11, unseen, replace(queued, stage="speak")), 2.0) == []
    assert demo_output.news(
        first, seen_at(90, KING, replace(COPY, role="copy", reason="same model"), weights_block=90), 34.2
    ) == [
        "  34 s  block 90  round 3  wrong-words: king, small, score 0.7328",
        "  34 s  block 90  round 3  copy: copy, small, score 0.0000, same model",
        "  34 s  block 90  round 3  the validator's first weights are on the chain",
    ]


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
