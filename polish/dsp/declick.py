"""Clicks: single samples, or a few, that do not follow from those around them.

Found as outliers of the second difference against its usual size nearby; mended by the
samples that an autoregressive model of the neighbourhood expects in their place (W. Etter,
"Restoration of a discrete-time signal segment by interpolation based on the left-sided and
right-sided autoregressive parameters", IEEE Trans. Signal Processing 44, 1996; here in the
least-squares form of Janssen, Veldhuis & Vries, IEEE Trans. ASSP 34, 1986, eq. 9).
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from ..audio.sound import Samples

_OUTLIER = 14.0
"""Times the median magnitude of the second difference within 12 ms."""
_LONGEST_S = 0.001
_MOST_A_SECOND = 6
_ROUND_S = 0.012
_GUARD = 2
_ORDER, _CONTEXT = 32, 512
_QUIET = 1e-4


def find(samples: Samples, rate_hz: int) -> list[tuple[int, int, int]]:
    """Clicks as ``(channel, first frame, one past the last)``, in order.

    A jump that goes on for longer than a millisecond is an attack, and what jumps more than six
    times a second is a waveform with edges; neither is a click.
    """
    longest, size = max(4, round(_LONGEST_S * rate_hz)), max(32, round(_ROUND_S * rate_hz))
    found = []
    for channel in range(samples.shape[0]):
        runs = _outliers(samples[channel], size, longest)
        starts = np.array([first for first, _ in runs])
        for first, last in runs:
            near = np.searchsorted(starts, [first - rate_hz / 2, first + rate_hz / 2])
            if last - first <= longest and near[1] - near[0] <= _MOST_A_SECOND:
                found.append((channel, max(0, first - _GUARD), min(samples.shape[1], last + _GUARD)))
    return found


def _outliers(wave: NDArray[np.float32], size: int, gap: int) -> list[tuple[int, int]]:
    """Runs of frames whose second difference is far out of what is usual around them.

    Outliers less than `gap` apart are one run: an attack is a swarm of them.
    """
    bend = np.abs(np.diff(wave, 2))
    pieces = bend.size // size
    if pieces < 3:
        return []
    usual = np.median(bend[: pieces * size].reshape(pieces, size), axis=1)
    # The calmer of both neighbours counts less than the livelier: an attack raises what follows.
    around = np.maximum(np.maximum(np.r_[usual[:1], usual[:-1]], usual), np.r_[usual[1:], usual[-1:]])
    limit = np.maximum(_OUTLIER * around, _QUIET)
    far = np.flatnonzero(bend[: pieces * size] > np.repeat(limit, size))
    if not far.size:
        return []
    # bend[n] is centred on frame n + 1.
    breaks = np.flatnonzero(np.diff(far) > gap)
    starts, ends = np.r_[far[:1], far[breaks + 1]], np.r_[far[breaks], far[-1:]]
    return [(int(start), int(end) + 3) for start, end in zip(starts, ends, strict=True)]


def without(samples: Samples, clicks: list[tuple[int, int, int]]) -> Samples:
    """The sound with every click replaced by what its neighbourhood expects."""
    out = samples.copy()
    for channel, first, last in clicks:
        start, end = max(0, first - _CONTEXT), min(out.shape[1], last + _CONTEXT)
        part = out[channel, start:end].astype(np.float64)
        out[channel, first:last] = _expected(part, first - start, last - start)
    return out


def _expected(part: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """The samples from `first` to `last` that leave the least prediction error."""
    known = part.copy()
    ends = known[[max(first - 1, 0), min(last, part.size - 1)]]
    known[first:last] = np.linspace(ends[0], ends[1], last - first + 2)[1:-1]
    order = min(_ORDER, (part.size - (last - first)) // 4)
    power = np.array([known[: part.size - lag] @ known[lag:] for lag in range(order + 1)])
    if order < 1 or power[0] <= 0:
        return known[first:last]
    power[0] *= 1 + 1e-6
    model = np.r_[1.0, -scipy.linalg.solve_toeplitz(power[:-1], power[1:])]
    lags = np.array([model[: order + 1 - lag] @ model[lag:] for lag in range(order + 1)])
    unknown = np.arange(first, last)
    rest = np.r_[np.arange(max(0, first - order), first), np.arange(last, min(part.size, last + order))]

    def weights(columns: NDArray[np.int64]) -> NDArray[np.float64]:
        away = np.abs(unknown[:, None] - columns[None])
        return np.where(away <= order, lags[np.minimum(away, order)], 0.0)

    return np.linalg.solve(weights(unknown), -weights(rest) @ part[rest])
