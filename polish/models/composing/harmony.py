"""Keys, scales and a chord grammar.

Harmony is functional: a phrase is a row of functions (tonic, subdominant, dominant), each
of which is then spelt by one of the degrees that can serve it (Rohrmeier, "Towards a
generative syntax of tonal harmony", J. Mathematics and Music 5(1), 2011, in its simplest
form). Degrees are 0 to 6; pitches are MIDI numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}

_SERVING = {
    "major": {"T": {0: 6, 5: 3, 2: 1}, "S": {3: 5, 1: 2}, "D": {4: 6}},
    "minor": {"T": {0: 6, 2: 2, 5: 2}, "S": {3: 4, 5: 3}, "D": {6: 4, 4: 3}},
}
"""By mode and function, the degrees that serve it, with their weights."""

_PHRASES = {
    "verse": ("TTSD", "TSTD", "TDTS", "TSSD", "TTSS"),
    "prechorus": ("STSD", "SSDD", "TSDD"),
    "chorus": ("TDTS", "STDT", "TSDT", "STSD", "TDSS"),
    "bridge": ("SSTD", "STSD", "SDTD"),
}
_LOOPS = {
    "major": ((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (3, 4, 0, 5), (0, 3, 5, 4)),
    "minor": ((0, 5, 2, 6), (0, 6, 5, 6), (0, 3, 5, 4), (5, 6, 0, 0), (0, 2, 6, 3)),
}
"""Four-bar loops that listeners know; they are taken as often as the grammar's own."""


@dataclass(frozen=True)
class Key:
    """A tonic (0 to 11, C is 0) and a mode, ``major`` or ``minor``."""

    tonic: int
    mode: str

    def __str__(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"

    @classmethod
    def parse(cls, written: str) -> Key:
        """Read ``C major``, ``F# minor``, ``Bb major``.

        Raises:
            ValueError: not a key.
        """
        tonic, _, mode = written.strip().partition(" ")
        mode = mode.strip().lower() or "major"
        letter, accidental = tonic[:1].upper(), tonic[1:].replace("♯", "#").replace("♭", "b")
        if letter not in NAMES or accidental not in ("", "#", "b") or mode not in SCALES:
            raise ValueError(f"{written!r} is not a key such as 'C major' or 'F# minor'")
        return cls((NAMES.index(letter) + {"": 0, "#": 1, "b": -1}[accidental]) % 12, mode)

    @property
    def scale(self) -> tuple[int, ...]:
        """The pitch classes of the scale, from the tonic up."""
        return tuple((self.tonic + step) % 12 for step in SCALES[self.mode])

    def pitch(self, degree: int, near: float) -> int:
        """The pitch of a scale degree (any integer, 7 is the next octave) around `near`.

        Degree 0 is the tonic closest to `near`; the others count from there.
        """
        octave, step = divmod(degree, 7)
        tonic = self.tonic + 12 * round((near - self.tonic) / 12)
        return tonic + 12 * octave + SCALES[self.mode][step]


@dataclass(frozen=True)
class Chord:
    """A chord: its scale degree, root pitch class and all pitch classes from the root up."""

    degree: int
    root: int
    tones: tuple[int, ...]


def chord(key: Key, degree: int, *, seventh: bool = False) -> Chord:
    """The chord on a scale degree; on the fifth degree of minor the third is raised."""
    steps = (0, 2, 4, 6) if seventh else (0, 2, 4)
    tones = [key.scale[(degree + step) % 7] for step in steps]
    if key.mode == "minor" and degree == 4:
        tones[1] = (tones[1] + 1) % 12
    return Chord(degree, tones[0], tuple(tones))


def progression(rng: np.random.Generator, mode: str, part: str) -> tuple[int, ...]:
    """Four scale degrees for one kind of part (``verse``, ``prechorus``, ``chorus``, ``bridge``)."""
    if part in ("verse", "chorus") and rng.random() < 0.5:
        loops = _LOOPS[mode]
        return loops[int(rng.integers(len(loops)))]
    functions = _PHRASES[part][int(rng.integers(len(_PHRASES[part])))]
    degrees: list[int] = []
    for function in functions:
        serving = dict(_SERVING[mode][function])
        if degrees and len(serving) > 1:
            serving.pop(degrees[-1], None)
        weights = np.array(list(serving.values()), float)
        degrees.append(int(rng.choice(list(serving), p=weights / weights.sum())))
    return tuple(degrees)


def voicing(previous: tuple[int, ...] | None, harmony: Chord, *, centre: float = 60.0) -> tuple[int, ...]:
    """The chord's tones as pitches, each voice moving as little as it can from `previous`.

    Without a previous chord the tones lie around `centre`. Voices never cross.
    """
    count = len(harmony.tones)
    best: tuple[float, tuple[int, ...]] | None = None
    for inversion in range(count):
        tones = harmony.tones[inversion:] + harmony.tones[:inversion]
        for octave in (-1, 0, 1):
            base = tones[0] + 12 * (round((centre - 4 - tones[0]) / 12) + octave)
            pitches = [base]
            for tone in tones[1:]:
                pitches.append(pitches[-1] + ((tone - pitches[-1]) % 12 or 12))
            move = sum(abs(p - centre) for p in pitches) / count * 0.35
            if previous is not None:
                move += sum(min(abs(p - q) for q in previous) for p in pitches)
            if best is None or move < best[0]:
                best = (move, tuple(pitches))
    assert best is not None
    return best[1]
