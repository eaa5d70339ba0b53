"""Drum kits: every drum is made from decaying modes and filtered noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .synth import Wave, bandpass, highpass, lowpass

PAN = {"kick": 0.0, "snare": 0.05, "rim": 0.1, "clap": -0.1, "hat": 0.3, "open": 0.3, "ride": -0.35,
       "crash": -0.45, "tom high": 0.25, "tom mid": -0.05, "tom low": -0.3, "shaker": -0.4}  # fmt: skip
"""Where each drum sits, −1 left to 1 right, as the audience sees it."""
LEVEL = {"kick": 0.78, "snare": 0.62, "rim": 0.32, "clap": 0.4, "hat": 0.17, "open": 0.2, "ride": 0.19,
         "crash": 0.3, "tom high": 0.5, "tom mid": 0.52, "tom low": 0.58, "shaker": 0.12}  # fmt: skip
VARIANTS = 3
"""Each drum is made this many times, so that no two hits in a row are the same."""


@dataclass(frozen=True)
class Kit:
    """How a kit sounds: kick pitch and length, snare pitch and noise length, brightness, drive."""

    kick_hz: float
    kick_s: float
    snare_hz: float
    snare_s: float
    hat_s: float
    bright_hz: float
    drive: float


KITS = {
    "tight": Kit(52, 0.10, 195, 0.075, 0.030, 15000, 1.4),
    "room": Kit(58, 0.12, 175, 0.110, 0.040, 14000, 1.8),
    "soft": Kit(55, 0.10, 180, 0.070, 0.035, 10000, 0.8),
    "machine": Kit(48, 0.16, 210, 0.080, 0.028, 16000, 2.2),
    "gated": Kit(50, 0.13, 165, 0.140, 0.030, 14000, 2.0),
    "dusty": Kit(56, 0.12, 185, 0.085, 0.035, 8500, 1.6),
    "brushes": Kit(60, 0.09, 200, 0.090, 0.045, 9000, 0.7),
}


@lru_cache(maxsize=8)
def drums(name: str, rate_hz: int, seed: int) -> dict[str, list[Wave]]:
    """All drums of a kit, each as a list of variants ``(frames,)`` that peak near 1."""
    rng = np.random.default_rng(seed)
    kit = KITS[name]
    made: dict[str, list[Wave]] = {}
    for drum in LEVEL:
        waves = [_make(drum, kit, rate_hz, rng) for _ in range(VARIANTS)]
        peak = max(float(np.abs(wave).max()) for wave in waves)
        made[drum] = [(wave / peak).astype(np.float32) for wave in waves]
    return made


def _make(drum: str, kit: Kit, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if drum == "kick":
        return _kick(kit, rate_hz, rng)
    if drum == "snare":
        return _snare(kit, rate_hz, rng)
    if drum.startswith("tom"):
        return _tom({"high": 165.0, "mid": 120.0, "low": 85.0}[drum[4:]], kit, rate_hz, rng)
    if drum == "clap":
        return _clap(rate_hz, rng)
    if drum == "rim":
        t = _times(0.12, rate_hz)
        tick = np.sin(2 * np.pi * 1700 * t) * np.exp(-t / 0.006) + 0.6 * np.sin(2 * np.pi * 480 * t) * np.exp(
            -t / 0.014
        )
        return tick.astype(np.float32)
    return _cymbal(drum, kit, rate_hz, rng)


def _times(seconds: float, rate_hz: int) -> NDArray[np.float64]:
    return np.arange(int(seconds * rate_hz)) / rate_hz


def _end(wave: NDArray[np.floating], rate_hz: int) -> NDArray[np.float32]:
    fade = int(0.01 * rate_hz)
    out = wave.astype(np.float32)
    out[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out


def _kick(kit: Kit, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    t = _times(0.55, rate_hz)
    hz = kit.kick_hz * (1 + 2.6 * np.exp(-t / 0.018) + 0.4 * np.exp(-t / 0.06))
    body = np.sin(2 * np.pi * np.cumsum(hz) / rate_hz) * np.exp(-t / kit.kick_s)
    click = lowpass(rng.standard_normal(t.size).astype(np.float32), 5000, rate_hz) * np.exp(-t / 0.004)
    return _end(np.tanh(kit.drive * (body + 0.35 * click)), rate_hz)


def _snare(kit: Kit, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    t = _times(0.45, rate_hz)
    bend = 1 + 0.25 * np.exp(-t / 0.01)
    turn = 2 * np.pi * np.cumsum(kit.snare_hz * bend * rng.uniform(0.995, 1.005)) / rate_hz
    modes = np.sin(turn) * np.exp(-t / 0.06) + 0.6 * np.sin(1.78 * turn) * np.exp(-t / 0.04)
    wires = bandpass(rng.standard_normal(t.size).astype(np.float32), 900, kit.bright_hz * 0.75, rate_hz)
    rattle = wires * (np.exp(-t / kit.snare_s) + 0.5 * np.exp(-t / 0.008))
    return _end(np.tanh(kit.drive * 0.7 * (0.7 * modes + 0.9 * rattle)), rate_hz)


def _tom(hz: float, kit: Kit, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    t = _times(0.6, rate_hz)
    turn = 2 * np.pi * np.cumsum(hz * (1 + 0.35 * np.exp(-t / 0.04))) / rate_hz
    skin = lowpass(rng.standard_normal(t.size).astype(np.float32), 3000, rate_hz) * np.exp(-t / 0.012)
    body = np.sin(turn) * np.exp(-t / 0.16) + 0.3 * np.sin(1.52 * turn) * np.exp(-t / 0.08)
    return _end(np.tanh(kit.drive * 0.7 * (body + 0.4 * skin)), rate_hz)


def _clap(rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    t = _times(0.35, rate_hz)
    noise = bandpass(rng.standard_normal(t.size).astype(np.float32), 900, 3800, rate_hz)
    shape = np.exp(-t / 0.07) * 0.6
    for start in (0.0, 0.011, 0.023):
        shape = shape + np.where(t >= start, np.exp(-np.maximum(t - start, 0) / 0.004), 0)
    return _end(noise * shape, rate_hz)


def _cymbal(drum: str, kit: Kit, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise and a bundle of inharmonic partials, as a struck plate has them."""
    long_s, fall_s, low_hz, metal = {
        "hat": (0.16, kit.hat_s, 6500, 0.5),
        "open": (0.6, 0.15, 6000, 0.5),
        "shaker": (0.12, 0.03, 5500, 0.0),
        "ride": (1.1, 0.32, 4200, 1.1),
        "crash": (2.6, 0.75, 2800, 0.5),
    }[drum]
    t = _times(long_s, rate_hz)
    noise = rng.standard_normal(t.size).astype(np.float32)
    ring = np.zeros(t.size)
    for hz in rng.uniform(low_hz * 0.8, 13_000, 20):
        ring += np.sin(2 * np.pi * hz * t + rng.uniform(0, 6.28)) * np.exp(-t / rng.uniform(0.05, 0.5)) * 0.45
    mix = highpass((noise + metal * ring).astype(np.float32), low_hz, rate_hz, 3)
    shape = np.exp(-t / fall_s)
    if drum == "shaker":
        shape = np.minimum(t / 0.02, 1) * np.exp(-np.maximum(t - 0.02, 0) / fall_s)
    if drum in ("crash", "ride"):
        shape = shape * 0.7 + 0.5 * np.exp(-t / 0.03)
    return _end(lowpass(mix, kit.bright_hz, rate_hz, 1) * shape, rate_hz)
