"""What sums over all samples tell: level, crest, offset, likeness of left and right, clipping."""

from __future__ import annotations

import numpy as np

from ..audio.sound import Samples
from ..compiled import njit
from ..units import decibels

FULL_SCALE = 1 - 2.0**-15
"""The highest value that 16 bits have: what reaches it is counted as clipped."""
_OVER_RUN = 3
"""Samples in a row that make a run: one or two at full scale may be a peak that just fits (the
usual setting of "over" indicators since Sony's PCM-1630)."""
_ROUNDING = 1e-12
_NO_OFFSET = 1e-7
"""−140 dBFS is what rounding leaves."""


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _sums(x, y):  # pragma: no cover - compiled
    """Sum and sum of squares of `x`, and sum of its products with `y`."""
    total = squares = products = 0.0
    for n in range(x.size):
        a = float(x[n])
        total += a
        squares += a * a
        products += a * float(y[n])
    return total, squares, products


@njit(cache=True, nogil=True)
def _clipped(x, limit, run):  # pragma: no cover - compiled
    """Samples of `x` at `limit` or beyond, runs that became long enough, and the run it ends in.

    `run` is the length and the sign of the run before `x`; a run is of one sign.
    """
    samples = runs = 0
    for n in range(x.size):
        sign = 1 if x[n] >= limit else -1 if x[n] <= -limit else 0
        if sign == 0:
            run = 0
            continue
        samples += 1
        run = run + sign if run * sign > 0 else sign
        if abs(run) == _OVER_RUN:
            runs += 1
    return samples, runs, run


class Levels:
    """Sums over a sound that comes in blocks.

    Attributes:
        peak: the highest sample's amplitude.
        clipped_samples: how many samples are at full scale or beyond.
        clipped_runs: how often three or more of them, of one sign, follow each other in a channel.
    """

    def __init__(self, channels: int) -> None:
        self.peak = 0.0
        self.clipped_samples = 0
        self.clipped_runs = 0
        self._frames = 0
        self._totals, self._squares = np.zeros((2, channels))
        self._products = 0.0
        self._runs = [0] * channels

    def feed(self, block: Samples) -> None:
        """Take the next block, ``(channels, frames)``.

        Raises:
            ValueError: there is NaN or infinity in it.
        """
        other = block[min(1, block.shape[0] - 1)]
        for channel, samples in enumerate(block):
            total, squares, products = _sums(samples, other)
            if not np.isfinite(squares):
                raise ValueError("samples are not finite: there is NaN or infinity among them")
            self._totals[channel] += total
            self._squares[channel] += squares
            self._products += products if channel == 0 else 0.0
            peak = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
            self.peak = max(self.peak, peak)
            if peak < FULL_SCALE:
                self._runs[channel] = 0
                continue
            clipped, runs, self._runs[channel] = _clipped(samples, FULL_SCALE, self._runs[channel])
            self.clipped_samples += clipped
            self.clipped_runs += runs
        self._frames += block.shape[1]

    def crest_db(self) -> float | None:
        """The highest sample over the RMS of the loudest channel; None for silence."""
        highest = self._squares.max(initial=0.0)
        return decibels(self.peak / np.sqrt(highest / self._frames)) if highest > 0 else None

    def dc_offset_dbfs(self) -> float | None:
        """Mean of the channel where it is furthest from 0; None where all means are 0."""
        highest = float(np.abs(self._totals).max(initial=0.0)) / max(1, self._frames)
        return decibels(highest) if highest > _NO_OFFSET else None

    def correlation(self) -> float | None:
        """Pearson correlation of the first two channels; None where one is missing or constant."""
        if self._totals.size < 2 or self._frames < 2:
            return None
        spread = self._squares[:2] - self._totals[:2] ** 2 / self._frames
        if np.any(spread <= _ROUNDING * self._squares[:2]):  # what a constant leaves after its mean
            return None
        together = self._products - self._totals[0] * self._totals[1] / self._frames
        return float(np.clip(together / np.sqrt(spread[0] * spread[1]), -1, 1))
