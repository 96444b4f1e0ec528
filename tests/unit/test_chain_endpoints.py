"""Where a network is reached, and in which order that is tried."""

import pytest
from bittensor.settings import FALLBACK_ENDPOINTS, NETWORKS

from neurons.chain.adapter import endpoints
from neurons.settings import ChainSettings
from scoring.errors import PlatformError

OWN = ("wss://one", "wss://two")


@pytest.mark.parametrize(
    ("network", "fallbacks", "turn", "expected"),
    [
        pytest.param("finney", (), 0, (NETWORKS["finney"], *FALLBACK_ENDPOINTS["finney"]), id="those that the SDK knows"),
        pytest.param("finney", OWN, 0, (NETWORKS["finney"], *OWN), id="those of the setting"),
        pytest.param("test", (), 3, (NETWORKS["test"],), id="one alone"),
        pytest.param("ws://mine", OWN, 1, ("wss://one", "wss://two", "ws://mine"), id="the second first"),
        pytest.param("ws://mine", OWN, 5, ("wss://two", "ws://mine", "wss://one"), id="round and round"),
        pytest.param("wss://one", OWN, 0, OWN, id="each once"),
    ],
)
def test_endpoints_in_turn(network: str, fallbacks: tuple[str, ...], turn: int, expected: tuple[str, ...]) -> None:
    """The network's own, then the others; another turn begins with another one."""
    assert endpoints(network, fallbacks, turn)[1:] == expected


def test_a_network_that_nobody_knows_is_told_in_one_sentence() -> None:
    """With those that there are, and without how Python shows a list."""
    with pytest.raises(PlatformError) as caught:
        endpoints("foo bar", (), 0)
    names = ", ".join(sorted(NETWORKS))
    assert caught.value.detail == (
        f"no network is called foo bar: there are dev, {names}, and nodes by their addresses, ws://… or wss://…"
    )


def test_the_setting_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Separated by commas."""
    monkeypatch.setenv("VOICE_FALLBACK_ENDPOINTS", "wss://one, wss://two,")
    assert ChainSettings().fallbacks == OWN
