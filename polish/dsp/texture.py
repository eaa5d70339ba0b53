"""A song bar by bar: harmony, timbre and level of each bar, and how alike bars are.

What sections are found in. Where there is no steady beat, bars are pieces of two seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from . import chroma, onsets

PIECE_S = 2.0
_FEWEST_BARS = 4
_SHORT = 0.3
"""A piece at either end shorter than this share of a bar belongs to its neighbour."""
_QUARTERS, _HALVES = 4, 2
_TIMBRE, _MOTION = 16, 8
_LEAST_COLOUR, _LEAST_MOTION, _LEAST_FAR = 0.15, 0.03, 0.5
"""Spreads below which bars do not differ: steady noise has 0.04 and 0.015, songs 0.3 and 0.05 up."""


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a song.

    Attributes:
        edges_s: ``(bars + 1,)``, from where the sound begins to where it ends.
        harmony: ``(bars, bars)`` how alike in harmony, quarter by quarter: cosine, 0 to 1.
        timbre: ``(bars, coefficients)`` colour and motion, each coefficient of spread 1 (less in
            a sound whose bars hardly differ).
        alike: ``(bars, bars)`` how alike in timbre, 0 to 1.
        level: ``(bars,)`` mean of the compressed mel spectrum: how full and loud.
    """

    edges_s: NDArray[np.float64]
    harmony: NDArray[np.float64]
    timbre: NDArray[np.float64]
    alike: NDArray[np.float64]
    level: NDArray[np.float64]

    def __len__(self) -> int:
        return self.level.size

    @property
    def last_full(self) -> int:
        """The last bar that still sounds in full; what follows is the last chord dying away."""
        full = np.flatnonzero(self.level > 0.35 * np.percentile(self.level, 80))
        return int(full[-1]) if full.size else len(self) - 1


def bar_edges_s(downbeats_s: Sequence[float], first_s: float, last_s: float) -> NDArray[np.float64]:
    """Edges of the bars from `first_s` to `last_s`; the grid goes on before and after its downbeats."""
    if len(downbeats_s) >= _FEWEST_BARS:
        downs = np.array(downbeats_s)
        bar_s = float(np.median(np.diff(downs)))
        before = np.arange(downs[0] - bar_s, first_s, -bar_s)[::-1]
        after = np.arange(downs[-1] + bar_s, last_s, bar_s)
        edges = np.concatenate([before, downs, after])
    else:
        bar_s = PIECE_S
        edges = np.arange(first_s, last_s, bar_s)
    inner = edges[(edges > first_s + _SHORT * bar_s) & (edges < last_s - _SHORT * bar_s)]
    return np.concatenate([[first_s], inner, [last_s]])


def bars(heard: onsets.Onsets, harmony: chroma.Chroma, edges_s: NDArray[np.float64]) -> Bars:
    """The bars between `edges_s`; see `Bars`."""
    pitches = _pooled(chroma.rows_of_one(harmony.all), edges_s, chroma.COLUMNS_HZ, _QUARTERS)
    bass = _pooled(chroma.rows_of_one(harmony.bass), edges_s, chroma.COLUMNS_HZ, _HALVES)
    chords = chroma.rows_of_one(np.hstack([chroma.rows_of_one(pitches), 0.7 * chroma.rows_of_one(bass)]))
    mel = _pooled(heard.mel, edges_s, onsets.COLUMNS_HZ, 1)
    moves = np.abs(np.diff(heard.mel, axis=0, prepend=heard.mel[:1]))
    motion = _pooled(moves, edges_s, onsets.COLUMNS_HZ, 1)
    colour = [scipy.fft.dct(mel, norm="ortho")[:, :_TIMBRE], scipy.fft.dct(motion, norm="ortho")[:, :_MOTION]]
    timbre = np.hstack(colour)
    least = np.repeat([_LEAST_COLOUR, _LEAST_MOTION], [_TIMBRE, _MOTION])
    timbre = (timbre - timbre.mean(axis=0)) / np.maximum(timbre.std(axis=0), least)
    size = np.sum(timbre**2, axis=1)
    far = np.maximum(size[:, None] + size[None] - 2 * timbre @ timbre.T, 0) / timbre.shape[1]
    alike = np.exp(-far / max(float(np.median(far)), _LEAST_FAR))
    return Bars(edges_s, chords @ chords.T, timbre, alike, mel.mean(axis=1))


def _pooled(
    rows: NDArray[np.floating], edges_s: NDArray[np.float64], rate_hz: float, parts: int
) -> NDArray[np.float64]:
    """Means of rows over equal parts of every bar, ``(bars, parts * columns)``."""
    share = np.arange(parts) / parts
    starts = (edges_s[:-1, None] + share * np.diff(edges_s)[:, None]).ravel()
    first = np.clip(np.round(starts * rate_hz).astype(int), 0, len(rows) - 1)
    last = np.clip(np.round(np.append(starts[1:], edges_s[-1]) * rate_hz).astype(int), first + 1, len(rows))
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])
    means = (sums[last] - sums[first]) / (last - first)[:, None]
    return means.reshape(edges_s.size - 1, -1)
