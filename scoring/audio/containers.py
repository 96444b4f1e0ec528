"""Where the sound of a file begins and ends: tags in front, several streams in a row, and headers of WAV that state no true length.

Nothing is decoded here. Every claim of a file is checked against its size; whatever is not understood is left to the decoder.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from scoring.errors import Code, PlatformError

WAV, RF64, BW64, FLAC, OGG, TAG = b"RIFF", b"RF64", b"BW64", b"fLaC", b"OggS", b"ID3"
"""First bytes of the accepted forms, and of the tag that some programs put in front."""
WAVES = (WAV, RF64, BW64)
"""The newest of them is the second under another name, which decoders do not know."""
NO_LENGTH = 1_000_000_000
"""A program that writes into a pipe cannot know the length: it leaves 0 there or something huge, each program its own. A length of so
many bytes that the file does not have is none; the sound then ends with the file."""
ALL_ONES = 0xFFFF_FFFF
"""What a length of 32 bits is where 'ds64' has the true one."""
MOST_STREAMS, MOST_TAGS, MOST_CHUNKS = 64, 16, 1_000
WINDOW = 1 << 20
"""Bytes searched at a time."""
PAGE_HEADER = struct.Struct("<4sBBqIIIB")
"""Of an OGG page: mark, version, flags, position, stream, number, checksum, count of segments."""
CONTINUED_FIRST, CONTINUED_LAST = 2, 4
"""Flags of an OGG page: the first of its stream, the last of it."""
STREAM_INFO = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
"""A FLAC stream begins so: its mark, then 34 bytes of information, which may be the last."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a file: its first byte, the byte behind its last, and what its header should say, by place in the file."""

    start: int
    end: int
    corrected: Mapping[int, bytes] = field(default_factory=dict)


class StreamFile:
    """A stream as a file of its own, for a library that moves to places before the start when a header lies: it is taken to the start."""

    def __init__(self, file: BinaryIO, stream: Stream) -> None:
        self._file, self._stream, self._place = file, stream, stream.start

    def read(self, count: int) -> bytes:
        """At most `count` bytes, with the corrections."""
        count = min(count, self._stream.end - self._place)
        self._file.seek(self._place)
        found = bytearray(self._file.read(max(0, count)))
        for place, right in self._stream.corrected.items():
            for offset, value in enumerate(right, place - self._place):
                if 0 <= offset < len(found):
                    found[offset] = value
        self._place += len(found)
        return bytes(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the stream, or behind its end."""
        base = {io.SEEK_SET: self._stream.start, io.SEEK_CUR: self._place, io.SEEK_END: self._stream.end}[whence]
        self._place = max(self._stream.start, base + offset)
        return self.tell()

    def tell(self) -> int:
        """Bytes from the stream's start."""
        return self._place - self._stream.start


def streams(file: BinaryIO) -> tuple[Stream, ...]:
    """The streams of a WAV, FLAC or OGG file, in order; at least one.

    Raises PlatformError(AUDIO_INVALID): another form, less sound than a header says, a last page that is missing, too many streams.
    """
    end = file.seek(0, io.SEEK_END)
    start = _behind_tags(file, end)
    mark = _at(file, start, 4)
    if mark in WAVES:
        found = list(_wav_streams(file, start, end))
    elif mark == FLAC:
        found = list(_between([start, *_more_flac(file, start, end)], end))
    elif mark == OGG:
        found = list(_ogg_streams(file, start, end))
    else:
        raise invalid("the file is neither WAV nor FLAC nor OGG")
    if len(found) > MOST_STREAMS:
        raise invalid(f"more than {MOST_STREAMS} sounds in one file")
    return tuple(found)


def invalid(why: str) -> PlatformError:
    """The file is at fault."""
    return PlatformError(Code.AUDIO_INVALID, why)


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


def _behind_tags(file: BinaryIO, end: int) -> int:
    """The place behind ID3 tags (version 2: ten bytes, of which the last four hold seven bits of the length each)."""
    place = 0
    for _ in range(MOST_TAGS):
        header = _at(file, place, 10)
        if len(header) < 10 or not header.startswith(TAG) or max(header[6:]) > 0x7F:
            break
        length = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        footer = 10 if header[5] & 0x10 else 0
        place += 10 + length + footer
    return min(place, end)


def _between(starts: list[int], end: int) -> Iterator[Stream]:
    for start, following in zip(starts, [*starts[1:], end], strict=True):
        yield Stream(start, following)


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    place: int
    """Of its first byte behind name and length."""
    length: int


def _chunks(file: BinaryIO, place: int, end: int) -> Iterator[_Chunk]:
    """The chunks of a WAV file from a place on, as their headers say; each begins at an even distance."""
    for _ in range(MOST_CHUNKS):
        header = _at(file, place, 8)
        if place >= end or len(header) < 8:
            return
        length = int.from_bytes(header[4:], "little")
        yield _Chunk(header[:4], place + 8, length)
        place += 8 + length + length % 2


def _wav_streams(file: BinaryIO, start: int, end: int) -> Iterator[Stream]:
    """A WAV file, and those that were put behind it."""
    while start < end:
        stream, following = _wav_stream(file, start, end)
        yield stream
        mark = _at(file, following, 4)
        if mark in (FLAC, OGG):
            raise invalid("it holds sounds of several forms")
        if mark not in WAVES:
            return
        start = following


def _wav_stream(file: BinaryIO, start: int, end: int) -> tuple[Stream, int]:
    """One of them, with its true length in the header, and the place behind its sound."""
    wide: _Chunk | None = None
    for chunk in _chunks(file, start + 12, end):
        if chunk.name == b"ds64" and chunk.length >= 28:
            wide = chunk
        if chunk.name == b"data":
            return _with_true_length(file, _known(file, start, end), chunk, wide)
    return _known(file, start, end), end


def _known(file: BinaryIO, start: int, end: int) -> Stream:
    """A stream under the name that decoders know."""
    return Stream(start, end, {start: RF64} if _at(file, start, 4) == BW64 else {})


def _with_true_length(file: BinaryIO, stream: Stream, data: _Chunk, wide: _Chunk | None) -> tuple[Stream, int]:
    claimed, rest = data.length, stream.end - data.place
    if wide is not None and claimed == ALL_ONES:
        claimed = int.from_bytes(_at(file, wide.place + 8, 8), "little")
    none = (claimed == 0 and not _is_chunks(file, data.place, stream.end)) or claimed >= NO_LENGTH
    if claimed > rest and not none:
        raise invalid("the file holds less sound than its header says")
    if claimed <= rest and (claimed or not none):
        behind = data.place + claimed + claimed % 2
        last = behind if _at(file, behind, 4) in WAVES else stream.end
        return Stream(stream.start, last, stream.corrected), behind
    right = {**stream.corrected, stream.start + 4: _length(stream.end - stream.start - 8), data.place - 4: _length(rest)}
    if wide is not None:
        right[wide.place] = struct.pack("<QQ", stream.end - stream.start - 8, rest)
    return Stream(stream.start, stream.end, right), stream.end


def _length(count: int) -> bytes:
    return struct.pack("<I", min(count, ALL_ONES))


def _is_chunks(file: BinaryIO, place: int, end: int) -> bool:
    """Whether a place begins chunks with plain names that fill the file to its end, or nothing."""
    reached = place
    for chunk in _chunks(file, place, end):
        if not all(0x20 <= letter < 0x7F for letter in chunk.name):
            return False
        reached = chunk.place + chunk.length
    return reached in (end, end - 1)


def _more_flac(file: BinaryIO, start: int, end: int) -> Iterator[int]:
    """Where further FLAC streams begin, behind the information of the first; its own pictures are no streams."""
    place = start + 4
    for _ in range(MOST_CHUNKS):
        header = _at(file, place, 4)
        if len(header) < 4:
            return
        place += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:
            break
    overlap = len(STREAM_INFO[0]) - 1
    while place < end:
        window = _at(file, place, WINDOW + overlap)
        yield from sorted(place + offset for mark in STREAM_INFO for offset in _occurrences(window, mark))
        place += WINDOW


def _occurrences(window: bytes, mark: bytes) -> Iterator[int]:
    offset = window.find(mark)
    while offset >= 0:
        yield offset
        offset = window.find(mark, offset + 1)


def _ogg_streams(file: BinaryIO, start: int, end: int) -> Iterator[Stream]:
    """Streams in a row: each ends with a last page, and a first page begins the next. No header states a length, but the last page does."""
    first, flags, opening = start, 0, True
    for place, page in _pages(file, start, end):
        begins = bool(page & CONTINUED_FIRST)
        if begins and not opening:
            _check_last(flags)
            yield Stream(first, place)
            first = place
        flags, opening = page, begins
    _check_last(flags)
    yield Stream(first, end)


def _check_last(flags: int) -> None:
    if not flags & CONTINUED_LAST:
        raise invalid("the file breaks off: its last page is missing")


def _pages(file: BinaryIO, place: int, end: int) -> Iterator[tuple[int, int]]:
    """Place and flags of every whole page."""
    while place < end:
        header = _at(file, place, PAGE_HEADER.size)
        if len(header) < PAGE_HEADER.size or not header.startswith(OGG):
            return
        segments = _at(file, place + PAGE_HEADER.size, header[-1])
        following = place + PAGE_HEADER.size + len(segments) + sum(segments)
        if following > end:
            yield place, 0
            return
        yield place, header[5]
        place = following
