"""Everything that is measured about a sound, in one go.

Conventions: samples are ``(channels, frames)`` float32; keys end in their unit; a value that
does not exist (the loudness of silence, the correlation of one channel) is ``None``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..audio.sound import Samples
from .blocks import excerpt
from .loudness import HOP_BINS, MOMENTARY_BINS, SHORT_TERM_BINS, k_weighted_power
from .peak import sample_peak_dbfs, true_peak_dbtp
from .spectrum import size_for, window

_CHUNK_FRAMES = 1 << 16
_SPECTRA = 1000
_BAND_HZ = 250.0
_AUDIBLE_RANGE_DB = 90.0
_WALL_DB = 20.0
_DC_PARTS = 8
_DC_LEAST = 0.001
_DC_SHORTEST_S = 2.0


def measure(samples: Samples, rate_hz: int, *, series: bool = False) -> dict[str, Any]:
    """Loudness, peaks and extent of a sound, as JSON values.

    Args:
        samples: ``(channels, frames)``, finite.
        series: whether to add ``momentary_lufs`` at a 10 ms hop and ``short_term_lufs`` at
            100 ms; the first window begins at 0 s.

    Returns:
        ``integrated_lufs``, ``momentary_max_lufs``, ``short_term_max_lufs``,
        ``loudness_range_lu``, ``true_peak_dbtp``, ``sample_peak_dbfs``, ``plr_db`` (true peak
        less integrated loudness), ``correlation`` of the first two channels (−1 to 1),
        ``bandwidth_hz``, ``duration_s``, ``sample_rate_hz``, ``channels``.

    Raises:
        ValueError: there is NaN or infinity among the samples.
    """
    peak = true_peak_dbtp(samples, rate_hz)
    power = k_weighted_power(samples, rate_hz)
    integrated = power.integrated_lufs
    found: dict[str, Any] = {
        "integrated_lufs": integrated,
        "momentary_max_lufs": power.highest_lufs(MOMENTARY_BINS),
        "short_term_max_lufs": power.highest_lufs(SHORT_TERM_BINS),
        "loudness_range_lu": power.loudness_range_lu,
        "true_peak_dbtp": peak,
        "sample_peak_dbfs": sample_peak_dbfs(samples),
        "plr_db": None if integrated is None or peak is None else peak - integrated,
        "correlation": correlation(samples),
        "bandwidth_hz": bandwidth_hz(samples, rate_hz),
        "duration_s": samples.shape[1] / rate_hz,
        "sample_rate_hz": rate_hz,
        "channels": int(samples.shape[0]),
    }
    if series:
        found["momentary_lufs"] = power.series_lufs(MOMENTARY_BINS, 1)
        found["short_term_lufs"] = power.series_lufs(SHORT_TERM_BINS, HOP_BINS)
    return found


def correlation(samples: Samples) -> float | None:
    """Pearson correlation of the first two channels; None where one is missing or constant."""
    channels, frames = samples.shape
    if channels < 2 or frames < 2:
        return None
    sums, products = np.zeros(2), np.zeros((2, 2))
    for at in range(0, frames, _CHUNK_FRAMES):
        part = samples[:2, at : at + _CHUNK_FRAMES].astype(np.float64)
        sums += part.sum(axis=1)
        products += part @ part.T
    spread = products - np.outer(sums, sums) / frames
    left, right = spread[0, 0], spread[1, 1]
    # What remains of a constant channel after its mean is rounding.
    if left <= 1e-12 * products[0, 0] or right <= 1e-12 * products[1, 1]:
        return None
    return float(np.clip(spread[0, 1] / np.sqrt(left * right), -1, 1))


def dc_offset(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """A constant offset of each channel, ``(channels,)``; 0 where the mean is not constant.

    Constant means that each eighth of the sound has nearly the same mean, and that it is more
    than −60 dBFS: what is less, or wanders, is low notes. Below 2 s there is no telling.
    """
    if samples.shape[1] < _DC_SHORTEST_S * rate_hz:
        return np.zeros(samples.shape[0])
    parts = np.array_split(samples, _DC_PARTS, axis=1)
    means = np.stack([part.mean(axis=1, dtype=np.float64) for part in parts], axis=1)
    offset = means.mean(axis=1)
    steady = np.ptp(means, axis=1) < 0.25 * np.abs(offset)
    return np.where(steady & (np.abs(offset) > _DC_LEAST), offset, 0.0)


def bandwidth_hz(samples: Samples, rate_hz: int) -> float | None:
    """The highest frequency that carries something of the song; None for silence.

    That is the highest 250 Hz band less than 90 dB under the strongest one; or, where the
    spectrum ends at a wall (a codec's low-pass, a lower rate before), the wall: the highest
    band from which everything above falls by 20 dB and stays down.
    """
    levels = _band_levels_db(samples, rate_hz)
    if not levels.size:
        return None
    bands = np.flatnonzero(levels > levels.max() - _AUDIBLE_RANGE_DB)
    # The band next to a wall is partly filled, so the fall is looked for two bands on.
    above = np.append(np.maximum.accumulate(levels[::-1])[::-1], [-np.inf] * 2)[2:]
    walls = [band for band in bands if np.isfinite(above[band]) and levels[band] - above[band] >= _WALL_DB]
    return float(min((walls[-1] if walls else bands[-1]) * _BAND_HZ + _BAND_HZ, rate_hz / 2))


def _band_levels_db(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """Mean power in bands of 250 Hz, in dB; from spectra spread evenly over the sound."""
    size = size_for(0.09, rate_hz)
    frames = samples.shape[1]
    shape = window(size)
    power = np.zeros(size // 2 + 1)
    step = max(size, frames // _SPECTRA)
    for channel in samples:
        for start in range(0, frames, step):
            spectrum = scipy.fft.rfft(excerpt(channel, start, start + size) * shape)
            power += spectrum.real**2 + spectrum.imag**2
    if not power.any():
        return np.zeros(0)
    band = (np.arange(power.size) * (rate_hz / size) // _BAND_HZ).astype(int)
    means = np.bincount(band, power) / np.bincount(band)
    return 10 * np.log10(np.maximum(means, means.max() * 1e-20))
