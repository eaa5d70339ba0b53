"""The steady pulse in an onset strength: its tempo over time, and the beats.

Tempo is read from local autocorrelations (a tempogram), weighed by where people tap, and
followed from window to window. Beats are found by dynamic programming (Ellis 2007, "Beat
tracking by dynamic programming", eq. 5 and 6), with the local tempo in place of one for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from ..compiled import njit
from .onsets import COLUMNS_HZ

SLOWEST_BPM, FASTEST_BPM = 40.0, 240.0

_WINDOW_S = 8.0
_HOP_S = 1.0
_STEPS_PER_OCTAVE = 60
_MULTIPLES = 4
_PREFERRED_BPM = 115.0
_PREFERENCE_OCTAVES = 0.9
"""People tap near 110 to 120 BPM (van Noorden & Moelants 1999)."""
_DRIFT_STEPS = 2
"""A tempo moves at most this many steps (of 1.2 %) from one window to the next, a second later."""
_USUAL_REACH, _FARTHEST = 1.2, 1.45
_LEAP_COST, _AWAY_COST = 2.0, 0.25
"""What a change of tempo at once costs (what a clear beat gains over none in four seconds), and every
second farther away than usual."""
_CLEARLY, _HEARD = 1.5, 0.15
"""Times the middle between beats, and of the beats, from where on a place beside it is the offbeat."""
_SOUNDS, _OCTAVE, _LONG_WINDOWS, _FAINTER = 0.35, 0.06, 16, 0.8
"""Where there is a pulse; how near the best tempo lies to the path, its half or its double to be the same;
over how many windows it is compared, and from which share of the usual it is another one. Songs of one
tempo lose next to nothing; of two, where the second is not followed, 0.3 to 0.5."""
_FEWEST_SWUNG = 12
"""Fewer beats are no swing yet, but chance."""
_TIGHTNESS = 400.0
"""What an uneven beat costs against a missed onset (Ellis 2007 uses 100 to 400); with less, loud offbeats
pull beats over."""


@dataclass(frozen=True, eq=False)
class Tempogram:
    """Local autocorrelations of an onset strength, in windows 1 s apart.

    Attributes:
        bpm: ``(tempi,)``, rising, evenly spaced in octaves.
        comb: ``(windows, tempi)``, −1 to 1: the mean autocorrelation at 1 to 4 beats.
    """

    bpm: NDArray[np.float64]
    comb: NDArray[np.float64]

    def along(self, path_bpm: NDArray[np.float64]) -> float:
        """Mean of `comb` along a path of one tempo a window: how clear the pulse is."""
        return float(self._values(path_bpm).mean())

    def lost(self, path_bpm: NDArray[np.float64]) -> float:
        """Share of the song in which the pulse is another one than along a path: 0 to 1.

        There `comb` along the path is well under the best of all tempi, and farther under it than
        elsewhere in the song: a level of the metre that is always weak is no other pulse, nor is half
        the tempo or twice. After a change to a tempo that the path does not reach it follows some
        other level, faintly.
        """
        best = self.comb.max(axis=1)
        octaves = np.log2(self.bpm[self.comb.argmax(axis=1)] / path_bpm)
        same = np.abs(octaves - np.round(octaves)) < _OCTAVE
        heard, values = best > _SOUNDS, np.where(same, best, self._values(path_bpm))
        window = np.ones(_LONG_WINDOWS)
        count = np.convolve(heard, window, "same")
        there = np.convolve(np.where(heard, np.maximum(values, 0), 0), window, "same")
        most = np.convolve(np.where(heard, best, 0), window, "same")
        share = (there / np.maximum(most, 1e-9))[count >= _LONG_WINDOWS // 2]
        if not share.size:
            return 0.0
        return float(np.mean(share < _FAINTER * np.percentile(share, 90)))

    def _values(self, path_bpm: NDArray[np.float64]) -> NDArray[np.float64]:
        """`comb` along a path, ``(windows,)``."""
        return np.array([np.interp(bpm, self.bpm, row) for bpm, row in zip(path_bpm, self.comb, strict=True)])


def flattened(strength: NDArray[np.float32]) -> NDArray[np.float64]:
    """Onset strength smoothed over about 25 ms and freed of its mean over a second."""
    smooth = scipy.ndimage.gaussian_filter1d(strength.astype(np.float64), 2.0)
    return smooth - scipy.ndimage.uniform_filter1d(smooth, round(COLUMNS_HZ))


def tempogram(flat: NDArray[np.float64]) -> Tempogram:
    """Autocorrelations of 8 s windows, 1 s apart, at every tempo; see `Tempogram`."""
    count = round(_WINDOW_S * COLUMNS_HZ)
    window = np.hanning(count)
    padded = np.pad(flat, (count // 2, count))
    starts = np.arange(0, max(flat.size, 1), round(_HOP_S * COLUMNS_HZ))
    pieces = np.stack([padded[start : start + count] for start in starts]) * window
    lags = _autocorrelation(pieces)
    # The taper shortens with the lag, and so does what there is of a sound at its ends, and so would
    # every beat's weight: that is put right as far as enough of the window takes part.
    there = np.pad(np.ones(flat.size), (count // 2, count))
    lags /= np.maximum(_autocorrelation(np.stack([there[at : at + count] for at in starts]) * window), 0.1)
    steps = round(np.log2(FASTEST_BPM / SLOWEST_BPM) * _STEPS_PER_OCTAVE)
    bpm = SLOWEST_BPM * 2 ** (np.arange(steps + 1) / _STEPS_PER_OCTAVE)
    at = np.outer(np.arange(1, _MULTIPLES + 1), 60 * COLUMNS_HZ / bpm)
    inside = at < 0.75 * min(count, flat.size)
    values = np.stack([np.interp(np.minimum(at, count - 1), np.arange(count), row) for row in lags])
    comb = np.sum(values * inside, axis=1) / np.maximum(inside.sum(axis=0), 1)
    return Tempogram(bpm, comb)


def preference(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How readily people would tap at a tempo, log-normal, 1 at its best."""
    return np.exp(-0.5 * (np.log2(bpm / _PREFERRED_BPM) / _PREFERENCE_OCTAVES) ** 2)


def tempo_path(gram: Tempogram, bpm: float) -> NDArray[np.float64]:
    """The tempo of every window, ``(windows,)`` in BPM.

    The path with the highest sum of comb values that moves at most 2.4 % a second (Viterbi) and
    stays within a fifth of `bpm`; at a price it leaps, or goes farther: a song may change its tempo.
    """
    far = np.abs(np.log2(gram.bpm / bpm))
    near = np.flatnonzero(far <= np.log2(_FARTHEST))
    score = gram.comb[:, near] - _AWAY_COST * (far[near] > np.log2(_USUAL_REACH))
    best, came = score[0].copy(), np.zeros(score.shape, int)
    moves = np.arange(-_DRIFT_STEPS, _DRIFT_STEPS + 1)
    cost = 0.02 * np.abs(moves)[:, None]
    for row in range(1, len(score)):
        padded = np.pad(best, _DRIFT_STEPS, constant_values=-np.inf)
        options = np.stack([padded[_DRIFT_STEPS + m : _DRIFT_STEPS + m + near.size] for m in moves]) - cost
        choice = np.argmax(options, axis=0)
        origin, reached = np.arange(near.size) + moves[choice], options[choice, np.arange(near.size)]
        leap = int(np.argmax(best))
        leapt = best[leap] - _LEAP_COST > reached
        came[row] = np.where(leapt, leap, origin)
        best = np.where(leapt, best[leap] - _LEAP_COST, reached) + score[row]
    path = np.empty(len(score), int)
    path[-1] = int(np.argmax(best))
    for row in range(len(score) - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return gram.bpm[near[path]]


def beats(flat: NDArray[np.float64], path_bpm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns of the beats along a tempo path.

    Args:
        flat: `flattened` onset strength, ``(columns,)``.
        path_bpm: `tempo_path`, a value a second.
    """
    at = np.arange(path_bpm.size) * _HOP_S * COLUMNS_HZ
    period = 60 * COLUMNS_HZ / np.interp(np.arange(flat.size), at, path_bpm)
    spread = float(flat.std()) or 1.0
    local = scipy.ndimage.gaussian_filter1d(np.maximum(flat, 0) / spread, float(period.mean()) / 32)
    total, came = _chained(local, period)
    return _traced(total, came, local, period)


@njit(cache=True, nogil=True)
def _chained(local, period):  # pragma: no cover - compiled
    """The best sum of a chain of beats that ends at each column, and where its beat before is, or −1."""
    total, came = local.copy(), np.full(local.size, -1)
    for column in range(int(period.min() / 2), local.size):
        best = 0.0
        for gap in range(int(period[column] / 2), min(int(2 * period[column]), column) + 1):
            option = total[column - gap] - _TIGHTNESS * np.log(gap / period[column]) ** 2
            if option > best:
                best = option
                came[column] = column - gap
        if best > 0:
            total[column] = local[column] + best
    return total, came


def offbeat(beats_s: NDArray[np.float64], strength: NDArray[np.float32]) -> float:
    """Where between beats the most begins: 0.5, or where swing puts it, 0.3 to 0.7 of the way.

    The onset strength is folded from beat to beat. A place away from the middle counts when it is
    clearly stronger than the middle and than the place opposite, which triplets have too.
    """
    if beats_s.size < _FEWEST_SWUNG:
        return 0.5
    share = np.arange(0.3, 0.701, 0.025)
    at = np.round((beats_s[:-1] + share[:, None] * np.diff(beats_s)) * COLUMNS_HZ).astype(int)
    folded = strength[np.clip(at, 0, strength.size - 1)].mean(axis=1)
    on = np.clip(np.round(beats_s * COLUMNS_HZ).astype(int), 0, strength.size - 1)
    best = int(np.argmax(folded))
    middle = folded[np.abs(share - 0.5) < 0.03].max()
    clear = folded[best] > max(
        _CLEARLY * middle, _CLEARLY * folded[share.size - 1 - best], _HEARD * strength[on].mean()
    )
    return float(share[best]) if clear else 0.5


def tempo_bpm(beats_s: NDArray[np.float64]) -> float:
    """Tempo from the median time of eight beats (or all, when there are fewer); at least two."""
    span = min(8, beats_s.size - 1)
    return float(60 * span / np.median(beats_s[span:] - beats_s[:-span]))


def _traced(
    total: NDArray[np.float64],
    came: NDArray[np.int64],
    local: NDArray[np.float64],
    period: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Follow the best chain back from its end in the last period; weak beats at the ends go."""
    tail = max(0, total.size - int(period[-1]) - 1)
    column = tail + int(np.argmax(total[tail:])) if total.size else -1
    found = []
    while column >= 0:
        found.append(column)
        column = int(came[column])
    chain = np.array(found[::-1], dtype=np.int64)
    if chain.size == 0:
        return chain
    heard = np.flatnonzero(local[chain] > 0.5 * np.sqrt(np.mean(local[chain] ** 2)))
    return chain[heard[0] : heard[-1] + 1] if heard.size else chain[:0]


def _autocorrelation(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelation of each row, 1 at lag 0 (0 for a row of zeros), same shape."""
    count = rows.shape[1]
    power = np.abs(scipy.fft.rfft(rows, 2 * count, axis=1)) ** 2
    lags = scipy.fft.irfft(power, axis=1)[:, :count]
    return lags / np.maximum(lags[:, :1], 1e-12)
