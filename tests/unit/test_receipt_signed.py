"""A signed receipt: who may sign, when, and that no file has two readings."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bittensor import sp_core
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import DOMAIN, MAX_BYTES, ReceiptInvalid, Signed, authenticate, canonical, sign
from scoring.types import Hotkey
from tests.builders.certificates import a_certificate
from voice_api.keys import CertifiedKey, ServiceKey, verify

ISSUER, WORKER, OTHER = (ServiceKey(sp_core.Keypair.create_from_seed(bytes([n]) * 32)) for n in range(1, 4))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRUST = Trust(frozenset({Hotkey(ISSUER.address)}), frozenset(), verify)
RECEIPT = {"judged_at": "2026-11-22T12:00:00+00:00", "score": 500_000, "samples": [{"metrics": {"wer": 0.1}}]}
CERTIFICATE = a_certificate(ISSUER, WORKER, NOON, host="host-1")
SIGNED = sign(RECEIPT, CertifiedKey(WORKER, CERTIFICATE))
FILE = json.dumps(SIGNED.to_json(), indent=1)


def refused(signed: Signed, at: datetime = NOON) -> str:
    """Why it is not believed."""
    with pytest.raises(ReceiptInvalid) as caught:
        authenticate(signed, TRUST, at)
    return str(caught.value)


def test_an_honest_one_is_believed_also_when_it_was_a_file() -> None:
    """Indents and the order of names say nothing."""
    authenticate(SIGNED, TRUST, NOON)
    reordered = json.dumps(dict(reversed(SIGNED.to_json().items())))
    for raw in (FILE, reordered):
        authenticate(Signed.from_bytes(raw.encode()), TRUST, NOON)


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        pytest.param(replace(SIGNED, receipt={**RECEIPT, "score": 500_001}), "receipt's signature", id="a flipped digit"),
        pytest.param(
            replace(SIGNED, receipt={**RECEIPT, "score": 500_000.0}), "receipt's signature", id="another kind of number"
        ),
        pytest.param(replace(SIGNED, receipt={**RECEIPT, "score": float("nan")}), "not JSON", id="NaN"),
        pytest.param(replace(SIGNED, signature=OTHER.sign(DOMAIN + canonical(RECEIPT))), "receipt's signature", id="another key"),
        pytest.param(
            replace(SIGNED, signature=WORKER.sign(canonical(RECEIPT))), "receipt's signature", id="signed as something else"
        ),
        pytest.param(replace(SIGNED, signature=f"{SIGNED.signature[:-2]} 0"), "receipt's signature", id="malformed hex"),
        pytest.param(replace(SIGNED, signature=f"0x{SIGNED.signature}"), "receipt's signature", id="prefixed hex"),
        pytest.param(
            replace(SIGNED, certificate=replace(CERTIFICATE, service=OTHER.address)), "certificate's", id="edited certificate"
        ),
        pytest.param(replace(SIGNED, receipt={"score": 1}), "when it was judged", id="no time"),
        pytest.param(replace(SIGNED, receipt={"judged_at": 7}), "when it was judged", id="a number for a time"),
        pytest.param(replace(SIGNED, receipt={"judged_at": "2026-11-22T14:00:00+00:00"}), "expired at", id="judged too late"),
        pytest.param(replace(SIGNED, receipt={"judged_at": "2026-11-22T10:00:00+00:00"}), "begins at", id="judged too early"),
    ],
)
def test_anything_else_is_not(signed: Signed, reason: str) -> None:
    """Each with its reason."""
    assert reason in refused(signed)


@pytest.mark.parametrize(
    ("at", "reason"), [(NOON + 2 * HOUR, "expired at"), (NOON - 2 * HOUR, "begins at")], ids=["late", "early"]
)
def test_it_must_reach_us_while_the_certificate_holds(at: datetime, reason: str) -> None:
    """A worker that dates back what it signs with an expired key gains nothing."""
    assert reason in refused(SIGNED, at)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_changed_letter_of_the_file_is_found(data: st.DataObject) -> None:
    """Wherever it stands: it is no signed receipt any more, or not believed, or says the same."""
    position = data.draw(st.integers(0, len(FILE) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    edited = FILE[:position] + letter + FILE[position + 1 :]
    try:
        signed = Signed.from_bytes(edited.encode())
        authenticate(signed, TRUST, NOON)
    except ReceiptInvalid:
        return
    assert signed == SIGNED


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(lambda text: text.replace('"score": 500000', '"score": 1, "score": 500000'), "twice", id="a name twice"),
        pytest.param(lambda text: text.replace("500000", "NaN"), "NaN", id="NaN"),
        pytest.param(lambda text: text.replace("500000", "1e999"), "beyond all numbers", id="a number beyond all"),
        pytest.param(lambda text: text.replace("500000", "[" * 50 + "]" * 50), "deeply", id="nested"),
        pytest.param(lambda text: text[:-1], "not a signed receipt", id="cut off"),
        pytest.param(lambda text: f"[{text}]", "not an object", id="a list"),
        pytest.param(
            lambda text: text.replace('"signature"', '"seal"', 1), "no receipt, signature and certificate", id="no signature"
        ),
        pytest.param(lambda text: text[:-1] + ', "more": 1}', "no receipt, signature and certificate", id="a field more"),
        pytest.param(lambda text: text + " " * MAX_BYTES, "larger than", id="too large"),
        pytest.param(lambda text: text.replace("host-1", "\\ud800"), "lone surrogate", id="half a character"),
    ],
)
def test_a_file_has_one_reading_or_none(edit: Callable[[str], str], reason: str) -> None:
    """What two programs could read differently is no receipt."""
    with pytest.raises(ReceiptInvalid, match=reason):
        Signed.from_bytes(edit(FILE).encode())


@pytest.mark.parametrize("raw", [b"", b"\xff", b"null", b"7", b"{}"], ids=repr)
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    """An error of its own kind for whatever is not one."""
    with pytest.raises(ReceiptInvalid):
        Signed.from_bytes(raw)


def test_a_receipt_is_signed_under_its_own_name() -> None:
    """The signature over it is good for nothing else."""
    message: Any = canonical(RECEIPT)
    assert verify(WORKER.address, DOMAIN + message, SIGNED.signature)
    assert not verify(WORKER.address, message, SIGNED.signature)
