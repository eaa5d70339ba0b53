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
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from .blocks import pieces

_OUTLIER = 14.0
"""Times the median magnitude of the second difference within 12 ms."""
_LONGEST_S = 0.001
_MOST_A_SECOND = 6
_ROUND_S = 0.012
_GUARD = 2
_ALONE, _HEARD = 6.0, 0.3
"""How far a join stands over what is around it, and over the level there (less is hardly heard)."""
_ALSO_ALONE, _SEVERAL, _EVERY_S = 4.3, 4, 4.0
"""How far it is enough to stand over what is around in a sound that is known to have joins: so many, and one
in so many seconds. A voice without any has one in ten seconds that stands so far by itself."""
_EDGE = 0.02
"""Power before and after may differ by 17 dB; the click itself is in both."""
_PIECE_S, _REACH_S = 0.0004, 0.006
_AROUND_S, _OFTEN = 0.2, 1.5
_STRETCH = 1 << 20
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


def joins(samples: Samples, rate_hz: int) -> list[tuple[int, int, int]]:
    """Jumps of the waveform that stand alone, as at a cut; as `find` gives clicks.

    The second difference is many times what it is within 6 ms on either side: an attack is as
    lively after its onset as at it, and hiss all the time. So few are found in clean sound (one in
    a minute of a voice) that these may be mended unasked. Where many are, fainter ones are looked for too.
    """
    found = _jumps(samples, rate_hz, _ALONE)
    size = _piece(rate_hz)
    count = len({first // size for _, first, _ in found})
    if count >= max(_SEVERAL, samples.shape[1] / rate_hz / _EVERY_S):
        found = _jumps(samples, rate_hz, _ALSO_ALONE)
    # What comes again and again is how the sound is made: a plucked string, a synthesiser's edges.
    often = len({first // size for _, first, _ in found}) > max(2, _OFTEN * samples.shape[1] / rate_hz)
    return [] if often else found


def _piece(rate_hz: int) -> int:
    return max(4, round(_PIECE_S * rate_hz))


def _jumps(samples: Samples, rate_hz: int, least: float) -> list[tuple[int, int, int]]:
    """Jumps of all channels whose second difference is `least` times what it is around them."""
    size = _piece(rate_hz)
    away = max(2, round(_REACH_S / _PIECE_S))
    found: list[tuple[int, int, int]] = []
    for channel in range(samples.shape[0]):
        for part in pieces(samples.shape[1], _STRETCH, samples):
            first = part.start
            # Neighbouring stretches overlap by what is looked at around a jump.
            start = max(0, first - 2 * (away + 1) * size)
            wave = samples[channel, start : first + _STRETCH + 2 * (away + 1) * size]
            for one, last in _alone(wave, size, away, least):
                if first <= start + one < first + _STRETCH:
                    found.append((channel, start + one, start + last))
    return found


def _alone(wave: NDArray[np.float32], size: int, away: int, least: float) -> list[tuple[int, int]]:
    bend = np.abs(np.diff(wave, 2))
    count = bend.size // size
    if count < 2 * away + 3:
        return []
    pieces = bend[: count * size].reshape(count, size).max(axis=1)
    quiet = np.maximum(_shifted(pieces, away, 2), _shifted(pieces[::-1], away, 2)[::-1])
    power = np.mean(np.square(wave[: count * size], dtype=np.float64).reshape(count, size), axis=1)
    around = scipy.ndimage.uniform_filter1d(power, round(_AROUND_S / _PIECE_S))
    heard = _HEARD * np.sqrt(np.maximum(around, 0)) + _QUIET
    # Sound that begins or ends there is no join but a hard edge, and may be meant.
    level = [scipy.ndimage.uniform_filter1d(power, 25, origin=side) for side in (-12, 12)]
    goes_on = np.minimum(*level) > _EDGE * np.maximum(*level)
    found = []
    for piece in np.flatnonzero((pieces > least * quiet) & (pieces > heard) & goes_on):
        if found and found[-1][1] > piece * size:
            continue
        near = slice(max(0, (piece - 1) * size), (piece + 2) * size)
        far = np.flatnonzero(bend[near] > 2 * quiet[piece]) + near.start
        found.append((max(0, int(far[0]) + 1 - _GUARD), min(wave.size, int(far[-1]) + 2 + round(0.8 * size))))
    return found


def _shifted(pieces: NDArray[np.float32], reach: int, gap: int) -> NDArray[np.float32]:
    """The largest of `reach` pieces that end `gap` before each; nothing before the first."""
    padded = np.concatenate([np.zeros(reach + gap - 1, pieces.dtype), pieces])
    return np.lib.stride_tricks.sliding_window_view(padded, reach).max(axis=1)[: pieces.size]


def without(samples: Samples, clicks: list[tuple[int, int, int]]) -> Samples:
    """The sound with every click replaced by what its neighbourhood expects."""
    out = scratch(samples.shape)
    for part in pieces(samples.shape[1], _STRETCH, samples, out):
        out[:, part] = samples[:, part]
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
