"""The instruments: each makes one note as a stereo or mono wave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .synth import Wave, adsr, hertz, lowpass, oscillator, struck

_K = np.arange(1, 25, dtype=float)


@dataclass(frozen=True)
class Instrument:
    """An instrument.

    Attributes:
        play: from pitch, frames, rate, velocity (0 to 1): the note, ``(frames,)`` or ``(2, frames)``.
        ring_s: how long a note sounds on after its length.
        level: brings it to the loudness of the others.
        sustained: whether it holds its notes (chords are then played long).
    """

    play: Callable[[float, int, int, float], Wave]
    ring_s: float
    level: float
    sustained: bool = False


def _piano(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    hz = hertz(pitch)
    soft = 0.55 + 0.5 * (1 - velocity)
    strike = np.abs(np.sin(np.pi * _K / 7.6)) + 0.05
    fall = 2.2 * (200 / hz) ** 0.4 / (1 + 0.35 * (_K - 1))
    return struck(
        hz, frames, rate_hz, partials=strike * np.exp(-soft * (_K - 1) * 0.45), decay_s=fall, stretch=4e-4
    )


def _keys(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    """An electric piano: two operators of frequency modulation and a tine."""
    hz = hertz(pitch)
    t = np.arange(frames, dtype=np.float32) / np.float32(rate_hz)
    turn = np.float32(2 * np.pi * hz) * t
    index = np.float32(0.5 + 1.6 * velocity) * np.exp(-t / 0.35)
    body = np.sin(turn + index * np.sin(turn)) * np.exp(-t / 1.3)
    tine = (
        np.float32(0.18 * velocity) * np.sin(turn * 14) * np.exp(-t / 0.05) if hz * 14 < 0.45 * rate_hz else 0
    )
    sway = np.float32(0.25) * np.sin(np.float32(2 * np.pi * 4.8) * t)
    tone = (body + tine) * adsr(frames, rate_hz, attack_s=0.003, decay_s=2.0, sustain=0.6, release_s=0.12)
    return np.stack([tone * (1 + sway), tone * (1 - sway)]).astype(np.float32)


def _guitar(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    hz = hertz(pitch)
    pluck = np.abs(np.sin(np.pi * _K * 0.21)) / _K**0.9
    bright = np.exp(-(_K - 1) * 0.12 * (1.4 - velocity))
    fall = 1.3 * (200 / hz) ** 0.5 / (1 + 0.22 * (_K - 1))
    return struck(hz, frames, rate_hz, partials=pluck * bright, decay_s=fall, stretch=1e-4)


def _pluck(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    hz = hertz(pitch)
    fall = (0.25 + 0.35 * velocity) / (1 + 0.4 * (_K - 1))
    return struck(hz, frames, rate_hz, partials=1 / _K, decay_s=fall)


def _bell(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    ratios = np.array([1.0, 2.0, 2.76, 4.07, 5.4, 8.93])
    levels = np.array([1.0, 0.45, 0.35 * velocity, 0.2, 0.15 * velocity, 0.08])
    return struck(hertz(pitch), frames, rate_hz, partials=levels, ratios=ratios,
                  decay_s=np.array([1.2, 0.8, 0.5, 0.35, 0.2, 0.12]))  # fmt: skip


def _organ(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    hz = hertz(pitch)
    t = np.arange(frames, dtype=np.float32) / np.float32(rate_hz)
    tone = np.zeros(frames, np.float32)
    for ratio, level in ((0.5, 0.5), (1, 1.0), (2, 0.6), (3, 0.35), (4, 0.25), (6, 0.12)):
        if hz * ratio < 0.45 * rate_hz:
            tone += np.float32(level) * np.sin(np.float32(2 * np.pi * hz * ratio) * t)
    tone *= adsr(frames, rate_hz, attack_s=0.01, decay_s=1, sustain=1, release_s=0.06) * (
        0.6 + 0.4 * velocity
    )
    spin = np.float32(0.22) * np.sin(np.float32(2 * np.pi * 5.9) * t)
    return np.stack([tone * (1 + spin), tone * (1 - spin)]).astype(np.float32)


def _ensemble(
    pitch: float, frames: int, rate_hz: int, *, slope: float, top_hz: float, cents: float, attack_s: float,
    release_s: float,
) -> Wave:  # fmt: skip
    """Five saws a little apart in pitch, spread from left to right."""
    out = np.zeros((2, frames), np.float32)
    for n, place in enumerate((-1.0, -0.5, 0.0, 0.5, 1.0)):
        hz = hertz(pitch + place * cents / 100)
        wave = oscillator(
            hz, frames, rate_hz, slope=slope, phase=(n * 0.37 + pitch * 0.13) % 1, top_hz=top_hz
        )
        side = place if n % 2 == 0 else -place
        out[0] += wave * np.float32(np.cos((side + 1) * np.pi / 4))
        out[1] += wave * np.float32(np.sin((side + 1) * np.pi / 4))
    return out * adsr(frames, rate_hz, attack_s=attack_s, decay_s=1.5, sustain=0.85, release_s=release_s)


def _saws(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    top_hz = 9000 + 5000 * velocity
    return _ensemble(
        pitch, frames, rate_hz, slope=1.1, top_hz=top_hz, cents=11, attack_s=0.06, release_s=0.35
    )


def _warm(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    return _ensemble(pitch, frames, rate_hz, slope=1.7, top_hz=4000, cents=8, attack_s=0.25, release_s=0.6)


def _strings(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    return _ensemble(pitch, frames, rate_hz, slope=1.35, top_hz=8000, cents=16, attack_s=0.16, release_s=0.4)


def _stab(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    wave = _ensemble(
        pitch, frames, rate_hz, slope=1.0, top_hz=13000, cents=13, attack_s=0.004, release_s=0.05
    )
    return wave * adsr(frames, rate_hz, attack_s=0.002, decay_s=0.14, sustain=0.12, release_s=0.05)


def _square(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    wave = oscillator(hertz(pitch), frames, rate_hz, slope=1.15, odd=True, top_hz=8000)
    return wave * adsr(frames, rate_hz, attack_s=0.006, decay_s=0.25, sustain=0.5, release_s=0.06)


def _crunch(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    """An overdriven guitar playing root and fifth, through a small speaker, left and right apart."""
    sides = []
    for cents in (-3.0, 3.0):
        both = sum(
            oscillator(
                hertz(pitch - 12 + step + cents / 100),
                frames,
                rate_hz,
                slope=1.6,
                top_hz=2400,
                phase=0.1 * step,
            )
            for step in (0, 7.02)
        )
        driven = np.tanh((1.2 + 2.0 * velocity) * both * adsr(
            frames, rate_hz, attack_s=0.004, decay_s=1.2, sustain=0.55, release_s=0.05))  # fmt: skip
        sides.append(lowpass(driven.astype(np.float32), 4600, rate_hz, 3))
    return np.stack(sides)


def _finger(pitch: float, frames: int, rate_hz: int, velocity: float, *, bright: float) -> Wave:
    hz = hertz(pitch)
    levels = np.abs(np.sin(np.pi * _K * 0.27)) / _K**0.8 * np.exp(-(_K - 1) * (1.1 - velocity) * 0.5 / bright)
    fall = 1.1 / (1 + (0.5 / bright) * (_K - 1))
    return np.tanh(1.3 * struck(hz, frames, rate_hz, partials=levels, decay_s=fall)).astype(np.float32)


def _round(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    return _finger(pitch, frames, rate_hz, velocity, bright=0.7)


def _picked(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    return _finger(pitch, frames, rate_hz, velocity, bright=1.8)


def _synth_bass(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    """A saw and its octave below whose upper partials close like a filter."""
    hz = hertz(pitch)
    open_s = 0.12 + 0.3 * velocity
    saw = struck(
        hz, frames, rate_hz, partials=1 / _K, decay_s=np.maximum(3.0 / (1 + (_K - 1) / (3 * open_s)), 0.04)
    )
    shape = adsr(frames, rate_hz, attack_s=0.003, decay_s=0.5, sustain=0.7, release_s=0.03)
    return np.tanh(1.4 * saw * shape).astype(np.float32)


def _sub(pitch: float, frames: int, rate_hz: int, velocity: float) -> Wave:
    hz = hertz(pitch)
    t = np.arange(frames, dtype=np.float32) / np.float32(rate_hz)
    tone = np.sin(np.float32(2 * np.pi * hz) * t) * adsr(
        frames, rate_hz, attack_s=0.006, decay_s=0.9, sustain=0.6, release_s=0.05
    )
    return np.tanh((1.4 + velocity) * tone).astype(np.float32)


INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument(_piano, 0.5, 0.20), "keys": Instrument(_keys, 0.3, 0.20),
    "guitar": Instrument(_guitar, 0.6, 0.24), "pluck": Instrument(_pluck, 0.3, 0.20),
    "bell": Instrument(_bell, 1.0, 0.14), "organ": Instrument(_organ, 0.06, 0.07, True),
    "saws": Instrument(_saws, 0.35, 0.05, True), "warm": Instrument(_warm, 0.6, 0.09, True),
    "strings": Instrument(_strings, 0.4, 0.07, True), "stab": Instrument(_stab, 0.1, 0.10),
    "square": Instrument(_square, 0.06, 0.13), "crunch": Instrument(_crunch, 0.05, 0.22, True),
    "round": Instrument(_round, 0.08, 0.42), "picked": Instrument(_picked, 0.06, 0.42),
    "synth": Instrument(_synth_bass, 0.03, 0.42), "sub": Instrument(_sub, 0.05, 0.42),
}  # fmt: skip
"""By name; the last four are basses."""
