"""Commands that import torch before they look at what they were given: what is wrong is one line all the same."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from neurons.chain import wallets
from scoring.errors import Code
from scoring.receipts.certificate import Certificate
from scoring.types import Hotkey
from tests.builders.command_line import voice
from voice_api.keys import ServiceKey


def test_a_folder_of_pins_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Before anything is fetched."""
    ended = voice(tmp_path, "scoring", "pin", "--out", "no/pins.toml")
    (told,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert told.startswith(f"error {Code.ARGUMENT_INVALID} --out no/pins.toml")


@pytest.mark.parametrize("expired", [False, True], ids=["none", "expired"])
def test_a_worker_without_a_valid_certificate_ends_with_what_to_do(tmp_path: Path, expired: bool) -> None:
    """Before it asks for any server: one line with the address and the command."""
    key = ServiceKey.at(tmp_path / ".voice" / "service.key")
    if expired:
        wallet = wallets.create("validator", "default", tmp_path / "wallets")
        long_ago = datetime.now(UTC) - timedelta(days=9)
        terms = Certificate(
            issuer=Hotkey(wallet.hotkey.ss58_address),
            service=key.address,
            host="h",
            not_before=long_ago,
            not_after=long_ago + timedelta(days=1),
            signature="",
        )
        signature = bytes(wallet.hotkey.sign(terms.message)).hex()
        (tmp_path / ".voice" / "service.cert.json").write_text(json.dumps({**terms.to_json(), "signature": signature}))
    ended = voice(tmp_path, "worker", DATABASE_URL="postgresql://nobody", REDIS_URL="redis://nobody")
    (told,) = ended.stderr.splitlines()
    assert told.startswith(f"error {Code.CERTIFICATE_INVALID} ")
    assert f"voice validator certify {key.address} --host NAME --out .voice/service.cert.json" in told
    assert ("expired at" in told, ended.returncode) == (expired, 1)


LOGS = """
import sys
from neurons.cli.main import main
sys.argv = ["voice", "config", "show", "worker"]
try:
    main()
except SystemExit:
    import structlog
    structlog.get_logger("workers.sandbox").info("a guest's own output")
"""


def test_what_a_sandbox_logs_does_not_stand_beside_the_answer() -> None:
    """Programs read what `--json` prints, audits among them: whatever a model makes its guest say goes to standard error."""
    ended = subprocess.run((sys.executable, "-c", LOGS), capture_output=True, text=True, check=True, timeout=60)
    assert ("VOICE_" in ended.stdout, "a guest's own output" in ended.stdout) == (True, False)
    assert "a guest's own output" in ended.stderr
