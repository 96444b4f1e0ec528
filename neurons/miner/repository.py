"""The repository of one model."""

from neurons.chain.commitment import Commitment, encode
from scoring.model.fingerprint import TAG_BYTES
from scoring.types import ContentHash

_DIGITS = 8


def repository_of(base: str, content: ContentHash) -> str:
    """`<base>-<8 hex digits of the content>`: each submission has its own.

    A repository that is public already would show the next model before it is committed, and hiding it would take away what validators
    judge. The name follows from the model, so a restart finds it again.
    """
    return f"{base}-{content[:_DIGITS]}"


def check_base(base: str) -> None:
    """Raise SubmissionFault(COMMITMENT_MALFORMED) when no commitment could name the repositories."""
    encode(Commitment(repository_of(base, ContentHash("0" * 64)), "0" * 40, bytes(TAG_BYTES)))
