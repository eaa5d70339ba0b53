"""Which loudspeaker each channel of a file is for: the channel mask of WAVE_FORMAT_EXTENSIBLE.

Bits and their order are those of Microsoft's *Multiple Channel Audio Data and WAVE Files*;
channels lie in the order of the bits that are set, in WAV, in FLAC and in what ffmpeg decodes.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from .headers import chunks

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
