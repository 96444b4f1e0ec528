"""Certificates and revocations: whatever is changed in one, it no longer counts, and it says why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bittensor import sp_core
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.receipts.certificate import Certificate, CertificateInvalid, Revocations, Trust, issue, moment, revoke, revoked_by
from scoring.types import Hotkey
from voice_api.keys import ServiceKey, verify

ISSUER, STRANGER, WORKER, OTHER = (ServiceKey(sp_core.Keypair.create_from_seed(bytes([n]) * 32)) for n in range(1, 5))
ME = Hotkey(ISSUER.address)
START = datetime(2026, 11, 22, 10, tzinfo=UTC)
END = START + timedelta(days=90)
NOW = START + timedelta(days=1)
UNSIGNED = Certificate(issuer=ME, service=WORKER.address, host="host-1", not_before=START, not_after=END, signature="")
CERTIFICATE = issue(UNSIGNED, ISSUER.sign)
TRUST = Trust(frozenset({ME}), frozenset(), verify)
A_SERIAL = "0123456789abcdef" * 2


def refused(certificate: Certificate, at: datetime = NOW, trust: Trust = TRUST) -> str:
    """Why a certificate does not count."""
    with pytest.raises(CertificateInvalid) as caught:
        trust.check(certificate, at)
    return str(caught.value)


@pytest.mark.parametrize("at", [START, NOW, END], ids=["its first second", "inside", "its last second"])
def test_a_certificate_counts_in_its_time(at: datetime) -> None:
    """Both ends included; written down and read again it is the same."""
    TRUST.check(CERTIFICATE, at)
    assert Certificate.from_json(CERTIFICATE.to_json()) == CERTIFICATE


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        pytest.param(START - timedelta(seconds=1), "begins at 2026-11-22T10:00:00+00:00, after 2026-11-22T09:59:59", id="early"),
        pytest.param(END + timedelta(microseconds=1), "expired at 2027-02-20T10:00:00+00:00", id="late"),
    ],
)
def test_a_certificate_counts_at_no_other_time(at: datetime, reason: str) -> None:
    """Not yet begun and expired are told apart."""
    assert reason in refused(CERTIFICATE, at)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"issuer": Hotkey(STRANGER.address)}, "not of", id="issuer"),
        pytest.param({"service": OTHER.address}, "signature does not hold", id="service"),
        pytest.param({"host": "host-2"}, "signature does not hold", id="host"),
        pytest.param({"not_before": START - timedelta(days=1)}, "signature does not hold", id="not_before"),
        pytest.param({"not_after": END + timedelta(days=1)}, "signature does not hold", id="not_after"),
        pytest.param({"signature": "00" * 64}, "signature does not hold", id="signature"),
        pytest.param({"signature": CERTIFICATE.signature.upper()}, "signature does not hold", id="signature in other letters"),
        pytest.param({"signature": CERTIFICATE.signature + " "}, "signature does not hold", id="signature with a blank"),
        pytest.param({"signature": "zz" * 64}, "signature does not hold", id="signature that is no hex"),
        pytest.param({"signature": ""}, "signature does not hold", id="no signature"),
    ],
)
def test_every_field_is_bound(change: dict[str, Any], reason: str) -> None:
    """Any other value, and the certificate is refused."""
    assert reason in refused(replace(CERTIFICATE, **change))


def test_a_certificate_of_another_issuer_is_refused_though_its_signature_holds() -> None:
    """Each validator trusts its own hotkey alone."""
    foreign = issue(replace(UNSIGNED, issuer=Hotkey(STRANGER.address)), STRANGER.sign)
    assert refused(foreign) == f"the certificate is of {STRANGER.address}, not of {ME}"


def test_a_service_key_cannot_certify() -> None:
    """A certificate that its own key signed is none."""
    assert (
        refused(replace(CERTIFICATE, signature=WORKER.sign(CERTIFICATE.message))) == "the certificate's signature does not hold"
    )


def test_a_certificate_can_be_taken_back_alone_or_with_its_key() -> None:
    """By serial only that one, by the key's address each one, whenever it was made."""
    renewed = issue(replace(UNSIGNED, not_after=END + timedelta(days=90)), ISSUER.sign)
    by_serial = replace(TRUST, revoked=frozenset({CERTIFICATE.serial}))
    by_key = replace(TRUST, revoked=frozenset({WORKER.address}))
    assert refused(CERTIFICATE, trust=by_serial) == f"the certificate {CERTIFICATE.serial} of host-1 was revoked"
    by_serial.check(renewed, NOW)
    for certificate in (CERTIFICATE, renewed):
        assert refused(certificate, trust=by_key) == f"the service key {WORKER.address} of host-1 was revoked"


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda data: [data], id="a list"),
        pytest.param(lambda _data: None, id="nothing"),
        pytest.param(lambda data: data | {"more": "x"}, id="a field more"),
        pytest.param(lambda data: {k: v for k, v in data.items() if k != "host"}, id="a field less"),
        pytest.param(lambda data: data | {"host": 7}, id="a number as host"),
        pytest.param(lambda data: data | {"host": "a\x1b[2Jb"}, id="a host that moves the cursor"),
        pytest.param(lambda data: data | {"host": ""}, id="no host"),
        pytest.param(lambda data: data | {"host": "h" * 65}, id="a long host"),
        pytest.param(lambda data: data | {"issuer": "5F\n"}, id="an address with a line break"),
        pytest.param(lambda data: data | {"not_after": "2027-02-20T10:00:00Z"}, id="a time in other letters"),
        pytest.param(lambda data: data | {"not_after": "2027-02-20T11:00:00+01:00"}, id="a time in another zone"),
        pytest.param(lambda data: data | {"not_after": "2027-02-20T10:00:00"}, id="a time without a zone"),
        pytest.param(lambda data: data | {"not_after": "2027-02-20T10:00:00.5+00:00"}, id="half a second"),
        pytest.param(lambda data: data | {"not_before": "0001-01-01T00:00:00+23:59"}, id="before all time"),
        pytest.param(lambda data: data | {"not_before": "soon"}, id="no time"),
    ],
)
def test_what_has_not_the_form_of_a_certificate_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    """One form only, and no other error than this one."""
    with pytest.raises(CertificateInvalid):
        Certificate.from_json(edit(CERTIFICATE.to_json()))


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=6
    ),
    st.sampled_from(["issuer", "service", "host", "not_before", "not_after", "signature"]),
)
def test_any_value_in_any_field_is_refused_or_changes_nothing(value: object, field: str) -> None:
    """No JSON crashes a reader, and none but the certificate itself counts."""
    try:
        certificate = Certificate.from_json(CERTIFICATE.to_json() | {field: value})
        TRUST.check(certificate, NOW)
    except CertificateInvalid:
        return
    assert certificate == CERTIFICATE


@settings(deadline=None)
@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", fullmatch=True))
def test_a_time_has_one_way_to_be_written(text: str) -> None:
    """What is read as a time is written as it was read."""
    try:
        found = moment(text)
    except CertificateInvalid:
        return
    assert found.astimezone(UTC).isoformat(timespec="seconds") == text


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param({"not_after": START}, id="no time at all"),
        pytest.param({"not_before": END, "not_after": START}, id="ends before it begins"),
        pytest.param({"host": "two words"}, id="a host with a blank"),
        pytest.param({"service": "5F!"}, id="no address"),
    ],
)
def test_wrong_terms_are_not_signed(terms: dict[str, Any]) -> None:
    """Nothing is signed that nobody could read."""
    with pytest.raises(CertificateInvalid):
        issue(replace(UNSIGNED, **terms), ISSUER.sign)


def test_times_are_cut_to_the_second() -> None:
    """What is kept in memory is what a file will hold."""
    made = issue(replace(UNSIGNED, not_before=START + timedelta(microseconds=7)), ISSUER.sign)
    assert Certificate.from_json(made.to_json()) == made


def test_a_list_of_revocations_is_its_issuers() -> None:
    """Written down, read again, and believed; of nobody else, and unchanged."""
    signed = revoke(ME, frozenset({A_SERIAL, WORKER.address}), ISSUER.sign)
    assert revoked_by(Revocations.from_json(signed.to_json()), ME, verify) == {A_SERIAL, WORKER.address}
    for wrong in (
        replace(signed, revoked=frozenset()),
        replace(signed, revoked=signed.revoked | {"f" * 32}),
        replace(signed, signature=STRANGER.sign(signed.message)),
        replace(signed, issuer=Hotkey(STRANGER.address)),
    ):
        with pytest.raises(CertificateInvalid):
            revoked_by(wrong, ME, verify)


def test_a_strangers_empty_list_takes_nothing_back_for_us() -> None:
    """Putting a well-signed list of one's own in the place of the validator's does not help."""
    with pytest.raises(CertificateInvalid, match="not of"):
        revoked_by(revoke(Hotkey(STRANGER.address), frozenset(), STRANGER.sign), ME, verify)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda data: data | {"more": []}, id="a field more"),
        pytest.param(lambda data: data | {"revoked": [A_SERIAL, A_SERIAL]}, id="one serial twice"),
        pytest.param(lambda data: data | {"revoked": ["b", "a"]}, id="not in order"),
        pytest.param(lambda data: data | {"revoked": [7]}, id="a number"),
        pytest.param(lambda data: data | {"revoked": A_SERIAL}, id="one serial without a list"),
        pytest.param(lambda data: data | {"issuer": ""}, id="no issuer"),
    ],
)
def test_what_has_not_the_form_of_a_list_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    """One form only."""
    with pytest.raises(CertificateInvalid, match="form"):
        Revocations.from_json(edit(revoke(ME, frozenset({A_SERIAL}), ISSUER.sign).to_json()))


def test_no_signature_stands_for_another_kind() -> None:
    """Certificates, revocations and receipts are signed under names of their own."""
    assert not verify(ME, CERTIFICATE.message.split(b"\n", 1)[1], CERTIFICATE.signature)


@settings(max_examples=50, deadline=None)
@given(st.text(), st.binary(max_size=8), st.text() | st.binary(max_size=70).map(bytes.hex))
def test_a_malformed_signature_is_false_and_nothing_else(address: str, message: bytes, signature: str) -> None:
    """No address and no signature raises; none of these holds."""
    assert not verify(address, message, signature)
    assert not verify(ME, message, signature)
