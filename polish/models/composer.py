"""The built-in composer: songs with true stems, beats, sections and words, and no weights.

A chord grammar, a Markov melody, drum patterns and a synthesiser of our own (`composing`).
A seed always gives the same song.
"""

from __future__ import annotations

import numpy as np

from ..audio import Sound
from ..song import Lyrics
from .composing import form
from .composing.arrange import Arranger
from .composing.choices import Choices, Wish, decide, wish
from .composing.harmony import Key
from .composing.material import invent
from .composing.render import Studio, render
from .composing.styles import STYLES
from .engines import Generator, Progress, Take

_NATIVE_HZ = (44_100, 48_000)
_PEAK = 0.82
_GRID = float(1 << 22)
"""Stems are rounded to whole multiples of 2^-22 (−132 dBFS): sums of such numbers are exact in float32."""


def compose(
    seed: int,
    *,
    seconds: float = 60.0,
    bpm: float | None = None,
    beats_per_bar: int | None = None,
    swing: float | None = None,
    key: str | None = None,
    style: str | None = None,
    prompt: str = "",
    rate_hz: int = 44_100,
) -> Take:
    """Compose a song of exactly `seconds`; what is None is left to the prompt and the seed.

    Args:
        bpm: 60 to 180. beats_per_bar: 3 or 4. swing: 0 (even) to 1 (triplets).
        key: ``C major``, ``F# minor`` … style: one of `STYLES`.
        rate_hz: any; other rates than 44.1 and 48 kHz are resampled from 44.1 kHz.

    Returns:
        A stereo take whose stems (drums, bass, other, vocals) sum exactly to its mix, in
        float32 and in any order, with its true beats, sections and words.

    Raises:
        ValueError: an argument out of range.
    """
    asked = wish(prompt).over(bpm=bpm, beats_per_bar=beats_per_bar, swing=swing, style=style,
                              key=Key.parse(key) if key else None)  # fmt: skip
    _check(asked, seconds, rate_hz)
    rng = np.random.default_rng(seed)
    return _compose(rng, decide(rng, asked), seconds, rate_hz, lambda _: None)


def _check(asked: Wish, seconds: float, rate_hz: int) -> None:
    if not 1.0 <= seconds <= 3600:
        raise ValueError(f"seconds must be 1 to 3600, got {seconds}")
    if asked.bpm is not None and not 60 <= asked.bpm <= 180:
        raise ValueError(f"bpm must be 60 to 180, got {asked.bpm}")
    if asked.beats_per_bar not in (None, 3, 4):
        raise ValueError(f"beats_per_bar must be 3 or 4, got {asked.beats_per_bar}")
    if asked.swing is not None and not 0 <= asked.swing <= 1:
        raise ValueError(f"swing must be 0 to 1, got {asked.swing}")
    if asked.style is not None and asked.style not in STYLES:
        raise ValueError(f"no style {asked.style!r}: one of {', '.join(STYLES)}")
    if not 8000 <= rate_hz <= 192_000:
        raise ValueError(f"rate_hz must be 8000 to 192000, got {rate_hz}")


def _compose(
    rng: np.random.Generator, choices: Choices, seconds: float, rate_hz: int, progress: Progress
) -> Take:
    native_hz = rate_hz if rate_hz in _NATIVE_HZ else _NATIVE_HZ[0]
    swung = STYLES[choices.style].swung
    lead_in_s = float(rng.uniform(0.05, 0.3))
    grid = form.Grid(lead_in_s, choices.bpm, choices.beats_per_bar, choices.swing, swung)
    tail_s = min(2.5, 0.3 * seconds)
    bars = max(1, int((seconds - tail_s - lead_in_s) / grid.bar_s))
    shape = form.parts(rng, bars)
    score = Arranger(rng, choices=choices, grid=grid, material=invent(rng, choices, shape)).write(
        shape, seconds
    )
    studio = Studio(rng, STYLES[choices.style], grid, shape, round(seconds * native_hz), native_hz)
    waves = render(studio, score, progress)
    stems = _finished(waves, native_hz, rate_hz)
    mix = Sound(np.sum([stem.samples for stem in stems.values()], axis=0, dtype=np.float32), rate_hz)
    lines = tuple(line for line in score.lines if line.end_s <= seconds)
    return Take(
        mix=mix, stems=stems, beats=form.beats(grid, bars, str(choices.key), seconds),
        sections=form.sections(grid, shape, seconds),
        lyrics=Lyrics(language="en", lines=lines, engine="builtin composer") if lines else None,
    )  # fmt: skip


def _finished(waves: dict[str, np.ndarray], native_hz: int, rate_hz: int) -> dict[str, Sound]:
    """Stems at the wanted rate, at the song's level, on the grid that makes sums exact."""
    if native_hz != rate_hz:
        import soxr

        waves = {
            name: soxr.resample(wave.T, native_hz, rate_hz, quality="VHQ").T for name, wave in waves.items()
        }
    total = np.sum(list(waves.values()), axis=0, dtype=np.float32)
    peak = max(
        float(np.abs(total).max(initial=0)), *(float(np.abs(w).max(initial=0)) for w in waves.values()), 1e-9
    )
    gain = np.float32(_PEAK / peak * _GRID)
    return {
        name: Sound(np.ascontiguousarray(np.rint(wave * gain) / np.float32(_GRID), np.float32), rate_hz)
        for name, wave in waves.items()
    }


class BuiltinComposer(Generator):
    """The composer as an engine."""

    def generate(
        self,
        prompt: str,
        *,
        seconds: float,
        seed: int,
        melody: Sound | None,
        start: Sound | None,
        progress: Progress,
    ) -> Take:
        """A song of `seconds`; the prompt's words decide tempo, mode and style where they say something."""
        rng = np.random.default_rng(seed)
        return _compose(rng, decide(rng, wish(prompt)), seconds, 44_100, progress)
