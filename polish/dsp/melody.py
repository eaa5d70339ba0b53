"""The pitch that stands out in a spectrogram, and the harmonics that belong to it.

The salience of a pitch is the weighted sum of the magnitudes at its harmonics, compressed
so that loud partials do not decide alone (Salamon & Gómez, «Melody extraction from
polyphonic music signals using pitch contour characteristics», IEEE TASLP 2012, eq. 4 to 6);
the path through the saliences is the one with the highest sum that does not jump about
(Viterbi).

Spectrograms are magnitudes, ``(columns, bins)`` float32, time first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiled import njit
from .medians import Magnitudes

_STEPS_PER_OCTAVE = 48
_HARMONICS = 12
_HARMONIC_DECAY = 0.85
_HIGHEST_HARMONIC_HZ = 5000.0
_REACH = 12
"""The furthest a pitch glides from one column to the next, in steps (a quarter octave)."""
_LEAP_COST = 3.0
"""What a new note anywhere costs, in units of the salience of a clear pitch times six."""


def predominant_pitch(
    magnitudes: Magnitudes, bin_hz: float, *, low_hz: float, high_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The predominant pitch of every column, and how far it stands out.

    Args:
        magnitudes: ``(columns, bins)``, best of the wanted voice alone.
        bin_hz: distance of two bins.
        low_hz, high_hz: the range of the voice.

    Returns:
        Pitch in Hz and clarity, each ``(columns,)``. Clarity is the salience of the pitch over
        the mean salience of all pitches, brought to 0 (like all others) … 1 (alone); 0 in silence.
        The pitch is always a number, also where nothing is sung: ask the clarity.
    """
    octaves = np.log2(high_hz / low_hz)
    pitches_hz = low_hz * 2 ** (np.arange(int(octaves * _STEPS_PER_OCTAVE) + 1) / _STEPS_PER_OCTAVE)
    bins = min(magnitudes.shape[1], int(_HIGHEST_HARMONIC_HZ / bin_hz) + 4)
    salience = np.sqrt(magnitudes[:, :bins]) @ _harmonics(pitches_hz, bins, bin_hz)
    best = salience.max(axis=1)
    if not best.any():
        return np.full(best.size, pitches_hz[0]), np.zeros(best.size, np.float32)
    # Half relative to its own column, half to the song: faint columns decide less.
    relative = salience / (0.5 * best + 0.5 * best.mean() + 1e-12)[:, None]
    path = _path(np.ascontiguousarray(6 * relative, dtype=np.float32))
    along = salience[np.arange(path.size), path]
    clarity = 1 - salience.mean(axis=1) / np.maximum(along, 1e-12)
    return pitches_hz[path], np.clip(clarity, 0, 1).astype(np.float32)


def harmonic_comb(
    pitches_hz: NDArray[np.float64], bins: int, bin_hz: float, *, width_hz: float = 22.0
) -> Magnitudes:
    """How near each bin is to a harmonic of its column's pitch: 1 on it, 0 far away.

    The teeth are Gaussian, `width_hz` wide (standard deviation) and 0.6 % of their frequency,
    because a pitch that moves smears its high harmonics.

    Returns:
        ``(columns, bins)``.
    """
    hz = np.arange(bins, dtype=np.float32) * np.float32(bin_hz)
    pitch = pitches_hz.astype(np.float32)[:, None]
    harmonic = np.maximum(np.round(hz / pitch), 1) * pitch
    width = width_hz**2 + (0.006 * harmonic) ** 2
    return np.exp(-0.5 * (hz - harmonic) ** 2 / width)


def _harmonics(pitches_hz: NDArray[np.float64], bins: int, bin_hz: float) -> NDArray[np.float32]:
    """Weights ``(bins, pitches)``: the harmonics of each pitch, a main lobe wide, ever fainter."""
    hz = np.arange(bins) * bin_hz
    weights = np.zeros((bins, pitches_hz.size))
    for order in range(1, _HARMONICS + 1):
        centre = order * pitches_hz
        tooth = np.exp(-0.5 * ((hz[:, None] - centre) / (1.5 * bin_hz)) ** 2)
        weights += _HARMONIC_DECAY ** (order - 1) * tooth * (centre <= _HIGHEST_HARMONIC_HZ)
    return weights.astype(np.float32)


@njit(cache=True, nogil=True)
def _path(gains):  # type: ignore[no-untyped-def]
    """The path of the highest sum through ``(columns, pitches)`` gains; glides and leaps cost."""
    count, pitches = gains.shape
    total = gains[0].copy()
    came_from = np.empty((count, pitches), np.int32)
    for column in range(1, count):
        top = np.argmax(total)
        leap = total[top] - _LEAP_COST
        new = np.empty_like(total)
        for pitch in range(pitches):
            best, origin = leap, top
            for before in range(max(0, pitch - _REACH), min(pitches, pitch + _REACH + 1)):
                value = total[before] - 0.02 * abs(pitch - before) ** 1.5
                if value > best:
                    best, origin = value, before
            new[pitch] = best + gains[column, pitch]
            came_from[column, pitch] = origin
        # Kept near zero, so that a long song loses no precision.
        total = new - new.max()
    path = np.empty(count, np.int64)
    path[-1] = np.argmax(total)
    for column in range(count - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path
