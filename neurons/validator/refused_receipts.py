"""The kinds of reasons for which receipts do not count: what an operator does about one depends on the kind."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from scoring.types import Entrant

_SHOWN = 3
"""Names that stand behind a reason in the log."""


class ReceiptRefusal(StrEnum):
    """What is wrong with a receipt that does not count."""

    CERTIFICATE = "certificate"
    """Nobody who is trusted certified its signer, or no longer, or the certificate was revoked."""
    RULES = "rules"
    """It was judged under other rules, or by other judges, than this validator's."""
    EVIDENCE = "evidence"
    """Its signature, its numbers or its samples do not hold."""


_WORDS = {
    ReceiptRefusal.CERTIFICATE: ("certificate", "service key"),
    ReceiptRefusal.RULES: ("competition_hash", "profile", "anchors", "prompts", "the receipt says the track"),
}
"""What the reasons of a kind say (`ReceiptInvalid`, `CertificateInvalid`); all others are of the evidence."""


def refusal_of(reason: str) -> ReceiptRefusal:
    """The kind of a reason as a ledger has it."""
    return next((kind for kind, words in _WORDS.items() if any(word in reason for word in words)), ReceiptRefusal.EVIDENCE)


def by_kind(distrusted: Mapping[Entrant, str]) -> dict[str, int]:
    """How many receipts do not count for each kind of reason; every kind is named."""
    found = Counter(refusal_of(reason) for reason in distrusted.values())
    return {kind.value: found[kind] for kind in ReceiptRefusal}


def in_words(distrusted: Mapping[Entrant, str]) -> str:
    """The reasons, the most frequent first, each with how many receipts it refuses and the names of the first few."""
    return "; ".join(
        f"{count} for: {reason} ({_some(distrusted, reason)})" for reason, count in Counter(distrusted.values()).most_common()
    )


def _some(distrusted: Mapping[Entrant, str], reason: str) -> str:
    names = [name for name, why in distrusted.items() if why == reason]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
