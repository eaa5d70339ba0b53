"""Resonances: narrow peaks that stand out from their neighbourhood whatever is played.

Notes stand out too, but they come and go. So each frequency is judged by its level in the
moments in which it is weak (its 35th percentile, against the level of the whole), where a
resonance still colours what rings and hisses. Where a stem's own notes stand out all the time
(a pad, a drone, a voice in its low octaves) the two cannot be told apart, and nothing is done:
a peak counts only where its surroundings are smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.sound import Samples
from . import filters, spectrum

LOWEST_HZ, HIGHEST_HZ = 200.0, 12_000.0
STANDS_OUT_DB = 11.5
"""Over the median of half an octave to both sides; drums and hiss reach 10.5 dB by themselves."""
NOTE_DB = 20.0
"""What stands out further than that is no resonance but a note that is held throughout."""
SMOOTH_DB = 5.0
"""How far the surroundings of a resonance may stand out themselves (90th percentile)."""
_MOST = 3
_PER_OCTAVE = 24
_WINDOW_S = 0.186
_COLUMNS = 600
_KEEP_DB = 1.0
_QS = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)


@dataclass(frozen=True)
class Resonance:
    """One narrow peak.

    Attributes:
        hz: its middle.
        stands_out_db: over its neighbourhood.
        gain_db: the cut that is to be made, negative.
        q: its width, as in `filters.peak`.
    """

    hz: float
    stands_out_db: float
    gain_db: float
    q: float


def find(samples: Samples, rate_hz: int, *, deepest_db: float) -> list[Resonance]:
    """Resonances of a stem, strongest first, at most three.

    Args:
        samples: ``(channels, frames)`` float32.
        deepest_db: the most that may be cut, positive.
    """
    hz, over = _standing_out(samples, rate_hz)
    found: list[Resonance] = []
    for at in _tops(over, STANDS_OUT_DB):
        if over[at] <= NOTE_DB and _others(over, at) <= SMOOTH_DB:
            peak_db, q = _shape(hz, over, at, rate_hz)
            cut = min(peak_db - _KEEP_DB, deepest_db)
            found.append(Resonance(float(hz[at]), float(over[at]), -float(cut), q))
        if len(found) == _MOST:
            break
    return found


@dataclass(frozen=True)
class Peak:
    """One narrow peak, as it is: how far it stands out, and how far others around it do."""

    hz: float
    stands_out_db: float
    others_db: float


def peaks(samples: Samples, rate_hz: int) -> list[Peak]:
    """All narrow peaks of a sound from `STANDS_OUT_DB` on, notes that are held among them."""
    hz, over = _standing_out(samples, rate_hz)
    return [Peak(float(hz[at]), float(over[at]), _others(over, at)) for at in _tops(over, STANDS_OUT_DB)]


def between_notes(samples: Samples, rate_hz: int, least_db: float) -> list[Peak]:
    """Peaks of what lies between the notes: a resonance raises that too, a held note does not."""
    hz, over = _standing_out(samples, rate_hz, _floor)
    return [Peak(float(hz[at]), float(over[at]), _others(over, at)) for at in _tops(over, least_db)]


def without(samples: Samples, rate_hz: int, found: list[Resonance]) -> Samples:
    """The sound with every resonance turned down by a bell of its own width."""
    bells = [filters.peak(rate_hz, peak.hz, peak.gain_db, peak.q) for peak in found]
    return filters.apply(samples, filters.cascade(*bells))


def _standing_out(
    samples: Samples, rate_hz: int, gathered: Callable[..., NDArray[np.float64]] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies, and how far the weak moments stand out there from half an octave to both sides."""
    hz, weak_db = _weak_moments(samples, rate_hz, gathered or _pooled)
    if not hz.size:
        return hz, weak_db
    return hz, weak_db - scipy.ndimage.median_filter(weak_db, _PER_OCTAVE + 1, mode="nearest")


def _tops(over: NDArray[np.float64], least_db: float) -> list[int]:
    """Places of the peaks, highest first, a third of an octave apart."""
    left, found = over.copy(), []
    while left.size and left.max() >= least_db:
        at = int(np.argmax(left))
        found.append(at)
        left[max(0, at - _PER_OCTAVE // 3) : at + _PER_OCTAVE // 3 + 1] = -np.inf
    return found


def _weak_moments(
    samples: Samples, rate_hz: int, gathered: Callable[..., NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies 1/24 octave apart, and the level there in its weaker moments, re the whole, in dB."""
    size = spectrum.size_for(_WINDOW_S, rate_hz)
    hop, total = size // 2, spectrum.columns(samples.shape[1], size // 2)
    powers = []
    step = max(1, total // _COLUMNS)
    for first, block in spectrum.stft_blocks(samples, size, hop, block=64):
        chosen = block[:, :, (-first) % step :: step]
        powers.append(np.mean(chosen.real**2 + chosen.imag**2, axis=0))
    power = np.concatenate(powers, axis=1)
    whole = power.sum(axis=0)
    if not whole.any():
        return np.empty(0), np.empty(0)
    sounding = whole > np.percentile(whole[whole > 0], 95) * 10**-3.5
    if sounding.sum() < 8:
        return np.empty(0), np.empty(0)
    level_db = 10 * np.log10(power[:, sounding] / whole[sounding] + 1e-15)
    weak_db = np.percentile(level_db, 35, axis=1)
    highest = min(HIGHEST_HZ, 0.45 * rate_hz)
    hz = LOWEST_HZ * 2 ** (np.arange(int(np.log2(highest / LOWEST_HZ) * _PER_OCTAVE)) / _PER_OCTAVE)
    bins_hz = np.arange(weak_db.size) * rate_hz / size
    return hz, gathered(hz, bins_hz, weak_db)


def _pooled(
    hz: NDArray[np.float64], bins_hz: NDArray[np.float64], level_db: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the bins within 1/24 octave of every frequency; between bins, interpolated."""
    sums = np.concatenate([[0.0], np.cumsum(level_db)])
    first = np.searchsorted(bins_hz, hz * 2 ** (-0.5 / _PER_OCTAVE))
    last = np.searchsorted(bins_hz, hz * 2 ** (0.5 / _PER_OCTAVE))
    mean = (sums[last] - sums[first]) / np.maximum(last - first, 1)
    return np.where(last - first > 1, mean, np.interp(hz, bins_hz, level_db))


def _floor(
    hz: NDArray[np.float64], bins_hz: NDArray[np.float64], level_db: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The 10th percentile of the bins within 1/12 octave of every frequency."""
    first = np.searchsorted(bins_hz, hz * 2 ** (-1 / _PER_OCTAVE))
    last = np.maximum(np.searchsorted(bins_hz, hz * 2 ** (1 / _PER_OCTAVE)), first + 3)
    return np.array([np.percentile(level_db[a:b], 10) for a, b in zip(first, last, strict=True)])


def _others(over: NDArray[np.float64], at: int) -> float:
    """How far the other peaks within 1½ octaves stand out: the 90th percentile of their size."""
    reach, own = 3 * _PER_OCTAVE // 2, _PER_OCTAVE // 4
    around = np.concatenate(
        [over[max(0, at - reach) : max(0, at - own)], over[at + own + 1 : at + reach + 1]]
    )
    return float(np.percentile(np.abs(around), 90)) if around.size else 0.0


def _shape(hz: NDArray[np.float64], over: NDArray[np.float64], at: int, rate_hz: int) -> tuple[float, float]:
    """Height and Q of the bell that fits best around a peak (least squares in dB, half an octave)."""
    near = slice(max(0, at - _PER_OCTAVE // 2), at + _PER_OCTAVE // 2 + 1)
    best = (np.inf, float(over[at]), _QS[0])
    for q in _QS:
        shape = filters.response_db(filters.peak(rate_hz, float(hz[at]), 10.0, q), hz[near], rate_hz) / 10
        height = float(np.clip(shape @ over[near] / (shape @ shape), 0, over[at]))
        best = min(best, (float(np.sum((over[near] - height * shape) ** 2)), height, q))
    return best[1], best[2]
