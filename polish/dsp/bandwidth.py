"""How far up a sound goes: where its spectrum ends, or where a codec ended it."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..audio.sound import Samples
from .spectrum import size_for, window

_BAND_HZ = 250.0
_AUDIBLE_RANGE_DB = 90.0
_WALL_DB = 20.0
_WINDOW_S = 0.09


class Bandwidth:
    """The mean spectrum of a sound that comes in blocks, from windows of 90 ms with gaps as long.

    No window reaches from one block into the next.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._size = size_for(_WINDOW_S, rate_hz)
        self._window = window(self._size)
        self._power = np.zeros(self._size // 2 + 1)
        self._seen = False

    def feed(self, block: Samples, *, last: bool) -> None:
        """Take the next block, ``(channels, frames)``; the `last` is padded when none was long enough."""
        if last and not self._seen and 0 < block.shape[1] < self._size:
            before, rest = divmod(self._size - block.shape[1], 2)
            block = np.pad(block, ((0, 0), (before, before + rest)))
        if block.shape[1] < self._size:
            return
        self._seen = True
        frames = np.lib.stride_tricks.sliding_window_view(block, self._size, axis=1)[:, :: 2 * self._size]
        spectra = scipy.fft.rfft(frames * self._window, axis=-1)
        self._power += (spectra.real**2 + spectra.imag**2).sum(axis=(0, 1), dtype=np.float64)

    def hz(self) -> float | None:
        """The highest frequency that carries something of the song; None for silence.

        That is the highest 250 Hz band less than 90 dB under the strongest one; or, where the
        spectrum ends at a wall (a codec's low-pass, a lower rate before), the wall: the
        highest band from which everything above falls by 20 dB and stays down.
        """
        if not self._power.any():
            return None
        levels = self._band_levels_db()
        bands = np.flatnonzero(levels > levels.max() - _AUDIBLE_RANGE_DB)
        # The band next to a wall is partly filled, so the fall is looked for two bands on.
        above = np.append(np.maximum.accumulate(levels[::-1])[::-1], [-np.inf] * 2)[2:]
        walls = [
            band for band in bands if np.isfinite(above[band]) and levels[band] - above[band] >= _WALL_DB
        ]
        return float(min((walls[-1] if walls else bands[-1]) * _BAND_HZ + _BAND_HZ, self._rate_hz / 2))

    def _band_levels_db(self) -> NDArray[np.float64]:
        """Mean power in bands of 250 Hz, in dB."""
        band = (np.arange(self._power.size) * (self._rate_hz / self._size) // _BAND_HZ).astype(int)
        means = np.bincount(band, self._power) / np.bincount(band)
        return 10 * np.log10(np.maximum(means, means.max() * 1e-20))
