"""Whatever anybody commits, the API can take it: one bad commitment must not hold up the others."""

from collections.abc import Sequence
from typing import Any

import bittensor as bt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurons.chain.adapter import record_of
from neurons.model_queue import daemon
from scoring.errors import Code
from scoring.types import BlockHash, PublicKey
from voice_api.schemas import SubmissionIn

KEY = PublicKey("ab" * 32)
HASH = BlockHash("0x" + "12" * 32)
HOTKEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def accepted(fields: Sequence[Any] = (), revealed: str | None = None) -> SubmissionIn:
    """What the API makes of a commitment as the SDK reads it; raises ValidationError if it refuses it."""
    read = bt.NeuronCommitment(
        hotkey=HOTKEY,
        netuid=7,
        uid=1,
        block=50,
        queried_block=60,
        deposit=bt.Balance.from_rao(0),
        data="",
        encrypted=False,
        reveal_round=None,
        revealed=[] if revealed is None else [(50, revealed)],
        fields=list(fields),
    )
    return SubmissionIn.model_validate(daemon.submission(record_of(read), KEY, HASH, None, 100), from_attributes=True)


@given(st.binary(max_size=128))
def test_any_bytes_on_the_chain_fit_the_api(data: bytes) -> None:
    """A plain commitment of any bytes is recorded as what it is: refused, or a submission."""
    assert accepted([{f"Raw{len(data)}": "0x" + data.hex()}]).commit_block == 50


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("é" * 2_000, id="long and not ASCII"),
        pytest.param("x" * 100_000, id="long"),
        pytest.param("\x00'; drop table submissions; --<script>alert(1)</script>", id="hostile"),
        pytest.param("\ud800", id="half of a surrogate pair"),
        pytest.param("", id="empty"),
    ],
)
def test_any_revealed_text_fits_the_api(value: str) -> None:
    """A timelocked commitment may be longer than a plain one; it is refused by its code, and cut where the column ends."""
    assert accepted(revealed=value).code is Code.TIMELOCKED


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([], id="no field"),
        pytest.param(["None"], id="the empty variant"),
        pytest.param([{"BlakeTwo256": "0x" + "00" * 32}], id="a hash"),
        pytest.param([{"BigRaw": "0x" + "61" * 512}], id="a big field"),
        pytest.param([{"Raw128": "0x" + "00" * 128}] * 9, id="many fields"),
    ],
)
def test_any_form_of_field_fits_the_api(fields: list[Any]) -> None:
    """What is no single field of bytes is a malformed commitment."""
    assert accepted(fields).code is Code.COMMITMENT_MALFORMED
