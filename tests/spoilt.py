"""Faults planted into clean stems, with the strength stated; the clean ones are the truth.

A plant takes clean stems, the name of the stem it spoils and a random generator for what it
leaves open (frequencies, moments); it returns the clean stems to compare with and the spoilt ones.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from sounds import snr_db

from polish import audio
from polish.audio import Samples, Sound
from polish.dsp import filters, spectrum
from polish.models.composer import compose

Stems = dict[str, Sound]
LEAST_PAUSE = 0.1
"""How much of the time must be pause, where pauses are looked at."""
Plant = Callable[[Stems, str, np.random.Generator], tuple[Stems, Stems]]


@dataclass(frozen=True)
class Fault:
    """A fault as the proof states it.

    Attributes:
        strength: in words.
        stems: the stems it is planted in, one at a time; ``all`` for every stem at once.
        band_hz: where the distance is taken; None for the whole sound.
        plant: what puts it in.
        pauses: whether only the moments count in which the clean stem is 30 dB under its loud ones.
    """

    strength: str
    stems: tuple[str, ...]
    band_hz: tuple[float, float] | None
    plant: Plant
    pauses: bool = False


def songs(seed: int, seconds: float = 12.0) -> Stems:
    """True stems of a composed song."""
    return dict(compose(seed, seconds=seconds).stems)


def recorded(
    folder: Path, seed: int, seconds: float = 12.0, *, having: str = "", resting: bool = False
) -> Stems:
    """True stems of a recorded song, an excerpt by the seed; `folder` is that of the real songs.

    Args:
        having: a stem that is needed; only one of the two songs has drums and bass.
        resting: a voice that rests for a tenth of the time; only one of them does.
    """
    if having in ("drums", "bass") or (seed % 2 and not resting):
        return rock_band(folder / "stems" / "80s-rock" / "80s-rock.stem.mp4")
    easy = folder / "stems" / "so-easy"
    named = {"vocals": "vocals", "other": "accompaniment"}
    stems = {name: audio.read(next(easy.glob(f"{file}.*"))) for name, file in named.items()}
    rng = np.random.default_rng(seed)
    while True:
        start_s = rng.uniform(0, stems["vocals"].duration_s - seconds)
        cut = {name: stem.cut(start_s, start_s + seconds) for name, stem in stems.items()}
        if not resting or pauses(cut["vocals"]).mean() >= LEAST_PAUSE:
            return cut


@cache
def rock_band(path: Path) -> Stems:
    """The stems of a ``.stem.mp4``: its streams after the first, which is the mix."""
    stems = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(("drums", "bass", "other", "vocals"), 1):
            wav = Path(folder) / f"{name}.wav"
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", f"0:{number}"]
            subprocess.run([*command, str(wav)], check=True)
            stems[name] = audio.read(wav)
    return stems


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def distance_db(wanted: Samples, got: Samples, rate_hz: int, band_hz: tuple[float, float] | None) -> float:
    """SNR of `got` against `wanted`, in a band where one is given."""
    if band_hz is not None:
        sos = filters.cascade(
            filters.butterworth(rate_hz, band_hz[0], 4, "highpass"),
            filters.butterworth(rate_hz, band_hz[1], 4, "lowpass"),
        )
        wanted, got = (filters.apply(samples, sos) for samples in (wanted, got))
    return snr_db(wanted, got)


def pauses(clean: Sound) -> np.ndarray:
    """Where a stem is 30 dB under its loud moments, ``(frames,)``, in whole tenths of a second."""
    size = clean.rate_hz // 10
    count = clean.frames // size
    power = np.mean(clean.samples[:, : count * size].reshape(clean.channels, count, size) ** 2, axis=(0, 2))
    quiet = power < np.percentile(power, 90) * 1e-3
    return np.pad(np.repeat(quiet, size), (0, clean.frames - count * size))


def with_samples(stems: Mapping[str, Sound], name: str, samples: Samples) -> Stems:
    return {**stems, name: stems[name].with_samples(samples.astype(np.float32))}


def bell(low_hz: float, high_hz: float, gain_db: float, q: float) -> Plant:
    """A boost somewhere between two frequencies: of one stem, or of all for ``all``."""

    def plant(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
        hz = low_hz * (high_hz / low_hz) ** rng.uniform()
        spoilt = dict(stems)
        for each in stems if name == "all" else (name,):
            sos = filters.peak(stems[each].rate_hz, hz, gain_db, q)
            spoilt = with_samples(spoilt, each, filters.apply(stems[each].samples, sos))
        return stems, spoilt

    return plant


def hum(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    stem = stems[name]
    t = np.arange(stem.frames) / stem.rate_hz
    mains_hz = float(rng.choice([50.0, 60.0]))
    wave = sum(np.sin(2 * np.pi * mains_hz * k * t + rng.uniform(0, 6.28)) / k for k in (1, 2, 3, 5, 7))
    wave *= rms(stem.samples) * 10 ** (-20 / 20) / rms(wave)
    return stems, with_samples(stems, name, stem.samples + wave)


def rumble(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    stem = stems[name]
    below_hz = {"vocals": 25.0, "other": 14.0}.get(name, 12.0)
    noise = rng.standard_normal(stem.samples.shape).astype(np.float32)
    noise = filters.apply(noise, filters.butterworth(stem.rate_hz, below_hz, 4, "lowpass"))
    noise *= np.float32(rms(stem.samples) * 10 ** (-12 / 20) / rms(noise))
    return stems, with_samples(stems, name, stem.samples + noise)


def joins(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    """A jump every second or so that dies away within a third of a millisecond, as at a cut."""
    stem = stems[name]
    rate_hz, wave = stem.rate_hz, stem.samples.copy()
    for second in range(1, int(stem.duration_s) - 1):
        at = round((second + rng.uniform(0, 0.9)) * rate_hz)
        length = round(0.0006 * rate_hz)
        jump = np.exp(-np.arange(length) / (0.0001 * rate_hz))
        size = 4 * rms(stem.samples) * rng.choice([-1, 1]) * rng.uniform(0.7, 1.4)
        wave[:, at : at + length] += (size * jump).astype(np.float32)
    return stems, with_samples(stems, name, wave)


def shimmer(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    """Lone tones that come and go from one column to the next, 7 to 15 kHz, as strong as what is there."""
    stem = stems[name]
    size = spectrum.size_for(0.046, stem.rate_hz)
    hz = np.arange(size // 2 + 1) * stem.rate_hz / size
    inside = (hz > 7000) & (hz < min(15_000, 0.45 * stem.rate_hz))
    share = 0.012

    def flicker(block: spectrum.Spectrum, _: int) -> spectrum.Spectrum:
        there = (rng.random(block.shape[1:]) < share) & inside[:, None]
        turn = np.exp(2j * np.pi * rng.random(block.shape[1:]))
        treble = np.sqrt(np.mean(np.abs(block[:, inside]) ** 2, axis=(0, 1), keepdims=True))
        return np.broadcast_to(there * turn * treble, block.shape).astype(np.complex64)

    tones = spectrum.through(stem.samples, size, size // 4, flicker)
    sos = filters.butterworth(stem.rate_hz, 6000, 4, "highpass")
    tones *= np.float32(rms(filters.apply(stem.samples, sos)) / rms(tones))
    return stems, with_samples(stems, name, stem.samples + tones)


def sibilance(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    """Esses before words, 12 dB under the vowels in the clean voice and as loud as them in the spoilt one.

    Vowels are what is within 20 dB of the loudest moments: a voice that rests for half of a song is no
    quieter while it sings.
    """
    stem = stems[name]
    rate_hz, size = stem.rate_hz, stem.rate_hz // 100
    pieces = stem.samples[:, : stem.frames // size * size].reshape(stem.channels, -1, size)
    ticks = np.sqrt(np.mean(pieces**2, axis=(0, 2)))
    loud = np.percentile(ticks[ticks > 0.1 * np.percentile(ticks, 98)], 75)
    ess = np.zeros(stem.frames, np.float32)
    shape = np.hanning(round(0.09 * rate_hz)).astype(np.float32)
    noise = rng.standard_normal((1, stem.frames)).astype(np.float32)
    hiss = filters.apply(noise, filters.band_pass(rate_hz, 6700, 1.2))[0]
    last_s = 0.0
    for tick in range(20, ticks.size - 20):
        # Where a word begins it gets louder, and an ess may stand before it.
        if ticks[tick] > loud / 3 and ticks[tick] > 1.5 * ticks[tick - 8] and tick / 100 > last_s + 0.35:
            last_s = tick / 100
            first = max(0, tick * size - shape.size)
            ess[first : first + shape.size] += shape[: ess.size - first]
    hiss *= ess
    hiss *= np.float32(loud / max(rms(hiss[ess > 0.5]), 1e-9))
    usual, sharp = (stem.samples + hiss * np.float32(10 ** (db / 20)) for db in (-12, 0))
    return with_samples(stems, name, usual), with_samples(stems, name, sharp)


def bleed(stems: Stems, name: str, rng: np.random.Generator) -> tuple[Stems, Stems]:
    """The others leak in, 18 dB under the stem's own level, a little duller."""
    others = sum(stem.samples for other, stem in stems.items() if other != name)
    leak = others * np.float32(rms(stems[name].samples) * 10 ** (-18 / 20) / rms(others))
    sos = filters.high_shelf(stems[name].rate_hz, 3000, rng.uniform(-6, 0))
    return stems, with_samples(stems, name, stems[name].samples + filters.apply(leak, sos))


FAULTS: Mapping[str, Fault] = {
    "mud": Fault("bell of +10 dB, Q 1, at 240–360 Hz on every stem", ("all",), (150, 600),
                 bell(240, 360, 10, 1)),
    "harshness": Fault("bell of +14 dB, Q 1.4, at 2.6–4 kHz on every stem", ("all",), (1700, 6000),
                       bell(2600, 4000, 14, 1.4)),
    "mud in one": Fault("bell of +12 dB, Q 1, at 240–360 Hz on one stem", ("other",), (150, 600),
                        bell(240, 360, 12, 1)),
    "resonance": Fault("bell of +20 dB, Q 14, at 0.7–5 kHz", ("drums",), (600, 6000),
                       bell(700, 5000, 20, 14)),
    "shimmer": Fault("tones of one column at 7–15 kHz, as strong as the treble", ("drums", "other"),
                     (7000, 15_000), shimmer),
    "sibilance": Fault("esses as loud as the vowels instead of 12 dB under", ("vocals",), (4000, 12_000),
                       sibilance),
    "hum": Fault("50 or 60 Hz and 4 harmonics, −20 dB", ("vocals", "other"), None, hum),
    "joins": Fault("a jump of 4 × RMS a second, gone in 0.3 ms", ("vocals", "other"), None, joins),
    "rumble": Fault("noise below 12 to 25 Hz, −12 dB", ("vocals", "other", "bass", "drums"), None, rumble),
    "bleed": Fault("the other stems, −18 dB, a little duller", ("vocals",), None, bleed,
                   pauses=True),
}  # fmt: skip
