"""The lead: tones become sung syllables with words, or notes of an instrument."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...song import Line, Word
from .articulation import SungNote
from .harmony import Key
from .score import Note, Score
from .words import Sung, line


@dataclass(frozen=True)
class Timed:
    """A tone of the lead in time: start and length in s, MIDI pitch (may be between), strength 0 to 1."""

    start_s: float
    length_s: float
    pitch: float
    strength: float


@dataclass
class Lead:
    """Writes the lead into a score, one phrase at a time.

    Attributes:
        sung: whether it is a voice.
        known: words of earlier phrases, by what asked for them to come back.
    """

    rng: np.random.Generator
    key: Key
    score: Score
    sung: bool
    known: dict[tuple[str, int], tuple[Sung, ...]] = field(default_factory=dict)

    def phrase(self, tones: list[Timed], label: str, same: int, *, full: bool) -> None:
        """One phrase of a part called `label`; phrases of one `label` and `same` have the same words.

        In a `full` part a double and a second voice a third above join in.
        """
        if not tones:
            return
        if not self.sung:
            self.score.players["tune"] += [
                Note(t.start_s, t.length_s, t.pitch, 0.55 + 0.4 * t.strength) for t in tones
            ]
            return
        if (label, same) not in self.known or _count(self.known[label, same]) != len(tones):
            self.known[label, same] = line(self.rng, len(tones))
        words = self.known[label, same]
        syllables = [syllable for word in words for syllable in word.syllables]
        notes = [
            SungNote(t.start_s, t.length_s, t.pitch, t.strength, syllable)
            for t, syllable in zip(tones, syllables, strict=True)
        ]
        self.score.lead += notes
        self.score.lines.append(_timed(words, notes, label))
        if full:
            self.score.double += [self._beside(note, note.pitch) for note in notes]
            self.score.harmony += [self._beside(note, self._third(note.pitch)) for note in notes]

    def _beside(self, note: SungNote, pitch: float) -> SungNote:
        start_s = max(0.0, note.start_s + float(self.rng.normal(0.008, 0.01)))
        pitch += float(self.rng.normal(0, 0.06))
        return SungNote(start_s, note.length_s, pitch, note.strength, note.syllable)

    def _third(self, pitch: float) -> float:
        """A third above, in the scale."""
        return pitch + (3 if (round(pitch) + 3) % 12 in self.key.scale else 4)


def _count(words: tuple[Sung, ...]) -> int:
    return sum(len(word.syllables) for word in words)


def _timed(words: tuple[Sung, ...], notes: list[SungNote], label: str) -> Line:
    """The words with the times at which their notes are sung."""
    sung, at = [], 0
    for word in words:
        own = notes[at : at + len(word.syllables)]
        at += len(own)
        end_s = own[-1].start_s + own[-1].length_s
        if at < len(notes):
            end_s = min(end_s, notes[at].start_s)
        sung.append(Word(start_s=round(own[0].start_s, 4), end_s=round(end_s, 4), text=word.text))
    text = " ".join(word.text for word in sung)
    return Line(start_s=sung[0].start_s, end_s=sung[-1].end_s, text=text, words=tuple(sung), section=label)
