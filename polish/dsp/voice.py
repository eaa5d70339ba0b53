"""When a voice is active, from the energy of the vocal stem.

Detectors made for speech mark next to nothing of a song as voice; on a separated stem the
energy in the voice's range is the better witness (as in singing-voice detection by energy,
e.g. Lehner et al., ISMIR 2014, whose features begin there).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

HOP_S = 0.02
BAND_HZ = (200.0, 4500.0)
"""Where voices have their energy and kick, bass and cymbals have little."""
SHORTEST_S, SHORTEST_PAUSE_S = 0.12, 0.18
RANGE_DB = 32.0
"""What lies further than this under the loud moments of the stem is never voice."""
_BLOCK_HOPS = 4096


@dataclass(frozen=True)
class Voice:
    """Activity of a voice over time.

    Attributes:
        level_db: level in `BAND_HZ`, one value every `HOP_S`, ``(n,)``; −120 for silence.
        active: whether the voice sounds, ``(n,)``.
        spans_s: start and end of each stretch of activity, ``(spans, 2)``.
    """

    level_db: NDArray[np.float64]
    active: NDArray[np.bool_]
    spans_s: NDArray[np.float64]


def activity(samples: NDArray[np.float32], rate_hz: int) -> Voice:
    """Find where the voice of a stem is active.

    The threshold parts the levels of the stem into two classes (Otsu 1979), within
    `RANGE_DB` of its loud moments; stretches and pauses too short to be sung are dropped.

    Args:
        samples: ``(channels, frames)``.
    """
    levels_db = level_db(samples, rate_hz)
    loud_db = float(np.percentile(levels_db, 95)) if levels_db.size else -120.0
    if loud_db <= -90.0:
        return Voice(levels_db, np.zeros(levels_db.size, bool), np.zeros((0, 2)))
    threshold_db = max(_otsu(np.maximum(levels_db, loud_db - 50.0)), loud_db - RANGE_DB)
    active = ndimage.median_filter(levels_db, 5) > threshold_db
    active = _without_short(active, ~active, round(SHORTEST_PAUSE_S / HOP_S), True)
    active = _without_short(active, active, round(SHORTEST_S / HOP_S), False)
    duration_s = samples.shape[1] / rate_hz
    spans_s = np.minimum(_spans(active) * HOP_S, duration_s)
    return Voice(levels_db, active, spans_s)


def level_db(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    """Level in the voice's band every `HOP_S`, in dB re full scale, ``(hops,)``; −120 for silence.

    Filtered block by block, so that it needs no copy of a long song.

    Args:
        samples: ``(channels, frames)``.
    """
    high_hz = min(BAND_HZ[1], 0.45 * rate_hz)
    sos = signal.butter(2, (BAND_HZ[0], high_hz), "bandpass", fs=rate_hz, output="sos").astype(np.float32)
    hop = max(1, round(HOP_S * rate_hz))
    count = -(-samples.shape[1] // hop)
    power = np.zeros(count)
    for channel in samples:
        state = np.zeros((len(sos), 2), np.float32)
        for first in range(0, count, _BLOCK_HOPS):
            block = channel[first * hop : (first + _BLOCK_HOPS) * hop]
            band, state = signal.sosfilt(sos, block, zi=state)
            padded = np.zeros(-(-block.size // hop) * hop, np.float32)
            padded[: band.size] = band
            hops = np.mean(np.square(padded.reshape(-1, hop)), axis=1, dtype=np.float64)
            power[first : first + hops.size] += hops
    if count:
        power = ndimage.uniform_filter1d(power / samples.shape[0], 3)
    return 10 * np.log10(np.maximum(power, 1e-12))


def _otsu(levels_db: NDArray[np.float64]) -> float:
    """The level that best parts the values into two classes (Otsu 1979, eq. 18)."""
    counts, edges = np.histogram(levels_db, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(edges[1:][int(np.argmax(np.nan_to_num(between)))])


def _without_short(
    active: NDArray[np.bool_], stretches: NDArray[np.bool_], shortest: int, becomes: bool
) -> NDArray[np.bool_]:
    """`active` with those of `stretches` that are shorter than `shortest` hops set to `becomes`."""
    result = active.copy()
    for first, last in _spans(stretches).astype(int):
        if last - first < shortest:
            result[first:last] = becomes
    return result


def _spans(active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """First and past-the-last hop of each true stretch, ``(spans, 2)``."""
    change = np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1).astype(float)
