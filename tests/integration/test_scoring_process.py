"""The daemon scores in a child process: what the child says of a failure is told once."""

import pytest

from neurons.localnet.network import COMPETITION
from neurons.miner.scorer import ScoringProcess
from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.types import BlockHash


async def test_the_childs_words_are_told_once() -> None:
    """Its line ends with the advice, which whoever tells the error adds."""
    with pytest.raises(PlatformError) as caught:
        await ScoringProcess(COMPETITION).score("nowhere", "nowhere", BlockHash("0x" + "00" * 32))
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert caught.value.told == f"There is no folder nowhere. {EXPLANATIONS[Code.ARGUMENT_INVALID].advice}"
