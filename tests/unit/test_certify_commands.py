"""`voice worker --show-key`, `voice validator certify` and `revoke`, as an operator runs them."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from neurons.chain import wallets
from scoring.errors import Code
from scoring.receipts.certificate import Certificate, CertificateInvalid
from scoring.types import Hotkey
from voice_api.keys import ServiceKey, certified, read_certificate, trust


def voice(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `voice` in a folder, with its wallets and nothing else in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "neurons.cli", *line.split()],
        cwd=folder,
        env={"PATH": os.defpath, "BT_WALLET": "validator", "BT_WALLET_PATH": str(folder / "wallets"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_from_a_new_worker_to_a_revoked_certificate(tmp_path: Path) -> None:
    """The worker shows its address, the validator certifies it, by address and by file, and takes one certificate back."""
    issuer = Hotkey(wallets.create("validator", "default", tmp_path / "wallets").hotkey.ss58_address)
    address = voice(tmp_path, "worker --show-key").stdout.strip()
    key = ServiceKey.read(tmp_path / ".voice" / "service.key")
    assert address == key.address
    first = voice(tmp_path, f"validator certify {address} --host host-1 --days 7 --out .voice/service.cert.json")
    second = voice(tmp_path, "validator certify --key .voice/service.key --host host-1 --out second.json")
    signer = certified(key, tmp_path / ".voice" / "service.cert.json", datetime.now(UTC))
    for printed, certificate in ((first, signer.certificate), (second, read_certificate(tmp_path / "second.json"))):
        assert certificate.serial in printed.stdout
        assert f"{certificate.not_after:%Y-%m-%d %H:%M}" in printed.stdout
    assert timedelta(days=6) < signer.certificate.not_after - datetime.now(UTC) < timedelta(days=7)

    revoked = voice(tmp_path, "validator revoke second.json")
    assert "one of 1" in revoked.stdout
    assert "one of 2" in voice(tmp_path, f"validator revoke {'0' * 32}").stdout
    trusted = trust(issuer, tmp_path / ".voice" / "revocations.json")
    trusted.check(signer.certificate, datetime.now(UTC))
    with pytest.raises(CertificateInvalid, match="was revoked"):
        trusted.check(read_certificate(tmp_path / "second.json"), datetime.now(UTC))
    assert f"{address} is revoked, one of 3" in voice(tmp_path, f"validator revoke {address}").stdout


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        pytest.param("validator certify 5Nobody --host h --out c.json", Code.ARGUMENT_INVALID, "no address as", id="address"),
        pytest.param("validator certify --host h --out c.json", Code.ARGUMENT_INVALID, "ADDRESS or its --key", id="no key"),
        pytest.param("validator certify --key none --host h --out c.json", Code.SERVICE_KEY_INVALID, "none", id="no key file"),
        pytest.param("validator certify --key key --host a/b --out c.json", Code.ARGUMENT_INVALID, "a host of", id="host"),
        pytest.param(
            "validator certify --key key --host h --out key/c.json", Code.SETTING_INVALID, "cannot be written", id="out"
        ),
        pytest.param("validator revoke nothing.json", Code.ARGUMENT_INVALID, "nothing.json is neither", id="no certificate"),
        pytest.param(f"validator revoke {'0' * 32} --list key", Code.REVOCATIONS_INVALID, "key", id="list of another form"),
        pytest.param(f"validator revoke {'0' * 32} -w nobody", Code.WALLET_MISSING, "nobody", id="no wallet"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, line: str, code: Code, words: str) -> None:
    """Code, what is wrong, what to do; and nothing was written."""
    wallets.create("validator", "default", tmp_path / "wallets")
    (tmp_path / "key").write_text("01" * 32)
    ended = voice(tmp_path, line)
    (told,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout, told.startswith(f"error {code} "), words in told) == (1, "", True, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "wallets"]


@pytest.mark.parametrize("expired", [False, True], ids=["none", "expired"])
def test_a_worker_without_a_valid_certificate_ends_with_what_to_do(tmp_path: Path, expired: bool) -> None:
    """Before it asks for any server: one line with the address and the command."""
    key = ServiceKey.at(tmp_path / ".voice" / "service.key")
    if expired:
        wallet = wallets.create("validator", "default", tmp_path / "wallets")
        long_ago = datetime.now(UTC) - timedelta(days=9)
        terms = Certificate(Hotkey(wallet.hotkey.ss58_address), key.address, "h", long_ago, long_ago + timedelta(days=1), "")
        signature = bytes(wallet.hotkey.sign(terms.message)).hex()
        (tmp_path / ".voice" / "service.cert.json").write_text(json.dumps({**terms.to_json(), "signature": signature}))
    ended = voice(tmp_path, "worker", DATABASE_URL="postgresql://nobody", REDIS_URL="redis://nobody")
    (told,) = ended.stderr.splitlines()
    assert told.startswith(f"error {Code.CERTIFICATE_INVALID} ")
    assert f"voice validator certify {key.address} --host NAME --out .voice/service.cert.json" in told
    assert ("expired at" in told, ended.returncode) == (expired, 1)
