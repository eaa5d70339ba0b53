"""The built-in composer: songs with true stems, beats, sections and words, and no weights.

A chord grammar, a Markov melody, drum patterns and a synthesiser of our own (`composing`).
A seed always gives the same song.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..audio import Sound, resample
from ..errors import BadInput, StageFailed
from ..song import Lyrics
from .beats import BuiltinBeatTracker
from .composing import continuing, contour, following, form
from .composing.arrange import Arranger
from .composing.choices import Choices, Wish, decide, wish
from .composing.form import Grid, Part
from .composing.harmony import Key
from .composing.material import invent
from .composing.render import Studio, render
from .composing.styles import STYLES
from .engines import Generator, Progress, Take

_NATIVE_HZ = (44_100, 48_000)
_PEAK = 0.82
_GRID = float(1 << 22)
"""Stems are rounded to whole multiples of 2^-22 (−132 dBFS): sums of such numbers are exact in float32."""
_ENGINE = "builtin composer"


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
    """Compose a song of exactly `seconds` (1 to 3600); what is None is left to the prompt and the seed.

    Args:
        bpm: 60 to 180. beats_per_bar: 3 or 4. swing: 0 (even) to 1 (triplets).
        key: ``C major``, ``F# minor`` … style: one of `STYLES`.
        rate_hz: 8000 to 192000; others than 44.1 and 48 kHz are resampled from 44.1 kHz.

    Returns:
        A stereo take whose stems (drums, bass, other, vocals) sum exactly to its mix, in
        float32 and in any order, with its true beats, sections and words.

    Raises:
        ValueError: an argument out of range.
    """
    asked = wish(prompt).over(
        bpm=bpm, beats_per_bar=beats_per_bar, swing=swing, style=style, key=Key.parse(key) if key else None
    )
    _check(asked, seconds, rate_hz)
    rng = np.random.default_rng(seed)
    return _compose(rng, decide(rng, asked), seconds, rate_hz, _ignore)


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
        """A song of `seconds`.

        The prompt's words decide tempo, key, mode, metre, style, and whether there are a voice
        and drums, where they say something of these. A melody is followed by the lead, with
        chords that fit it. A continuation begins with `start`, takes over its tempo, bars and
        key, and has no stems, sections and words, because those of `start` are not known.

        Raises:
            BadInput: no notes are heard in `melody`.
            StageFailed: `start` is not shorter than `seconds`, or both it and a melody are given.
        """
        asked, rng = wish(prompt), np.random.default_rng(seed)
        if start is not None and melody is not None:
            raise StageFailed("the built-in composer takes a melody or a sound to continue, not both")
        if start is not None:
            take = _continue(rng, asked, start, seconds, progress)
        elif melody is not None:
            take = _follow(rng, asked, melody, seconds, progress)
        else:
            take = _compose(rng, decide(rng, asked), seconds, _NATIVE_HZ[0], progress)
        return replace(take, facts={**take.facts, "understood": list(asked.understood)})


def _ignore(_: float) -> None:
    pass


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
    """A song from nothing."""
    grid = _grid(choices, float(rng.uniform(0.05, 0.3)))
    shape = form.parts(rng, _bars(grid, seconds))
    arranger = Arranger(rng, choices=choices, grid=grid, material=invent(rng, choices, shape))
    arranger.write(shape, seconds)
    return _play(arranger, shape, seconds, rate_hz, progress=progress)


def _follow(rng: np.random.Generator, asked: Wish, melody: Sound, seconds: float, progress: Progress) -> Take:
    """A song around a melody, in the melody's key and, where it has a beat, its tempo."""
    tones = contour.notes(melody, longest_s=seconds)
    if not tones:
        raise BadInput(
            "no notes are heard in the melody", hint="one voice or instrument at a time, not too quiet"
        )
    beats = BuiltinBeatTracker("builtin").track(melody)
    asked = asked.over(bpm=continuing.songlike(beats.tempo_bpm), beats_per_bar=beats.beats_per_bar)
    asked = asked.over(key=contour.key_of(tones))
    choices = replace(decide(rng, asked), swing=0.0)
    lead_in_s = float(rng.uniform(0.05, 0.15))
    pickup_s = beats.downbeats_s[0] if beats.downbeats_s else tones[0].start_s
    grid = _grid(choices, lead_in_s + pickup_s % (60 / choices.bpm * choices.beats_per_bar))
    tones = [replace(tone, start_s=tone.start_s + lead_in_s) for tone in tones]
    bars = _bars(grid, seconds)
    block = max(1, round((tones[-1].start_s + tones[-1].length_s - grid.start_s) / grid.bar_s + 0.3))
    shape = following.repeats(bars, min(block, bars))
    arranger = Arranger(rng, choices=choices, grid=grid, material=invent(rng, choices, shape))
    following.write(arranger, tones, shape, seconds)
    return _play(arranger, shape, seconds, _NATIVE_HZ[0], progress=progress)


def _continue(
    rng: np.random.Generator, asked: Wish, sound: Sound, seconds: float, progress: Progress
) -> Take:
    """What follows a sound, in its tempo and key and on its bars."""
    if sound.duration_s > seconds - 1:
        raise StageFailed(
            f"the sound to continue lasts {sound.duration_s:.1f} s already, and {seconds:.1f} s are wanted",
            hint="seconds is the length of the whole; ask for more",
        )
    start = continuing.listen(sound, BuiltinBeatTracker("builtin").track(sound))
    known = Key.parse(start.beats.key) if start.beats.key else None
    asked = asked.over(bpm=start.bpm, beats_per_bar=start.beats.beats_per_bar, key=known)
    choices = decide(rng, asked)
    grid, length_s = _grid(choices, 0.0), seconds - start.bar_s
    shape = form.parts(rng, _bars(grid, length_s), opening=False)
    arranger = Arranger(rng, choices=choices, grid=grid, material=invent(rng, choices, shape))
    arranger.write(shape, length_s)
    new = _play(arranger, shape, length_s, sound.rate_hz, progress=progress)
    assert new.beats is not None
    return Take(mix=continuing.joined(start, new.mix, seconds), beats=continuing.counted(start, new.beats))


def _grid(choices: Choices, start_s: float) -> Grid:
    return Grid(start_s, choices.bpm, choices.beats_per_bar, choices.swing, STYLES[choices.style].swung)


def _bars(grid: Grid, seconds: float) -> int:
    """Whole bars that leave room for the last chord to ring."""
    tail_s = min(2.5, 0.3 * seconds)
    return max(1, int((seconds - tail_s - grid.start_s) / grid.bar_s))


def _play(
    arranger: Arranger, shape: tuple[Part, ...], seconds: float, rate_hz: int, *, progress: Progress
) -> Take:
    """Render what has been written."""
    native_hz = rate_hz if rate_hz in _NATIVE_HZ else _NATIVE_HZ[0]
    choices, grid = arranger.choices, arranger.grid
    frames = round(seconds * native_hz)
    studio = Studio(arranger.rng, STYLES[choices.style], grid, shape, frames, native_hz)
    stems = _finished(render(studio, arranger.score, progress), native_hz, rate_hz, round(seconds * rate_hz))
    total = np.zeros_like(stems["drums"].samples)
    for stem in stems.values():
        total += stem.samples
    lines = tuple(line for line in arranger.score.lines if line.end_s <= seconds)
    bars = shape[-1].first + shape[-1].bars
    return Take(
        mix=Sound(total, rate_hz),
        stems=stems,
        beats=form.beats(grid, bars, str(choices.key), end_s=seconds, engine=_ENGINE),
        sections=form.sections(grid, shape, seconds),
        lyrics=Lyrics(language="en", lines=lines, engine=_ENGINE) if lines else None,
        facts={
            "style": choices.style,
            "swing": round(choices.swing, 3),
            "instruments": arranger.score.instruments,
        },
    )


def _finished(waves: dict[str, np.ndarray], native_hz: int, rate_hz: int, frames: int) -> dict[str, Sound]:
    """Stems at the wanted rate, at the song's level, on the grid that makes sums exact."""
    if native_hz != rate_hz:
        for name, wave in waves.items():
            waves[name] = _fitted(resample(Sound(wave, native_hz), rate_hz).samples, frames)
    total = np.zeros_like(waves["drums"])
    peak = 1e-9
    for wave in waves.values():
        total += wave
        peak = max(peak, float(np.abs(wave).max(initial=0)))
    peak = max(peak, float(np.abs(total).max(initial=0)))
    del total
    for wave in waves.values():
        _round(wave, np.float32(_PEAK / peak))
    return {name: Sound(wave, rate_hz) for name, wave in waves.items()}


def _round(wave: np.ndarray, gain: np.float32) -> None:
    """Apply a gain and round to the grid, in place."""
    wave *= gain * np.float32(_GRID)
    np.rint(wave, out=wave)
    wave /= np.float32(_GRID)


def _fitted(samples: np.ndarray, frames: int) -> np.ndarray:
    """A copy with exactly `frames` frames."""
    out = np.zeros((samples.shape[0], frames), np.float32)
    out[:, : samples.shape[1]] = samples[:, :frames]
    return out
