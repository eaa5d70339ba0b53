"""What lies between the products of the transformer of Demucs, where these are of bfloat16: normalisation,
and results added to what flows from layer to layer in float32, row by row in one pass over memory.

A bfloat16, here ``int16``, is the upper half of a float32: it is worked on as that, and rounded at the end.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np

from ...compiled import njit

_BITS, _SIXTEEN, _ROUNDED = np.uint32, np.uint32(16), np.uint32(1 << 15)
_SUMS, _STEPS = {"contract", "nsz", "reassoc"}, {"contract", "nsz"}
_ONE = np.float32(1)


@njit(cache=True, nogil=True)
def from_half(half):
    """A bfloat16 as float32."""
    return _BITS(_BITS(np.uint16(half)) << _SIXTEEN).view(np.float32)


@njit(cache=True, nogil=True)
def to_half(bits):
    """The bits of a float32, as ``uint32``, rounded to a bfloat16."""
    return np.int16(_BITS(bits + _ROUNDED) >> _SIXTEEN)


@njit(cache=True, nogil=True)
def normalised(x, gains, offsets, eps, made):
    """Rows ``(rows, channels)``, each to mean 0 and deviation 1, times gains and with offsets, as halves."""
    for row in range(len(x)):
        _to_halves(x[row], _moments(x[row], eps), gains, offsets, made[row])


@njit(cache=True, nogil=True)
def added(x, more, scale, out):
    """`x` and rows of halves, each channel times a scale, to `out`; its sum, and that of its squares."""
    total, squares = 0.0, 0.0
    for row in range(len(x)):
        one, two = _add(x[row], more[row], scale, out[row])
        total += np.float64(one)
        squares += np.float64(two)
    return total, squares


@njit(cache=True, nogil=True)
def rescaled(x, mean, over, gains, offsets):
    """Less a mean, times one factor and a gain for each channel, with offsets, in place."""
    for row in range(len(x)):
        _rescale(x[row], np.float32(mean), np.float32(over), gains, offsets)


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _moments(row, eps):
    total = np.float32(0)
    for t in range(len(row)):
        total += row[t]
    mean, squares = total / np.float32(len(row)), np.float32(0)
    for t in range(len(row)):
        squares += (row[t] - mean) ** 2
    return mean, _ONE / np.sqrt(squares / np.float32(len(row)) + np.float32(eps))


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _to_halves(row, moments, gains, offsets, made):
    mean, over = moments
    for t in range(len(row)):
        made[t] = to_half(np.float32((row[t] - mean) * over * gains[t] + offsets[t]).view(_BITS))


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _add(row, more, scale, made):
    total, squares = np.float32(0), np.float32(0)
    for t in range(len(row)):
        x = row[t] + from_half(more[t]) * scale[t]
        made[t] = x
        total += x
        squares += x * x
    return total, squares


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _rescale(row, mean, over, gains, offsets):
    for t in range(len(row)):
        row[t] = (row[t] - mean) * over * gains[t] + offsets[t]
