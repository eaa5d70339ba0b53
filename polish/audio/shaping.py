"""Noise-shaped rounding: the error of fewer bits is moved to where the ear hears least.

Each rounding gets the weighted errors of the frames before subtracted from it, so that the
error's spectrum takes the shape ``|1 - H|²``. The filter ``H`` that leaves the least weighted
noise predicts a signal with the spectrum of the weighting (M. Gerzon & P. Craven, "Optimal
Noise Shaping and Dither of Digital Signals", AES 87, 1989; R. Wannamaker, "Psychoacoustically
Optimal Noise Shaping", J. Audio Eng. Soc. 40 (7/8), 1992). The weighting is the threshold of
hearing turned over. So the filter fits any rate; at 32 kHz and below, where there is nowhere to
move noise to, it does little.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..compiled import njit

_TAPS = 9
THRESHOLD_DB = {
    20: 78.5, 31.5: 59.5, 63: 37.5, 125: 22.1, 250: 11.4, 500: 4.4, 1000: 2.4, 1250: 3.5, 1600: 1.7,
    2000: -1.3, 2500: -4.2, 3150: -6.0, 4000: -5.4, 5000: -1.5, 6300: 6.0, 8000: 12.6, 10_000: 13.9,
    12_500: 12.3, 14_000: 18.4, 16_000: 40.2,
}  # fmt: skip
"""In a free field, by frequency in Hz (ISO 389-7:2005, table 1); held beyond, which bounds the noise."""
_POINTS = 4096


@lru_cache(maxsize=8)
def noise_filter(rate_hz: int) -> NDArray[np.float64]:
    """The coefficients of ``H``, the newest error first, ``(9,)``."""
    hz = np.linspace(0, rate_hz / 2, _POINTS + 1)
    threshold_db = np.interp(hz, [*THRESHOLD_DB], [*THRESHOLD_DB.values()])
    lags = np.fft.irfft(10 ** (-threshold_db / 10))[: _TAPS + 1]
    apart = np.abs(np.subtract.outer(np.arange(_TAPS), np.arange(_TAPS)))
    found = np.linalg.solve(lags[apart], lags[1:])
    found.flags.writeable = False
    return found


@njit(cache=True, nogil=True)
def shape(block, noise, weights, errors):  # pragma: no cover - compiled
    """Round `block` in place to whole numbers.

    Args:
        block: in steps, float64 ``(frames, channels)``.
        noise: dither in steps, the same shape.
        weights: see `noise_filter`.
        errors: the last errors of each channel, the newest first, ``(channels, taps)``; carried.
    """
    for n in range(block.shape[0]):
        for c in range(block.shape[1]):
            wanted = block[n, c]
            for k in range(weights.size):
                wanted -= weights[k] * errors[c, k]
            rounded = np.rint(wanted + noise[n, c])
            for k in range(weights.size - 1, 0, -1):
                errors[c, k] = errors[c, k - 1]
            errors[c, 0] = rounded - wanted
            block[n, c] = rounded
