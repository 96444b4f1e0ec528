"""The daemons count their turns: done, or cut short by an outage."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from neurons.api_client.client import VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable
from neurons.model_queue import daemon as model_queue
from neurons.shutdown import Shutdown
from neurons.validator import daemon as validator
from neurons.validator.daemon import ValidatorIdentity
from scoring.competition import load
from voice_api.runtime.process_metrics import Ticks

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

PAUSE = timedelta(milliseconds=1)
SCHEDULE = load()


@dataclass
class AwayOnce:
    """A stop that ends the loop at its second wait, and a chain that is away for as long as it says so."""

    waits: int = 0

    @property
    def requested(self) -> bool:
        return self.waits >= 2

    async def wait(self, pause: timedelta) -> None:
        self.waits += 1

    async def metagraph(self) -> None:
        raise ChainUnavailable("the node is away")


def counts(ticks: Ticks) -> tuple[float | None, float | None]:
    """Turns that were done, and that an outage ended."""
    value = ticks.registry.get_sample_value
    return value("voice_ticks_total", {"outcome": "done"}), value("voice_ticks_total", {"outcome": "outage"})


async def test_the_model_queue_counts_an_outage() -> None:
    """Two turns without a chain are two outages, and the loop goes on."""
    stop, ticks = AwayOnce(), Ticks()
    chain, ending = cast(Chain, stop), cast(Shutdown, stop)
    await model_queue.run(chain, cast(VoiceApi, None), SCHEDULE, PAUSE, ending, ticks)
    assert counts(ticks) == (None, 2)


@pytest.mark.parametrize("away", [pytest.param(True, id="chain away"), pytest.param(False, id="chain there")])
async def test_the_validator_counts_turns_and_outages(stack: "ValidatorBed", away: bool) -> None:
    """A turn that read chain and database is done, one that could not is an outage."""
    stop, ticks = AwayOnce(), Ticks()
    began = ticks.registry.get_sample_value("voice_tick_success_timestamp_seconds") or 0
    chain = cast(Chain, stop if away else stack.chain)
    signer = ValidatorIdentity(stack.wallet, stack.revocations)
    await validator.run(chain, stack.store, signer, SCHEDULE, pause=PAUSE, stop=cast(Shutdown, stop), ticks=ticks)
    done, outages = counts(ticks)
    assert (done is None, outages) == ((True, 2) if away else (False, None))
    assert ((ticks.registry.get_sample_value("voice_tick_success_timestamp_seconds") or 0) > began) is not away
