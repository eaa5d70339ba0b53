"""The built-in beat tracker: no weights, about a second of work for a four-minute song.

Chain: one channel at 22.05 kHz → onset strength and chroma → tempogram → candidate tempi →
beats by dynamic programming → bars. Which of the candidates is the tempo, and not its half,
double or two thirds, is decided last: by the one whose bars make most sense.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio import Sound
from ..dsp import chroma, metre, onsets, pulse
from ..song import Beats
from .engines import BeatTracker

RATIOS = (1.0, 1 / 2, 2.0, 2 / 3, 3 / 2, 1 / 3, 3.0, 3 / 4, 4 / 3)
"""What a tempo is mistaken for: other levels of the metre."""

SLOWEST_BPM, FASTEST_BPM = 50.0, 205.0
SHORTEST_S = 2.5
FEWEST_BEATS = 4
UNCLEAR = 0.2
"""Clarity below which there is no steady beat. Noise of any length reads up to 0.12, a generated song
without a firm beat 0.18, songs 0.22 to 0.9."""
LOW_SHARE = 0.15
"""How much more the bass says than the rest about where exactly a beat is."""
STILL = 0.004
"""Liveliness below which nothing begins: a held tone."""
_USUAL_BPM, _USUAL_OCTAVES = 112.0, 1.0
"""The farther a level lies from where most songs are, the better its bars must be."""
_LEAST_STRENGTH = 0.1
"""So that where no bar is heard (a click track) the usual tempo decides."""
_ACROSS_THREE, _SHORT_S = 0.5, 8.0
"""Tempi that differ by three against two are rarer to mistake than halves and doubles, but not in a
sound that is shorter than the window in which tempo is first read."""
_LEAST_BETWEEN, _MOST_BETWEEN, _TOO_MUCH_BETWEEN = 0.5, 0.9, 8.0
"""Onsets midway between beats, against those on beats: at the right level of the metre 0.07 to 0.65 (of
songs of our own, 5th and 95th percentile; 0.9 in records), at twice it 0.1 to 0.4, at half 0.3 to 2.8."""
_MOST_MISPLACED, _MISPLACED, _BEGINS = 1.01, 6.0, 0.3
"""Changes of harmony midway against those on beats: at the right level 0.7 to 1; where every second beat
was taken, and the wrong one, 1.1 to 1.25."""
_CLARITY_POWER = 1.5
"""How much a clear pulse weighs against bars that make sense."""
_CLEAR_ENOUGH = 0.5
"""A level with less than this share of the best one's clarity is none."""


@dataclass(frozen=True, eq=False)
class _Reading:
    """One way to hear the pulse.

    Attributes:
        clarity: mean autocorrelation at 1 to 4 beats, along the song.
        lost: share of the song that has another pulse.
    """

    beats_s: NDArray[np.float64]
    bars: metre.Bars
    clarity: float
    lost: float
    score: float


class BuiltinBeatTracker(BeatTracker):
    """Onsets, dynamic programming, and bars by harmony and bass."""

    def track(self, mix: Sound) -> Beats:
        """Beats of the mix, at any rate and channel count.

        Silence, noise, pads and less than 2.5 s of sound have no tempo and no beats, but a key
        if they have pitches.
        """
        if mix.silent:
            return Beats(engine=self.name)
        mono = onsets.one_channel(mix)
        harmony = chroma.chroma(mono)
        key, _ = chroma.key(harmony)
        if mix.duration_s < SHORTEST_S:
            return Beats(key=key, engine=self.name)
        heard = onsets.onsets(mono)
        reading = _best_reading(heard, harmony)
        if reading is None:
            return Beats(key=key, engine=self.name)
        beats_s = np.round(reading.beats_s, 4)
        return Beats(
            tempo_bpm=round(pulse.tempo_bpm(beats_s), 2),
            beats_s=tuple(beats_s.tolist()),
            downbeats_s=tuple(beats_s[reading.bars.downbeats].tolist()),
            beats_per_bar=reading.bars.beats_per_bar,
            key=key,
            confidence=round(_confidence(reading), 3),
            engine=self.name,
        )


def _best_reading(heard: onsets.Onsets, harmony: chroma.Chroma) -> _Reading | None:
    """The candidate whose pulse is clear and whose bars make sense; None without a steady beat."""
    if heard.liveliness < STILL:
        return None
    flat = pulse.flattened(heard.strength)
    # The tempo is in everything that sounds, but the beat is rather where the bass is.
    driving = pulse.flattened(heard.strength + LOW_SHARE * heard.low)
    gram = pulse.tempogram(flat)
    first = gram.bpm[int(np.argmax(gram.comb.mean(axis=0) * pulse.preference(gram.bpm)))]
    across = _ACROSS_THREE if heard.strength.size > _SHORT_S * onsets.COLUMNS_HZ else 1.0
    readings = []
    for ratio in RATIOS:
        if not SLOWEST_BPM <= first * ratio <= FASTEST_BPM:
            continue
        path = pulse.tempo_path(gram, first * ratio)
        clarity = gram.along(path)
        beats_s = pulse.beats(driving, path) / onsets.COLUMNS_HZ
        if clarity >= UNCLEAR and beats_s.size >= FEWEST_BEATS:
            likely = 1.0 if math.log2(ratio).is_integer() else across
            readings.append(_reading(beats_s, clarity, gram.lost(path), heard, harmony, likely=likely))
    clearest = max((one.clarity for one in readings), default=0.0)
    readings = [one for one in readings if one.clarity >= _CLEAR_ENOUGH * clearest]
    return max(readings, key=lambda one: one.score, default=None)


def _reading(
    beats_s: NDArray[np.float64],
    clarity: float,
    lost: float,
    heard: onsets.Onsets,
    harmony: chroma.Chroma,
    *,
    likely: float,
) -> _Reading:
    """Bars on the beats, or on what lies between them when that carries the accents.

    Where it swings the beat is known: what follows it is longer than what leads to it.
    """
    share = pulse.offbeat(beats_s, heard.strength)
    middles_s = beats_s[:-1] + share * np.diff(beats_s)
    measures = np.concatenate(
        [metre.marks(beats_s, heard, harmony), metre.marks(middles_s, heard, harmony)], axis=1
    )
    together = metre.accents(measures)
    on, off = together[: beats_s.size], together[beats_s.size :]
    first = share > 0.5 or (share == 0.5 and on.mean() >= off.mean())
    grid_s, midway_s = (beats_s, middles_s) if first else (middles_s, beats_s)
    changes = [part[2:].mean() for part in (measures[:, : beats_s.size], measures[:, beats_s.size :])]
    here, midway = changes if first else changes[::-1]
    between = metre.between(grid_s, midway_s, heard)
    # Harmony that changes where nothing begins says nothing.
    misplaced = max(0.0, midway / max(here, 1e-9) - _MOST_MISPLACED) * min(1.0, between / _BEGINS)
    bars = metre.bars(metre.accents(metre.marks(grid_s, heard, harmony)))
    octaves = math.log2(pulse.tempo_bpm(grid_s) / _USUAL_BPM) / _USUAL_OCTAVES
    too_little, too_much = max(0.0, _LEAST_BETWEEN - between), max(0.0, between - _MOST_BETWEEN)
    if share != 0.5:  # swung notes are no beats, however loud
        too_much = 0.0
    score = likely * clarity**_CLARITY_POWER * (bars.strength + _LEAST_STRENGTH)
    score *= math.exp(-0.5 * octaves**2 - too_little - _TOO_MUCH_BETWEEN * too_much - _MISPLACED * misplaced)
    return _Reading(grid_s, bars, clarity, lost, score)


def _confidence(reading: _Reading) -> float:
    """0 at what noise reads and where half the song has another pulse, 1 at what a sequencer reads."""
    return float(np.clip((reading.clarity - 0.1) / 0.5, 0, 1) * max(0.0, 1 - 2 * reading.lost))
