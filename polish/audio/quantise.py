"""Floating samples to integers: rounding, and dither wherever bits are lost.

Noise of triangular density, two steps wide, is added before rounding: the error then has the
same mean and power whatever the music does (S. Lipshitz, R. Wannamaker & J. Vanderkooy,
"Quantization and Dither: A Theoretical Survey", J. Audio Eng. Soc. 40 (5), 1992). `shaping` can
move that noise to where it is heard least. Nothing is added to a sound that lies on the grid
already, as silence does, nor to the digital silence before and after a sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .scratching import rest
from .sound import Samples, Sound

Dither = Literal["tpdf", "shaped", "none"]

BLOCK_FRAMES = 1 << 17


def blocks(sound: Sound, bits: int, *, dither: Dither = "tpdf", seed: int = 0) -> Iterator[NDArray[np.int32]]:
    """Interleaved integers of a sound, block by block; the same every time for one seed.

    Args:
        sound: values beyond full scale are held at its ends.
        bits: 8 to 24.
        dither: triangular, triangular and shaped, or none.
        seed: of the dither.

    Yields:
        ``(frames, channels)`` with values from ``-2**(bits-1)`` to ``2**(bits-1) - 1``.
    """
    samples, scale = sound.samples, float(1 << (bits - 1))
    first, last = (0, 0) if dither == "none" or on_grid(samples, bits) else _sounding(samples)
    rng = np.random.default_rng(seed)
    errors = np.zeros((sound.channels, 0))
    for start in range(0, sound.frames, BLOCK_FRAMES):
        block = samples[:, start : start + BLOCK_FRAMES].T * scale
        part = slice(max(first - start, 0), max(last - start, 0))
        if block[part].size and dither == "shaped":
            errors = _shape(block[part], rng, sound.rate_hz, errors)
        elif block[part].size:
            block[part] += _triangular(rng, block[part].shape)
        np.rint(block, out=block)
        rest(samples)
        yield np.clip(block, -scale, scale - 1).astype(np.int32)


def floats(samples: Samples) -> Iterator[NDArray[np.float32]]:
    """Interleaved samples as they are, in the same blocks: ``(frames, channels)``."""
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        block = np.ascontiguousarray(samples[:, start : start + BLOCK_FRAMES].T)
        rest(samples)
        yield block


def on_grid(samples: Samples, bits: int) -> bool:
    """Whether every sample is a whole number of steps at `bits`."""
    scale = np.float32(1 << (bits - 1))
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        block = samples[:, start : start + BLOCK_FRAMES] * scale
        rest(samples)
        if not np.array_equal(block, np.rint(block)):
            return False
    return True


def _sounding(samples: Samples) -> tuple[int, int]:
    """The first frame that is not digital silence, and the one after the last."""
    edges = []
    for channels in (samples, samples[:, ::-1]):
        for start in range(0, samples.shape[1], BLOCK_FRAMES):
            heard = channels[:, start : start + BLOCK_FRAMES].any(axis=0)
            rest(samples)
            if heard.any():
                edges.append(start + int(heard.argmax()))
                break
    return (edges[0], samples.shape[1] - edges[1]) if edges else (0, 0)


def _triangular(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values in −1 … 1 with triangular density: the difference of two uniform ones of 16 bits."""
    two = rng.integers(0, 1 << 32, shape, np.uint32)
    return ((two >> 16).astype(np.int32) - (two & 0xFFFF).astype(np.int32)) * 2.0**-16


def _shape(
    block: NDArray[np.float64], rng: np.random.Generator, rate_hz: int, errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Round a block in place with shaped noise; returns the errors to carry on with."""
    from .shaping import noise_filter, shape  # compiles, which other dithers need not wait for

    weights = noise_filter(rate_hz)
    errors = errors if errors.size else np.zeros((block.shape[1], weights.size))
    shape(block, _triangular(rng, block.shape), weights, errors)
    return errors
