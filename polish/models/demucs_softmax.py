"""Softmax in bfloat16, which torch takes twice as long for.

A bfloat16 is the upper half of a float32: it is worked on as that, and rounded at the end.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np

from ..compiled import njit

_BITS, _SIXTEEN, _MANTISSA = np.uint32, np.uint32(16), np.uint32(23)
_ROUNDED = np.uint32(1 << 15)
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
def softmax(scores):
    """Softmax along the rows, in place.

    Args:
        scores: bfloat16 as ``int16``, ``(rows, columns)``, finite.
    """
    for row in range(scores.shape[0]):
        _exponentials(scores[row], _highest(scores[row]))
        _scale(scores[row], _ONE / _sum(scores[row]))


@njit(cache=True, nogil=True)
def _highest(row):
    """Compared as whole numbers, for which the bits of those below zero are turned round."""
    best = np.int16(-32768)
    for t in range(len(row)):
        turned = np.int16(row[t] ^ np.int16(np.int16(row[t] >> _FIFTEEN) & _ALL_BUT_SIGN))
        best = turned if turned > best else best
    best = np.int16(best ^ np.int16(np.int16(best >> _FIFTEEN) & _ALL_BUT_SIGN))
    return _float(best)


@njit(cache=True, nogil=True)
def _float(half):
    return _BITS(_BITS(np.uint16(half)) << _SIXTEEN).view(np.float32)


@njit(cache=True, nogil=True)
def _half(bits):
    return np.int16(_BITS(bits + _ROUNDED) >> _SIXTEEN)


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _exponentials(row, highest):
    offset = -highest * _PER_OCTAVE
    for t in range(len(row)):
        octaves = _float(row[t]) * _PER_OCTAVE + offset
        octaves = octaves if octaves > _LEAST else _LEAST
        whole = np.float32(octaves + _WHOLE)
        part = octaves - (whole - _WHOLE)
        power = np.float32(_C0 + part * (_C1 + part * (_C2 + part * _C3)))
        bits = _BITS(power.view(_BITS) + _BITS(whole.view(_BITS) << _MANTISSA))
        row[t] = _half(bits)


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _sum(row):
    total = np.float32(0)
    for t in range(len(row)):
        total += _float(row[t])
    return total


@njit(cache=True, nogil=True, fastmath=_STEPS)
def _scale(row, factor):
    for t in range(len(row)):
        row[t] = _half(np.float32(_float(row[t]) * factor).view(_BITS))
