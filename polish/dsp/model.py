"""A song as the search for its loudness sees it: what it will measure, without making it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ..audio.sound import Samples
from ..units import amplitude
from .limiter import Peaks, find_peaks, reduction_db
from .loudness import Power, bin_edges, channel_weights, weighted_energy
from .reduction import Reduction

_SUSTAINED_S = 3.0


class Figures(NamedTuple):
    """Loudness and loudness range of a sound; −inf and 0 where there is none."""

    loudness_lufs: float
    range_lu: float


@dataclass(frozen=True, eq=False)
class Model:
    """Peaks and K-weighted energy of a sound by block.

    Attributes:
        peaks: see `find_peaks`.
        energy: K-weighted energy by block of ``peaks.length`` frames, with the weights of the
            channels, ``(channels, blocks)``.
        edges: frame numbers between the 10 ms bins.
    """

    peaks: Peaks
    energy: NDArray[np.float64]
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Samples, rate_hz: int) -> Model:
        """Look a sound over, for any gain."""
        peaks = find_peaks(samples, rate_hz, above=0.0)
        frames = samples.shape[1]
        blocks = np.append(np.arange(0, frames, peaks.length), frames)
        weights = channel_weights(samples.shape[0])
        energy = [weighted_energy(channel[None], rate_hz, blocks) for channel in samples]
        return cls(peaks, weights[:, None] * np.stack(energy), bin_edges(frames, rate_hz))

    @cached_property
    def _all_energy(self) -> NDArray[np.float64]:
        return self.energy.sum(axis=0, keepdims=True)

    def reduction_db(self, gain_db: float, ceiling_dbtp: float, link: float) -> Reduction:
        """The limiter's reduction by block at that gain; see `polish.dsp.limiter.reduction_db`."""
        return reduction_db(self.peaks, amplitude(ceiling_dbtp - gain_db), link=link)

    def expect(self, gain_db: float, ceiling_dbtp: float, link: float) -> Figures:
        """What the sound will measure at that gain, limited."""
        reduction = self.reduction_db(gain_db, ceiling_dbtp, link)
        energy = self._all_energy if reduction.shape[0] == 1 else self.energy
        power = (energy * 10 ** ((gain_db - reduction) / 10)).sum(axis=0)
        summed = np.append(0.0, np.cumsum(power))
        at = np.interp(self.edges / self.peaks.length, np.arange(summed.size), summed)
        binned = Power(np.diff(at), np.diff(self.edges))
        loudness, spread = binned.integrated_lufs, binned.loudness_range_lu
        return Figures(-np.inf if loudness is None else loudness, spread or 0.0)

    def sustained_db(self, gain_db: float, ceiling_dbtp: float, link: float) -> float:
        """Reduction at that gain, averaged over the 3 s where it is largest."""
        reduction = self.reduction_db(gain_db, ceiling_dbtp, link)
        return sustained_db(reduction, self.peaks.length / self.peaks.rate_hz)


def sustained_db(reduction: Reduction, block_s: float) -> float:
    """Reduction averaged over the 3 s where it is largest; over all of a sound that is shorter."""
    span = max(1, min(reduction.shape[1], round(_SUSTAINED_S / block_s)))
    if not reduction.size:
        return 0.0
    averaged = uniform_filter1d(reduction, span, axis=1, mode="constant")
    return float(averaged.max())
