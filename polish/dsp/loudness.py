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
from numpy.typing import NDArray

from ..audio.scratching import rest
from ..audio.sound import Samples
from ..compiled import njit
from .speakers import channel_weights

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
def _filtered_energy(x, y, sos, state, edges, out):  # noqa: PLR0917  # pragma: no cover - compiled
    """Sums over two filtered channels between each two `edges`, into `out` ``(3, bins)``.

    Squares of the one, of the other, and their product: two at a time take little longer than
    one. `state` ``(2, 4)`` is carried.
    """
    b0, b1, b2, a1, a2 = sos[0, 0], sos[0, 1], sos[0, 2], sos[0, 4], sos[0, 5]
    d1, d2 = sos[1, 4], sos[1, 5]
    s1, s2, t1, t2 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    u1, u2, v1, v2 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    for k in range(edges.size - 1):
        first = second = both = 0.0
        for n in range(edges[k], edges[k + 1]):
            p, q = float(x[n]), float(y[n])
            f, g = b0 * p + s1, b0 * q + u1
            s1, u1 = b1 * p - a1 * f + s2, b1 * q - a1 * g + u2
            s2, u2 = b2 * p - a2 * f, b2 * q - a2 * g
            z, w = f + t1, g + v1
            t1, v1 = -2.0 * f - d1 * z + t2, -2.0 * g - d1 * w + v2
            t2, v2 = f - d2 * z, g - d2 * w
            first += z * z
            second += w * w
            both += z * w
        out[0, k], out[1, k], out[2, k] = first, second, both
        if abs(t1) + abs(t2) + abs(s1) + abs(s2) < 1e-30:  # denormals are slow, and silent
            s1 = s2 = t1 = t2 = 0.0
        if abs(v1) + abs(v2) + abs(u1) + abs(u2) < 1e-30:
            u1 = u2 = v1 = v2 = 0.0
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = s1, s2, t1, t2
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = u1, u2, v1, v2


class KWeighting:
    """K-weighting of a sound that comes in blocks, with the filters' state carried between them.

    Args:
        weights: of the channels, ``(channels,)``; see `channel_weights`.
    """

    def __init__(self, rate_hz: int, weights: NDArray[np.float64]) -> None:
        self._sos = k_weighting(rate_hz)
        self._weights = weights
        self._states = np.zeros((weights.size, 2, 4))

    def energies(self, block: Samples, edges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Filter the next block, ``(channels, frames)``, from the first to the last of `edges`.

        Args:
            edges: frame numbers within the block, rising from 0, ``(bins + 1,)``.

        Returns:
            ``(4, bins)``, sums of squares over the frames of each bin: of all channels by
            their weight; of the first channel, of the second, and of the product of these two.
        """
        out = np.zeros((4, edges.size - 1))
        pair = np.empty((3, edges.size - 1))
        for first in range(0, self._weights.size, 2):
            second = min(first + 1, self._weights.size - 1)
            if first and not self._weights[[first, second]].any():
                continue
            x, y = (np.ascontiguousarray(block[channel]) for channel in (first, second))
            _filtered_energy(x, y, self._sos, self._states[first], edges, pair)
            out[0] += self._weights[first] * pair[0]
            if second > first:
                out[0] += self._weights[second] * pair[1]
            if first == 0:
                out[1:] = pair
        return out


def weighted_energy(
    samples: Samples, rate_hz: int, edges: NDArray[np.int64], *, speakers: int | None = None
) -> NDArray[np.float64]:
    """Energy after K-weighting and channel weights, between each two of `edges`.

    Args:
        edges: frame numbers, rising from 0, at most the number of frames; ``(bins + 1,)``.
        speakers: see `channel_weights`.

    Returns:
        Sum of squares over the frames of each bin and over the channels, ``(bins,)``.
    """
    energy = np.zeros(max(0, edges.size - 1))
    filters = KWeighting(rate_hz, channel_weights(samples.shape[0], speakers))
    for first in range(0, energy.size, 4096):
        part = edges[first : first + 4097]
        block = samples[:, part[0] : part[-1]]
        energy[first : first + 4096] = filters.energies(block, part - part[0])[0]
        rest(samples)
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
        return _lufs(self.means(MOMENTARY_BINS, HOP_BINS)[self.gated].sum() / max(1, self.gated.sum()))

    @cached_property
    def gated(self) -> NDArray[np.bool_]:
        """Which blocks of 400 ms, one every 100 ms, are above both gates (BS.1770-5 annex 1, eq. 6 and 7)."""
        means = self.means(MOMENTARY_BINS, HOP_BINS)
        loud = means >= _power(ABSOLUTE_GATE_LUFS)
        relative = means[loud].mean() * 10 ** (RELATIVE_GATE_LU / 10) if loud.any() else np.inf
        return loud & (means >= relative)

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


def _lufs(power: float) -> float | None:
    return float(_OFFSET_DB + 10 * np.log10(power)) if power > _QUIETEST_POWER else None


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))
