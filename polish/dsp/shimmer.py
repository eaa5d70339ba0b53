"""Shimmer: treble that flickers in lone short tones, as neural generators and codecs leave it.

A tone that stands far over its neighbours for a column or two, again and again at other
places, belongs neither to a note (which holds) nor to a cymbal or an ess (which are noise:
their bins reach 12 dB over the median of 450 Hz once in 60,000). Where that is a large share
of the power for half of the treble, such bins are brought down to what surrounds them; no
other bin is touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.sound import Samples
from . import spectrum
from .medians import median_along_frequency

LOWEST_HZ, HIGHEST_HZ = 6500.0, 16_000.0
EDGE = 0.15
"""Share of the treble's power in lone tones that half of the treble has: recorded and composed stems reach
0.04, ten drafts of current generators 0.003. Moments count by their power: a rest has no treble to
flicker."""
_LONE, _ALSO_LONE, _AROUND_HZ = 11.0, 5.0, 450.0
"""Powers over the mean around (12 dB over the median), and where shimmer is known to be."""
_WINDOW_S = 0.046
_HELD = 5
_HELD_SHARE = 0.35
_WIDE = 5
"""Columns over which a lone tone is calmed: the window spreads it so far."""
_REACH, _WIDE_REACH = 2 * _HELD, 2 * _HELD + _WIDE // 2
"""Columns to either side that decide whether a tone is lone, and whether it is calmed."""
_BLOCK = 256
_QUIET = 1e-7
_FEWEST = 16


@dataclass(frozen=True)
class Shimmer:
    """Shimmer that was found.

    Attributes:
        share: of the treble's power in lone tones, 0 to 1.
        change_db: by how much the treble as a whole gets quieter without them.
    """

    share: float

    @property
    def change_db(self) -> float:
        return float(10 * np.log10(max(1 - self.share, 1e-3)))


def find(samples: Samples, rate_hz: int) -> Shimmer | None:
    """Shimmer of a stem; ``None`` when there is none, or nothing above 6.5 kHz.

    Args:
        samples: ``(channels, frames)`` float32.
    """
    size, inside, width = _grid(rate_hz)
    if inside.stop - inside.start < 4 * width:
        return None
    shares, totals = [], []
    for _, block, own in spectrum.stft_in_context(samples, size, size // 4, _REACH, block=_BLOCK):
        power = _power(block)
        treble = power[inside]
        flickers = _lone(treble, width, _LONE)[0][:, own]
        power, treble = power[:, own], treble[:, own]
        total = treble.sum(axis=0)
        there = (total > _QUIET * power.sum(axis=0)) & (total > 1e-12)
        lone = np.where(flickers, treble, 0).sum(axis=0)
        shares.append((lone / np.maximum(total, 1e-20))[there])
        totals.append(total[there])
    share, weight = np.concatenate(shares), np.concatenate(totals)
    if share.size < _FEWEST:
        return None
    order = np.argsort(share)
    until = np.cumsum(weight[order], dtype=np.float64)
    half = float(share[order][np.searchsorted(until, until[-1] / 2)])
    return Shimmer(round(half, 3)) if half >= EDGE else None


def without(samples: Samples, rate_hz: int) -> Samples:
    """The sound with every lone tone above 6.5 kHz brought down to the level around it."""
    size, inside, width = _grid(rate_hz)

    def calmer(block: spectrum.Spectrum, _: int) -> spectrum.Spectrum:
        treble = _power(block)[inside]
        lone, around = _lone(treble, width, _ALSO_LONE)
        # The window spreads a tone over its neighbours, and into the columns beside it; what is
        # left of it is no louder than what surrounds it, and a little less, as it is not known.
        wide = scipy.ndimage.maximum_filter(lone, (3, _WIDE))
        gain = np.minimum(around / np.maximum(treble, 1e-20), 1) ** 0.8
        out = block.copy()
        out[:, inside] *= np.where(wide, gain, 1).astype(np.float32)
        return out

    return spectrum.through(samples, size, size // 4, calmer, reach=_WIDE_REACH, block=_BLOCK)


def _grid(rate_hz: int) -> tuple[int, slice, int]:
    """Window length in frames, the bins of the treble, and how many bins are «around»."""
    size = spectrum.size_for(_WINDOW_S, rate_hz)
    step = rate_hz / size
    top = min(HIGHEST_HZ, 0.48 * rate_hz)
    return size, slice(round(LOWEST_HZ / step), max(round(top / step), 0)), round(_AROUND_HZ / step) | 1


def _power(block: spectrum.Spectrum) -> NDArray[np.float32]:
    return np.mean(block.real**2 + block.imag**2, axis=0)


def _lone(
    treble: NDArray[np.float32], width: int, limit: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which bins are lone tones, `limit` over the power around, and that power, each ``(bins, columns)``."""
    around = median_along_frequency(treble.T, width).T / np.float32(np.log(2))
    # A partial that is there most of the time is a note.
    held = scipy.ndimage.uniform_filter1d((treble > 6 * around).astype(np.float32), 4 * _HELD + 1, axis=1)
    return (treble > limit * around) & (held < _HELD_SHARE + 1 / (4 * _HELD + 1)), around
