"""Bars on a grid of beats: how many beats a bar has, and which beats are its first.

What marks a downbeat is measured at every beat: bass and kick, the strength of the onset, and
a change of harmony. A hidden Markov model over the position in the bar (as in Krebs, Böck &
Widmer 2013, here on beats that are known) then finds the bars; it may break a bar off now and
then, at a price. The metre is the one that explains the marks best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import chroma, onsets

METRES = (4, 3)
_SLIP_COST = 6.0
"""What it costs to break a bar off, in standard deviations of the marks."""
_TRIPLE_COST = 0.02
"""Bars of three are rarer: they must explain this much more a beat."""
_LEAST_LEAD = 0.05
"""So that a good fit counts for something where two places in the bar are equally strong."""
_USUAL_ALTERNATION, _AGAINST_HALVES = 0.2, 0.85
_HARMONY_MOVES, _LEAST_SPREAD = 0.1, 0.3
"""A change of chord is 0.2 and more, a held one 0.02; what spreads less than `_LEAST_SPREAD` says little."""
_WEIGHTS = (1.0, 0.7, 1.0, 1.0)
"""Of bass, everything, harmony and its bass: the loudest onset of a bar is often the snare's."""
_NEAR_COLUMNS = 3
"""An onset within 35 ms belongs to its beat."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars found on a grid of beats.

    Attributes:
        beats_per_bar: 3 or 4.
        downbeats: indices into the beats.
        strength: how well the bars explain the accents, 0 and up: the geometric mean of how
            well their pattern fits and of how far downbeats stand out from the next strongest
            place in the bar (both in standard deviations of the accents).
    """

    beats_per_bar: int
    downbeats: NDArray[np.int64]
    strength: float


def marks(beats_s: NDArray[np.float64], heard: onsets.Onsets, harmony: chroma.Chroma) -> NDArray[np.float64]:
    """What speaks for a downbeat at each of the beats, ``(measures, beats)``.

    Bass onset, onset of everything, change of all harmony and of the bass, each of a size that means
    something from 1 on.
    """
    at = np.round(beats_s * onsets.COLUMNS_HZ).astype(int)
    return np.stack(
        [
            _highest_near(heard.low, at), _highest_near(heard.strength, at),
            _change(harmony.all, beats_s) / _HARMONY_MOVES, _change(harmony.bass, beats_s) / _HARMONY_MOVES,
        ]
    )  # fmt: skip


def between(beats_s: NDArray[np.float64], midway_s: NDArray[np.float64], heard: onsets.Onsets) -> float:
    """Mean onset strength midway between beats, against that on beats."""
    on, off = (
        _highest_near(heard.strength, np.round(times_s * onsets.COLUMNS_HZ).astype(int)).mean()
        for times_s in (beats_s, midway_s)
    )
    return float(off / max(on, 1e-9))


def accents(measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """The measures on one scale and averaged, ``(beats,)``: mean about 0, in standard deviations."""
    centred = measures - measures.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), _LEAST_SPREAD)
    return np.average(np.clip(centred / spread, -2, 3), axis=0, weights=_WEIGHTS)


def bars(accent: NDArray[np.float64]) -> Bars:
    """Metre and downbeats of a row of `accents`, one for each beat."""
    found = []
    for metre in METRES:
        score, places = _positions(accent, metre)
        found.append((score / max(accent.size, 1) - (_TRIPLE_COST if metre == 3 else 0.0), metre, places))
    fit, metre, places = max(found, key=lambda one: one[0])
    strength = float(np.sqrt(max(fit, 0.0) * (_lead(accent, places, metre) + _LEAST_LEAD)))
    strength *= float(np.exp(-_AGAINST_HALVES * max(0.0, _alternation(accent) - _USUAL_ALTERNATION)))
    return Bars(metre, np.flatnonzero(places == 0), strength)


def _lead(accent: NDArray[np.float64], places: NDArray[np.int64], metre: int) -> float:
    """How far the mean accent of the downbeats lies above the next highest place in the bar."""
    means = [accent[places == place].mean() if np.any(places == place) else 0.0 for place in range(metre)]
    return max(0.0, float(means[0] - max(means[1:])))


def _alternation(accent: NDArray[np.float64]) -> float:
    """How far every other beat differs from those between, in groups of eight beats."""
    groups = accent[: max(accent.size // 8, 1) * 8]
    if groups.size < 8:
        return 0.0
    each = groups.reshape(-1, 8)
    return float(np.mean(np.abs(each[:, ::2].mean(axis=1) - each[:, 1::2].mean(axis=1))))


def _highest_near(strength: NDArray[np.float32], at: NDArray[np.int64]) -> NDArray[np.float64]:
    near = at[:, None] + np.arange(-_NEAR_COLUMNS, _NEAR_COLUMNS + 1)
    return strength[np.clip(near, 0, strength.size - 1)].max(axis=1).astype(np.float64)


def _change(pitches: NDArray[np.float32], beats_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 minus the cosine between the harmony of the beat before and of the beat that begins here."""
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(pitches, axis=0, dtype=np.float64)])
    edges = np.clip(np.round(beats_s * chroma.COLUMNS_HZ).astype(int), 0, len(pitches))
    each = chroma.rows_of_one(sums[np.append(edges[1:], len(pitches))] - sums[edges])
    changes = 1 - np.sum(each[1:] * each[:-1], axis=1)
    # The first beat has nothing before it to compare with: it says what is usual.
    return np.concatenate([[np.median(changes) if changes.size else 0.0], changes])


def _positions(accent: NDArray[np.float64], metre: int) -> tuple[float, NDArray[np.int64]]:
    """The likeliest position in the bar of every beat (Viterbi), and its score."""
    # The downbeat above the mean by as much as the others together lie below it, and the same
    # power whatever the metre.
    pattern = np.full(metre, -1.0 / (metre - 1))
    pattern[0] = 1.0
    pattern /= np.sqrt(np.mean(pattern**2))
    places = np.zeros(accent.size, int)
    if accent.size == 0:
        return 0.0, places
    came = np.zeros((accent.size, metre), int)
    best = accent[0] * pattern
    for beat in range(1, accent.size):
        forward = np.roll(best, 1)
        slip = int(np.argmax(best))
        slipped = best[slip] - _SLIP_COST
        came[beat] = np.where(forward >= slipped, (np.arange(metre) - 1) % metre, slip)
        best = np.maximum(forward, slipped) + accent[beat] * pattern
    places[-1] = int(np.argmax(best))
    for beat in range(accent.size - 1, 0, -1):
        places[beat - 1] = came[beat, places[beat]]
    return float(best.max()), places
