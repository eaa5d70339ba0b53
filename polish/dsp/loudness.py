"""Loudness as ITU-R BS.1770-5 and EBU R 128 measure it.

Conventions: samples are ``(channels, frames)`` float32, full scale at ±1. Loudness is in LUFS,
loudness range in LU; what does not exist (silence, or a sound shorter than the window) is
``None``. The K-weighted power is summed once, in bins of 10 ms; every figure below is a sum
of bins, so that one pass over the sound serves all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..audio.sound import Samples

BINS_PER_S = 100
MOMENTARY_BINS = 40
"""400 ms: the momentary window and the gating block (BS.1770-5 annex 1; EBU Tech 3341, 2.2)."""
SHORT_TERM_BINS = 300
"""3 s (EBU Tech 3341, 2.2)."""
HOP_BINS = 10
"""100 ms: gating blocks overlap by 75 %, and loudness range reads short-term at 10 Hz."""

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
RANGE_GATE_LU = -20.0
_OFFSET_DB = -0.691
_QUIETEST_POWER = 1e-14
"""Below −140 LUFS is rounding, not sound."""

_SURROUND = 1.41
_WEIGHTS = {
    4: (1.0, 1.0, _SURROUND, _SURROUND),
    5: (1.0, 1.0, 1.0, _SURROUND, _SURROUND),
    6: (1.0, 1.0, 1.0, 0.0, _SURROUND, _SURROUND),
    7: (1.0, 1.0, 1.0, 0.0, 1.0, _SURROUND, _SURROUND),
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, _SURROUND, _SURROUND),
}


def channel_weights(channels: int) -> NDArray[np.float64]:
    """Weights of the channels by BS.1770-5 table 4, for the layout a WAV file of that many has.

    4 is quad, 5 and 6 are 5.0 and 5.1, 7 and 8 are 6.1 and 7.1, whose channels behind the
    listener (beyond 120°) weigh 1. LFE weighs nothing. Any other count weighs 1 throughout.
    """
    return np.array(_WEIGHTS.get(channels, (1.0,) * channels))


def k_weighting(rate_hz: float) -> NDArray[np.float64]:
    """The K-weighting filter at any rate: second-order sections ``(2, 6)``, shelf then high-pass.

    The analogue prototypes behind the 48 kHz tables of BS.1770-5 annex 1, brought to the rate by
    the bilinear transform (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness
    Measurement", AES 145, 2018); at 48 kHz they give the tables to all their digits.
    """
    gain_db, q, corner_hz = 3.999843853973347, 0.7071752369554196, 1681.974450955533
    k = math.tan(math.pi * corner_hz / rate_hz)
    high = 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    norm = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / norm, 2 * (k * k - high) / norm,
        (high - band * k / q + k * k) / norm, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm,
    ]  # fmt: skip
    q, corner_hz = 0.5003270373238773, 38.13547087602444
    k = math.tan(math.pi * corner_hz / rate_hz)
    norm = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm]
    return np.array([shelf, high_pass])


@njit(cache=True, nogil=True)
def _filtered_energy(x, sos, state, edges, out):  # pragma: no cover - compiled
    """Add the energy of filtered `x` between each two `edges` to `out`; `state` (4,) is carried."""
    b0, b1, b2, a1, a2 = sos[0, 0], sos[0, 1], sos[0, 2], sos[0, 4], sos[0, 5]
    d1, d2 = sos[1, 4], sos[1, 5]
    s1, s2, t1, t2 = state
    for k in range(edges.size - 1):
        total = 0.0
        for n in range(edges[k], edges[k + 1]):
            v = float(x[n])
            y = b0 * v + s1
            s1 = b1 * v - a1 * y + s2
            s2 = b2 * v - a2 * y
            z = y + t1
            t1 = -2.0 * y - d1 * z + t2
            t2 = y - d2 * z
            total += z * z
        out[k] += total
        if abs(t1) + abs(t2) + abs(s1) + abs(s2) < 1e-30:  # denormals are slow, and silent
            s1 = s2 = t1 = t2 = 0.0
    state[0], state[1], state[2], state[3] = s1, s2, t1, t2


def weighted_energy(samples: Samples, rate_hz: int, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Energy after K-weighting and channel weights, between each two of `edges`.

    Args:
        edges: frame numbers, rising from 0, at most the number of frames; ``(bins + 1,)``.

    Returns:
        Sum of squares over the frames of each bin and over the channels, ``(bins,)``.
    """
    energy = np.zeros(max(0, edges.size - 1))
    sos = k_weighting(rate_hz)
    for channel, weight in zip(samples, channel_weights(samples.shape[0]), strict=True):
        if weight == 0:
            continue
        state, own = np.zeros(4), np.zeros_like(energy)
        for first in range(0, energy.size, 4096):
            part = edges[first : first + 4097]
            piece = np.ascontiguousarray(channel[part[0] : part[-1]])
            _filtered_energy(piece, sos, state, part - part[0], own[first : first + 4096])
        energy += weight * own
    return energy


@dataclass(frozen=True, eq=False)
class Power:
    """K-weighted power in bins of 10 ms: all that loudness is made of.

    Attributes:
        energy: sum of squares in each whole bin, channel weights included, ``(bins,)``.
        frames: number of frames of each bin; they differ by one where 10 ms is not a whole
            number of frames.
    """

    energy: NDArray[np.float64]
    frames: NDArray[np.int64]

    def means(self, bins: int, hop: int) -> NDArray[np.float64]:
        """Mean power in windows of `bins` bins, one every `hop` bins; empty when too short."""
        if self.energy.size < bins:
            return np.zeros(0)
        windows = np.lib.stride_tricks.sliding_window_view
        energy = windows(self.energy, bins)[::hop].sum(axis=1)
        return energy / windows(self.frames, bins)[::hop].sum(axis=1)

    @cached_property
    def integrated_lufs(self) -> float | None:
        """Gated loudness of the whole (BS.1770-5 annex 1, eq. 5 to 7)."""
        return _gated_lufs(self.means(MOMENTARY_BINS, HOP_BINS))

    @cached_property
    def loudness_range_lu(self) -> float | None:
        """Spread of short-term loudness between its 10th and 95th percentile (EBU Tech 3342, 2.1)."""
        means = self.means(SHORT_TERM_BINS, HOP_BINS)
        means = means[means >= _power(ABSOLUTE_GATE_LUFS)]
        if not means.size:
            return None
        means = np.sort(means[means >= means.mean() * 10 ** (RANGE_GATE_LU / 10)])
        low, high = (means[int((means.size - 1) * share + 0.5)] for share in (0.10, 0.95))
        return float(10 * np.log10(high / low))

    def series_lufs(self, bins: int, hop: int) -> list[float | None]:
        """Loudness of each window of `bins` bins, one every `hop`; None where there is silence."""
        return [_lufs(mean) for mean in self.means(bins, hop)]

    def highest_lufs(self, bins: int) -> float | None:
        """The loudest window of `bins` bins, looked for at a hop of 10 ms."""
        return _lufs(self.means(bins, 1).max(initial=0.0))


def bin_edges(frames: int, rate_hz: int) -> NDArray[np.int64]:
    """Frame numbers between the whole 10 ms bins of a sound; bin ``i`` starts at ``i/100`` s."""
    bins = frames * BINS_PER_S // rate_hz
    return np.arange(bins + 1, dtype=np.int64) * rate_hz // BINS_PER_S


def k_weighted_power(samples: Samples, rate_hz: int) -> Power:
    """Measure a sound once, for all the figures of `Power`."""
    edges = bin_edges(samples.shape[1], rate_hz)
    return Power(weighted_energy(samples, rate_hz, edges), np.diff(edges))


def integrated_lufs(samples: Samples, rate_hz: int) -> float | None:
    """Integrated loudness, gated at −70 LUFS and at −10 LU (BS.1770-5 annex 1)."""
    return k_weighted_power(samples, rate_hz).integrated_lufs


def loudness_range_lu(samples: Samples, rate_hz: int) -> float | None:
    """Loudness range (EBU Tech 3342); None for silence and below 3 s."""
    return k_weighted_power(samples, rate_hz).loudness_range_lu


def momentary_lufs(samples: Samples, rate_hz: int) -> list[float | None]:
    """Loudness of 400 ms windows, one every 10 ms (EBU Tech 3341)."""
    return k_weighted_power(samples, rate_hz).series_lufs(MOMENTARY_BINS, 1)


def short_term_lufs(samples: Samples, rate_hz: int) -> list[float | None]:
    """Loudness of 3 s windows, one every 100 ms (EBU Tech 3341)."""
    return k_weighted_power(samples, rate_hz).series_lufs(SHORT_TERM_BINS, HOP_BINS)


def _gated_lufs(means: NDArray[np.float64]) -> float | None:
    loud = means[means >= _power(ABSOLUTE_GATE_LUFS)]
    if not loud.size:
        return None
    loud = loud[loud >= loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return _lufs(loud.mean())


def _lufs(power: float) -> float | None:
    return float(_OFFSET_DB + 10 * np.log10(power)) if power > _QUIETEST_POWER else None


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))
