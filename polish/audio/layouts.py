"""Which loudspeaker each channel of a file is for: the channel mask of WAVE_FORMAT_EXTENSIBLE.

Bits and their order are those of Microsoft's *Multiple Channel Audio Data and WAVE Files*;
channels lie in the order of the bits that are set, in WAV, in FLAC and in what ffmpeg decodes.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from .headers import chunks

USUAL = {
    1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F, 10: 0x2D03F, 12: 0x2D63F,
}  # fmt: skip
"""Loudspeakers by channel count where none are named: mono, stereo, L R C, quad, 5.0, 5.1 with the
surrounds at the back, 6.1, 7.1 (these as in FLAC, RFC 9639, 9.1.3), 5.1.4 and 7.1.4."""
_EXTENSIBLE = 0xFFFE


def of_wav(file: BinaryIO, kind: str) -> int | None:
    """The channel mask of a WAV file; `None` where it has none, and for other kinds.

    Args:
        file: opened for reading; its position is moved.
        kind: as told by `sniff.kind`.
    """
    if kind != "wav":
        return None
    file.seek(0)
    order = ">" if file.read(12)[:4] == b"RIFX" else "<"
    for name, size in chunks(file, order):
        if name == b"fmt ":
            return mask(file.read(min(size, 40)), order)
        if name == b"data":
            break
    return None


def mask(fmt: bytes, order: str = "<") -> int | None:
    """The channel mask in a ``fmt`` chunk; `None` where it has none, or one that does not fit its channels.

    Args:
        order: ``<`` or ``>``, of its bytes.
    """
    if len(fmt) < 24:
        return None
    codec, channels = struct.unpack_from(f"{order}HH", fmt)
    (found,) = struct.unpack_from(f"{order}I", fmt, 20)
    return found if codec == _EXTENSIBLE and found.bit_count() == channels else None
