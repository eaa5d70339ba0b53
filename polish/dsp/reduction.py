"""From what a limiter's blocks need to what they get: held, released, smoothed.

1. Held, forwards and backwards, over the reach of the smoothing that follows, so that the
   reduction is all there when the peak comes and no more than any peak near it needs.
2. Released: fast after a lone peak, slowly where there was much to do for a while
   (program-dependent release: D. Giannoulis, M. Massberg & J. Reiss, "Digital Dynamic Range
   Compressor Design", JAES 60 (2012), section 3; two time constants as in classic limiters).
   The slow part keeps a bass note from being distorted; it takes a few dB at the most, as
   beyond that it would eat the loudness that a limiter is driven harder for.
3. Smoothed by a Hann window, which only averages values of step 2, so that the reduction is
   never less than what was needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ..compiled import njit

Reduction = NDArray[np.float64]
"""dB by block, ``(rows, blocks)``: one row for all channels, or one each."""

_SMOOTHING = 4
"""Blocks to each side under the Hann window: 4.5 ms in all."""
_HOLD = _SMOOTHING + 3
"""Blocks to each side: the window, two of the spline, one for the waveform between blocks."""
_WINDOW = np.hanning(2 * _SMOOTHING + 3)[1:-1] / np.hanning(2 * _SMOOTHING + 3).sum()
_FAST_S, _SLOW_S, _SETTLE_S = 0.02, 1.2, 0.8
_KEPT = 0.9
"""Share of the settled reduction that the fast release falls to,"""
_MOST_KEPT_DB = 3.0
"""and its most."""


class Reducer:
    """Reduction for needs that come piece by piece; the pieces do not show."""

    def __init__(self, block_s: float) -> None:
        self._keep = np.exp(-block_s / np.array([_FAST_S, _SLOW_S, _SETTLE_S]))
        self._needed: Reduction | None = None
        self._held: Reduction | None = None
        self._state: NDArray[np.float64] | None = None

    def feed(self, needed: Reduction, *, last: bool = False) -> Reduction:
        """Take the next needs in dB, ``(rows, any)``; returns the reductions that are settled."""
        if self._needed is None or self._state is None:
            self._needed, self._state = np.zeros((needed.shape[0], _HOLD)), np.zeros((needed.shape[0], 2))
        parts = [self._needed, needed, *([np.zeros((needed.shape[0], _HOLD))] if last else [])]
        known = np.concatenate(parts, axis=1)
        self._needed = known[:, -2 * _HOLD :]
        held = maximum_filter1d(known, 2 * _HOLD + 1, axis=1)[:, _HOLD:-_HOLD]
        held = np.ascontiguousarray(held) if known.shape[1] > 2 * _HOLD else known[:, :0]
        for row, state in zip(held, self._state, strict=True):
            _release(row, state, self._keep, _KEPT, _MOST_KEPT_DB)
        return self._smoothed(held, last)

    def _smoothed(self, held: Reduction, last: bool) -> Reduction:
        before = np.repeat(held[:, :1], _SMOOTHING, axis=1) if self._held is None else self._held
        known = np.concatenate([before, held], axis=1)
        if last:
            known = np.pad(known, ((0, 0), (0, _SMOOTHING)), mode="edge")
        if known.shape[1]:
            self._held = known[:, -2 * _SMOOTHING :]
        if known.shape[1] <= 2 * _SMOOTHING:
            return known[:, :0]
        return np.stack([np.convolve(row, _WINDOW, mode="valid") for row in known])


@njit(cache=True, nogil=True)
def _release(held, state, keep, kept, most):  # pragma: no cover - compiled
    """Let each reduction fall off slowly, in place; `state` is carried."""
    fast, slow, settle = keep
    now, settled = state
    for n in range(held.size):
        settled = held[n] + (settled - held[n]) * (settle if held[n] > settled else slow)
        floor = min(kept * settled, most)
        now = max(held[n], floor, floor + (now - floor) * fast)
        if now < 0.005:
            now = 0.0
        held[n] = now
    state[0], state[1] = now, settled
