"""Where somebody seems to sing, from the mix alone.

The masks of the built-in separator, on one channel at 11 kHz, say how much of the sound is
voice. How much that is differs from song to song more than within one, so it is held against
the song itself: a moment is not sung when the voice's share and its level are both lower than
where it is clear. A band that comes in loud lowers the share only, a soft verse the level only.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..audio import Sound, resample
from ..dsp.spectrum import stft
from .cue_weights import SOURCES
from .separation import Grid, masks

RATE_HZ = 11_025
"""Enough for voices; a quarter of the work of 44.1 kHz."""
_PIECE_S, _SMOOTH_S = 20.0, 3.0
_THREADS = 2
_CLEAR_PCT, _LIVE_DB = 75, 30.0
"""The percentile of what sounds that counts as clearly sung; what sounds lies this near the loudest."""
_LOWER_DB, _FAR_LOWER_DB = 3.5, 15.0
"""How much lower both have to be, or the level alone, where nobody sings."""


def sung(mono: Sound) -> NDArray[np.bool_]:
    """Whether somebody seems to sing, every tenth of a second, ``(tenths,)``.

    A lead instrument can pass for a voice; what is sung hardly passes for none.

    Args:
        mono: one channel, at any rate.
    """
    low = resample(mono, RATE_HZ) if mono.rate_hz != RATE_HZ else mono
    tenths = int(10 * low.duration_s)
    if not tenths or low.silent:
        return np.zeros(tenths, bool)
    voice, whole = (_smooth(power) for power in _powers(low, tenths))
    level_db = 10 * np.log10(voice + 1e-12)
    share_db = level_db - 10 * np.log10(whole + 1e-12)
    live = level_db > np.percentile(level_db, 95) - _LIVE_DB
    less, lower = (np.percentile(values[live], _CLEAR_PCT) - values for values in (share_db, level_db))
    return ~((less > _LOWER_DB) & (lower > _LOWER_DB) | (lower > _FAR_LOWER_DB))


def _powers(mono: Sound, tenths: int) -> NDArray[np.float64]:
    """Power of the voice and of all, for every tenth of a second, ``(2, tenths)``."""
    grid = Grid.at(mono.rate_hz)
    columns_a_piece = round(_PIECE_S * mono.rate_hz / grid.hop)
    size = columns_a_piece * grid.hop
    starts = range(0, max(1, mono.frames - size // 4), size)
    ends = [*starts[1:], mono.frames]
    # One thread a matrix product: with more, its last bits would depend on how many there are.
    with threadpool_limits(1), ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        made = threads.map(
            lambda span: _piece(mono.samples[:, span[0] : span[1]], grid), zip(starts, ends, strict=True)
        )
        power = np.concatenate(list(made), axis=1)
    sums = np.concatenate([np.zeros((2, 1)), np.cumsum(power, axis=1)], axis=1)
    edges = np.arange(tenths + 1) * (mono.rate_hz / 10 / grid.hop)
    return np.diff([np.interp(edges, np.arange(sums.shape[1]), row) for row in sums], axis=1)


def _piece(samples: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """Power of the voice and of all by column, ``(2, columns)``, as many as whole hops."""
    spectrum = stft(samples, grid.size, grid.hop)
    mask = masks(spectrum, grid)[SOURCES.index("vocals")]
    cells = np.abs(spectrum[0, : mask.shape[1]].T) ** 2
    whole = cells.sum(axis=1, dtype=np.float64)
    count = -(-samples.shape[1] // grid.hop)
    return np.stack([np.sum(cells * mask**2, axis=1, dtype=np.float64), whole])[:, :count]


def _smooth(power: NDArray[np.float64]) -> NDArray[np.float64]:
    # Running sums may end a little below zero.
    return np.maximum(scipy.ndimage.uniform_filter1d(power, round(10 * _SMOOTH_S)), 0)
