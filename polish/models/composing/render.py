"""From a score to stems: every note played, placed, filtered and given its space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...units import amplitude
from .arrange import Note, Score
from .choices import Choices
from .form import Grid, Part
from .instruments import INSTRUMENTS
from .kit import LEVEL, PAN, drums
from .styles import STYLES, Style
from .synth import Wave, echo, highpass, lowpass, space, swept
from .voice import Singer, sing

STEMS = ("drums", "bass", "other", "vocals")
_BALANCE_DB = {"drums": -1.0, "bass": -4.5, "other": -3.5, "vocals": 0.0}
"""How loud each stem is, where it plays, against the voice."""
_PLAYER_DB = {"chords": 0.0, "pad": -1.0, "figure": -2.0}


def render(
    rng: np.random.Generator, choices: Choices, score: Score, form: tuple[Part, ...], grid: Grid,
    frames: int, rate_hz: int, progress: Callable[[float], None],
) -> dict[str, Wave]:  # fmt: skip
    """Stems ``(2, frames)`` by name, balanced, before the song's own level is set."""
    style = STYLES[choices.style]
    arc = _arc(form, grid, frames, rate_hz)
    stems = {"drums": _drums(rng, style, score, frames, rate_hz)}
    progress(0.25)
    duck = _duck(score, style, frames, rate_hz)
    stems["bass"] = _player(score.players["bass"], score.instruments["bass"], frames, rate_hz, pan=0.0)
    stems["bass"] *= duck
    progress(0.4)
    stems["other"] = _others(rng, style, score, arc, frames, rate_hz) * duck
    progress(0.65)
    stems["vocals"] = _voices(rng, style, choices, score, grid, frames, rate_hz)
    progress(0.9)
    taste = {"drums": style.drums_level_db, "bass": style.bass_level_db}
    for name, wave in stems.items():
        depth = 0.6 if name == "vocals" else 1.0
        wave *= 10 ** ((arc - 1) * np.float32(6.0 * depth / 20))
        wanted_db = _BALANCE_DB[name] + taste.get(name, 0.0) + float(rng.uniform(-1.0, 1.0))
        if (level := _level(wave, rate_hz)) > 0:
            wave *= np.float32(amplitude(wanted_db) * 0.1 / level)
        _fade(wave, rate_hz)
    return stems


def _level(wave: Wave, rate_hz: int) -> float:
    """How loud a stem is where it plays: RMS of its louder fifths of a second, the lowest bass left out."""
    heard = highpass(wave, 90, rate_hz, 2)
    span = rate_hz // 5
    blocks = heard[:, : heard.shape[1] // span * span].reshape(2, -1, span)
    power = np.mean(blocks**2, axis=(0, 2)) if blocks.size else np.mean(heard**2, keepdims=True).ravel()
    top = float(power.max(initial=0.0))
    return float(np.sqrt(power[power > 0.1 * top].mean())) if top > 1e-12 else 0.0


def _arc(form: tuple[Part, ...], grid: Grid, frames: int, rate_hz: int) -> Wave:
    """The energy of the parts as a curve ``(frames,)`` that rises a little before it steps."""
    times, values = [0.0], [form[0].energy]
    for before, part in zip(form, form[1:], strict=False):
        edge = grid.at(part.first)
        rise = min(grid.bar_s, 0.5 * before.bars * grid.bar_s) if part.energy > before.energy else 0.06
        lifted = before.energy + 0.25 * max(0.0, part.energy - before.energy)
        times += [edge - rise, edge - 0.03, edge]
        values += [before.energy, lifted, part.energy]
    last = grid.at(form[-1].first + form[-1].bars)
    times += [last - 0.03, last]
    values += [form[-1].energy, max(0.6, form[-1].energy)]
    return np.interp(np.arange(frames) / rate_hz, times, values).astype(np.float32)


def _place(pan: float) -> tuple[np.float32, np.float32]:
    """Left and right gain of equal power, −1 left to 1 right."""
    angle = (pan + 1) * np.pi / 4
    return np.float32(np.cos(angle) * np.sqrt(2)), np.float32(np.sin(angle) * np.sqrt(2))


def _add(bus: Wave, wave: Wave, first: int, gain: float, pan: float) -> None:
    last = min(bus.shape[1], first + wave.shape[-1])
    if first < 0 or last <= first:
        return
    left, right = _place(pan)
    part = wave[..., : last - first]
    two = part if part.ndim == 2 else (part, part)
    bus[0, first:last] += two[0] * (left * np.float32(gain))
    bus[1, first:last] += two[1] * (right * np.float32(gain))


def _drums(rng: np.random.Generator, style: Style, score: Score, frames: int, rate_hz: int) -> Wave:
    kit = drums(style.kit, rate_hz, int(rng.integers(1 << 16)))
    dry, wet = np.zeros((2, frames), np.float32), np.zeros((2, frames), np.float32)
    for n, (drum, time_s, strength) in enumerate(score.drums):
        wave = kit[drum][n % len(kit[drum])]
        if strength < 0.55 and drum in ("snare", "hat", "ride"):
            wave = wave * np.float32(0.9)
        bus = dry if drum == "kick" else wet
        _add(bus, wave, round(time_s * rate_hz), 0.5 * LEVEL[drum] * strength**1.4, PAN[drum])
    room_s = {"gated": 0.5, "room": 0.9, "soft": 1.1}.get(style.kit, 0.4)
    amount = {"gated": 0.5, "room": 0.3, "soft": 0.3, "machine": 0.12}.get(style.kit, 0.15)
    both = dry + space(wet, amount, room_s, rate_hz, seed=11)
    return (np.tanh(both * 1.3) / 1.3).astype(np.float32)


def _player(
    notes: list[Note], name: str, frames: int, rate_hz: int, *, pan: float, spread: float = 0.0
) -> Wave:
    """One instrument playing its notes; equal notes are made once."""
    instrument = INSTRUMENTS[name]
    bus = np.zeros((2, frames), np.float32)
    made: dict[tuple[float, int, int], Wave] = {}
    for n, note in enumerate(notes):
        first = round(note.start_s * rate_hz)
        if first >= frames:
            continue
        velocity = max(1, round(note.velocity * 6))
        length = int(np.ceil((note.length_s + instrument.ring_s) * 25) / 25 * rate_hz)
        key = (note.pitch, length, velocity)
        if key not in made:
            made[key] = instrument.play(note.pitch, length, rate_hz, velocity / 6)
        side = pan + spread * (-1 if n % 2 else 1)
        _add(bus, made[key], first, instrument.level * note.velocity**1.3, float(np.clip(side, -1, 1)))
    return bus


def _duck(score: Score, style: Style, frames: int, rate_hz: int) -> Wave:
    """How the kick pushes bass and chords down, ``(frames,)``; ones where the style has no pumping."""
    gain = np.ones(frames, np.float32)
    if not style.pumping:
        return gain
    span = int(0.26 * rate_hz)
    dip = (1 - style.pumping * np.cos(np.linspace(0, np.pi / 2, span)) ** 1.5).astype(np.float32)
    for drum, time_s, strength in score.drums:
        first = round(time_s * rate_hz)
        if drum == "kick" and strength > 0.4 and first < frames:
            part = gain[first : first + span]
            np.minimum(part, dip[: part.size], out=part)
    return lowpass(gain, 60, rate_hz, 1) if frames > 16 else gain


def _others(
    rng: np.random.Generator, style: Style, score: Score, arc: Wave, frames: int, rate_hz: int
) -> Wave:
    side = float(rng.uniform(0.15, 0.45)) * (1 if rng.random() < 0.5 else -1)
    t = np.arange(frames, dtype=np.float32) / np.float32(rate_hz)
    sway = np.float32(rng.uniform(0.05, 0.12))
    total = np.zeros((2, frames), np.float32)
    for name, pan, open_hz in (("chords", side, 2600.0), ("pad", 0.0, 900.0), ("figure", -side, 5000.0)):
        notes = score.players[name]
        if not notes:
            continue
        spread = 0.25 if name == "figure" else 0.0
        bus = _player(notes, score.instruments[name], frames, rate_hz, pan=pan, spread=spread)
        if name == "pad" or score.instruments[name] in ("saws", "stab", "organ"):
            bend = np.float32(0.35) * np.sin(2 * np.pi * sway * t)
            corner = np.minimum(open_hz * 2 ** (3.2 * np.clip(arc - 0.3, 0, 1) + bend), 17_000).astype(
                np.float32
            )
            bus = np.stack([swept(channel, corner, rate_hz) for channel in bus])
        total += bus * np.float32(amplitude(_PLAYER_DB[name]))
    return space(total, 0.28, style.space_s, rate_hz, seed=23)


def _voices(
    rng: np.random.Generator,
    style: Style,
    choices: Choices,
    score: Score,
    grid: Grid,
    frames: int,
    rate_hz: int,
) -> Wave:
    high = bool(score.lead) and np.mean([note.pitch for note in score.lead]) > 61
    singer = Singer(
        tract=float(rng.uniform(1.12, 1.2) if high else rng.uniform(0.98, 1.08)), breath=float(rng.uniform(0.2, 0.9)),
        vibrato_cents=float(rng.uniform(18, 45)), vibrato_hz=float(rng.uniform(4.8, 6.2)),
        glide_s=float(rng.uniform(0.035, 0.07)),
    )  # fmt: skip
    bus = np.zeros((2, frames), np.float32)
    for notes, gain, pan in ((score.lead, 0.6, 0.0), (score.double, 0.22, -0.6), (score.harmony, 0.2, 0.6)):
        if notes:
            _add(bus, sing(notes, singer, frames, rate_hz, rng), 0, gain, pan)
    if not bus.any():
        return bus
    bus = echo(bus, grid.beat_s * 0.75, 0.45, 0.12, rate_hz)
    return space(bus, 0.16, style.space_s, rate_hz, seed=31, bright_hz=8000)


def _fade(wave: Wave, rate_hz: int) -> None:
    """The end dies away over the last second, in place."""
    span = min(wave.shape[1], rate_hz)
    if span:
        wave[:, -span:] *= np.cos(np.linspace(0, np.pi / 2, span)).astype(np.float32) ** 2
