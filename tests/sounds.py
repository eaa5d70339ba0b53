"""Sounds the tests make themselves: small, seeded, and with known truth."""

from __future__ import annotations

import numpy as np

from polish.audio import Sound

RATE_HZ = 44_100


def times(seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Frame times in s, shape ``(frames,)``."""
    return np.arange(round(seconds * rate_hz)) / rate_hz


def sine(hz: float = 440.0, seconds: float = 1.0, level: float = 0.5, *, channels: int = 2,
         rate_hz: int = RATE_HZ) -> Sound:  # fmt: skip
    """A sine of amplitude `level`, the same in every channel."""
    wave = level * np.sin(2 * np.pi * hz * times(seconds, rate_hz))
    return Sound(np.tile(wave.astype(np.float32), (channels, 1)), rate_hz)


def noise(seconds: float = 1.0, level: float = 0.1, *, channels: int = 2, rate_hz: int = RATE_HZ,
          seed: int = 0, pink: bool = False) -> Sound:  # fmt: skip
    """Gaussian noise of RMS `level`, independent in every channel; 1/f when `pink`."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((channels, round(seconds * rate_hz)))
    if pink:
        spectrum = np.fft.rfft(samples)
        spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 1))
        samples = np.fft.irfft(spectrum, samples.shape[1])
    samples *= level / np.sqrt(np.mean(samples**2))
    return Sound(samples.astype(np.float32), rate_hz)


def silence(seconds: float = 1.0, *, channels: int = 2, rate_hz: int = RATE_HZ) -> Sound:
    return Sound(np.zeros((channels, round(seconds * rate_hz)), np.float32), rate_hz)


def band(
    seconds: float = 8.0, *, bpm: float = 120.0, rate_hz: int = RATE_HZ, seed: int = 0
) -> dict[str, Sound]:
    """A little band as stems drums, bass, other, vocals: a beat, a bass line, chords, a vibrato lead."""
    rng = np.random.default_rng(seed)
    t = times(seconds, rate_hz)
    beat_s = 60 / bpm
    position = (t % beat_s) / beat_s
    kick = np.sin(2 * np.pi * 55 * (t % beat_s)) * np.exp(-(t % beat_s) * 12)
    hat = rng.standard_normal(t.size) * np.exp(-((t + beat_s / 2) % beat_s) * 40)
    snare = rng.standard_normal(t.size) * np.exp(-(t % beat_s) * 25) * ((t // beat_s) % 2 == 1)
    bar = (t // (4 * beat_s)).astype(int)
    root = np.array([55.0, 43.65, 65.41, 49.0])[bar % 4]
    phase = 2 * np.pi * np.cumsum(root) / rate_hz
    bass = np.sin(phase) * (0.4 + 0.6 * (1 - position))
    chord = sum(np.sin(phase * ratio) for ratio in (4, 5, 6)) / 3
    vibrato = 1 + 0.01 * np.sin(2 * np.pi * 5.5 * t)
    lead_hz = root * np.array([8, 9, 10, 12])[(t // beat_s).astype(int) % 4] * vibrato
    lead_phase = 2 * np.pi * np.cumsum(lead_hz) / rate_hz
    sung = ((t // (2 * beat_s)).astype(int) % 4) != 3
    lead = sum(np.sin(lead_phase * k) / k for k in range(1, 6)) * sung
    pan = {"drums": (1, 1), "bass": (1, 1), "other": (1, 0.5), "vocals": (1, 1)}
    parts = {"drums": 0.3 * kick + 0.05 * hat + 0.08 * snare, "bass": 0.2 * bass, "other": 0.12 * chord,
             "vocals": 0.1 * lead}  # fmt: skip
    return {
        name: Sound(np.outer(pan[name], wave).astype(np.float32), rate_hz) for name, wave in parts.items()
    }


def total(stems: dict[str, Sound]) -> Sound:
    """The sum of stems."""
    first = next(iter(stems.values()))
    return Sound(np.sum([s.samples for s in stems.values()], axis=0, dtype=np.float32), first.rate_hz)


def snr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    """Signal-to-noise ratio of `got` against `wanted`, in dB."""
    noise_power = float(np.sum((np.asarray(got, float) - np.asarray(wanted, float)) ** 2))
    power = float(np.sum(np.asarray(wanted, float) ** 2))
    return float("inf") if noise_power == 0 else 10 * np.log10(power / noise_power)
