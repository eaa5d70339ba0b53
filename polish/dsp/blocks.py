"""Cutting channels into blocks, so that work on a long sound needs little memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def excerpt(channel: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    """Frames `start` to `end` of one channel, contiguous, with zeros beyond its ends."""
    piece = np.zeros(end - start, np.float32)
    first, last = max(start, 0), max(min(end, channel.size), 0)
    piece[first - start : last - start] = channel[first:last]
    return piece
