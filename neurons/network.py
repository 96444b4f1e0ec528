"""The chain that the settings name: a network that the SDK knows, or a development chain."""

import bittensor as bt

from neurons.chain.adapter import Chain, rpc_substrate
from neurons.devchain.substrate import DevSubstrate
from neurons.settings import ChainSettings

DEV_NETWORK = "dev"


def open_chain(settings: ChainSettings, turn: int = 0) -> Chain:
    """The subnet's chain, open within `async with`; `turn` says with which of the network's endpoints to begin.

    Raises PlatformError(SETTING_INVALID) for a network that nobody knows, ChainUnavailable when it cannot be reached.
    """
    return Chain(_substrate(settings, turn), settings.netuid, settings.chain_timeout)


def _substrate(settings: ChainSettings, turn: int) -> bt.Substrate:
    if settings.network == DEV_NETWORK:
        return DevSubstrate(settings.devchain)
    return rpc_substrate(settings.network, settings.fallbacks, turn)
