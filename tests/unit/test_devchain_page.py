"""docs/devchain.md: its commands run, in their order, and its table is what the code says."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from neurons.devchain.faults import FaultKind
from neurons.devchain.subnet import RANGES, Rules
from scoring.errors import PlatformError

PAGE = (Path(__file__).parents[2] / "docs" / "devchain.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an empty folder on; only the reveal is refused, because nobody sealed anything."""
    monkeypatch.setenv("VOICE_DEVCHAIN", str(tmp_path / "chain.sqlite"))
    monkeypatch.setenv("BT_WALLET_PATH", str(tmp_path / "wallets"))
    refused = {}
    for line in COMMANDS:
        voice, *arguments = shlex.split(line)
        assert voice == "voice"
        result = CliRunner().invoke(app, arguments, standalone_mode=False)
        if result.exception is not None:
            assert isinstance(result.exception, PlatformError), (line, result.exception)
            refused[line] = result.exception.detail
    assert refused == {"voice dev reveal 0=0.35 3=0.65 --wallet owner": "the chain refused: NoWeightsCommitFound"}
    assert len(COMMANDS) > 15


def test_the_table_of_rules_is_the_codes() -> None:
    """Each hyperparameter stands there with its first value and its range, and no other does."""
    expected = [(rule.name, int(getattr(Rules(), rule.name)), *RANGES[rule.name]) for rule in fields(Rules)]
    found = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) … (\d+) \|$", PAGE, re.MULTILINE)
    assert [(name, *map(int, numbers)) for name, *numbers in found] == expected


def test_every_kind_of_fault_is_told() -> None:
    """What a caller meets stands there for each kind."""
    assert re.findall(r"^\| (stall|drop|stale|error) \|", PAGE, re.MULTILINE) == list(FaultKind)
