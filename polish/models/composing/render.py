"""From a score to stems: every note played, placed, filtered and given its space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import minimum_filter1d

from ...units import amplitude
from .form import Grid, Part
from .instruments import INSTRUMENTS
from .kit import LEVEL, PAN, drums
from .score import Note, Score
from .styles import Style
from .synth import Wave, curve, echo, highpass, lowpass, space, swept
from .voice import Singer, sing

_BALANCE_DB = {"drums": -0.5, "bass": -6.0, "other": -2.5, "vocals": 0.0}
"""How loud each stem is, where it plays, against the voice."""
_ARC_DB = {"drums": 3.0, "bass": 2.5, "other": 4.0, "vocals": 2.0}
"""How much louder a full part is than an empty one would be."""
_OTHERS = {"chords": (0.0, 2600.0), "pad": (-1.5, 900.0), "figure": (-2.5, 5000.0), "tune": (2.0, 6000.0)}
"""The players of the stem `other`: level in dB, and where their filters stand in the quietest parts."""
_HEADROOM = 4.5
"""Stems are held below this many times their RMS where they play."""


@dataclass(frozen=True)
class Studio:
    """Where a song is rendered: its style, timing and form, and the length and rate of the sound."""

    rng: np.random.Generator
    style: Style
    grid: Grid
    form: tuple[Part, ...]
    frames: int
    rate_hz: int

    def silence(self) -> Wave:
        return np.zeros((2, self.frames), np.float32)


def render(studio: Studio, score: Score, progress: Callable[[float], None]) -> dict[str, Wave]:
    """Stems ``(2, frames)`` by name: drums, bass, other, vocals; balanced, the voice around 0.1 RMS."""
    arc, duck = _arc(studio), _duck(studio, score)
    stems = {"drums": _drums(studio, score)}
    progress(0.25)
    stems["bass"] = _player(studio, score, "bass", pan=0.0)
    stems["bass"] *= duck
    progress(0.4)
    stems["other"] = _others(studio, score, arc)
    stems["other"] *= duck
    progress(0.65)
    stems["vocals"] = _voices(studio, score)
    progress(0.9)
    taste = {"drums": studio.style.drums_level_db, "bass": studio.style.bass_level_db}
    for name, stem in stems.items():
        wanted_db = _BALANCE_DB[name] + taste.get(name, 0.0) + float(studio.rng.uniform(-1.0, 1.0))
        _balance(stem, 10 ** ((arc - 1) * np.float32(_ARC_DB[name] / 20)), 0.1 * amplitude(wanted_db), studio)
    return stems


def _balance(stem: Wave, arc: Wave, wanted: float, studio: Studio) -> None:
    """Bring a stem to its level and give it the song's arc, in place."""
    stem *= arc
    if (level := _level(stem, studio.rate_hz)) > 0:
        stem *= np.float32(wanted / level)
        stem *= _holding(stem, _HEADROOM * wanted, studio.rate_hz)
    span = min(studio.frames, studio.rate_hz)
    if span:
        stem[:, -span:] *= np.cos(np.linspace(0, np.pi / 2, span)).astype(np.float32) ** 2


def _level(wave: Wave, rate_hz: int) -> float:
    """How loud a stem is where it plays: RMS of its louder fifths of a second, the lowest bass left out."""
    heard = highpass(wave, 90, rate_hz, 2)
    span = rate_hz // 5
    blocks = heard[:, : heard.shape[1] // span * span].reshape(2, -1, span)
    power = np.mean(blocks**2, axis=(0, 2)) if blocks.size else np.mean(heard**2, keepdims=True).ravel()
    top = float(power.max(initial=0.0))
    return float(np.sqrt(power[power > 0.1 * top].mean())) if top > 1e-12 else 0.0


def _holding(wave: Wave, ceiling: float, rate_hz: int) -> Wave:
    """A gain that turns peaks above `ceiling` down and moves within some 10 ms either way."""
    span = max(1, rate_hz // 1000)
    blocks = -(-wave.shape[1] // span)
    padded = np.zeros(blocks * span, np.float32)
    np.abs(wave).max(axis=0, out=padded[: wave.shape[1]])
    peaks = padded.reshape(blocks, span).max(axis=1)
    gain = minimum_filter1d(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), 21)
    window = np.hanning(21)[1:-1]
    gain = np.convolve(np.pad(gain, 9, mode="edge"), window / window.sum(), mode="valid")
    middle = (np.arange(blocks) + 0.5) * span
    return curve(middle, gain, wave.shape[1])


def _arc(studio: Studio) -> Wave:
    """The energy of the parts as a curve ``(frames,)`` that rises a little before it steps."""
    form, grid = studio.form, studio.grid
    times, values = [0.0], [form[0].energy]
    for before, part in pairwise(form):
        edge = grid.at(part.first)
        rise = min(grid.bar_s, 0.5 * before.bars * grid.bar_s) if part.energy > before.energy else 0.06
        lifted = before.energy + 0.25 * max(0.0, part.energy - before.energy)
        times += [edge - rise, edge - 0.03, edge]
        values += [before.energy, lifted, part.energy]
    last = grid.at(form[-1].first + form[-1].bars)
    times += [last - 0.03, last]
    values += [form[-1].energy, max(0.6, form[-1].energy)]
    return curve(np.array(times) * studio.rate_hz, np.array(values), studio.frames)


def _add(bus: Wave, wave: Wave, first: int, gain: float, *, pan: float) -> None:
    """Put a note into a bus, from −1 (left) to 1 (right) at equal power."""
    last = min(bus.shape[1], first + wave.shape[-1])
    if first < 0 or last <= first:
        return
    angle = (pan + 1) * np.pi / 4
    part = wave[..., : last - first]
    two = part if part.ndim == 2 else (part, part)
    bus[0, first:last] += two[0] * np.float32(gain * np.cos(angle) * np.sqrt(2))
    bus[1, first:last] += two[1] * np.float32(gain * np.sin(angle) * np.sqrt(2))


def _drums(studio: Studio, score: Score) -> Wave:
    kit = drums(studio.style.kit, studio.rate_hz, int(studio.rng.integers(1 << 16)))
    kick, rest = studio.silence(), studio.silence()
    for n, (drum, time_s, strength) in enumerate(sorted(score.drums, key=lambda hit: hit[1])):
        bus = kick if drum == "kick" else rest
        first = round(time_s * studio.rate_hz)
        _add(bus, kit[drum][n % len(kit[drum])], first, 0.5 * LEVEL[drum] * strength**1.4, pan=PAN[drum])
    amount, time_s = {
        "gated": (0.5, 0.5),
        "room": (0.3, 0.9),
        "soft": (0.3, 1.1),
        "machine": (0.12, 0.4),
    }.get(studio.style.kit, (0.15, 0.4))
    kick += space(rest, amount, time_s, studio.rate_hz, seed=11)
    return np.tanh(1.3 * kick, out=kick)


def _player(studio: Studio, score: Score, player: str, *, pan: float, spread: float = 0.0) -> Wave:
    """One instrument playing its notes; equal notes are made once."""
    instrument, rate_hz = INSTRUMENTS[score.instruments[player]], studio.rate_hz
    bus = studio.silence()
    made: dict[tuple[float, int, int], Wave] = {}
    notes: list[Note] = score.players[player]
    for n, note in enumerate(notes):
        velocity = max(1, round(note.velocity * 6))
        length = int(np.ceil((note.length_s + instrument.ring_s) * 25) / 25 * rate_hz)
        key = (note.pitch, length, velocity)
        if key not in made:
            made[key] = instrument.play(note.pitch, length, rate_hz, velocity / 6)
        side = float(np.clip(pan + spread * (-1 if n % 2 else 1), -1, 1))
        first = round(note.start_s * rate_hz)
        _add(bus, made[key], first, instrument.level * note.velocity**1.3, pan=side)
    return bus


def _duck(studio: Studio, score: Score) -> Wave:
    """How the kick pushes bass and chords down, ``(frames,)``; ones where the style has no pumping."""
    gain = np.ones(studio.frames, np.float32)
    if not studio.style.pumping:
        return gain
    span = int(0.26 * studio.rate_hz)
    dip = (1 - studio.style.pumping * np.cos(np.linspace(0, np.pi / 2, span)) ** 1.5).astype(np.float32)
    for drum, time_s, strength in score.drums:
        first = round(time_s * studio.rate_hz)
        if drum == "kick" and strength > 0.4 and first < studio.frames:
            part = gain[first : first + span]
            np.minimum(part, dip[: part.size], out=part)
    return lowpass(gain, 60, studio.rate_hz, 1)


def _others(studio: Studio, score: Score, arc: Wave) -> Wave:
    rng, rate_hz = studio.rng, studio.rate_hz
    side = float(rng.uniform(0.15, 0.45)) * (1 if rng.random() < 0.5 else -1)
    sway_hz = float(rng.uniform(0.05, 0.12))
    t = np.arange(studio.frames, dtype=np.float32) / np.float32(rate_hz)
    places = {"chords": (side, 0.0), "pad": (0.0, 0.0), "figure": (-side, 0.25), "tune": (0.0, 0.0)}
    total = studio.silence()
    for player, (level_db, open_hz) in _OTHERS.items():
        if not score.players[player]:
            continue
        pan, spread = places[player]
        bus = _player(studio, score, player, pan=pan, spread=spread)
        if player == "pad" or score.instruments[player] in ("saws", "stab", "organ", "square"):
            bend = np.float32(0.35) * np.sin(np.float32(2 * np.pi * sway_hz) * t)
            corner_hz = np.minimum(open_hz * 2 ** (3.2 * np.clip(arc - 0.3, 0, 1) + bend), 17_000)
            for channel in bus:
                channel[:] = swept(channel, corner_hz.astype(np.float32), rate_hz)
        bus *= np.float32(amplitude(level_db))
        total += bus
    return space(total, 0.28, studio.style.space_s, rate_hz, seed=23)


def _voices(studio: Studio, score: Score) -> Wave:
    rng = studio.rng
    high = bool(score.lead) and float(np.mean([note.pitch for note in score.lead])) > 61
    singer = Singer(
        tract=float(rng.uniform(1.12, 1.2) if high else rng.uniform(0.98, 1.08)),
        breath=float(rng.uniform(0.2, 0.9)),
        vibrato_cents=float(rng.uniform(18, 45)),
        vibrato_hz=float(rng.uniform(4.8, 6.2)),
        glide_s=float(rng.uniform(0.035, 0.07)),
    )
    bus = studio.silence()
    for notes, gain, pan in ((score.lead, 0.6, 0.0), (score.double, 0.2, -0.6), (score.harmony, 0.18, 0.6)):
        if notes:
            _add(bus, sing(notes, singer, studio.frames, studio.rate_hz, rng=rng), 0, gain, pan=pan)
    if not bus.any():
        return bus
    bus = echo(bus, studio.grid.beat_s * 0.75, feedback=0.45, amount=0.1, rate_hz=studio.rate_hz)
    return space(bus, 0.16, studio.style.space_s, studio.rate_hz, seed=31, bright_hz=8000)
