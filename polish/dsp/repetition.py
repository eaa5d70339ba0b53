"""What repeats in a spectrogram: the backing comes again, the voice is new each time.

REPET-SIM (Rafii & Pardo, «Music/voice separation using the similarity matrix», ISMIR 2012):
every column is compared with all others, and the median over those most like it is what
they share.

Spectrograms are magnitudes, ``(columns, bins)`` float32, time first.
"""

from __future__ import annotations

import numpy as np

from ..compiled import njit
from .medians import Magnitudes


def repeating(magnitudes: Magnitudes, *, apart: int, alike: int = 15) -> Magnitudes:
    """The part of a spectrogram that its most similar columns share.

    Args:
        magnitudes: ``(columns, bins)``.
        apart: columns nearer than this are not compared: a sound is always like itself.
        alike: how many similar columns the median is taken over.

    Returns:
        ``(columns, bins)``, nowhere above `magnitudes`; the spectrogram itself where it has
        too few columns to compare.
    """
    count = magnitudes.shape[0]
    alike = min(alike, count - 2 * apart)
    if alike < 3:
        return magnitudes.copy()
    norms = np.sqrt(np.einsum("ij,ij->i", magnitudes, magnitudes))
    unit = magnitudes / np.maximum(norms, 1e-12)[:, None]
    similarity = unit @ unit.T
    columns = np.arange(count)
    similarity[np.abs(columns[:, None] - columns) < apart] = -1
    nearest = np.argpartition(-similarity, alike - 1, axis=1)[:, :alike]
    return _shared(np.ascontiguousarray(magnitudes), nearest)


@njit(cache=True, nogil=True)
def _shared(magnitudes, nearest):  # type: ignore[no-untyped-def]
    """Per cell the smaller of its own value and the median over the nearest columns."""
    count, bins = magnitudes.shape
    alike = nearest.shape[1]
    shared = np.empty_like(magnitudes)
    ordered = np.empty(alike, np.float32)
    for column in range(count):
        for k in range(bins):
            for i in range(alike):
                value = magnitudes[nearest[column, i], k]
                place = i
                while place > 0 and ordered[place - 1] > value:
                    ordered[place] = ordered[place - 1]
                    place -= 1
                ordered[place] = value
            shared[column, k] = min(magnitudes[column, k], ordered[alike // 2])
    return shared
