"""Loops: a piece of several seconds that comes back at once, nearly the same sound.

Two passes of a chorus by a band are as alike as 0.3 to 0.88 (correlation of mel spectra, each
band less its mean); a copy reads 0.98 and more, also after an MP3 coder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..onsets import COLUMNS_HZ
from .base import Fault, Known

ALIKE = 0.94
SHORTEST_S, LONGEST_S = 2.0, 20.0
_WORTH_A_LOOK = 0.6
"""Coarse likeness from which on an exact comparison is made."""
_POOL = 4
_LEAST_WINDOW_S = 4.0
_MOST = 5
_NEAR = 5


def loops(known: Known) -> list[Fault]:
    """Pieces of at least two bars (2 s without a grid) that are repeated at once, at most five."""
    sound = known.survey.sound
    if sound.duration_s < 2 * SHORTEST_S + _LEAST_WINDOW_S:
        return []
    mel = _centred(known.survey.onsets.mel)
    shortest_s = max(SHORTEST_S, 2 * _bar_s(known) * 0.98)
    found: list[Fault] = []
    for lag, at, window in _candidates(mel, shortest_s):
        if any(one.start_s - 1 < at / COLUMNS_HZ < one.end_s for one in found):
            continue
        exact, alike = _exact_lag(mel, lag, at, window)
        if alike >= ALIKE:
            first, last = _extent(mel, exact, at, window)
            found.append(_fault(first, last, exact, alike, known))
        if len(found) == _MOST:
            break
    return sorted(found, key=lambda one: one.start_s)


def _fault(first: int, last: int, lag: int, alike: float, known: Known) -> Fault:
    times = 1 + max(1, round((last - first) / lag))
    start = first / COLUMNS_HZ
    end = min((last + lag) / COLUMNS_HZ, known.survey.duration_s)
    detail = {"length_s": lag / COLUMNS_HZ, "times": float(times)}
    if bar_s := _bar_s(known):
        detail["bars"] = lag / COLUMNS_HZ / bar_s
    return Fault("loop", start, end, "warning" if times > 2 else "info", 100 * alike, detail)


def _bar_s(known: Known) -> float:
    bars = np.diff(known.downbeats_s)
    return float(np.median(bars)) if bars.size else 0.0


def _centred(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bands less their mean over what sounds; quiet columns are 0 and say nothing."""
    level = mel.mean(axis=1)
    sounding = level > 0.35 * np.percentile(level, 90)
    if not sounding.any():
        return np.zeros_like(mel)
    return np.where(sounding[:, None], mel - mel[sounding].mean(axis=0), 0).astype(np.float32)


def _candidates(mel: NDArray[np.float32], shortest_s: float) -> list[tuple[int, int, int]]:
    """Lag, start and length (in columns) of what looks like a repetition, likeliest first."""
    count = len(mel) // _POOL
    coarse = mel[: count * _POOL].reshape(count, _POOL, -1).mean(axis=1)
    power: NDArray[np.float64] = np.asarray((coarse.astype(np.float64) ** 2).sum(axis=1))
    if not power.any():
        return []
    rate, least = COLUMNS_HZ / _POOL, 0.5 * float(np.median(power[power > 0]))
    scored: list[tuple[float, int, int, int]] = []
    for lag in range(int(shortest_s * rate), min(int(LONGEST_S * rate), count // 2) + 1):
        window = max(lag, int(_LEAST_WINDOW_S * rate))
        if count - lag < window:
            break
        both = np.einsum("cb,cb->c", coarse[lag:], coarse[:-lag], dtype=np.float64)
        size = np.sqrt(_sums(power[lag:], window) * _sums(power[:-lag], window))
        alike = np.where(size > window * least, _sums(both, window) / np.maximum(size, 1e-9), 0)
        for at in _peaks(alike, window):
            scored.append((float(alike[at]), lag * _POOL, at * _POOL, window * _POOL))
    # Shorter lags first among equals: twice a loop is a loop too.
    return [one[1:] for one in sorted(scored, key=lambda one: (-round(one[0], 2), one[1], one[2]))]


def _peaks(alike: NDArray[np.float64], window: int) -> list[int]:
    """The best place, then the best outside its window, and so on, as far as they are worth a look."""
    left = alike.copy()
    found: list[int] = []
    while len(found) < _MOST and left.size and left.max() >= _WORTH_A_LOOK:
        at = int(np.argmax(left))
        found.append(at)
        left[max(0, at - window) : at + window] = 0
    return found


def _exact_lag(mel: NDArray[np.float32], lag: int, at: int, window: int) -> tuple[int, float]:
    """The lag in columns at which the piece is most like what follows, and how alike."""
    tried = []
    for exact in range(max(1, lag - _NEAR), lag + _NEAR + 1):
        here, there = mel[at : at + window], mel[at + exact : at + exact + window]
        size = min(len(here), len(there))
        tried.append((_alike(here[:size], there[:size]), exact))
    alike, exact = max(tried)
    return exact, alike


def _alike(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    size = np.sqrt(np.sum(here**2, dtype=np.float64) * np.sum(there**2, dtype=np.float64))
    return float(np.sum(here * there, dtype=np.float64) / max(size, 1e-9))


def _extent(mel: NDArray[np.float32], lag: int, at: int, window: int) -> tuple[int, int]:
    """First and last column whose second around it is alike at this lag, around the piece."""
    here, there = mel[:-lag], mel[lag:]
    second = round(COLUMNS_HZ)
    both = _sums(np.einsum("cb,cb->c", here, there, dtype=np.float64), second)
    sizes = [_sums(np.sum(one**2, axis=1, dtype=np.float64), second) for one in (here, there)]
    alike = both > (ALIKE - 0.1) * np.sqrt(sizes[0] * sizes[1])
    middle = min(at + window // 2, alike.size - 1)
    before, after = np.flatnonzero(~alike[: middle + 1]), np.flatnonzero(~alike[middle:])
    first = int(before[-1]) + 1 if before.size else 0
    last = middle + int(after[0]) if after.size else alike.size
    return min(first, at), max(last + second, at + window)


def _sums(row: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Running sums of `window` values."""
    sums = np.concatenate([[0.0], np.cumsum(row)])
    return sums[window:] - sums[:-window]
