"""A commitment: one ASCII string on the chain that names a model and binds its content to the hotkey; its form and its cooldown."""

import base64
import hashlib
import re
from dataclasses import dataclass

from neurons.chain.types import COMMITMENT_BYTES
from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import TAG_BYTES
from scoring.types import Block, BlockHash, PublicKey, Tag, hash_bytes

REPO_CHARACTERS = 61
_VERSION, _BEFORE = "v2", "v1"
_REVISION = re.compile(r"[0-9a-f]{40}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Commitment:
    """`repo` is `<namespace>/<name>` on the model hub, `revision` 40 lower-case hex digits, `tag` 32 (see `tag_of`)."""

    repo: str
    revision: str
    tag: Tag


def parse(text: str | bytes) -> Commitment:
    """Read `v2:<namespace>/<name>:<revision>:<tag>`; raises SubmissionFault(COMMITMENT_MALFORMED) that names the fault."""
    parts = _ascii(text).split(":")
    if parts[0] == _BEFORE:
        raise _malformed(f"it is of version {_BEFORE}, whose tags bound other hashes: commit again, as version {_VERSION}")
    if len(parts) != 4 or parts[0] != _VERSION:
        raise _malformed(f"it is not {_VERSION}:<namespace>/<name>:<revision>:<tag>")
    _, repo, revision, tag = parts
    _check_repo(repo)
    _check_revision(revision)
    return Commitment(repo, revision, _tag(tag))


def encode(commitment: Commitment) -> bytes:
    """Encode a commitment as at most 128 bytes of ASCII; raises SubmissionFault(COMMITMENT_MALFORMED) if a part is not valid."""
    _check_repo(commitment.repo)
    _check_revision(commitment.revision)
    if not re.fullmatch(f"[0-9a-f]{{{2 * TAG_BYTES}}}", commitment.tag):
        raise _malformed(f"the tag has not {2 * TAG_BYTES} hexadecimal digits")
    tag = base64.urlsafe_b64encode(bytes.fromhex(commitment.tag)).rstrip(b"=").decode("ascii")
    return f"{_VERSION}:{commitment.repo}:{commitment.revision}:{tag}".encode("ascii")


def tiebreak(block_hash: BlockHash, public_key: PublicKey) -> str:
    """Hex sha256(block hash ‖ public key): of two commitments in one block the lower is the earlier."""
    return hashlib.sha256(hash_bytes(block_hash) + bytes.fromhex(public_key)).hexdigest()


def first_allowed(previous: Block | None, cooldown_blocks: int) -> Block:
    """The first block outside the cooldown that the commitment of block `previous` started (None: there is none)."""
    return Block(0) if previous is None else Block(previous + cooldown_blocks)


def in_cooldown(previous: Block | None, block: Block, cooldown_blocks: int) -> bool:
    """Whether a commitment of `block` comes less than `cooldown_blocks` after the hotkey's previous one."""
    return block < first_allowed(previous, cooldown_blocks)


def _ascii(text: str | bytes) -> str:
    """The text, if it is ASCII and fits; the byte limit is checked first, because it holds for any content."""
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > COMMITMENT_BYTES:
        raise _malformed(f"it has {len(data)} bytes, more than {COMMITMENT_BYTES}")
    if not data.isascii():
        raise _malformed("it is not ASCII")
    return data.decode("ascii")


def _check_repo(repo: str) -> None:
    if len(repo) > REPO_CHARACTERS:
        raise _malformed(f"the repository id has {len(repo)} characters, more than {REPO_CHARACTERS}")
    names = repo.split("/")
    if len(names) != 2:
        raise _malformed("the repository id is not <namespace>/<name>")
    if any(not _NAME.fullmatch(name) or ".." in name or "--" in name for name in names) or repo.endswith(".git"):
        raise _malformed("the repository id is not valid on the model hub")


def _check_revision(revision: str) -> None:
    if not _REVISION.fullmatch(revision):
        raise _malformed("the revision is not 40 lower-case hexadecimal digits")


def _tag(text: str) -> Tag:
    """Decode 22 base64url characters; their last one carries 4 spare bits, which must be 0 so that a tag has one spelling."""
    if not _TAG.fullmatch(text):
        raise _malformed("the tag is not 22 base64url characters")
    tag = base64.urlsafe_b64decode(text + "==")
    if base64.urlsafe_b64encode(tag).rstrip(b"=").decode("ascii") != text:
        raise _malformed("the tag's last character has spare bits set")
    return Tag(tag.hex())


def _malformed(why: str) -> SubmissionFault:
    return SubmissionFault(Code.COMMITMENT_MALFORMED, f"The commitment cannot be read: {why}.")
