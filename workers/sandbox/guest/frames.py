"""Frames on the pipes between a worker and its guest: one fixed header, then a payload of bounded size.

Header, 16 bytes little-endian: magic, kind, three zero bytes, sample rate in Hz (0 where it has no meaning), payload bytes.
The worker reads no structure from a loaded model but this header, UTF-8 reasons and raw PCM.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from scoring.foreign_words import escaped

HEADER = struct.Struct("<4sB3xII")
_MAGIC = b"VSG1"
MAX_RATE = 65_535
"""In Hz, for a model: FLAC keeps every rate up to this one, judged or not."""
HIGHEST_RATE = 192_000
"""In Hz, for any sound: a recording of a studio is decoded, and judged to have a rate that no model may have."""
REASON_BYTES = 400
_REPORT_BYTES = 16_384


class FrameKind(IntEnum):
    """The kind of a frame. A guest sends CONFINED, PREPARED and LOADED once each, then one answer per request, in order."""

    CONFINED = 1
    """The payload is JSON: what the sandbox refused, sent before any untrusted byte is opened."""
    PREPARED = 2
    LOADED = 3
    SAMPLE = 4
    """The payload is PCM, s16le mono."""
    NOT_PREPARED = 10
    NOT_LOADED = 11
    OUT_OF_MEMORY = 12
    SAMPLE_FAILED = 13
    SAMPLE_NOT_FINITE = 14
    SAMPLE_TOO_LARGE = 15
    LIBRARY_MISSING = 16
    """This host lacks what the family needs: it answers for that, not the model."""
    PARTS_UNUSABLE = 17
    """So does whoever pinned what the family needs beside the model, where that cannot be opened."""
    CARD_FAILED = 18
    """The card answered with an error; whose fault that is, the guest cannot know, and it ends."""


class Malformed(ValueError):
    """Bytes that are not a frame, or a frame larger than its kind allows."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `payload` is PCM, a report, or a reason in UTF-8."""

    kind: FrameKind
    rate: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes of this frame."""
        return HEADER.pack(_MAGIC, self.kind, self.rate, len(self.payload)) + self.payload

    @property
    def reason(self) -> str:
        """The payload as one short printable line: it may come from a hostile model."""
        return escaped(self.payload[:REASON_BYTES].decode("utf-8", "replace"))


def reason(text: str) -> bytes:
    """A reason as payload, cut to its bound."""
    return text.encode("utf-8", "replace")[:REASON_BYTES]


def payload_limit(kind: FrameKind, sample_bytes: int) -> int:
    """The largest payload of a kind, in bytes."""
    match kind:
        case FrameKind.CONFINED:
            return _REPORT_BYTES
        case FrameKind.PREPARED | FrameKind.LOADED | FrameKind.SAMPLE_TOO_LARGE:
            return 0
        case FrameKind.SAMPLE:
            return sample_bytes
        case _:
            return REASON_BYTES


@dataclass(frozen=True, slots=True)
class Announced:
    """A checked header, which announces the payload."""

    kind: FrameKind
    rate: int
    size: int


def parse_header(raw: bytes) -> Announced:
    """Check a header; raises Malformed."""
    magic, kind, rate, size = HEADER.unpack(raw)
    if magic != _MAGIC or raw[5:8] != b"\0\0\0" or kind not in set(FrameKind) or rate > HIGHEST_RATE:
        raise Malformed("these bytes are not a frame")
    return Announced(FrameKind(kind), rate, size)


def send(answers: BinaryIO, frame: Frame) -> None:
    """Write one frame, at once."""
    answers.write(frame.encode())
    answers.flush()
