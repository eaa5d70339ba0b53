"""The score: every note that is played, in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...song import Line
from .articulation import SungNote


@dataclass(frozen=True)
class Note:
    """A note of an instrument: start and length in s, MIDI pitch, velocity 0 to 1."""

    start_s: float
    length_s: float
    pitch: float
    velocity: float


@dataclass
class Score:
    """All that is played.

    Attributes:
        instruments: by player (``bass``, ``chords``, ``pad``, ``figure``, ``tune``), what it plays.
        players: by player, its notes. ``tune`` carries the melody in songs without a voice.
        drums: hits as (drum, time in s, strength 0 to 1).
        lead, double, harmony: the voice, its double, and a second voice, in full parts.
        lines: the words with their times.
    """

    instruments: dict[str, str] = field(default_factory=dict)
    players: dict[str, list[Note]] = field(default_factory=dict)
    drums: list[tuple[str, float, float]] = field(default_factory=list)
    lead: list[SungNote] = field(default_factory=list)
    double: list[SungNote] = field(default_factory=list)
    harmony: list[SungNote] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
