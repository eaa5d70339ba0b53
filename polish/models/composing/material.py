"""What a song is made of: the chords, tunes, grooves and patterns that its parts draw on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import rhythm
from .choices import Choices
from .form import Part
from .harmony import Chord, chord, progression
from .melody import Tone, tune
from .styles import STYLES

_BASS = {
    "pop": ("long", "kick", "eighths"),
    "rock": ("eighths", "kick", "eighths"),
    "ballad": ("long", "kick"),
    "electronic": ("offbeat", "eighths", "kick"),
    "synthwave": ("eighths", "octaves"),
    "hiphop": ("kick", "long"),
    "funk": ("octaves", "kick"),
    "folk": ("fifths", "long"),
    "blues": ("walk",),
}
_COMPING = {
    "pop": ("quarters", "push", "eighths"),
    "rock": ("long", "eighths", "push"),
    "ballad": ("broken", "quarters"),
    "electronic": ("offbeat", "push"),
    "synthwave": ("long", "push"),
    "hiphop": ("charleston", "push"),
    "funk": ("funk", "offbeat"),
    "folk": ("broken", "eighths"),
    "blues": ("charleston", "quarters"),
}
_RANGES = (("verse", 0, 1.0), ("prechorus", 2, 1.1), ("chorus", 4, 0.9), ("bridge", 2, 0.7))
"""Kinds of part with a tune: how many semitones higher it lies, and how busy it is."""


@dataclass(frozen=True)
class Material:
    """What the song is made of.

    Attributes:
        chords: by kind of part, one chord a bar, repeated.
        tunes: by kind of part, phrases of two bars (one, where a part has one bar).
        groove, bass, comp: drum pattern, bass pattern and chord pattern of parts that are
            not full (False) and full (True).
        figure: onsets in beats and steps of a little figure over the chord.
        centre: the pitch that the voice lies around.
        seventh: whether chords have sevenths.
    """

    chords: dict[str, tuple[Chord, ...]]
    tunes: dict[str, list[list[Tone]]]
    groove: dict[bool, rhythm.Groove]
    bass: dict[bool, str]
    comp: dict[bool, str]
    figure: list[tuple[float, int]]
    centre: int
    seventh: bool


def invent(rng: np.random.Generator, choices: Choices, form: tuple[Part, ...]) -> Material:
    """Invent the song's material, each kind of part once."""
    style = STYLES[choices.style]
    seventh = bool(rng.random() < style.seventh)
    degrees = {
        part: progression(rng, choices.key.mode, part) for part in ("verse", "prechorus", "chorus", "bridge")
    }
    degrees["intro"] = degrees["outro"] = degrees["verse" if rng.random() < 0.5 else "chorus"]
    degrees["instrumental"] = degrees["chorus"]
    chords = {
        part: tuple(chord(choices.key, degree, seventh=seventh) for degree in row)
        for part, row in degrees.items()
    }
    centre = int(rng.choice([55, 57, 60, 62, 64]))
    density = float(np.clip(rng.uniform(0.8, 1.5) * 100 / choices.bpm, 0.5, 1.9))
    bars = {part.label: part.bars for part in form}
    tunes = {}
    for part, lift, busy in _RANGES:
        length = min(bars.get(part, 1), 8)
        row = tuple(chords[part][bar % len(chords[part])] for bar in range(length))
        low, high = centre - 5 + lift, centre + 8 + lift
        tunes[part] = tune(
            rng, choices.key, row, choices.beats_per_bar, density=density * busy, low=low, high=high
        )
    return Material(
        chords=chords,
        tunes=tunes,
        groove={full: rhythm.groove(rng, style.grooves, choices.beats_per_bar) for full in (False, True)},
        bass={full: _one(rng, _BASS[choices.style]) for full in (False, True)},
        comp={full: _one(rng, _COMPING[choices.style]) for full in (False, True)},
        figure=_figure(rng),
        centre=centre,
        seventh=seventh,
    )


def _figure(rng: np.random.Generator) -> list[tuple[float, int]]:
    """Up to eight onsets within a bar of four, each with a step up the chord."""
    gaps = rng.choice([0.5, 0.5, 0.75, 1.0], size=8)
    onsets = np.cumsum(gaps) - gaps[0]
    return [(float(onset), int(rng.integers(0, 5))) for onset in onsets if onset < 4]


def _one(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]
