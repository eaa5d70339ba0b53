"""From choices and form to every note: who plays what, when and how hard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...song import Line, Word
from . import rhythm
from .choices import Choices
from .form import Grid, Part
from .harmony import Chord, chord, progression, voicing
from .melody import Tone, tune
from .styles import STYLES, Style
from .voice import SungNote
from .words import Sung, line


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
        drums: hits as (drum, time in s, strength).
        bass, chords, pad, figure: notes of the four players; `instruments` says what each plays.
        lead, double, harmony: the voice, its double and a second voice in full parts.
        lines: the words with their times.
    """

    instruments: dict[str, str] = field(default_factory=dict)
    drums: list[tuple[str, float, float]] = field(default_factory=list)
    players: dict[str, list[Note]] = field(default_factory=dict)
    lead: list[SungNote] = field(default_factory=list)
    double: list[SungNote] = field(default_factory=list)
    harmony: list[SungNote] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Material:
    """What the song is made of: chords and tune by kind of part, grooves, patterns, a figure."""

    chords: dict[str, tuple[Chord, ...]]
    tunes: dict[str, list[list[Tone]]]
    groove: dict[bool, rhythm.Groove]
    bass: dict[bool, str]
    comp: dict[bool, str]
    figure: list[tuple[float, int]]
    centre: int


_BASS = {
    "pop": ("long", "kick", "eighths"), "rock": ("eighths", "kick", "eighths"), "ballad": ("long", "kick"),
    "electronic": ("offbeat", "eighths", "kick"), "synthwave": ("eighths", "octaves"),
    "hiphop": ("kick", "long"), "funk": ("octaves", "kick"), "folk": ("fifths", "long"), "blues": ("walk",),
}  # fmt: skip
_COMP = {
    "long": ("X...............",), "quarters": ("X...x...x...x...",), "push": ("X.....x...x.....", "X..x..x..."),
    "eighths": ("X.x.x.x.x.x.x.x.",), "offbeat": ("..X...X...X...X.",), "funk": ("x..x..x...x.x...",),
    "broken": ("X.o.o.o.x.o.o.o.",), "charleston": ("X.....x.........",),
}  # fmt: skip
_COMPING = {
    "pop": ("quarters", "push", "eighths"), "rock": ("long", "eighths", "push"), "ballad": ("broken", "quarters"),
    "electronic": ("offbeat", "push"), "synthwave": ("long", "push"), "hiphop": ("charleston", "push"),
    "funk": ("funk", "offbeat"), "folk": ("broken", "eighths"), "blues": ("charleston", "quarters"),
}  # fmt: skip


def material(rng: np.random.Generator, choices: Choices, form: tuple[Part, ...]) -> Material:
    """Invent the song's material, each kind of part once."""
    style = STYLES[choices.style]
    seventh = rng.random() < style.seventh
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
    tunes = {}
    bars = {part.label: part.bars for part in form}
    for part, lift, busy in (
        ("verse", 0, 1.0),
        ("prechorus", 2, 1.1),
        ("chorus", 4, 0.9),
        ("bridge", 2, 0.7),
    ):
        length = min(bars.get(part, 1), 8)
        row = tuple(chords[part][bar % len(chords[part])] for bar in range(length))
        tunes[part] = tune(rng, choices.key, row, choices.beats_per_bar, density=density * busy,
                           low=centre - 5 + lift, high=centre + 8 + lift)  # fmt: skip
    names = _BASS[choices.style]
    comps = _COMPING[choices.style]
    shape = [(n * float(rng.choice([0.5, 0.5, 1.0])), int(rng.integers(0, 5))) for n in range(8)]
    return Material(
        chords, tunes,
        {full: rhythm.groove(rng, style.grooves, choices.beats_per_bar) for full in (False, True)},
        {full: names[int(rng.integers(len(names)))] for full in (False, True)},
        {full: comps[int(rng.integers(len(comps)))] for full in (False, True)},
        shape, centre,
    )  # fmt: skip


def arrange(
    rng: np.random.Generator, choices: Choices, form: tuple[Part, ...], grid: Grid, end_s: float
) -> Score:
    """Write the whole song out; a last chord on the downbeat after the form rings until `end_s`."""
    style = STYLES[choices.style]
    stuff = material(rng, choices, form)
    score = Score(players={name: [] for name in ("bass", "chords", "pad", "figure")})
    score.instruments = {
        "bass": _pick(rng, style.bass), "chords": _pick(rng, style.chords), "pad": _pick(rng, style.pads),
        "figure": _pick(rng, style.leads), "kit": style.kit,
    }  # fmt: skip
    writer = _Writer(rng, choices, style, grid, stuff, score)
    for part, following in zip(form, (*form[1:], None), strict=True):
        writer.part(part, following)
    writer.ending(sum(part.bars for part in form), end_s)
    score.drums.sort(key=lambda hit: hit[1])
    return score


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


class _Writer:
    """Writes parts into a score, bar by bar."""

    def __init__(
        self,
        rng: np.random.Generator,
        choices: Choices,
        style: Style,
        grid: Grid,
        stuff: Material,
        score: Score,
    ) -> None:
        self.rng, self.choices, self.style = rng, choices, style
        self.grid, self.stuff, self.score = grid, stuff, score
        self.voiced: tuple[int, ...] | None = None
        self.words: dict[tuple[str, int], tuple[Sung, ...]] = {}
        self.bare_intro = rng.random() < 0.6
        self.sparse_bridge = rng.random() < 0.5

    def _time(self, bar: int, beat: float, loose_s: float = 0.005) -> float:
        return max(0.0, self.grid.at(bar, beat) + float(self.rng.normal(0, loose_s)))

    def part(self, part: Part, following: Part | None) -> None:
        full = part.energy > 0.9
        chords = self.stuff.chords[part.label]
        for n in range(part.bars):
            bar, harmony = part.first + n, chords[n % len(chords)]
            closing = n == part.bars - 1 and following is not None
            if self.choices.drums:
                self._drums(part, bar, n, full, closing)
            if not (part.label == "intro" and self.bare_intro) and not self._hushed(part, n):
                self._bass(bar, harmony, chords[(n + 1) % len(chords)], part.energy, full)
            self._chords(bar, harmony, part.energy, full)
            if full or part.label in ("bridge", "intro", "instrumental", "prechorus") or part.turn > 0:
                self._pad(bar, part.energy)
            if full or part.label in ("intro", "outro", "instrumental"):
                self._figure(bar, harmony, part.energy)
        if part.label in self.stuff.tunes and self.choices.sung:
            self._sing(part, full)

    def _hushed(self, part: Part, n: int) -> bool:
        return part.label == "bridge" and self.sparse_bridge and n < part.bars / 2

    def _drums(self, part: Part, bar: int, n: int, full: bool, closing: bool) -> None:
        if part.label == "intro" and self.bare_intro and n < part.bars / 2:
            return
        energy = 0.4 if self._hushed(part, n) else part.energy
        hits = rhythm.bar(self.rng, self.stuff.groove[full], energy, clap=self.style.kit in ("machine", "gated"),
                          closing=closing)  # fmt: skip
        if closing:
            hits += rhythm.fill(self.rng, self.choices.beats_per_bar, part.energy)
        if n == 0 and part.energy > 0.7:
            hits.append(rhythm.Hit("crash", 0.0, 0.9))
        for hit in hits:
            strength = hit.strength * (0.7 + 0.3 * part.energy) * float(self.rng.uniform(0.86, 1.0))
            self.score.drums.append((hit.drum, self._time(bar, hit.beat, 0.003), strength))

    def _bass(self, bar: int, harmony: Chord, after: Chord, energy: float, full: bool) -> None:
        root = 28 + (harmony.root - 28) % 12
        fifth = root + (harmony.tones[2] - harmony.root) % 12
        third = root + (harmony.tones[1] - harmony.root) % 12
        goal = 28 + (after.root - 28) % 12
        beats = self.choices.beats_per_bar
        steps: list[tuple[float, float, int]]
        match self.stuff.bass[full]:
            case "long":
                steps = [(0, beats - 0.5, root), (beats - 0.5, 0.5, fifth if full else root)]
            case "eighths":
                steps = [(n / 2, 0.42, root) for n in range(2 * beats)]
            case "octaves":
                steps = [(n / 2, 0.35, root + 12 * (n % 2)) for n in range(2 * beats)]
            case "offbeat":
                steps = [(n + 0.5, 0.4, root) for n in range(beats)]
            case "fifths":
                steps = [(0, beats / 2 - 0.1, root), (beats // 2, beats / 2 - 0.1, fifth)]
            case "walk":
                approach = goal + (1 if goal < fifth else -1)
                steps = [(n, 0.85, p) for n, p in enumerate((root, third, fifth)[: beats - 1])]
                steps.append((beats - 1, 0.85, approach))
            case _:
                kick = [n / 4 for n, mark in enumerate(self.stuff.groove[full].kick) if mark in "Xx"]
                ends = [*kick[1:], float(beats)]
                steps = [(b, min(1.5, e - b) * 0.9, root) for b, e in zip(kick, ends, strict=True)]
        for beat, length, pitch in steps:
            accent = 1.0 if beat == 0 else 0.82
            self._note("bass", bar, beat, length, pitch, accent * (0.72 + 0.28 * energy))

    def _chords(self, bar: int, harmony: Chord, energy: float, full: bool) -> None:
        instrument = self.score.instruments["chords"]
        self.voiced = voicing(self.voiced, harmony)
        beats, pattern = self.choices.beats_per_bar, self.stuff.comp[full]
        pitches = self.voiced
        if instrument == "crunch":
            pitches = (48 + (harmony.root - 48) % 12,)
        level = 0.6 + 0.35 * energy
        if pattern == "broken" and instrument != "crunch":
            order = (
                (0, *range(1, len(pitches)), *range(len(pitches) - 2, 0, -1)) if len(pitches) > 2 else (0,)
            )
            for n in range(2 * beats):
                pitch = pitches[order[n % len(order)]] - (12 if n == 0 else 0)
                self._note("chords", bar, n / 2, 1.2, pitch, level * (1 if n % 2 == 0 else 0.8))
            return
        row = _COMP[pattern][0][: 4 * beats]
        onsets = [n / 4 for n, mark in enumerate(row) if mark != "."]
        for beat, stop in zip(onsets, [*onsets[1:], float(beats)], strict=True):
            length = (stop - beat) * 0.95 if pattern == "long" else min(stop - beat, 0.9) * 0.85
            strum_s = 0.012 if instrument == "guitar" else 0.0
            for n, pitch in enumerate(pitches):
                self._note(
                    "chords", bar, beat, length, pitch, level * (1 if beat == 0 else 0.85), late_s=n * strum_s
                )

    def _pad(self, bar: int, energy: float) -> None:
        for pitch in self.voiced or ():
            self._note("pad", bar, 0, self.choices.beats_per_bar, pitch, 0.6 + 0.3 * energy)

    def _figure(self, bar: int, harmony: Chord, energy: float) -> None:
        beats = self.choices.beats_per_bar
        ladder = [p for p in range(self.stuff.centre + 10, self.stuff.centre + 24) if p % 12 in harmony.tones]
        for beat, step in self.stuff.figure:
            if beat < beats and ladder:
                pitch = ladder[step % len(ladder)]
                self._note(
                    "figure", bar, beat, 0.6, pitch, (0.55 + 0.3 * energy) * (1 if beat % 1 == 0 else 0.8)
                )

    def _note(
        self,
        player: str,
        bar: int,
        beat: float,
        length: float,
        pitch: float,
        velocity: float,
        *,
        late_s: float = 0.0,
    ) -> None:
        velocity = float(np.clip(velocity * self.rng.uniform(0.88, 1.0), 0.05, 1.0))
        start_s = self._time(bar, beat) + late_s
        self.score.players[player].append(Note(start_s, length * self.grid.beat_s, pitch, velocity))

    def _sing(self, part: Part, full: bool) -> None:
        beats = self.choices.beats_per_bar
        phrases = self.stuff.tunes[part.label]
        span = 2 if part.bars >= 2 else 1
        for n in range(-(-part.bars // span)):
            tones = [t for t in phrases[n % len(phrases)] if t.beat < (part.bars - n * span) * beats - 0.5]
            if not tones:
                continue
            same = (part.label, n if part.label == "chorus" else n + 1000 * part.turn)
            words = self.words.setdefault(same, line(self.rng, len(tones)))
            self._line(part, part.first + n * span, tones, words, full)

    def _line(self, part: Part, bar: int, tones: list[Tone], words: tuple[Sung, ...], full: bool) -> None:
        notes, sung = [], []
        syllables = [(word, syllable) for word in words for syllable in word.syllables]
        for tone, (_, syllable) in zip(tones, syllables, strict=True):
            start_s = self._time(bar, tone.beat, 0.008)
            length_s = max(0.12, tone.length * self.grid.beat_s * 0.96)
            notes.append(
                SungNote(start_s, length_s, tone.pitch, tone.strength * (0.75 + 0.25 * part.energy), syllable)
            )
        at = 0
        for word in words:
            own = notes[at : at + len(word.syllables)]
            at += len(own)
            end_s = own[-1].start_s + own[-1].length_s
            if at < len(notes):
                end_s = min(end_s, notes[at].start_s)
            sung.append(Word(start_s=round(own[0].start_s, 4), end_s=round(end_s, 4), text=word.text))
        self.score.lead += notes
        self.score.lines.append(
            Line(
                start_s=sung[0].start_s,
                end_s=sung[-1].end_s,
                text=" ".join(w.text for w in words),
                words=tuple(sung),
                section=part.label,
            )  # fmt: skip
        )
        if full:
            self.score.double += [self._near(note, note.pitch) for note in notes]
            self.score.harmony += [self._near(note, self._third(note.pitch)) for note in notes]

    def _near(self, note: SungNote, pitch: float) -> SungNote:
        start_s = max(0.0, note.start_s + float(self.rng.normal(0.008, 0.01)))
        return SungNote(
            start_s, note.length_s, pitch + float(self.rng.normal(0, 0.06)), note.strength, note.syllable
        )

    def _third(self, pitch: float) -> float:
        """A third above, in the scale."""
        above = pitch + 3
        return above if int(above) % 12 in self.choices.key.scale else above + 1

    def ending(self, bar: int, end_s: float) -> None:
        """The last chord: everybody on the tonic, ringing out."""
        home = chord(self.choices.key, 0)
        start_s = self.grid.at(bar)
        length = max(0.2, (end_s - start_s) * 0.85) / self.grid.beat_s
        root = 28 + (home.root - 28) % 12
        self._note("bass", bar, 0, length * 0.8, root, 0.85)
        self.voiced = voicing(self.voiced, home)
        loud = 0.85
        pitches = (
            self.voiced if self.score.instruments["chords"] != "crunch" else (48 + (home.root - 48) % 12,)
        )
        for pitch in pitches:
            self._note("chords", bar, 0, length, pitch, loud)
        for pitch in self.voiced:
            self._note("pad", bar, 0, length * 0.8, pitch, loud * 0.8)
        if self.choices.drums:
            for drum, strength in (("kick", 0.85), ("crash", 0.7)):
                self.score.drums.append((drum, self._time(bar, 0, 0.002), strength))
