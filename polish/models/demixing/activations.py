"""GELU and gates of the Demucs networks, on pieces of memory that lie in the cache.

erf and tanh are quotients of polynomials, within 1.1e-8 of the true value.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...compiled import njit

Floats = NDArray[np.float32]

_ONE, _HALF = np.float32([1, 0.5])
_P0, _P1, _P2, _P3, _P4, _P5 = np.float32(
    [0.797884491, 0.0667450371, 0.00930173436, 3.28648822e-4, 1.27200297e-5, 4.67727044e-8]
)
_Q1, _Q2, _Q3, _Q4, _Q5 = np.float32([0.250318587, 0.0283788488, 0.0018589969, 7.2400934e-5, 1.2165795e-6])
"""erf(x / √2) = x · P(x²) / Q(x²) for |x| ≤ 5.4 to 1.1e-8, and 1 above that; Q0 is 1."""
_R0, _R1, _R2, _R3, _R4 = np.float32([0.999999945, 0.134061939, 0.00352580495, 2.11213379e-5, 1.4098925e-8])
_S1, _S2, _S3, _S4 = np.float32([0.467395053, 0.0259910808, 3.33566705e-4, 8.07348791e-7])
"""tanh(x) = x · R(x²) / S(x²) for |x| ≤ 8.5 to 1.1e-8, and 1 above. Both have the least greatest error."""
_ERF_ENDS, _TANH_ENDS = np.float32(5.4), np.float32(8.5)
_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True)
def copied(source, at, target, to, count):
    """Copies `count` values from place `at` of one flat array to place `to` of another."""
    at, to = np.uintp(at), np.uintp(to)
    for t in range(np.uintp(count)):
        target[to + t] = source[at + t]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def activated(row, gain, offset):
    """x / 2 · (1 + erf(x / √2)) in place, of a row times a gain with an offset."""
    for t in range(len(row)):
        x = row[t] * gain + offset
        e = max(-_ERF_ENDS, min(_ERF_ENDS, x))
        u = e * e
        over = _P0 + u * (_P1 + u * (_P2 + u * (_P3 + u * (_P4 + u * _P5))))
        under = _ONE + u * (_Q1 + u * (_Q2 + u * (_Q3 + u * (_Q4 + u * _Q5))))
        x *= _HALF
        row[t] = x + x * (e * over / under)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def added_through_gate(sums, gates, given, made):
    """Halves of sums and of their gates: what comes through, added to what was given."""
    for t in range(len(made)):
        made[t] = given[t] + (sums[t] + sums[t] * _tanh(gates[t]))


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def through_gate(sums, gates, bias, gate_bias, made):
    """Sums with a bias, times 1 / (1 + exp(−gate)) of gates with theirs."""
    for t in range(len(made)):
        x = (sums[t] + bias) * _HALF
        made[t] = x + x * _tanh((gates[t] + gate_bias) * _HALF)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _tanh(x):
    e = max(-_TANH_ENDS, min(_TANH_ENDS, x))
    u = e * e
    over = _R0 + u * (_R1 + u * (_R2 + u * (_R3 + u * _R4)))
    return e * over / (_ONE + u * (_S1 + u * (_S2 + u * (_S3 + u * _S4))))
