"""What does not belong below the music: an offset and rumble. Each is measured, then taken out.

- An offset is the same in every second of a sound; music's means scatter around 0.
- Rumble is steady, and there is a trough between it and the lowest notes, or so much of it an
  octave below them that it cannot be their foot.

What is taken out is taken out without phase shift, so that a stem stays in step with the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import bands, filters
from .blocks import pieces

_QUIETEST_OFFSET = 2e-4
_RUMBLE_DB = -45.0
"""Rumble under that, against the stem's loud moments, is left alone: it uses no headroom."""
_TROUGH_DB = 6.0
_SHALLOW: tuple[tuple[float, float], ...] = ((-19.0, 1.85), (-22.0, 2.5))
"""A shallower trough is enough where so much, against the loud moments, lies an octave below the lowest
notes: records have −26 at most. Pairs of that level and the depth that is then enough, in dB."""
_SHALLOW_S = 8.0
"""A shorter sound shows troughs of that depth by chance."""
_HEARD_HZ, _UNHEARD_DB = 22.0, -24.0
"""What lies below is not heard; and its level against the loud moments, from where on it uses headroom."""
_STEADY_DB = 10.0


def offset(samples: Samples, rate_hz: int) -> NDArray[np.float64] | None:
    """The constant offset of every channel, ``(channels,)``; ``None`` when there is none.

    Median of the means of tenths of a second, to which the means of nine in ten whole seconds
    must agree to half of it: a drum whose waveform leans to one side has a mean too, but only
    while it sounds.
    """
    if samples.shape[1] < 2 * rate_hz:
        return None
    middle = np.median(_means(samples, rate_hz // 10), axis=0)
    agree = np.mean(np.abs(_means(samples, rate_hz) - middle) < np.abs(middle) / 2, axis=0)
    found = np.where((np.abs(middle) > _QUIETEST_OFFSET) & (agree > 0.9), middle, 0.0)
    return found if found.any() else None


def _means(samples: Samples, size: int) -> NDArray[np.float64]:
    """Means of whole pieces of `size` frames, ``(pieces, channels)``."""
    whole = samples.shape[1] // size * size
    means = [
        samples[:, part].reshape(samples.shape[0], -1, size).mean(axis=2, dtype=np.float64)
        for part in pieces(whole, 64 * size, samples)
    ]
    return np.concatenate(means, axis=1).T


def without_offset(samples: Samples, found: NDArray[np.float64]) -> Samples:
    """The sound around 0."""
    out = scratch(samples.shape)
    for part in pieces(samples.shape[1], 1 << 16, samples, out):
        out[:, part] = samples[:, part] - found.astype(np.float32)[:, None]
    return out


@dataclass(frozen=True)
class Rumble:
    """Steady sound below the music.

    Attributes:
        corner_hz: the trough above it.
        level_db: its level against the loud moments of the stem.
    """

    corner_hz: float
    level_db: float


def rumble(samples: Samples, rate_hz: int, lowest_hz: float, *, named: bool = False) -> Rumble | None:
    """Rumble in a stem, if there is any worth taking out.

    Args:
        samples: ``(channels, frames)`` float32.
        lowest_hz: where the music of such a stem begins.
        named: the song is known to rumble, so some stem must have it: what a stem has below
            hearing is taken, also where no trough is above it.
    """
    if samples.shape[1] < 2 * rate_hz:
        return None
    low = bands.measure(samples, rate_hz, per_octave=6, low_hz=6.0, high_hz=240.0, window_s=0.74)
    whole = bands.measure(samples, rate_hz, per_octave=1, window_s=0.74)
    sounding = whole.active(40)
    if not sounding.any():
        return None
    loud_db = float(np.percentile(bands.decibels(whole.powers.sum(axis=0)[sounding]), 90))
    under = low.powers[low.centres_hz < lowest_hz * 0.9].sum(axis=0)
    level_db = float(bands.decibels(under.mean()))
    steady = level_db - float(np.percentile(bands.decibels(under), 15)) < _STEADY_DB
    average_db = bands.decibels(low.powers.mean(axis=1))
    inside = (low.centres_hz > lowest_hz * 0.5) & (low.centres_hz < lowest_hz * 1.25)
    trough = int(np.flatnonzero(inside)[np.argmin(average_db[inside])])
    over_trough_db = average_db[: trough + 1].max() - average_db[trough]
    far_below = bands.decibels(low.powers[low.centres_hz < lowest_hz / 2].sum(axis=0).mean()) - loud_db
    known = _SHALLOW if samples.shape[1] >= _SHALLOW_S * rate_hz else ()
    enough_db = next((depth for level, depth in known if far_below > level), _TROUGH_DB)
    if steady and over_trough_db > enough_db and level_db - loud_db >= _RUMBLE_DB:
        return Rumble(round(float(low.centres_hz[trough]), 1), round(float(level_db - loud_db), 1))
    unheard_db = bands.decibels(low.powers[low.centres_hz < _HEARD_HZ].sum(axis=0).mean()) - loud_db
    if named and unheard_db >= _UNHEARD_DB:
        return Rumble(_HEARD_HZ, round(float(unheard_db), 1))
    return None


def without_rumble(samples: Samples, rate_hz: int, found: Rumble) -> Samples:
    """The sound above the trough: 24 dB an octave, −6 dB at it, without phase shift."""
    return filters.apply_zero_phase(samples, filters.high_pass(rate_hz, found.corner_hz), rate_hz)
