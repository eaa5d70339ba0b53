"""Reading sound whole: what is decoded, in one array."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .decoding import decoding
from .scratching import rest, scratch
from .sound import Samples, Sound

_BLOCK_FRAMES = 1 << 18
_MOST_AHEAD = 1 << 28
"""Values set aside on a header's word; beyond this the array grows with what is really there."""


def read(path: str | Path) -> Sound:
    """Read a sound file of any common format, at its own rate, length and channel count.

    WAV (8 to 32 bits, float, RF64), AIFF, FLAC, MP3, Ogg Vorbis, Opus, M4A/AAC, the sound of
    MP4 and WebM (the first sound stream) and whatever else ffmpeg reads. The format is told
    by content, not by name. Encoder delay is taken off where the file states it. Values
    beyond full scale are kept.

    Raises:
        BadInput: missing, a folder, unreadable, empty, no sound, cut short (fewer frames
            than the header promises), NaN or infinite samples, more than 64 channels, or a
            rate outside 8 to 192 kHz.
    """
    with decoding(Path(path)) as source:
        return Sound(_collect(source.blocks, source.channels, source.expected), source.rate_hz)


def _collect(blocks: Iterable[NDArray[np.float32]], channels: int, expected: int) -> Samples:
    """Blocks ``(frames, channels)`` into one contiguous array ``(channels, frames)``.

    Holds the sound once, not twice, when `expected` frames is right or a little too many; a
    long one on the disk.
    """
    room = max(1, min(expected + 4096, _MOST_AHEAD // channels)) if expected > 0 else 1 << 20
    samples = scratch((channels, room))
    frames = 0
    for block in blocks:
        end = frames + block.shape[0]
        if end > room:
            room = max(2 * room, end)
            larger = scratch((channels, room))
            for start in range(0, frames, _BLOCK_FRAMES):
                part = slice(start, min(start + _BLOCK_FRAMES, frames))
                larger[:, part] = samples[:, part]
                rest(larger, samples)
            samples = larger
        samples[:, frames:end] = block.T
        frames = end
        rest(samples)
    flat = samples.reshape(-1)
    for channel in range(1, channels):  # close the gaps in place: channels move towards the front
        for start in range(0, frames, _BLOCK_FRAMES):
            count = min(_BLOCK_FRAMES, frames - start)
            old, new = channel * room + start, channel * frames + start
            flat[new : new + count] = flat[old : old + count]
            rest(flat)
    return flat[: channels * frames].reshape(channels, frames)
