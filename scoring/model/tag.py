"""The tag that binds a model's content to the hotkey that committed it."""

import hashlib

from scoring.types import ContentHash

TAG_BYTES = 16


def tag_of(content_hash: ContentHash, public_key: bytes) -> bytes:
    """First 128 bits of `sha256(content hash ‖ public key)`; raises ValueError unless both are 32 bytes.

    Nobody can replay another's commitment: under another key the same content has another tag.
    """
    content = bytes.fromhex(content_hash)
    if len(content) != 32 or len(public_key) != 32:
        raise ValueError("a content hash and a public key have 32 bytes each")
    return hashlib.sha256(content + public_key).digest()[:TAG_BYTES]
