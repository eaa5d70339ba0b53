"""Drum patterns and fills, as hits in beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# One character is a sixteenth: X loud, x middling, o quiet, . nothing. K kick, S snare, H hat.
_FOUR = {
    "backbeat": ("X.......X.x.....", "....X.......X...", "x.o.x.o.x.o.x.o."),
    "busy": ("X..x....x.X..x..", "....X..o....X.o.", "x.o.x.o.x.o.x.oo"),
    "driving": ("X...x...X.x.x...", "....X.......X...", "x.x.x.x.x.x.x.x."),
    "four": ("X...X...X...X...", "....x.......x...", "..X...X...X...X."),
    "breaks": ("X.X.......X..x..", "....X..o.o..X..o", "x.oox.oox.oox.oo"),
    "halftime": ("X.....x...x.....", "........X.......", "x.o.x.o.x.o.x.o."),
    "sparse": ("X.........x.....", "........x.......", "x...o...x...o..."),
    "boombap": ("X..x...o..X.....", "....X.......X..o", "x.x.x.x.x.x.x.x."),
    "funk": ("X..X..o...X..x..", "....X..o.o..X..o", "xoxoxoxoxoxoxoxo"),
    "train": ("X...x...X...x...", "..o...X...o...Xo", "o.x.o.x.o.x.o.x."),
    "shuffle": ("X.....x.X.....x.", "....X.......X...", "x...x.o.x...x.o."),
}
_THREE = {
    "waltz": ("X...........", "....x...x...", "x...o...o..."),
    "slow": ("X.......o...", "....x...x.o.", "x.o.o.o.o.o."),
    "lilt": ("X.....x.....", "....X...x...", "x.o.x.o.x.o."),
}
_STRENGTH = {"X": 1.0, "x": 0.72, "o": 0.42}


@dataclass(frozen=True)
class Hit:
    """A drum hit: which drum, at which beat of the bar (in beats), how hard (0 to 1)."""

    drum: str
    beat: float
    strength: float


@dataclass(frozen=True)
class Groove:
    """A bar of kick, snare and cymbal, and what the cymbal is when a part is full."""

    kick: str
    snare: str
    hat: str
    full: str


def groove(rng: np.random.Generator, names: tuple[str, ...], beats_per_bar: int) -> Groove:
    """One of the named patterns in four; any of the three-beat ones in three."""
    table = _FOUR if beats_per_bar == 4 else _THREE
    usable = names if beats_per_bar == 4 else tuple(_THREE)
    kick, snare, hat = table[usable[int(rng.integers(len(usable)))]]
    return Groove(kick, snare, hat, "ride" if rng.random() < 0.4 else "open")


def bar(
    rng: np.random.Generator, pattern: Groove, energy: float, *, clap: bool = False, closing: bool = False
) -> list[Hit]:
    """One bar of the groove at an energy from 0 to 1.

    Quiet parts lose the snare and the quiet hits; full ones gain open hats or a ride. In a
    `closing` bar the last beat belongs to a fill.
    """
    hits: list[Hit] = []
    length = len(pattern.kick)
    stop = length - 4 if closing else length
    cymbal = pattern.full if energy > 0.9 else "hat"
    for step in range(stop):
        beat = step / 4
        snare = "rim" if energy < 0.5 else "snare"
        tip = "hat" if cymbal == "open" and step % 4 != 2 else cymbal
        for drum, row in (("kick", pattern.kick), (snare, pattern.snare), (tip, pattern.hat)):
            strength = _STRENGTH.get(row[step], 0.0)
            if strength == 0 or (strength < 0.5 and energy < 0.5):
                continue
            hits.append(Hit(drum, beat, strength))
            if clap and drum == "snare" and strength > 0.6 and energy > 0.9:
                hits.append(Hit("clap", beat, strength * 0.8))
    if energy > 0.9 and rng.random() < 0.25:
        hits.append(Hit("kick", (length - 5 if closing else length - 1) / 4, 0.5))
    return hits


def fill(rng: np.random.Generator, beats_per_bar: int, energy: float) -> list[Hit]:
    """A fill over the last beat of a bar, growing toward the next downbeat."""
    start = beats_per_bar - 1.0
    drums = (("snare",) * 4, ("snare", "snare", "tom high", "tom low"), ("tom high", "tom high", "tom mid",
             "tom low"), ("snare", "", "snare", "snare"), ("", "", "tom mid", "tom low"))  # fmt: skip
    chosen = drums[int(rng.integers(len(drums)))]
    level = 0.45 + 0.35 * energy
    return [
        Hit(drum, start + n / 4, min(1.0, level * (0.75 + 0.12 * n))) for n, drum in enumerate(chosen) if drum
    ]
