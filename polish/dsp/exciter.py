"""Harmonic exciting: treble made up for a sound that ends too low.

Nothing lost is recovered. The highest octave there is, is bent by ``x |x|``, which makes its odd
harmonics; what of them lies above the sound's end is added, at the level at which the spectrum
would have gone on falling by 12 dB an octave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import filters, spectrum

LOWEST_END_HZ, HIGHEST_END_HZ = 6000.0, 16_500.0
_DROP_DB = 25.0
_FALL_DB = 12.0
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Ending:
    """Where a sound's spectrum breaks off.

    Attributes:
        hz: the highest frequency with sound.
        drop_db: how far what lies above is under what lies below.
    """

    hz: float
    drop_db: float


def find(samples: Samples, rate_hz: int) -> Ending | None:
    """Where a sound breaks off between 6 and 16.5 kHz; ``None`` when it does not.

    Args:
        samples: ``(channels, frames)`` float32.
    """
    if rate_hz < 2.2 * LOWEST_END_HZ or not samples.any():
        return None
    hz, power = spectrum.power_spectrum(samples, rate_hz, size=4096)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    width = max(2, round(500 / hz[1]))
    at = np.arange(
        np.searchsorted(hz, LOWEST_END_HZ), np.searchsorted(hz, min(HIGHEST_END_HZ, 0.47 * rate_hz))
    )
    below = sums[at] - sums[at - width]
    above = (
        (sums[-1] - sums[np.minimum(at + width, power.size)]) / np.maximum(power.size - at - width, 1) * width
    )
    drop_db = 10 * np.log10((below + 1e-20) / (above + 1e-20))
    there = below > 1e-9 * power.sum()
    if not (there & (drop_db > _DROP_DB)).any():
        return None
    edge = int(np.flatnonzero(there & (drop_db > _DROP_DB))[-1])
    return Ending(round(float(hz[at[edge]]), -1), round(float(drop_db[edge]), 1))


def excited(samples: Samples, rate_hz: int, found: Ending) -> tuple[Samples, float]:
    """The sound with harmonics above its end, and their level in dB against the octave below it."""
    top_hz = min(0.47 * rate_hz, 2 * found.hz)
    source = filters.cascade(
        filters.butterworth(rate_hz, found.hz / 2, 4, "highpass"),
        filters.butterworth(rate_hz, found.hz * 0.98, 4, "lowpass"),
    )
    keep = filters.cascade(
        filters.butterworth(rate_hz, found.hz, 4, "highpass"),
        filters.butterworth(rate_hz, top_hz, 4, "lowpass"),
    )
    made = scratch(samples.shape)
    states = [filters.at_rest(sos, samples.shape[0]) for sos in (source, keep)]
    octave_power = made_power = 0.0
    for first in range(0, samples.shape[1], _BLOCK):
        octave = filters.apply(samples[:, first : first + _BLOCK], source, state=states[0])
        bent = filters.apply(octave * np.abs(octave), keep, state=states[1])
        made[:, first : first + _BLOCK] = bent
        octave_power += float(np.vdot(octave, octave))
        made_power += float(np.vdot(bent, bent))
    if made_power <= 0:
        return samples, 0.0
    level_db = -_FALL_DB
    level = np.float32(np.sqrt(octave_power / made_power) * 10 ** (level_db / 20))
    for first in range(0, samples.shape[1], _BLOCK):
        part = slice(first, first + _BLOCK)
        made[:, part] = samples[:, part] + level * made[:, part]
    return made, level_db
