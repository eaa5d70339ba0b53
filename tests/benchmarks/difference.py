"""What a master has that its draft has not: their difference at the best gain, and what it shows.

The difference holds all that was done: tone, rides, limiting. Done well it sounds like the song,
duller or brighter; it pulses with the beat where a compressor pumps, and twinkles where filters
that work in the spectrum leave lone tones (musical noise).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal

from polish.audio import Samples, Sound
from polish.dsp import bands, spectrum

PUMP_HZ = (1.0, 10.0)
OCTAVES_HZ = ((40.0, 160.0), (160.0, 500.0), (500.0, 1600.0), (1600.0, 5000.0), (5000.0, 14_000.0))
QUIET_DB, LONE, AROUND_HZ, AROUND_S = 30.0, 16.0, 450.0, 0.3
CHIRP_HZ = (500.0, 16_000.0)


@dataclass(frozen=True)
class Look:
    """What the difference shows.

    Attributes:
        level_db: its level against the master's.
        pump_db: what the gains of five bands, two octaves each, do in common between 1 and 10 Hz,
            RMS; half a dB can just be heard on steady sound.
        pulse, own_pulse: how deep the envelope of the difference and that of the draft go up and
            down between 1 and 10 Hz, RMS over mean.
        chirps_percent, own_percent: share of the power at 0.5–16 kHz in lone short tones that are
            12 dB over all around them in time and frequency: of the difference, where the draft has
            no such tone, and of the draft itself.
    """

    level_db: float
    pump_db: float
    pulse: float
    own_pulse: float
    chirps_percent: float
    own_percent: float


def difference(before: Sound, after: Sound) -> Sound:
    """The master less the draft at the gain that leaves least."""
    power = float(np.vdot(before.samples, before.samples))
    gain = float(np.vdot(before.samples, after.samples)) / max(power, 1e-20)
    return after.with_samples(after.samples - before.samples * np.float32(gain))


def look(before: Sound, after: Sound) -> Look:
    rest = difference(before, after)
    level_db = 10 * np.log10(
        np.vdot(rest.samples, rest.samples) / np.vdot(after.samples, after.samples) + 1e-20
    )
    own, lone = _lone(before), _lone(rest)
    chirps = np.where(lone.there & ~scipy.ndimage.maximum_filter(own.there, (5, 5)), lone.power, 0)
    return Look(
        float(level_db), _pump_db(before, after), _pulse(rest), _pulse(before),
        100 * float(chirps.sum() / max(lone.power.sum(), 1e-20)),
        100 * float(np.where(own.there, own.power, 0).sum() / max(own.power.sum(), 1e-20)),
    )  # fmt: skip


def _pump_db(before: Sound, after: Sound) -> float:
    one, other = (bands.measure(s.samples, s.rate_hz, per_octave=1, window_s=0.046) for s in (before, after))
    gains = []
    for span_hz in OCTAVES_HZ:
        was, now = one.between(*span_hz), other.between(*span_hz)
        gain_db = bands.decibels(now) - bands.decibels(was)
        there = was > np.percentile(was, 95) * 10 ** (-QUIET_DB / 10)
        if there.sum() > 8:
            at = np.arange(was.size)
            gains.append(np.interp(at, at[there], gain_db[there]))
    if not gains:
        return 0.0
    common = np.median(gains, axis=0)
    loud = one.active(QUIET_DB)
    return float(np.sqrt(np.mean(_moving(common, one.rate_hz / one.hop)[loud] ** 2)))


def _pulse(sound: Sound) -> float:
    size = sound.rate_hz // 100
    pieces = sound.samples[:, : sound.frames // size * size].reshape(sound.channels, -1, size)
    envelope = np.sqrt(np.mean(pieces**2, axis=(0, 2), dtype=np.float64))
    return float(np.sqrt(np.mean(_moving(envelope, 100.0) ** 2)) / max(envelope.mean(), 1e-12))


def _moving(track: np.ndarray, rate_hz: float) -> np.ndarray:
    """What of a track lies between 1 and 10 Hz."""
    sos = scipy.signal.butter(2, PUMP_HZ, "bandpass", fs=rate_hz, output="sos")
    return scipy.signal.sosfiltfilt(sos, track)


@dataclass(frozen=True, eq=False)
class _Tones:
    power: np.ndarray
    there: np.ndarray


def _lone(sound: Sound) -> _Tones:
    """Powers at 0.5–16 kHz, and which of them are lone short tones, ``(bins, columns)``."""
    size = spectrum.size_for(0.046, sound.rate_hz)
    hop, step = size // 4, sound.rate_hz / size
    inside = slice(round(CHIRP_HZ[0] / step), round(min(CHIRP_HZ[1], 0.45 * sound.rate_hz) / step))
    power = np.concatenate(
        [_power(block)[inside] for _, block in spectrum.stft_blocks(sound.samples, size, hop)], 1
    )
    beside = scipy.ndimage.median_filter(power, (round(AROUND_HZ / step) | 1, 1))
    mean = scipy.ndimage.uniform_filter1d(power, round(AROUND_S * sound.rate_hz / hop) | 1, axis=1)
    loud = power.sum(axis=0) > np.percentile(power.sum(axis=0), 95) * 1e-5
    # A tone of one window is four columns long, so the mean around it holds a fifth of it.
    return _Tones(power, (power > LONE * beside) & (power > 4 * mean) & loud)


def _power(block: spectrum.Spectrum) -> Samples:
    return np.mean(block.real**2 + block.imag**2, axis=0)
