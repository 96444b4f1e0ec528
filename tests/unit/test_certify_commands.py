"""`voice worker --show-key`, `voice validator certify` and `revoke`, as an operator runs them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from neurons.chain import wallets
from scoring.errors import Code
from scoring.receipts.certificate import CertificateInvalid
from scoring.types import Hotkey
from tests.builders import command_line
from tests.builders.command_line import Ended
from voice_api.keys import ServiceKey, certified, read_certificate, trust


def voice(folder: Path, line: str, **environment: str) -> Ended:
    """Run `voice` in a folder, as the validator."""
    return command_line.voice(folder, *line.split(), BT_WALLET="validator", **environment)


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
    for named in (address, "--key .voice/service.key"):
        assert f"{address} is revoked, one of 3" in voice(tmp_path, f"validator revoke {named}").stdout


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
        pytest.param("validator revoke", Code.ARGUMENT_INVALID, "Name either a certificate", id="nothing to revoke"),
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
