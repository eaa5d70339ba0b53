"""A song around a given melody: bars, chords that fit it, and a form that repeats it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .arrange import Arranger
from .form import ENERGY, Grid, Part
from .harmony import Chord, Key, chord
from .lead import Timed

_MOVES = {
    (4, 0): 0.5,
    (3, 4): 0.4,
    (1, 4): 0.4,
    (3, 0): 0.3,
    (5, 3): 0.3,
    (0, 3): 0.2,
    (0, 5): 0.2,
    (6, 0): 0.4,
}
"""How welcome a step from one degree to another is, in beats of a fitting tone."""
_PLAIN = {"major": (0, 1, 2, 3, 4, 5), "minor": (0, 2, 3, 4, 5, 6)}
"""The degrees whose chords are not diminished."""
_REST_S = 0.3


def harmonise(melody: list[Timed], key: Key, grid: Grid, bars: int) -> tuple[Chord, ...]:
    """One chord a bar that holds as much of the melody as it can, the best row by dynamic programming."""
    degrees = _PLAIN[key.mode]
    fit = np.zeros((bars, len(degrees)))
    chords = [chord(key, degree) for degree in degrees]
    for tone in melody:
        for bar in range(bars):
            start_s, end_s = grid.at(bar), grid.at(bar + 1)
            shared_s = min(end_s, tone.start_s + tone.length_s) - max(start_s, tone.start_s)
            if shared_s > 0:
                held = [round(tone.pitch) % 12 in c.tones for c in chords]
                fit[bar] += np.where(held, 1.0, -0.5) * shared_s / grid.beat_s
    fit[[0, -1], degrees.index(0)] += 0.8
    moves = np.array([[_MOVES.get((a, b), -0.15 if a == b else 0.0) for b in degrees] for a in degrees])
    score, came = fit[0], []
    for bar in range(1, bars):
        ways = score[:, None] + moves
        came.append(np.argmax(ways, axis=0))
        score = ways.max(axis=0) + fit[bar]
    row = [int(np.argmax(score))]
    for back in reversed(came):
        row.append(int(back[row[-1]]))
    return tuple(chords[n] for n in reversed(row))


def repeats(bars: int, block: int) -> tuple[Part, ...]:
    """A form that plays `block` bars again and again, verse and chorus in turn, and an outro."""
    turns = max(1, bars // block)
    made, count = [], {"verse": 0, "chorus": 0}
    for turn in range(turns):
        last_of_many = turn == turns - 1 and turns > 2
        label = "chorus" if turn % 2 == 1 or last_of_many else "verse"
        group = "A" if label == "verse" else "B"
        energy = ENERGY[label] + 0.04 * count[label]
        made.append(Part(label, group, turn * block, min(block, bars), count[label], energy))
        count[label] += 1
    used = turns * min(block, bars)
    if used < bars:
        made.append(Part("outro", "C", used, bars - used, 0, ENERGY["outro"]))
    return tuple(made)


def phrases(melody: list[Timed]) -> list[list[Timed]]:
    """The melody divided where it rests."""
    groups: list[list[Timed]] = []
    for tone in melody:
        if groups and tone.start_s - (groups[-1][-1].start_s + groups[-1][-1].length_s) < _REST_S:
            groups[-1].append(tone)
        else:
            groups.append([tone])
    return groups


def write(arranger: Arranger, melody: list[Timed], form: tuple[Part, ...], end_s: float) -> None:
    """Write the song: the melody in every verse and chorus at its own times, the band around it.

    `melody` is in the song's time, as the first part plays it.
    """
    grid, block = arranger.grid, form[0].bars
    stop_s = grid.at(block)
    own = [
        replace(t, length_s=min(t.length_s, stop_s - t.start_s)) for t in melody if t.start_s < stop_s - 0.1
    ]
    chords = harmonise(own, arranger.choices.key, grid, block)
    for part, following in zip(form, (*form[1:], None), strict=True):
        arranger.band(part, chords, closing=following is not None)
        if part.label == "outro":
            continue
        later_s = grid.at(part.first) - grid.at(0)
        for n, phrase in enumerate(phrases(own)):
            tones = [replace(t, start_s=t.start_s + later_s) for t in phrase]
            same = n + (1000 * part.turn if part.label == "verse" else 0)
            arranger.lead.phrase(tones, part.label, same, full=part.energy > 0.9)
    arranger.ending(form[-1].first + form[-1].bars, end_s)
