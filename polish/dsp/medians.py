"""Median filters over spectrograms, and what they tell: steady tones against strokes.

A tone is a line along time, a drum stroke a line along frequency; a median along one
direction keeps the lines that run that way and drops those that cross (Fitzgerald,
«Harmonic/percussive separation using median filtering», DAFx 2010).

Spectrograms are magnitudes, ``(columns, bins)`` float32, time first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiled import njit

Magnitudes = NDArray[np.float32]
"""`float32`, shape ``(columns, bins)``."""


def median_along_time(magnitudes: Magnitudes, size: int) -> Magnitudes:
    """Running median over `size` columns (made odd); the ends are repeated outwards."""
    return np.ascontiguousarray(_medians(np.ascontiguousarray(magnitudes.T), size | 1).T)


def median_along_frequency(magnitudes: Magnitudes, size: int) -> Magnitudes:
    """Running median over `size` bins (made odd); the ends are repeated outwards."""
    return _medians(np.ascontiguousarray(magnitudes), size | 1)


@njit(cache=True, nogil=True)
def _medians(lines, size):  # type: ignore[no-untyped-def]
    """Running median of every line, with a window kept in order as it slides."""
    count, length = lines.shape
    half = size // 2
    medians = np.empty_like(lines)
    ordered = np.empty(size, np.float32)
    for line in range(count):
        values = lines[line]
        for i in range(size):
            ordered[i] = values[min(max(i - half, 0), length - 1)]
        ordered.sort()
        medians[line, 0] = ordered[half]
        for at in range(1, length):
            gone = values[max(at - 1 - half, 0)]
            new = values[min(at + half, length - 1)]
            place = np.searchsorted(ordered, gone)
            while place + 1 < size and ordered[place + 1] < new:
                ordered[place] = ordered[place + 1]
                place += 1
            while place > 0 and ordered[place - 1] > new:
                ordered[place] = ordered[place - 1]
                place -= 1
            ordered[place] = new
            medians[line, at] = ordered[half]
    return medians
