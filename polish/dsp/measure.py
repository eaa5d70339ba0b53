"""Everything that is measured about a sound, in one pass over it.

Conventions: samples are ``(channels, frames)`` float32; keys end in their unit; a value that
does not exist (the loudness of silence, the correlation of one channel) is ``None``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio import rest
from ..audio.sound import Samples
from ..units import decibels
from . import peak
from .bandwidth import Bandwidth
from .levels import Levels
from .loudness import HOP_BINS, MOMENTARY_BINS, SHORT_TERM_BINS, KWeighting, Power, bin_edges
from .speakers import channel_weights

_DC_PARTS = 8
_DC_LEAST = 0.001
_DC_SHORTEST_S = 2.0
_ALL_GONE = 1e-12


class Meter:
    """Measures a sound that comes in blocks, in memory that does not grow with it but by 3 kB a second.

    However it is cut into blocks, the figures are the same to the last bit: inside, it is
    measured second by second.

    Args:
        speakers: which loudspeakers the channels are for; see `channel_weights`.
    """

    def __init__(self, rate_hz: int, channels: int, *, speakers: int | None = None) -> None:
        self._rate_hz, self._channels = rate_hz, channels
        self._frames = 0
        self._rest: list[Samples] = []
        self._k_weighting = KWeighting(rate_hz, channel_weights(channels, speakers))
        self._edges = bin_edges(rate_hz, rate_hz)
        self._energies: list[NDArray[np.float64]] = []
        self._true_peak = peak.TruePeak(channels)
        self._levels = Levels(channels)
        self._bandwidth = Bandwidth(rate_hz)

    def feed(self, block: Samples) -> None:
        """Take the next block, ``(channels, frames)``, of any length.

        Raises:
            ValueError: there is NaN or infinity in it.
        """
        waiting = sum(part.shape[1] for part in self._rest)
        if waiting + block.shape[1] < self._rate_hz:
            self._rest.append(block.copy())
            return
        start = 0
        if waiting:
            start = self._rate_hz - waiting
            self._second(np.hstack([*self._rest, block[:, :start]]))
        while block.shape[1] - start >= self._rate_hz:
            self._second(block[:, start : start + self._rate_hz])
            start += self._rate_hz
        self._rest = [block[:, start:].copy()]

    def _second(self, second: Samples, *, last: bool = False) -> None:
        self._frames += second.shape[1]
        if second.strides[1] != second.itemsize:  # interleaved
            second = np.ascontiguousarray(second)
        self._levels.feed(second)
        self._true_peak.feed(second)
        self._bandwidth.feed(second, last=last)
        edges = self._edges[self._edges <= second.shape[1]]
        self._energies.append(self._k_weighting.energies(second, edges))

    def figures(self, *, series: bool = False) -> dict[str, Any]:
        """The figures of all that came, as `measure` gives them. Ends the sound."""
        self._second(np.hstack(self._rest or [np.zeros((self._channels, 0), np.float32)]), last=True)
        energies = np.hstack(self._energies)
        power = Power(energies[0], np.diff(bin_edges(self._frames, self._rate_hz)))
        levels = self._levels
        integrated, short_term = power.integrated_lufs, power.highest_lufs(SHORT_TERM_BINS)
        peak_dbtp = decibels(self._true_peak.amplitude())
        found: dict[str, Any] = {
            "integrated_lufs": integrated,
            "momentary_max_lufs": power.highest_lufs(MOMENTARY_BINS),
            "short_term_max_lufs": short_term,
            "loudness_range_lu": power.loudness_range_lu,
            "true_peak_dbtp": peak_dbtp,
            "true_peak_filter": peak.FILTER,
            "sample_peak_dbfs": decibels(levels.peak),
            "plr_db": None if integrated is None or peak_dbtp is None else peak_dbtp - integrated,
            "psr_db": None if short_term is None or peak_dbtp is None else peak_dbtp - short_term,
            "crest_db": levels.crest_db(),
            "correlation": levels.correlation(),
            "mono_loss_lu": _mono_loss_lu(power, energies) if self._channels > 1 else None,
            "dc_offset_dbfs": levels.dc_offset_dbfs(),
            "clipped_samples": levels.clipped_samples,
            "clipped_runs": levels.clipped_runs,
            "bandwidth_hz": self._bandwidth.hz(),
            "duration_s": self._frames / self._rate_hz,
            "sample_rate_hz": self._rate_hz,
            "channels": self._channels,
        }
        if series:
            found["momentary_lufs"] = power.series_lufs(MOMENTARY_BINS, 1)
            found["short_term_lufs"] = power.series_lufs(SHORT_TERM_BINS, HOP_BINS)
        return found


def measure(
    samples: Samples, rate_hz: int, *, series: bool = False, speakers: int | None = None
) -> dict[str, Any]:
    """Loudness, peaks, width and extent of a sound, as JSON values.

    Args:
        samples: ``(channels, frames)``, finite.
        series: whether to add ``momentary_lufs`` at a 10 ms hop and ``short_term_lufs`` at
            100 ms; the first window begins at 0 s.
        speakers: which loudspeakers the channels are for; see `channel_weights`.

    Returns:
        - ``integrated_lufs`` (BS.1770-5), ``momentary_max_lufs``, ``short_term_max_lufs`` (EBU
          Tech 3341), ``loudness_range_lu`` (EBU Tech 3342)
        - ``true_peak_dbtp`` (BS.1770-5 annex 2), ``true_peak_filter`` in words,
          ``sample_peak_dbfs``
        - ``plr_db``, true peak less integrated loudness (peak-to-loudness ratio, EBU Tech 3343);
          ``psr_db``, true peak less the highest short-term loudness (I. Shepherd et al.,
          "Measuring Micro-Dynamics", AES e-Brief 373, 2017, which defines the ratio over time;
          here both are taken at their highest, as PLR does)
        - ``crest_db``, the highest sample over the RMS of the loudest channel
        - ``correlation`` of the first two channels, left and right in every layout, −1 to 1
        - ``mono_loss_lu``, by how much these two are quieter when both loudspeakers play their
          mean: 0 for equal channels, 3 for unrelated ones, over the blocks that count for
          integrated loudness; None where nothing is left
        - ``dc_offset_dbfs``, the mean of the channel where it is furthest from 0
        - ``clipped_samples`` at full scale or beyond, ``clipped_runs`` of three or more of them
        - ``bandwidth_hz``, ``duration_s``, ``sample_rate_hz``, ``channels``

    Raises:
        ValueError: there is NaN or infinity among the samples.
    """
    meter = Meter(rate_hz, samples.shape[0], speakers=speakers)
    for start in range(0, samples.shape[1], 10 * rate_hz):
        meter.feed(samples[:, start : start + 10 * rate_hz])
        rest(samples)
    return meter.figures(series=series)


def _mono_loss_lu(power: Power, energies: NDArray[np.float64]) -> float | None:
    """By how much the first two channels are quieter as their mean; None where nothing counts or is left."""
    if not power.gated.any():
        return None
    _, left, right, product = (
        Power(energy, power.frames).means(MOMENTARY_BINS, HOP_BINS)[power.gated].sum() for energy in energies
    )
    apart, mean = left + right, (left + right) / 2 + product
    return float(10 * np.log10(apart / mean)) if mean > _ALL_GONE * apart > 0 else None


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
