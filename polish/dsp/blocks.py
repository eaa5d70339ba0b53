"""Cutting channels into blocks, so that work on a long sound needs little memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import rest
from ..audio.sound import Samples

_LET_GO = 1 << 22
"""Frames after which pages are let go: 34 MB of stereo."""


def pieces(frames: int, size: int, *sounds: Samples) -> Iterator[slice]:
    """Slices of at most `size` frames, in order; the pages of sounds on the disk are let go on the way.

    So that what is read or written once from end to end never lies in memory as a whole.
    """
    last = 0
    for first in range(0, frames, size):
        if first - last >= _LET_GO:
            rest(*sounds)
            last = first
        yield slice(first, min(first + size, frames))
    rest(*sounds)


def excerpt(channel: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    """Frames `start` to `end` of one channel, contiguous, with zeros beyond its ends."""
    piece = np.zeros(end - start, np.float32)
    first, last = max(start, 0), max(min(end, channel.size), 0)
    piece[first - start : last - start] = channel[first:last]
    return piece
