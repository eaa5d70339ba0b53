"""Softmax in bfloat16, which torch takes nearly twice as long for."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np

from ...compiled import njit
from .halves import from_half, to_half

_BITS, _MANTISSA = np.uint32, np.uint32(23)
_ALL_BUT_SIGN, _FIFTEEN = np.int16(0x7FFF), np.int16(15)
_ONE, _PER_OCTAVE = np.float32([1, 1.4426950408889634])
_LEAST = np.float32(-126)
"""Powers of two below this one are as good as nothing."""
_WHOLE = np.float32(1.5 * (1 << 23))
"""What this is added to is rounded to a whole number, which is then in its lowest bits."""
_C0, _C1, _C2, _C3 = np.float32([0.99992807, 0.69326099, 0.24261112, 0.05517167])
"""2^x for |x| ≤ 1/2 to 7.5e-5, the least greatest relative error."""
_SUMS, _STEPS = {"contract", "nsz", "reassoc"}, {"contract", "nsz"}


@njit(cache=True, nogil=True)
def softmax(scores, scale):
    """Softmax of scores times a positive scale along the rows, in place.

    Args:
        scores: bfloat16 as ``int16``, ``(rows, columns)``, finite.
    """
    for row in range(scores.shape[0]):
        _exponentials(scores[row], _highest(scores[row]), np.float32(scale) * _PER_OCTAVE)
        _scale(scores[row], _ONE / _sum(scores[row]))


@njit(cache=True, nogil=True)
def _highest(row):
    """Compared as whole numbers, for which the bits of those below zero are turned round."""
    best = np.int16(-32768)
    for t in range(len(row)):
        turned = np.int16(row[t] ^ np.int16(np.int16(row[t] >> _FIFTEEN) & _ALL_BUT_SIGN))
        best = turned if turned > best else best
    best = np.int16(best ^ np.int16(np.int16(best >> _FIFTEEN) & _ALL_BUT_SIGN))
    return from_half(best)


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _exponentials(row, highest, scale):
    offset = -highest * scale
    for t in range(len(row)):
        octaves = from_half(row[t]) * scale + offset
        octaves = octaves if octaves > _LEAST else _LEAST
        whole = np.float32(octaves + _WHOLE)
        part = octaves - (whole - _WHOLE)
        power = np.float32(_C0 + part * (_C1 + part * (_C2 + part * _C3)))
        bits = _BITS(power.view(_BITS) + _BITS(whole.view(_BITS) << _MANTISSA))
        row[t] = to_half(bits)


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _sum(row):
    total = np.float32(0)
    for t in range(len(row)):
        total += from_half(row[t])
    return total


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _scale(row, factor):
    for t in range(len(row)):
        row[t] = to_half(np.float32(from_half(row[t]) * factor).view(_BITS))
