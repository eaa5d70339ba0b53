"""What a file's header promises: how many frames there ought to be.

Decoders read what is there and keep silent about what is missing. These few readers look
at the header alone, so that `read` can compare; `mpeg` and `mp4` do the same for theirs. Where
a file makes no promise, as one that was streamed, none is made up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from .sniff import id3_bytes

_STREAMED = frozenset({0xFFFFFFFF, *range(0x7FFFF000, 0x80000000)})
"""Sizes that programs put into a WAV header which they could not go back to fill in."""


def promised_frames(file: BinaryIO, kind: str) -> int | None:
    """Frames that the header of a `kind` promises, or `None` where it says nothing.

    Args:
        file: opened for reading; its position is moved.
        kind: as told by `sniff.kind`.
    """
    file.seek(0)
    reader = {"wav": _wav, "aiff": _aiff, "flac": _flac}.get(kind)
    try:
        return reader(file) if reader else None
    except (struct.error, ZeroDivisionError, IndexError):
        return None


def chunks(file: BinaryIO, order: str, wide: dict[bytes, int] | None = None) -> Iterator[tuple[bytes, int]]:
    """Walk the chunks of an IFF or RIFF file from where it stands.

    Yields ``(id, bytes)`` with the file at the chunk's content. `order` is ``<`` or ``>``;
    `wide` holds 64-bit sizes that stand in for 0xFFFFFFFF (EBU Tech 3306) and may be filled
    while walking.
    """
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", head)
        if size == 0xFFFFFFFF and wide and name in wide:
            size = wide[name]
        start = file.tell()
        yield name, size
        file.seek(start + size + size % 2)


def _wav(file: BinaryIO) -> int | None:
    """``data`` bytes over the block size; 64-bit sizes from ``ds64`` (EBU Tech 3306)."""
    order = ">" if file.read(12)[:4] == b"RIFX" else "<"
    wide: dict[bytes, int] = {}
    block = 0
    for name, size in chunks(file, order, wide):
        if name == b"ds64":
            _, wide[b"data"], _ = struct.unpack("<QQQ", file.read(24))
        elif name == b"fmt ":
            codec, _, _, _, block, _ = struct.unpack(f"{order}HHIIHH", file.read(16))
            if codec not in (1, 3, 0xFFFE):  # blocks of compressed codecs hold many frames
                return None
        elif name == b"data":
            return None if size in _STREAMED else size // block
    return None


def _aiff(file: BinaryIO) -> int | None:
    """``numSampleFrames`` of the ``COMM`` chunk (AIFF 1.3)."""
    file.seek(12)
    for name, _ in chunks(file, ">"):
        if name == b"COMM":
            return struct.unpack(">hI", file.read(6))[1] or None
    return None


def _flac(file: BinaryIO) -> int | None:
    """``total samples`` of STREAMINFO (RFC 9639, 8.2); 0 there means unknown."""
    start = id3_bytes(file.read(10))
    file.seek(start + 18)
    (packed,) = struct.unpack(">Q", file.read(8))
    return packed & (1 << 36) - 1 or None
