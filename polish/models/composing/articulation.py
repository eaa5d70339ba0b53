"""Syllables in time: what the voice does in every frame while it sings them.

Vowel formants after Peterson and Barney, "Control methods used in a study of the vowels"
(J. Acoust. Soc. Am. 24(2), 1952), men's averages in Hz. Sounds are named as in `words`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .words import Syllable

_VOWEL = {
    "IY": (270, 2290, 3010), "IH": (390, 1990, 2550), "EH": (530, 1840, 2480), "AE": (660, 1720, 2410),
    "AA": (730, 1090, 2440), "AO": (570, 840, 2410), "UH": (440, 1020, 2240), "UW": (300, 870, 2240),
    "AH": (640, 1190, 2390), "ER": (490, 1350, 1690),
}  # fmt: skip
_GLIDE = {"AY": ("AA", "IH"), "EY": ("EH", "IY"), "OW": ("AO", "UH"), "AW": ("AA", "UH")}
_SOFT = {
    "M": (250, 1000, 2200), "N": (250, 1500, 2500), "NG": (250, 1900, 2600), "L": (360, 1100, 2700),
    "R": (350, 1150, 1600), "W": (300, 650, 2300), "Y": (270, 2200, 3000),
}  # fmt: skip
"""Voiced consonants without noise: their formants."""
_NOISE = {
    "S": (7000, 2600, 0.5, 0.0), "Z": (6800, 2600, 0.3, 0.35), "SH": (3600, 1700, 0.45, 0.0),
    "F": (6500, 6000, 0.13, 0.0), "V": (6000, 6000, 0.07, 0.4), "TH": (6800, 5000, 0.12, 0.0),
    "DH": (6000, 5000, 0.06, 0.45), "HH": (1800, 2500, 0.16, 0.05),
}  # fmt: skip
"""Fricatives: centre and width of the noise in Hz, its level, and how much voice is under it."""
_BURST = {
    "P": (900, 1200, 0.3), "T": (4600, 3000, 0.45), "K": (2000, 1300, 0.4), "B": (700, 900, 0.2),
    "D": (3800, 2500, 0.25), "G": (1900, 1200, 0.25), "CH": (3800, 2000, 0.45), "JH": (3600, 2000, 0.3),
}  # fmt: skip


@dataclass(frozen=True)
class SungNote:
    """A syllable on a pitch: when its vowel begins, how long it is held, how strong (0 to 1)."""

    start_s: float
    length_s: float
    pitch: float
    strength: float
    syllable: Syllable


class Tracks:
    """What the voice does in every frame.

    Attributes:
        formants: ``(3, frames)`` in Hz.
        voiced, noise: levels of buzz and hiss, ``(frames,)``.
        centre, width: where the hiss lies, in Hz, ``(frames,)``.
    """

    def __init__(self, frames: int, start_s: float, hop_s: float) -> None:
        self.start_s, self.hop_s = start_s, hop_s
        self.formants = np.tile(np.array(_VOWEL["AH"], np.float32)[:, None], (1, frames))
        self.voiced = np.zeros(frames, np.float32)
        self.noise = np.zeros(frames, np.float32)
        self.centre = np.full(frames, 4000.0, np.float32)
        self.width = np.full(frames, 3000.0, np.float32)

    def sing(self, notes: list[SungNote]) -> None:
        """Lay out syllables in time order; what comes before a vowel comes before its note's start."""
        free_s = self.start_s
        for note, following in zip(notes, [*notes[1:], None], strict=True):
            end_s = note.start_s + note.length_s
            if following:
                end_s = min(end_s, following.start_s - _span_s(following.syllable.before))
            after_s = _span_s(note.syllable.after)
            room_s = 0.5 * max(end_s - note.start_s, 0.05)
            squeeze = min(1.0, room_s / after_s) if after_s else 1.0
            at_s = max(note.start_s - _span_s(note.syllable.before), free_s)
            for sound in note.syllable.before:
                length_s = min(_length_s(sound), note.start_s - at_s)
                at_s = self._consonant(sound, at_s, length_s, note.strength)
            at_s = max(note.start_s + 0.04, end_s - after_s * squeeze)
            self._vowel(note.syllable.vowel, note.start_s, at_s, note.strength)
            for sound in note.syllable.after:
                at_s = self._consonant(sound, at_s, _length_s(sound) * squeeze, note.strength)
            free_s = at_s

    def _frame(self, time_s: float) -> int:
        return max(0, round((time_s - self.start_s) / self.hop_s))

    def _tone(self, start: int, stop: int, formants: tuple[int, int, int], level: float) -> None:
        self.formants[:, start:stop] = np.array(formants, np.float32)[:, None]
        self.voiced[start:stop] = level

    def _hiss(self, start: int, stop: int, band: tuple[float, float], level: float) -> None:
        self.centre[start:stop], self.width[start:stop] = band
        self.noise[start:stop] = level

    def _vowel(self, vowel: str, start_s: float, end_s: float, strength: float) -> None:
        first, second = _GLIDE.get(vowel, (vowel, vowel))
        start, turn, end = (self._frame(t) for t in (start_s, start_s + 0.65 * (end_s - start_s), end_s))
        self._tone(start, turn, _VOWEL[first], strength)
        self._tone(turn, end, _VOWEL[second], 0.92 * strength)

    def _consonant(self, sound: str, start_s: float, length_s: float, strength: float) -> float:
        """Lay out one consonant; the time it ends."""
        if length_s <= 0.004:
            return start_s
        start, end = self._frame(start_s), self._frame(start_s + length_s)
        level = 0.5 + 0.5 * strength
        if sound in _SOFT:
            self._tone(start, end, _SOFT[sound], 0.45 * strength)
        elif sound in _NOISE:
            centre, width, noise, voice = _NOISE[sound]
            self._hiss(start, end, (centre, width), noise * level)
            self._tone(start, end, _VOWEL["AH"], 0.5 * voice * strength)
        elif sound in _BURST:
            centre, width, noise = _BURST[sound]
            opens = start + max(1, (end - start) // 2)
            self.voiced[start:end] = 0.08 * strength if sound in "BDG" else 0.0
            self._hiss(opens, min(end, opens + 4), (centre, width), noise * level)
        return start_s + length_s


def _length_s(sound: str) -> float:
    return 0.1 if sound in _NOISE else 0.07 if sound in _BURST else 0.065


def _span_s(sounds: tuple[str, ...]) -> float:
    return sum(_length_s(sound) for sound in sounds)
