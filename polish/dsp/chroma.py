"""Harmony: chroma over time, tuning, and the musical key.

Chroma is the strength of the twelve pitch classes (Fujishima 1999), read from the peaks of
the spectrum only, so that drums weigh little, and corrected for the song's tuning. The key is
the major or minor profile that correlates best (Krumhansl 1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio import Sound
from .onsets import RATE_HZ
from .spectrum import columns, stft_blocks

_SIZE = 8192
_HOP = 2048
COLUMNS_HZ = RATE_HZ / _HOP
"""Columns of the chroma in a second: 10.8."""

_LOWEST_HZ, _HIGHEST_HZ = 60.0, 2_000.0
_BASS_HZ = 250.0
_BINS_PER_SEMITONE = 10

_HOME_WEIGHT, _LAST_CHORD_S = 0.25, 2.5
_NO_PITCHES = 1.1
"""Spread of pitch classes over their mean: noise reads 0.4 to 0.95, music 1.3 to 3."""

_GATHERED = 0.1
"""How much of the peaks gathers at one place in the semitone, at least, where there is a tuning."""

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_PROFILES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
"""Albrecht & Shanahan, "The use of large corpora to train a new type of key-finding algorithm",
Music Perception 31(1), 2013, table 1, from the tonic up."""


@dataclass(frozen=True, eq=False)
class Chroma:
    """Pitch classes over time.

    Attributes:
        all: ``(columns, 12)`` from C up, not negative; column ``k`` is at ``k / COLUMNS_HZ`` s.
        bass: the same for what lies below 250 Hz.
        tuning_cents: how far the song lies from A = 440 Hz, −50 to 50; None where no pitch stands out.
    """

    all: NDArray[np.float32]
    bass: NDArray[np.float32]
    tuning_cents: float | None


def chroma(mono: Sound) -> Chroma:
    """Chroma of one channel at `RATE_HZ` (see `onsets.one_channel`)."""
    hz = np.fft.rfftfreq(_SIZE, 1 / RATE_HZ)
    low, high = np.searchsorted(hz, (_LOWEST_HZ, _HIGHEST_HZ))
    bins = 12 * _BINS_PER_SEMITONE
    fine = np.zeros((2, columns(mono.frames, _HOP), bins), np.float32)
    turns, weight = 0j, 0.0
    for first, spectrum in stft_blocks(mono.samples, _SIZE, _HOP, block=256):
        sound = np.abs(spectrum[0, low - 1 : high + 1])
        # What noise has around a peak is no pitch: its own peaks reach twice their surroundings.
        level = np.sqrt(np.maximum(sound - 2 * scipy.ndimage.uniform_filter1d(sound, 41, axis=0), 0))
        inner = level[1:-1]
        bin_, column = np.nonzero((inner > level[:-2]) & (inner >= level[2:]))
        # The true place of a peak between its neighbours: parabola through three points.
        before, at, after = level[bin_, column], inner[bin_, column], level[bin_ + 2, column]
        shift = 0.5 * (before - after) / np.minimum(before - 2 * at + after, -1e-12)
        pitch = 69 + 12 * np.log2((bin_ + low + shift) * (RATE_HZ / _SIZE) / 440)
        turns += complex(np.dot(at.astype(np.float64), np.exp(2j * np.pi * pitch)))
        weight += float(at.sum(dtype=np.float64))
        place = np.floor((pitch % 12) * _BINS_PER_SEMITONE + 0.5).astype(int) % bins
        bass = pitch < 69 + 12 * np.log2(_BASS_HZ / 440)
        np.add.at(fine[0], (first + column, place), at)
        np.add.at(fine[1], (first + column[bass], place[bass]), at[bass])
    # Where in a semitone peaks gather: the mean of their pitches on the circle of one semitone.
    tuning = float(np.angle(turns)) / (2 * np.pi)
    offset = round(tuning * _BINS_PER_SEMITONE)
    gathered = abs(turns) > _GATHERED * weight
    return Chroma(_gathered(fine[0], offset), _gathered(fine[1], offset), 100 * tuning if gathered else None)


def _gathered(fine: NDArray[np.float32], offset: int) -> NDArray[np.float32]:
    """Tenths of semitones into semitones, those in the middle counting most."""
    width = _BINS_PER_SEMITONE
    rolled = np.roll(fine, width // 2 - offset, axis=1).reshape(len(fine), 12, width)
    weight = np.hanning(width + 2)[1:-1].astype(np.float32)
    return rolled @ weight


def key(found: Chroma) -> tuple[str | None, float]:
    """The key, and how clear it is, 0 to 1; None where no pitches stand out, as in noise.

    Every column counts the same, however loud. Songs tend to end at home: the tonic's share of
    the last chord counts a little, which tells a key from its relative. Clearness is the lead of
    the best key's score over the best of those that are not its near relatives.
    """
    weights = rows_of_one(found.all).sum(axis=0, dtype=np.float64)
    if np.ptp(weights) <= _NO_PITCHES * weights.mean():
        return None, 0.0
    home = _HOME_WEIGHT * _last_chord(found)
    scores = {
        (tonic, mode): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1] + home[tonic])
        for mode, profile in _PROFILES.items()
        for tonic in range(12)
    }
    tonic, mode = max(scores, key=lambda pair: scores[pair])
    relative = ((tonic - 3) % 12, "minor") if mode == "major" else ((tonic + 3) % 12, "major")
    kin = {(tonic, "major"), (tonic, "minor"), relative}
    rival = max(score for pair, score in scores.items() if pair not in kin)
    return f"{NAMES[tonic]} {mode}", float(np.clip((scores[tonic, mode] - rival) / 0.3, 0, 1))


def _last_chord(found: Chroma) -> NDArray[np.float64]:
    """Pitch classes of the last 2.5 s that sound, bass counting most, ``(12,)`` of sum 1."""
    level = found.all.sum(axis=1)
    last = int(np.flatnonzero(level > 0.1 * np.percentile(level, 90))[-1]) + 1
    part = slice(max(0, last - round(_LAST_CHORD_S * COLUMNS_HZ)), last)
    chord = np.sum(found.bass[part] + 0.5 * found.all[part], axis=0, dtype=np.float64)
    return chord / max(chord.sum(), 1e-9)


def rows_of_one(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows brought to length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
