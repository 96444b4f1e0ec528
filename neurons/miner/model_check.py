"""What a miner does with a model: check it, bind it to a hotkey, publish it, commit it."""

from dataclasses import dataclass
from pathlib import Path

import bittensor as bt

from neurons.chain.commitment import Commitment, encode, tag_of
from scoring.competition import Competition
from scoring.model.fingerprint import Fingerprint, fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import ContentHash
from workers.hub.inspect import FolderSource, inspect


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model folder that a validator would accept, as far as can be told without running it."""

    family: str
    files: int
    total_bytes: int
    prints: Fingerprint


def check(folder: Path, competition: Competition) -> CheckedModel:
    """Run the validator's own checks on a folder; raises SubmissionFault with the code that a validator would record."""
    source = FolderSource(folder)
    family = inspect(source, competition, NO_PROGRESS)
    total = sum(file.size for file in source.files)
    return CheckedModel(family, len(source.files), total, fingerprint(folder, NO_PROGRESS))


def commitment_of(content: ContentHash, repo: str, revision: str, wallet: bt.Wallet) -> bytes:
    """The commitment that binds content, published as `repo@revision`, to the wallet's hotkey."""
    return encode(Commitment(repo, revision, tag_of(content, bytes(wallet.hotkey.public_key))))
