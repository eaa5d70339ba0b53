"""Melodies: a first-order Markov chain over scale steps, pulled to the chords, in repeated phrases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .harmony import Chord, Key

_STEPS = np.array([-4, -3, -2, -1, 0, 1, 2, 3, 4])
_AFTER = {
    "start": (1, 1, 2, 4, 3, 4, 2, 1, 1),
    "still": (0.5, 1, 3, 6, 2, 6, 3, 1, 0.5),
    "up": (0.5, 1, 2, 5, 3, 6, 2, 0.5, 0.2),
    "down": (0.2, 0.5, 2, 6, 3, 5, 2, 1, 0.5),
    "leap up": (0.5, 1.5, 3, 8, 3, 1, 0.2, 0, 0),
    "leap down": (0, 0, 0.2, 1, 3, 8, 3, 1.5, 0.5),
}
"""Weights of the next step in scale degrees, by the step before: leaps are answered by steps back."""


@dataclass(frozen=True)
class Tone:
    """A melody tone: beat within its phrase, length in beats, pitch (MIDI), and how strong (0 to 1)."""

    beat: float
    length: float
    pitch: int
    strength: float


def phrase_rhythm(
    rng: np.random.Generator, beats_per_bar: int, bars: int, density: float
) -> list[tuple[float, float]]:
    """Onsets and lengths in beats of a phrase of `bars` bars that breathes before its end.

    Args:
        density: tones per beat that are aimed at, about 0.6 to 2.
    """
    total = beats_per_bar * bars
    end = total - (1.0 if bars == 1 else beats_per_bar * 0.5)
    start = float(rng.choice([0.0, 0.0, 0.5, 1.0]))
    lengths = np.array([0.5, 1.0, 1.5, 2.0]) if density < 1.6 else np.array([0.25, 0.5, 0.75, 1.0])
    weights = np.exp(-np.abs(np.log(lengths * density)) * 1.6)
    weights /= weights.sum()
    onsets = [start]
    while True:
        step = float(rng.choice(lengths, p=weights))
        off_beat = onsets[-1] % 1.0
        if off_beat and step >= 1.0 and rng.random() < 0.6:
            step = 1.0 - off_beat
        if onsets[-1] + step > end - 0.5:
            break
        onsets.append(onsets[-1] + step)
    ends = [*onsets[1:], min(end, onsets[-1] + 2.0)]
    return [(onset, stop - onset) for onset, stop in zip(onsets, ends, strict=True)]


def phrase(
    rng: np.random.Generator,
    key: Key,
    rhythm: list[tuple[float, float]],
    harmony: list[Chord],
    beats_per_bar: int,
    *,
    low: int,
    high: int,
    first: float,
    closing: bool,
) -> list[Tone]:
    """Pitches for a rhythm, over one chord a bar, between `low` and `high`.

    Args:
        first: the pitch it begins near.
        closing: whether it ends on the root of its last chord, or (open) on its fifth or third.
    """
    ladder = [p for p in range(low, high + 1) if p % 12 in key.scale]
    at = int(np.argmin([abs(p - first) for p in ladder]))
    before, tones = "start", []
    for n, (beat, length) in enumerate(rhythm):
        chord = harmony[min(int(beat // beats_per_bar), len(harmony) - 1)]
        strong = beat % 1.0 == 0 and (length >= 1 or beat % beats_per_bar in (0, 2))
        last = n == len(rhythm) - 1
        options = np.clip(at + _STEPS, 0, len(ladder) - 1)
        weights = np.array(_AFTER[before], float)
        weights[(at + _STEPS < 0) | (at + _STEPS >= len(ladder))] = 0
        pitches = np.array(ladder)[options]
        fits = np.isin(pitches % 12, chord.tones)
        weights = weights * np.where(fits, 1.0, 0.12 if strong else 0.7)
        if last:
            goal = chord.tones[:1] if closing else chord.tones[1:3]
            landing = np.isin(pitches % 12, goal)
            weights = weights * np.where(landing, 1.0, 0.01)
        middle = (len(ladder) - 1) / 2
        weights = weights * np.exp(-(((options - middle) / (0.55 * len(ladder))) ** 2))
        step = int(rng.choice(_STEPS, p=weights / weights.sum()))
        at = int(np.clip(at + step, 0, len(ladder) - 1))
        before = _named(step)
        accent = 0.95 if strong else 0.75
        tones.append(Tone(beat, length, ladder[at], accent * float(rng.uniform(0.92, 1.0))))
    return tones


def _named(step: int) -> str:
    if step == 0:
        return "still"
    return ("leap " if abs(step) > 2 else "") + ("up" if step > 0 else "down")


def tune(
    rng: np.random.Generator,
    key: Key,
    harmony: tuple[Chord, ...],
    beats_per_bar: int,
    *,
    density: float,
    low: int,
    high: int,
) -> list[list[Tone]]:
    """A tune over one chord a bar: phrases of two bars (one, if there is one), a b a c.

    A phrase that comes back keeps its rhythm, and its pitches where the chords allow; the
    last one closes.
    """
    span = 2 if len(harmony) >= 2 else 1
    count = -(-len(harmony) // span)
    shapes = "aaba" if rng.random() < 0.4 else "abac"
    rhythms: dict[str, list[tuple[float, float]]] = {}
    tunes: dict[tuple[str, tuple[int, ...]], list[Tone]] = {}
    phrases, at = [], float(rng.uniform(low + 2, (low + high) / 2 + 2))
    for n in range(count):
        shape = shapes[n % 4]
        chords = list(harmony[n * span : (n + 1) * span])
        if shape not in rhythms:
            rhythms[shape] = phrase_rhythm(rng, beats_per_bar, span, density)
        closing = n == count - 1
        same = (shape, tuple(c.degree for c in chords))
        rhythm = [(b, d) for b, d in rhythms[shape] if b < len(chords) * beats_per_bar - 0.5]
        if same not in tunes or closing:
            tunes[same] = phrase(
                rng, key, rhythm, chords, beats_per_bar, low=low, high=high, first=at, closing=closing
            )
        phrases.append(tunes[same])
        at = phrases[-1][-1].pitch if phrases[-1] else at
    return phrases
