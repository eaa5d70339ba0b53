"""Floating samples to integers: rounding, and dither where the steps would be heard.

At 16 bits or fewer, noise of triangular density, two steps wide, is added before rounding:
the error then has the same mean and power whatever the music does (Lipshitz, Wannamaker,
Vanderkooy: Quantization and Dither, J. Audio Eng. Soc. 40 (5), 1992). Sound that lies on
the grid already, as silence does, is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .sound import Samples

BLOCK_FRAMES = 1 << 17
_DITHERED_BITS = 16


def blocks(samples: Samples, bits: int, *, seed: int = 0) -> Iterator[NDArray[np.int32]]:
    """Interleaved integers of a sound, block by block; the same every time for one seed.

    Args:
        samples: ``(channels, frames)``; values beyond full scale are held at its ends.
        bits: 8 to 24.
        seed: of the dither.

    Yields:
        ``(frames, channels)`` with values from ``-2**(bits-1)`` to ``2**(bits-1) - 1``.
    """
    scale = np.float32(1 << (bits - 1))
    dithered = bits <= _DITHERED_BITS and not on_grid(samples, bits)
    rng = np.random.default_rng(seed)
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        block = samples[:, start : start + BLOCK_FRAMES].T * scale
        if dithered:
            block += _triangular(rng, block.shape)
        np.rint(block, out=block)
        yield np.clip(block, -scale, scale - 1).astype(np.int32)


def floats(samples: Samples) -> Iterator[NDArray[np.float32]]:
    """Interleaved samples as they are, in the same blocks: ``(frames, channels)``."""
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        yield np.ascontiguousarray(samples[:, start : start + BLOCK_FRAMES].T)


def on_grid(samples: Samples, bits: int) -> bool:
    """Whether every sample is a whole number of steps at `bits`."""
    scale = np.float32(1 << (bits - 1))
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        block = samples[:, start : start + BLOCK_FRAMES] * scale
        if not np.array_equal(block, np.rint(block)):
            return False
    return True


def _triangular(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Values in −1 … 1 with triangular density: the difference of two uniform ones."""
    two = rng.random((*shape, 2), np.float32)
    return two[..., 0] - two[..., 1]
