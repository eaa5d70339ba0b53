"""From material and form to every note: who plays what, when and how hard."""

from __future__ import annotations

import numpy as np

from . import rhythm
from .choices import Choices
from .form import Grid, Part
from .harmony import Chord, chord, voicing
from .lead import Lead, Timed
from .material import Material
from .score import Note, Score
from .styles import STYLES

_COMP = {
    "long": "X...............",
    "quarters": "X...x...x...x...",
    "push": "X.....x...x.....",
    "eighths": "X.x.x.x.x.x.x.x.",
    "offbeat": "..X...X...X...X.",
    "funk": "x..x..x...x.x...",
    "charleston": "X.....x.........",
}
"""Chord rhythms in sixteenths; ``broken`` chords are written out by `Arranger._broken`."""
_LOWEST_BASS = 28


class Arranger:
    """Writes parts into a score, bar by bar.

    Args:
        loose_s: how far notes stray from the grid, as a standard deviation.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        choices: Choices,
        grid: Grid,
        material: Material,
        loose_s: float = 0.005,
    ) -> None:
        self.rng, self.choices, self.grid, self.material = rng, choices, grid, material
        self.style = STYLES[choices.style]
        self.loose_s = loose_s
        self.score = Score(players={name: [] for name in ("bass", "chords", "pad", "figure", "tune")})
        self.score.instruments = {
            "bass": self._one(self.style.bass),
            "chords": self._one(self.style.chords),
            "pad": self._one(self.style.pads),
            "figure": self._one(self.style.leads),
            "tune": self._one(("square", "guitar", "bell")),
            **dict(choices.played),
        }
        self.lead = Lead(rng, choices.key, self.score, choices.sung)
        self.voiced: tuple[int, ...] | None = None
        self.bare_intro = bool(rng.random() < 0.6)
        self.sparse_bridge = bool(rng.random() < 0.5)

    def _one(self, names: tuple[str, ...]) -> str:
        return names[int(self.rng.integers(len(names)))]

    def write(self, form: tuple[Part, ...], end_s: float) -> Score:
        """The whole song; a last chord on the downbeat after the form rings until `end_s`."""
        for part, following in zip(form, (*form[1:], None), strict=True):
            self.band(part, self.material.chords[part.label], closing=following is not None)
            if part.label in self.material.tunes:
                self._tune(part)
        self.ending(sum(part.bars for part in form), end_s)
        return self.score

    def band(self, part: Part, chords: tuple[Chord, ...], *, closing: bool) -> None:
        """Drums, bass and chords of a part; a `closing` part leads into another with a fill."""
        full = part.energy > 0.9
        for n in range(part.bars):
            bar, harmony = part.first + n, chords[n % len(chords)]
            hushed = part.label == "bridge" and self.sparse_bridge and n < part.bars / 2
            bare = part.label == "intro" and self.bare_intro
            if self.choices.drums and not (bare and n < part.bars / 2):
                self._drums(part, n, hushed=hushed, fill=closing and n == part.bars - 1)
            if not (hushed or bare):
                self._bass(bar, harmony, chords[(n + 1) % len(chords)], part.energy)
            self._chords(bar, harmony, part.energy)
            if full or part.turn > 0 or part.label not in ("verse", "outro"):
                self._pad(bar, part.energy)
            if full or part.label in ("intro", "outro", "instrumental"):
                self._figure(bar, harmony, part.energy)

    def _drums(self, part: Part, n: int, *, hushed: bool, fill: bool) -> None:
        bar, full = part.first + n, part.energy > 0.9
        clap = self.style.kit in ("machine", "gated")
        energy = 0.4 if hushed else part.energy
        hits = rhythm.bar(self.rng, self.material.groove[full], energy, clap=clap, closing=fill)
        if fill:
            hits += rhythm.fill(self.rng, self.choices.beats_per_bar, part.energy)
        if n == 0 and part.energy > 0.7:
            hits.append(rhythm.Hit("crash", 0.0, 0.9))
        for hit in hits:
            strength = hit.strength * (0.7 + 0.3 * part.energy) * float(self.rng.uniform(0.86, 1.0))
            time_s = self._time(bar, hit.beat, 0.6 * self.loose_s)
            self.score.drums.append((hit.drum, time_s, min(1.0, strength)))

    def _bass(self, bar: int, harmony: Chord, after: Chord, energy: float) -> None:
        root = _LOWEST_BASS + (harmony.root - _LOWEST_BASS) % 12
        third = root + (harmony.tones[1] - harmony.root) % 12
        fifth = root + (harmony.tones[2] - harmony.root) % 12
        goal = _LOWEST_BASS + (after.root - _LOWEST_BASS) % 12
        beats, full = self.choices.beats_per_bar, energy > 0.9
        steps: list[tuple[float, float, int]]
        match self.material.bass[full]:
            case "long":
                steps = [(0, beats - 0.5, root), (beats - 0.5, 0.5, fifth if full else root)]
            case "eighths":
                steps = [(n / 2, 0.42, root) for n in range(2 * beats)]
            case "octaves":
                steps = [(n / 2, 0.35, root + 12 * (n % 2)) for n in range(2 * beats)]
            case "offbeat":
                steps = [(n + 0.5, 0.4, root) for n in range(beats)]
            case "fifths":
                half = beats // 2
                steps = [(0, half - 0.1, root), (half, beats - half - 0.1, fifth)]
            case "walk":
                steps = [(n, 0.85, pitch) for n, pitch in enumerate((root, third, fifth)[: beats - 1])]
                steps.append((beats - 1, 0.85, goal + (1 if goal < fifth else -1)))
            case _:
                kick = [n / 4 for n, mark in enumerate(self.material.groove[full].kick) if mark in "Xx"]
                ends = [*kick[1:], float(beats)]
                steps = [(b, min(1.5, e - b) * 0.9, root) for b, e in zip(kick, ends, strict=True)]
        for beat, length, pitch in steps:
            accent = 1.0 if beat == 0 else 0.82
            self._note("bass", (bar, beat), length, pitch, accent * (0.72 + 0.28 * energy))

    def _chords(self, bar: int, harmony: Chord, energy: float) -> None:
        pitches = self.voiced = voicing(self.voiced, harmony)
        crunch = self.score.instruments["chords"] == "crunch"
        if crunch:
            pitches = (48 + (harmony.root - 48) % 12,)
        pattern, level = self.material.comp[energy > 0.9], 0.6 + 0.35 * energy
        if pattern == "broken" and not crunch:
            self._broken(bar, pitches, level)
            return
        beats = self.choices.beats_per_bar
        row = _COMP.get(pattern, _COMP["quarters"])[: 4 * beats]
        onsets = [n / 4 for n, mark in enumerate(row) if mark != "."]
        strum_s = 0.012 if self.score.instruments["chords"] == "guitar" else 0.0
        for beat, stop in zip(onsets, [*onsets[1:], float(beats)], strict=True):
            length = (stop - beat) * 0.95 if pattern == "long" else min(stop - beat, 0.9) * 0.85
            for n, pitch in enumerate(pitches):
                accent = 1.0 if beat == 0 else 0.85
                self._note("chords", (bar, beat), length, pitch, level * accent, late_s=n * strum_s)

    def _broken(self, bar: int, pitches: tuple[int, ...], level: float) -> None:
        """The chord up and down in eighths, from its lowest tone an octave below."""
        up = range(1, len(pitches))
        order = (0, *up, *reversed(up[:-1]))
        for n in range(2 * self.choices.beats_per_bar):
            pitch = pitches[order[n % len(order)]] - (12 if n == 0 else 0)
            self._note("chords", (bar, n / 2), 1.2, pitch, level * (1 if n % 2 == 0 else 0.8))

    def _pad(self, bar: int, energy: float) -> None:
        for pitch in self.voiced or ():
            self._note("pad", (bar, 0), self.choices.beats_per_bar, pitch, 0.6 + 0.3 * energy)

    def _figure(self, bar: int, harmony: Chord, energy: float) -> None:
        centre = self.material.centre
        ladder = [p for p in range(centre + 10, centre + 24) if p % 12 in harmony.tones]
        for beat, step in self.material.figure:
            if beat < self.choices.beats_per_bar:
                accent = 1.0 if beat % 1 == 0 else 0.8
                self._note(
                    "figure", (bar, beat), 0.6, ladder[step % len(ladder)], (0.55 + 0.3 * energy) * accent
                )

    def _tune(self, part: Part) -> None:
        """The part's tune; verses get new words each time, other parts keep theirs."""
        beats, phrases = self.choices.beats_per_bar, self.material.tunes[part.label]
        span = 2 if part.bars >= 2 else 1
        for n in range(-(-part.bars // span)):
            room = (part.bars - n * span) * beats - 0.5
            tones = [
                Timed(
                    self._time(part.first + n * span, tone.beat, 1.6 * self.loose_s),
                    max(0.12, tone.length * self.grid.beat_s * 0.96),
                    tone.pitch,
                    tone.strength * (0.75 + 0.25 * min(1.0, part.energy)),
                )
                for tone in phrases[n % len(phrases)]
                if tone.beat < room
            ]
            same = n + (1000 * part.turn if part.label == "verse" else 0)
            self.lead.phrase(tones, part.label, same, full=part.energy > 0.9)

    def ending(self, bar: int, end_s: float) -> None:
        """The last chord: everybody on the tonic, ringing out."""
        home = chord(self.choices.key, 0, seventh=self.material.seventh)
        length = max(0.2, (end_s - self.grid.at(bar)) * 0.85) / self.grid.beat_s
        self.voiced = voicing(self.voiced, home)
        crunch = self.score.instruments["chords"] == "crunch"
        self._note("bass", (bar, 0), length * 0.8, _LOWEST_BASS + (home.root - _LOWEST_BASS) % 12, 0.85)
        for pitch in (48 + (home.root - 48) % 12,) if crunch else self.voiced:
            self._note("chords", (bar, 0), length, pitch, 0.85)
        for pitch in self.voiced:
            self._note("pad", (bar, 0), length * 0.8, pitch, 0.7)
        if self.choices.drums:
            self.score.drums += [
                ("kick", self._time(bar, 0, 0.002), 0.85),
                ("crash", self._time(bar, 0, 0.002), 0.7),
            ]

    def _time(self, bar: int, beat: float, loose_s: float) -> float:
        return max(0.0, self.grid.at(bar, beat) + float(self.rng.normal(0, loose_s)))

    def _note(
        self,
        player: str,
        at: tuple[int, float],
        length: float,
        pitch: float,
        velocity: float,
        *,
        late_s: float = 0.0,
    ) -> None:
        """One note at a bar and beat, `length` in beats, a little off in time and force as players are."""
        velocity = float(np.clip(velocity * self.rng.uniform(0.88, 1.0), 0.05, 1.0))
        start_s = self._time(*at, self.loose_s) + late_s
        self.score.players[player].append(Note(start_s, length * self.grid.beat_s, pitch, velocity))
