"""Steady noise: hiss that is there in every pause, turned down where nothing plays over it.

The noise of every bin is what is left in the sound's quietest moments. A bin near that level
is turned down, one well over it is left alone (a Wiener gain with a floor, smoothed over time
and frequency so that no tones twinkle).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.sound import Samples
from . import spectrum

_WINDOW_S = 0.046
_QUIETEST = 8.0
_AUDIBLE_DB = -75.0
_BIAS = 1.6
"""What a low percentile of smoothed noise power lies under its mean."""
_OVER = 2.0
_SMOOTH = 5
"""Columns over which power is smoothed; half of them to either side."""
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Noise:
    """Steady noise.

    Attributes:
        level_db: its level against the loud moments.
        power: ``(bins,)`` of one column, mean of the channels.
    """

    level_db: float
    power: NDArray[np.float64]


def find(samples: Samples, rate_hz: int) -> Noise | None:
    """The noise in the quietest moments of a sound that are not digital silence; ``None`` without any."""
    size = spectrum.size_for(_WINDOW_S, rate_hz)
    powers = []
    for first, block, own in spectrum.stft_in_context(samples, size, size // 2, _SMOOTH // 2, block=_BLOCK):
        power = _smooth(np.mean(block.real**2 + block.imag**2, axis=0))
        powers.append(power[:, own][:, -first % 4 :: 4])
    columns = np.concatenate(powers, axis=1)
    sounding = columns[:, columns.sum(axis=0) > 0]
    if sounding.shape[1] < 16:
        return None
    noise = np.percentile(sounding, _QUIETEST, axis=1) * _BIAS
    loud = float(np.percentile(sounding.sum(axis=0), 95))
    level_db = 10 * float(np.log10(noise.sum() / loud + 1e-20))
    return Noise(level_db, noise.astype(np.float64)) if level_db > _AUDIBLE_DB else None


def without(samples: Samples, rate_hz: int, found: Noise, *, deepest_db: float) -> Samples:
    """The sound with its noise turned down by up to `deepest_db`."""
    size = spectrum.size_for(_WINDOW_S, rate_hz)
    floor = np.float32(10 ** (-deepest_db / 20))
    noise = found.power[:, None]

    def quieter(block: spectrum.Spectrum, _: int) -> spectrum.Spectrum:
        power = np.mean(block.real**2 + block.imag**2, axis=0)
        power = _smooth(scipy.ndimage.uniform_filter1d(power, 3, axis=0))
        gain = np.clip(1 - _OVER * noise / np.maximum(power, 1e-20), 0, 1)
        return block * np.maximum(floor, np.sqrt(gain)).astype(np.float32)

    return spectrum.through(samples, size, size // 4, quieter, reach=_SMOOTH // 2, block=_BLOCK)


def _smooth(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """A running mean over time, summed anew at every place: one that runs on carries what was rounded."""
    return scipy.ndimage.convolve1d(power, np.full(_SMOOTH, 1 / _SMOOTH), axis=1)
