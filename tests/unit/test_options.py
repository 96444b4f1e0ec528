"""Options that several commands share: given on the line they win, else the environment decides."""

import pytest
import typer
from typer.testing import CliRunner

from neurons.cli.options import ChainOptions, shared_options, subnet_of
from neurons.settings import ChainSettings
from scoring.errors import PlatformError

app = typer.Typer()


@app.command()
@shared_options
def show(options: ChainOptions, what: str, loud: bool = False) -> None:
    """Print the settings that a command would use."""
    found = options.settings(ChainSettings)
    text = f"{what} {found.network} {found.netuid} {found.wallet}/{found.wallet_hotkey}"
    typer.echo(text.upper() if loud else text)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        pytest.param("here", "here local None alice/default", id="nothing given"),
        pytest.param("here --network dev --netuid 7 -w bob -H hot", "here dev 7 bob/hot", id="short names"),
        pytest.param("here --subtensor.network dev --wallet.name bob --loud", "HERE DEV NONE BOB/DEFAULT", id="the SDK's names"),
    ],
)
def test_what_is_given_wins_over_the_environment(line: str, printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """BT_WALLET and BT_NETWORK are set; the subnet's number has no default."""
    monkeypatch.setenv("BT_WALLET", "alice")
    monkeypatch.setenv("BT_NETWORK", "local")
    result = CliRunner().invoke(app, line.split())
    assert (result.exit_code, result.stdout) == (0, printed + "\n")


def test_the_help_shows_a_commands_own_options_first() -> None:
    """A group's options stand behind them."""
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    assert 0 < shown.index("--loud") < shown.index("--network") < shown.index("--wallet-path")


def test_nobody_acts_on_a_network_that_nobody_named() -> None:
    """Nor on a subnet; the development chain has one alone."""
    assert subnet_of(ChainSettings(network="dev")) == 1
    assert subnet_of(ChainSettings(network="test", netuid=0)) == 0
    with pytest.raises(PlatformError, match="no network is named: give --network"):
        subnet_of(ChainSettings(netuid=7))
    with pytest.raises(PlatformError, match="no subnet of test is named: give --netuid"):
        subnet_of(ChainSettings(network="test"))
