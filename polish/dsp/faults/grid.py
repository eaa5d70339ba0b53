"""Faults seen on the grid of beats: bars that bring nothing new, a tempo that drifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..onsets import COLUMNS_HZ
from .base import Fault, Known

COPY = 0.9
"""Likeness of two bars to two earlier ones from which on they count as a copy. Bands that play the
same part again reach 0.3 to 0.85."""
EXACT = 0.97
"""Likeness from which on one bar alone is a copy, whatever stands beside it: nobody plays so much alike."""
COPIES_PCT = 60.0
"""Of all bars. Records have 0 to 11 %, songs built of repeated phrases up to 35."""
DRIFT_PCT = 4.0
"""Between the slowest and the fastest 16 beats; bands without a click drift by 1 to 3 %."""
_SURE = 0.4
"""A beat that is less sure wanders because it is sought, not because it is played so."""
_FEWEST_BARS = 12
_FIRST_BARS = 4
_SLOTS = 32
_DRIFT_BEATS, _FEWEST_BEATS = 16, 40


def missing_variation(known: Known) -> list[Fault]:
    """Most bars are copies of earlier ones, wherever those stand and in whatever order."""
    patterns = _patterns(known)
    if len(patterns) < _FEWEST_BARS:
        return []
    copies = _copies(patterns)[_FIRST_BARS:]
    value = 100 * float(copies.mean())
    if value < COPIES_PCT:
        return []
    detail = {"bars": float(copies.sum()), "of": float(copies.size)}
    return known.whole("missing_variation", "warning", value, **detail)


def _patterns(known: Known) -> NDArray[np.float32]:
    """The mel spectrum of every bar in 32 slots, less the song's mean, each of length 1."""
    downs = np.asarray(known.downbeats_s)
    if downs.size < _FEWEST_BARS:
        return np.zeros((0, 1), np.float32)
    mel = known.survey.onsets.mel
    edges = np.linspace(downs[:-1], downs[1:], _SLOTS + 1, axis=1)
    at = np.clip(np.round(edges * COLUMNS_HZ).astype(int), 0, len(mel) - 1)
    sums = np.concatenate([np.zeros((1, mel.shape[1])), np.cumsum(mel - mel.mean(axis=0), axis=0)])
    last = np.maximum(at[:, 1:], at[:, :-1] + 1)
    rows = (sums[last] - sums[at[:, :-1]]) / (last - at[:, :-1])[:, :, None]
    flat = rows.reshape(len(rows), -1)
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _copies(patterns: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which bars are copies of earlier ones, alone or with a neighbour, ``(bars,)``."""
    alike = patterns @ patterns.T
    pairs = _best_earlier((alike[:-1, :-1] + alike[1:, 1:]) / 2, apart=2) >= COPY
    return np.append(pairs, False) | np.append(False, pairs) | (_best_earlier(alike, apart=1) >= EXACT)


def _best_earlier(alike: NDArray[np.float32], *, apart: int) -> NDArray[np.float32]:
    """Of every row, the highest value that is `apart` columns and more before its own."""
    return np.array(
        [row[: max(n - apart + 1, 0)].max(initial=0.0) for n, row in enumerate(alike)], np.float32
    )


def tempo_drift(known: Known) -> list[Fault]:
    """The tempo wanders, or changes, in the course of the song."""
    times = np.asarray(known.beats_s)
    if times.size < _FEWEST_BEATS or known.beats_sure < _SURE:
        return []
    spans = times[_DRIFT_BEATS:] - times[:-_DRIFT_BEATS]
    tempi = 60 * _DRIFT_BEATS / spans
    low, high = (float(value) for value in np.percentile(tempi, [5, 95]))
    value = 100 * (high - low) / float(np.median(tempi))
    if value < DRIFT_PCT:
        return []
    detail = {"low_bpm": low, "high_bpm": high}
    return [Fault("tempo_drift", float(times[0]), float(times[-1]), "warning", value, detail)]
