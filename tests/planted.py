"""Clean songs of our own composer, and every kind of fault planted in them at a stated strength."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.signal
import sounds

from polish.audio import Sound
from polish.dsp import filters
from polish.dsp.limiter import limit
from polish.dsp.loudness import SHORT_TERM_BINS, integrated_lufs, k_weighted_power
from polish.models.composer import compose
from polish.models.engines import Take
from polish.units import amplitude

LEVEL_LUFS = -15.0
EXCERPT_OF_S = 26.0
SHORT_S, LONG_S = 12.0, 60.0


@functools.lru_cache(2)
def take(seed: int, seconds: float = LONG_S) -> Take:
    return compose(seed, seconds=seconds)


@functools.lru_cache(4)
def song(seed: int) -> Sound:
    """A whole song at −15 LUFS; it ends as its composer ended it."""
    return _at(take(seed).mix, LEVEL_LUFS)


@functools.lru_cache(4)
def excerpt(seed: int) -> Sound:
    """Twelve seconds from the middle of a song at −15 LUFS, faded at the end."""
    whole = take(seed, EXCERPT_OF_S).mix
    return faded(_at(whole.cut(12, 12 + SHORT_S), LEVEL_LUFS), 2)


def _at(sound: Sound, lufs: float) -> Sound:
    """At a loudness, with peaks limited to −1.5 dBTP."""
    measured = integrated_lufs(sound.samples, sound.rate_hz)
    assert measured is not None
    return sound.with_samples(limit(sound.samples, sound.rate_hz, -1.5, gain_db=lufs - measured))


def faded(sound: Sound, seconds: float) -> Sound:
    """The sound with a fade at its end, ended by nothing."""
    return sound.with_samples(sound.samples * np.clip((sound.duration_s - clock(sound)) / seconds, 0, 1) ** 2)


def clock(sound: Sound) -> np.ndarray:
    return np.arange(sound.frames) / sound.rate_hz


def gain(sound: Sound, factor: float) -> Sound:
    return sound.with_samples(sound.samples * np.float32(factor))


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound.samples**2)))


def equalised(sound: Sound, hz: float, gain_db: float, q: float) -> Sound:
    return sound.with_samples(filters.apply(sound.samples, filters.peak(sound.rate_hz, hz, gain_db, q)))


def plus(sound: Sound, wave: np.ndarray) -> Sound:
    return sound.with_samples((sound.samples + wave).astype(np.float32))


def hollow(sound: Sound, start_s: float, length_s: float, channels: slice = slice(None)) -> Sound:
    samples = sound.samples.copy()
    samples[channels, round(start_s * sound.rate_hz) : round((start_s + length_s) * sound.rate_hz)] = 0
    return sound.with_samples(samples)


def dropout(sound: Sound, seed: int) -> Sound:
    """80 ms of nothing in all channels or in one, where the song is not quiet."""
    tenths = sound.samples[:, : sound.frames // 4410 * 4410].reshape(2, -1, 4410)
    loud = np.flatnonzero(np.sqrt((tenths**2).mean(axis=2)).min(axis=0) > 0.5 * rms(sound))
    loud = loud[(loud > 20) & (loud < 0.7 * tenths.shape[1])]
    at_s = float(np.random.default_rng(seed).choice(loud)) / 10 + 0.03
    return hollow(sound, at_s, 0.08, slice(seed % 2, 2) if seed % 4 > 1 else slice(None))


def padded(sound: Sound, before_s: float, after_s: float) -> Sound:
    sizes = [(0, 0), (round(before_s * sound.rate_hz), round(after_s * sound.rate_hz))]
    return sound.with_samples(np.pad(sound.samples, sizes))


def low_passed(sound: Sound, hz: float) -> Sound:
    taps = scipy.signal.firwin(1001, hz, fs=sound.rate_hz, window=("kaiser", 9.0))
    return sound.with_samples(scipy.signal.fftconvolve(sound.samples, taps[None], mode="same", axes=1))


def joined(sound: Sound, seed: int) -> Sound:
    """Six places from which something was cut out without a crossfade: the waveform jumps."""
    rng = np.random.default_rng(seed)
    samples, jump = sound.samples, 2 * rms(sound)
    for _ in range(6):
        at = int(rng.integers(sound.rate_hz, samples.shape[1] - 3 * sound.rate_hz))
        skips = rng.integers(1000, sound.rate_hz // 2, 600)
        steps = np.abs(samples[:, at + skips] - samples[:, at - 1, None]).mean(axis=0)
        skip = int(skips[np.argmin(np.abs(steps - jump))])
        samples = np.concatenate([samples[:, :at], samples[:, at + skip :]], axis=1)
    return sound.with_samples(samples)


def with_birdies(sound: Sound, seed: int) -> Sound:
    """Short tones at random places between 8 and 14 kHz, each as loud as all the treble there."""
    rng = np.random.default_rng(seed)
    samples = sound.samples.copy()
    size = round(0.06 * sound.rate_hz)
    treble = filters.apply(samples, filters.high_pass(sound.rate_hz, 8000.0))
    level = np.sqrt(2 * np.mean(treble**2)) * np.hanning(size)
    for start in rng.integers(0, sound.frames - size, round(40 * sound.duration_s)):
        phase = 2 * np.pi * rng.uniform(8000, 14_000) * np.arange(size) / sound.rate_hz
        samples[:, start : start + size] += (level * np.sin(phase)).astype(np.float32)
    return sound.with_samples(samples)


def with_esses(sound: Sound, seed: int) -> Sound:
    """Forty esses a minute, 110 to 170 ms at 5 to 9 kHz, 3 dB over loud moments of the voice's range."""
    rng = np.random.default_rng(seed)
    samples = sound.samples.copy()
    band = scipy.signal.butter(3, (5000, 9000), "bandpass", fs=sound.rate_hz, output="sos")
    voice = scipy.signal.butter(4, (300, 4000), "bandpass", fs=sound.rate_hz, output="sos")
    middle = scipy.signal.sosfilt(voice, samples.mean(axis=0))
    tens = middle[: middle.size // 441 * 441].reshape(-1, 441)
    level = amplitude(3.0) * float(np.sqrt(np.percentile((tens**2).mean(axis=1), 75)))
    for start in np.arange(0.5, sound.duration_s - 1.0, 60 / 40):
        size = round(rng.uniform(0.11, 0.17) * sound.rate_hz)
        rise = round(0.05 * sound.rate_hz)
        ends = np.minimum(1, np.minimum(np.arange(size), np.arange(size)[::-1]) / rise)
        hiss = scipy.signal.sosfilt(band, rng.standard_normal(size + 2000))[2000:]
        at = round((start + rng.uniform(0, 1)) * sound.rate_hz)
        samples[:, at : at + size] += (hiss / hiss.std() * level * ends).astype(np.float32)
    return sound.with_samples(samples)


def looped(sound: Sound, seed: int) -> Sound:
    """Two bars, three times in a row, cut at the song's own bar lines."""
    downs = np.array(take(seed, EXCERPT_OF_S).beats.downbeats_s) - 12
    first_s, _, last_s = downs[downs >= 0][:3]
    first, last = round(first_s * sound.rate_hz), round(last_s * sound.rate_hz)
    before, piece, rest = np.split(sound.samples, [first, last], axis=1)
    return sound.with_samples(np.concatenate([before, piece, piece, piece, rest], axis=1))


def hum(sound: Sound, hz: float) -> Sound:
    level = 0.35 * rms(sound)
    return plus(sound, level * sum(np.sin(2 * np.pi * hz * k * clock(sound)) / k for k in (1, 2, 3, 5)))


def rumble(sound: Sound, seed: int) -> Sound:
    """Noise below 18 Hz, as strong as the song."""
    wave = np.random.default_rng(seed).standard_normal(sound.frames)
    band = filters.apply(wave[None].astype(np.float32), filters.low_pass(sound.rate_hz, 18.0))[0]
    return plus(sound, band * (rms(sound) / band.std()))


def mixed_sides(sound: Sound, left: tuple[float, float], right: tuple[float, float]) -> Sound:
    """Left and right as sums of the sound and of a copy of it that is another performance."""
    own = sound.samples.mean(axis=0)
    other = np.roll(own, round(0.31 * sound.rate_hz))
    return sound.with_samples(np.stack([left[0] * own + left[1] * other, right[0] * own + right[1] * other]))


def levelled(sound: Sound, start_s: float, end_s: float, under_db: float = 0.0) -> Sound:
    """Ridden to one short-term loudness between two times, and so much under it outside."""
    power = k_weighted_power(sound.samples, sound.rate_hz).means(SHORT_TERM_BINS, 10)
    times = np.arange(power.size) / 10 + 1.5
    loud = 10 * np.log10(np.maximum(power, 1e-10))
    usual = float(np.percentile(loud, 70))
    inside = (times >= start_s) & (times <= end_s)
    wanted = usual - np.where(inside, loud, np.maximum(loud, usual) + under_db)
    curve = np.interp(clock(sound), times, np.clip(wanted, -30, 30))
    return sound.with_samples(sound.samples * 10 ** (curve / 20))


def shuffled(sound: Sound, seed: int) -> Sound:
    """Four pieces of two bars in random order, none twice in a row, for the whole song; each pass
    up to 0.5 dB louder or quieter, with noise 45 dB under it."""
    rng = np.random.default_rng(seed)
    downs = take(seed).beats.downbeats_s
    frames = [round(time_s * sound.rate_hz) for time_s in downs]
    first = len(frames) // 3
    size = min(b - a for a, b in zip(frames[first : first + 7 : 2], frames[first + 2 :: 2], strict=False))
    pieces = [sound.samples[:, frames[first + 2 * n] : frames[first + 2 * n] + size] for n in range(4)]
    order = [0, 1, 2, 3]
    while len(order) * size < sound.frames:
        order.append(int(rng.choice([n for n in range(4) if n != order[-1]])))
    row = [pieces[n] * amplitude(rng.uniform(-0.5, 0.5)) for n in order]
    samples = np.concatenate(row, axis=1)
    samples += rng.standard_normal(samples.shape) * amplitude(-45) * rms(sound)
    return faded(sound.with_samples(samples.astype(np.float32)), 3)


def drifting(sound: Sound, seed: int) -> Sound:
    """Played 4 % too slow at one end and 4 % too fast at the other."""
    sign = (-1) ** seed
    share = np.linspace(0, 1, sound.frames)
    at = np.cumsum(1 + sign * 0.08 * (share - 0.5))
    at = at[at < sound.frames - 1]
    samples = np.stack([np.interp(at, np.arange(sound.frames), row) for row in sound.samples])
    return sound.with_samples(samples.astype(np.float32))


def collapsing(sound: Sound, seed: int) -> Sound:
    """From 12 to 16 s before the end: 18 dB quieter, without treble, or one chord held."""
    at = round((sound.duration_s - 12 - seed % 5) * sound.rate_hz)
    body, rest = sound.cut(0, at / sound.rate_hz), sound.samples[:, at:]
    if seed % 3 == 0:
        rest = rest * amplitude(-18)
    elif seed % 3 == 1:
        dull = filters.cascade(*[filters.low_pass(sound.rate_hz, 900.0)] * 2)
        rest = filters.apply(np.ascontiguousarray(rest), dull)
    else:
        rest = _frozen(sound.samples[:, at - sound.rate_hz : at], rest.shape[1], seed) * rms(body)
    return sound.with_samples(np.concatenate([sound.samples[:, :at], rest], axis=1).astype(np.float32))


def _frozen(moment: np.ndarray, frames: int, seed: int) -> np.ndarray:
    """The twelve strongest partials of a moment held on, with a little hiss; RMS 1."""
    size = moment.shape[1]
    spectrum = np.abs(np.fft.rfft(moment.mean(axis=0) * np.hanning(size)))
    tops, _ = scipy.signal.find_peaks(spectrum[80:3000], distance=20)
    tops = 80 + tops[np.argsort(spectrum[80:3000][tops])[-12:]]
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, tops.size)
    times = np.arange(frames) / size
    wave = sum(spectrum[k] * np.sin(2 * np.pi * k * times + p) for k, p in zip(tops, phases, strict=True))
    wave /= np.sqrt(np.mean(wave**2))
    wave += amplitude(-28) * np.random.default_rng(seed).standard_normal(frames)
    return np.tile(wave / np.sqrt(np.mean(wave**2)), (2, 1))


def plateau(sound: Sound, seed: int) -> Sound:
    """A first fifth 8 LU under the rest, which stays at one loudness."""
    return levelled(sound, 13.0, 13.0 + 46.0, under_db=8.0)


@dataclass(frozen=True)
class Plant:
    """A fault: how strong, in what (a whole song or an excerpt), and how it is put there."""

    strength: str
    put: Callable[[Sound, int], Sound]
    whole: bool = False

    def sound(self, seed: int) -> Sound:
        """Clean sound of this seed with the fault."""
        return self.put(song(seed) if self.whole else excerpt(seed), seed)


PLANTED: dict[str, Plant] = {
    "silent": Plant("−120 dBFS of noise", lambda s, seed: sounds.noise(5, 1e-6, seed=seed)),
    "over_full_scale": Plant("peaks at +1 dBFS", lambda s, _: gain(s, 1.12 / np.abs(s.samples).max())),
    "true_peak_over": Plant("peaks at −0.1 dBFS", lambda s, _: gain(s, 0.99 / np.abs(s.samples).max())),
    "clipping": Plant(
        "cut off 6 dB under the peak",
        lambda s, _: s.with_samples(np.clip(s.samples, *(np.array([-0.5, 0.5]) * np.abs(s.samples).max()))),
    ),
    "loudness_far": Plant("12 dB too quiet", lambda s, _: gain(s, 0.25)),
    "dc_offset": Plant("1 % of full scale", lambda s, _: plus(s, np.full(s.frames, 0.01))),
    "silence_at_start": Plant("1.5 s", lambda s, _: padded(s, 1.5, 0)),
    "silence_at_end": Plant("5 s", lambda s, _: padded(s, 0, 5)),
    "gap": Plant("one hole of 80 ms, in all channels or one", dropout),
    "click": Plant("6 joins with jumps of twice the RMS", joined),
    "abrupt_ending": Plant("cut at 9.1 s", lambda s, _: s.cut(0, 9.1)),
    "collapsing_ending": Plant("−18 dB, or a low-pass at 900 Hz, or one held chord", collapsing, True),
    "flat_dynamics": Plant("ridden to one short-term loudness", lambda s, _: levelled(s, 0, 1e3), True),
    "energy_plateau": Plant("45 of 60 s at one short-term loudness", plateau, True),
    "loop": Plant("two bars three times in a row", looped),
    "missing_variation": Plant("four two-bar phrases in random order, ±0.5 dB", shuffled, True),
    "tempo_drift": Plant("8 % from one end to the other", drifting, True),
    "bandwidth_wall": Plant(
        "low-pass at 11, 15 or 16 kHz", lambda s, seed: low_passed(s, (11_000, 15_000, 16_000)[seed % 3])
    ),
    "mud": Plant("+12 dB at 320 Hz, Q 0.9", lambda s, _: equalised(s, 320, 12, 0.9)),
    "harshness": Plant("+16 dB at 3.2 kHz, Q 0.8", lambda s, _: equalised(s, 3200, 16, 0.8)),
    "resonance": Plant(
        "+20 dB, Q 12, at 1.8, 2.5 or 3.7 kHz",
        lambda s, seed: equalised(s, (1800, 2500, 3700)[seed % 3], 20, 12),
    ),
    "shimmer": Plant("40 lone tones a second, as loud as the treble", with_birdies),
    "sibilance": Plant("40 esses a minute, 3 dB over the voice's range", with_esses),
    "hum": Plant("50 or 60 Hz with harmonics, −9 dB re the song", lambda s, seed: hum(s, (50, 60)[seed % 2])),
    "sub_rumble": Plant("below 18 Hz, as strong as the song", rumble),
    "narrow_stereo": Plant(
        "both channels the same",
        lambda s, _: s.with_samples(np.repeat(s.samples.mean(axis=0, keepdims=True), 2, axis=0)),
    ),
    "out_of_phase": Plant("correlation −0.8", lambda s, _: mixed_sides(s, (1, 0.3), (-1, 0.3))),
    "mono_loss": Plant("correlation −0.2", lambda s, _: mixed_sides(s, (1, 0.8), (-1, 0.8))),
    "one_sided": Plant("right 6 dB down", lambda s, _: s.with_samples(s.samples * np.array([[1], [0.5]]))),
}  # fmt: skip
