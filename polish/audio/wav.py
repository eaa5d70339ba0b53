"""Writing WAV: 16- and 24-bit PCM and 32-bit float, as RF64 when 4 GB are not enough.

RIFF WAVE as Microsoft's *Multiple Channel Audio Data and WAVE Files* describes it, RF64 as
EBU Tech 3306. Sizes are known before the first byte is written, and nothing in the file
depends on when or where it was written (a ``PEAK`` chunk would hold the time).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import layouts

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
RIFF_LIMIT_BYTES = 0xFFFFFFFF


def header(
    frames: int, channels: int, rate_hz: int, bits: int, *, floating: bool = False,
    extra: Mapping[bytes, bytes] | None = None, limit_bytes: int = RIFF_LIMIT_BYTES,
) -> bytes:  # fmt: skip
    """Everything before the samples.

    Args:
        frames, channels, rate_hz, bits: of the sound.
        floating: whether the samples are IEEE floats.
        extra: chunks to put before the samples, by their four-letter id.
        limit_bytes: above this file size the header is RF64's.
    """
    block = channels * bits // 8
    data_bytes = frames * block
    body = _chunk(b"fmt ", _fmt(channels, rate_hz, bits, block, floating))
    if floating:
        body += _chunk(b"fact", struct.pack("<I", min(frames, 0xFFFFFFFF)))
    for name, content in (extra or {}).items():
        body += _chunk(name, content)
    size = 4 + len(body) + 8 + data_bytes + data_bytes % 2
    if size <= limit_bytes:
        return struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + body + struct.pack("<4sI", b"data", data_bytes)
    wide = _chunk(b"ds64", struct.pack("<QQQI", size + 36, data_bytes, frames, 0))
    start = struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE")
    return start + wide + body + struct.pack("<4sI", b"data", 0xFFFFFFFF)


def _fmt(channels: int, rate_hz: int, bits: int, block: int, floating: bool) -> bytes:
    codec = _FLOAT if floating else _PCM
    tag = codec if channels <= 2 else _EXTENSIBLE
    plain = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    if tag == _PCM:
        return plain
    if tag == _FLOAT:
        return plain + struct.pack("<H", 0)
    return plain + struct.pack("<HHIH", 22, bits, layouts.USUAL.get(channels, 0), codec) + _SUBFORMAT


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def write_samples(
    file: BinaryIO, blocks: Iterable[NDArray[np.int32] | NDArray[np.float32]], bits: int
) -> None:
    """Write blocks ``(frames, channels)`` of integers or floats behind a header."""
    written = 0
    for block in blocks:
        packed = _pack(block, bits)
        file.write(packed)
        written += len(packed)
    file.write(b"\0" * (written % 2))


def _pack(block: NDArray[np.int32] | NDArray[np.float32], bits: int) -> bytes:
    if bits == 16:
        return block.astype("<i2").tobytes()
    if bits == 24:
        return np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return np.ascontiguousarray(block, "<f4").tobytes()
