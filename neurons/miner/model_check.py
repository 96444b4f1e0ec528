"""A miner's model before it is published: checked, named, and bound to the hotkey by a commitment."""

from dataclasses import dataclass
from pathlib import Path

import bittensor as bt

from neurons.chain.commitment import Commitment, encode
from scoring.competition import Competition
from scoring.errors import SubmissionFault
from scoring.model.fingerprint import TAG_BYTES, Fingerprint, fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.types import ContentHash, PublicKey, Tag
from workers.hub.inspect import FolderSource, inspect, look_into

_NAME_DIGITS = 8


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model folder that a validator would accept, as far as can be told without running it."""

    family: str
    files: int
    total_bytes: int
    prints: Fingerprint


def check_folder(folder: Path, competition: Competition) -> CheckedModel:
    """Run the validator's own checks on a folder; raises SubmissionFault with the code that a validator would record."""
    source = FolderSource(folder)
    return _checked(folder, source, inspect(source, competition, NO_PROGRESS))


def look_into_folder(folder: Path, competition: Competition) -> tuple[CheckedModel | None, tuple[SubmissionFault, ...]]:
    """The same checks, to the end: the model where there is no fault, else every fault, that which a validator would record first."""
    try:
        source = FolderSource(folder)
        found = look_into(source, competition, NO_PROGRESS)
        if found.family is None or found.faults:
            return None, found.faults
        return _checked(folder, source, found.family), ()
    except SubmissionFault as fault:
        return None, (fault,)


def _checked(folder: Path, source: FolderSource, family: str) -> CheckedModel:
    total = sum(file.size for file in source.files)
    return CheckedModel(family, len(source.files), total, fingerprint(folder, NO_PROGRESS))


def commitment_of(content: ContentHash, repo: str, revision: str, wallet: bt.Wallet) -> bytes:
    """The commitment that binds content, published as `repo@revision`, to the wallet's hotkey."""
    return encode(Commitment(repo, revision, tag_of(content, PublicKey(bytes(wallet.hotkey.public_key).hex()))))


def repository_of(base: str, content: ContentHash) -> str:
    """`<base>-<8 hex digits of the content>`: each submission has its own.

    A repository that is public already would show the next model before it is committed, and hiding it would take the model away from
    its judges. The name follows from the model, so a restart finds it again.
    """
    return f"{base}-{content[:_NAME_DIGITS]}"


def check_base(base: str) -> None:
    """Raise SubmissionFault(COMMITMENT_MALFORMED) when no commitment could name the repositories."""
    encode(Commitment(repository_of(base, ContentHash("0" * 64)), "0" * 40, Tag(bytes(TAG_BYTES).hex())))
