"""The synthesiser: band-limited oscillators, struck and plucked strings, moving filters, space.

Everything works on float32 arrays of shape ``(frames,)`` or ``(2, frames)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

Wave = NDArray[np.float32]
_TABLE = 4096


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch, A4 = 69 = 440 Hz."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


@lru_cache(maxsize=256)
def _table(harmonics: int, slope: float, odd: bool) -> Wave:
    """One period with `harmonics` partials that fall as ``k ** -slope``."""
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    k = np.arange(1, min(harmonics, _TABLE // 2 - 1) + 1)
    spectrum[k] = -1j * k**-slope
    if odd:
        spectrum[2::2] = 0
    wave = np.fft.irfft(spectrum)
    wave /= np.abs(wave).max()
    return np.append(wave, wave[0]).astype(np.float32)


def oscillator(
    hz: float, frames: int, rate_hz: int, *, slope: float = 1.0, odd: bool = False, phase: float = 0.0,
    top_hz: float = 16_000.0,
) -> Wave:  # fmt: skip
    """A steady tone whose partials stop below `top_hz` and the Nyquist frequency: no aliasing."""
    harmonics = max(1, int(min(top_hz, 0.45 * rate_hz) / hz))
    table = _table(harmonics, slope, odd)
    at = ((np.arange(frames) * (hz / rate_hz) + phase) % 1.0) * _TABLE
    index = at.astype(np.int32)
    part = (at - index).astype(np.float32)
    return table[index] * (1 - part) + table[index + 1] * part


def blep_saw(hz: NDArray[np.floating], rate_hz: int) -> Wave:
    """A saw of moving pitch, its steps rounded by PolyBLEP (Välimäki and Huovilainen, 2007)."""
    step = hz.astype(np.float64) / rate_hz
    phase = np.cumsum(step) % 1.0
    saw = 2 * phase - 1
    after = phase < step
    t = phase[after] / step[after]
    saw[after] -= t + t - t * t - 1
    before = phase > 1 - step
    t = (phase[before] - 1) / step[before]
    saw[before] -= t * t + t + t + 1
    return saw.astype(np.float32)


def adsr(
    frames: int, rate_hz: int, *, attack_s: float, decay_s: float, sustain: float, release_s: float
) -> Wave:
    """An envelope over `frames`, of which the last `release_s` are the release."""
    release = min(frames // 2, int(release_s * rate_hz))
    t = np.arange(frames, dtype=np.float32) / rate_hz
    level = sustain + (1 - sustain) * np.exp(-np.maximum(t - attack_s, 0) / max(decay_s, 1e-3))
    level *= np.minimum(1.0, t / max(attack_s, 1e-4))
    if release:
        level[-release:] *= np.linspace(1, 0, release, dtype=np.float32) ** 2
    return level.astype(np.float32)


def struck(
    hz: float, frames: int, rate_hz: int, *, partials: NDArray[np.float64], decay_s: NDArray[np.float64],
    stretch: float = 0.0, ratios: NDArray[np.float64] | None = None,
) -> Wave:  # fmt: skip
    """A struck or plucked tone: partials that each die away at their own pace.

    Args:
        partials: their amplitudes; decay_s: their times to fall to 1/e.
        stretch: inharmonicity B of a stiff string, partial k at ``k f sqrt(1 + B k²)``.
        ratios: frequencies relative to `hz` instead of whole numbers.
    """
    out = np.zeros(frames, np.float32)
    t = np.arange(frames, dtype=np.float32) / np.float32(rate_hz)
    top = 0.45 * rate_hz
    for k, (level, fall) in enumerate(zip(partials, decay_s, strict=True), start=1):
        ratio = float(ratios[k - 1]) if ratios is not None else k * np.sqrt(1 + stretch * k * k)
        if hz * ratio > top:
            continue
        n = min(frames, int(7 * fall * rate_hz))
        angle = np.float32(2 * np.pi * hz * ratio)
        out[:n] += (
            np.float32(level)
            * np.sin(angle * t[:n] + np.float32(0.7 * k))
            * np.exp(-t[:n] / np.float32(fall))
        )
    out *= np.minimum(1, t / np.float32(0.0015))
    fade = min(frames, int(0.02 * rate_hz))
    if fade:
        out[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out


@lru_cache(maxsize=64)
def _sections(kind: str, low_hz: float, high_hz: float, rate_hz: int, order: int) -> NDArray[np.float64]:
    top = 0.48 * rate_hz
    edges = {"lowpass": min(high_hz, top), "highpass": min(low_hz, top),
             "bandpass": (min(low_hz, 0.9 * top), min(high_hz, top))}[kind]  # fmt: skip
    return butter(order, edges, kind, fs=rate_hz, output="sos")


def _filter(wave: Wave, sections: NDArray[np.float64]) -> Wave:
    """Filter each channel by itself, so that only one is ever in double precision."""
    if wave.ndim == 1:
        return sosfilt(sections, wave).astype(np.float32)
    return np.stack([sosfilt(sections, channel).astype(np.float32) for channel in wave])


def lowpass(wave: Wave, hz: float, rate_hz: int, order: int = 2) -> Wave:
    return _filter(wave, _sections("lowpass", 0, hz, rate_hz, order))


def highpass(wave: Wave, hz: float, rate_hz: int, order: int = 2) -> Wave:
    return _filter(wave, _sections("highpass", hz, 0, rate_hz, order))


def bandpass(wave: Wave, low_hz: float, high_hz: float, rate_hz: int, order: int = 2) -> Wave:
    return _filter(wave, _sections("bandpass", low_hz, high_hz, rate_hz, order))


def curve(at: NDArray[np.floating], values: NDArray[np.floating], frames: int) -> Wave:
    """Straight lines between `values` at the positions `at` (in frames), for every frame."""
    out = np.empty(frames, np.float32)
    for first in range(0, frames, 1 << 20):
        block = out[first : first + (1 << 20)]
        block[:] = np.interp(np.arange(first, first + block.size), at, values)
    return out


def filtered_frames(wave: Wave, hop: int, gain: Callable[[int, int, Wave], Wave], rate_hz: int) -> Wave:
    """Apply a gain that moves in time and frequency to overlapping short-time spectra.

    Args:
        wave: ``(frames,)``.
        gain: from first and last hop and the bins' frequencies, gains ``(hops, bins)``.

    Root-Hann windows of four hops, added up to unity (Allen and Rabiner, 1977).
    """
    size = 4 * hop
    window = np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32) / np.sqrt(2).astype(np.float32)
    hops = -(-wave.size // hop) + 3
    padded = np.zeros((hops + 3) * hop, np.float32)
    padded[3 * hop : 3 * hop + wave.size] = wave
    hz = (np.fft.rfftfreq(size) * rate_hz).astype(np.float32)
    out = np.zeros_like(padded)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    for first in range(0, len(frames), 512):
        last = min(first + 512, len(frames))
        spectra = np.fft.rfft(frames[first:last] * window, axis=1)
        spectra *= gain(first, last, hz)
        back = np.fft.irfft(spectra, size, axis=1).astype(np.float32) * window
        for quarter in range(4):
            part = back[:, quarter * hop : (quarter + 1) * hop].reshape(-1)
            start = (first + quarter) * hop
            out[start : start + part.size] += part
    return out[3 * hop : 3 * hop + wave.size]


def swept(wave: Wave, cutoff_hz: Wave, rate_hz: int, *, resonance: float = 0.3) -> Wave:
    """A low-pass of 24 dB an octave whose corner moves; `cutoff_hz` has one value a frame."""
    hop = 256
    corner = cutoff_hz[::hop]

    def gain(first: int, last: int, hz: Wave) -> Wave:
        where = np.clip(np.arange(first, last) - 1, 0, corner.size - 1)
        x = hz[None, :] / corner[where][:, None]
        return ((1 + resonance * np.exp(-8 * (x - 0.95) ** 2)) / np.sqrt(1 + x**8)).astype(np.float32)

    return filtered_frames(wave, hop, gain, rate_hz)


@lru_cache(maxsize=8)
def _room(time_s: float, rate_hz: int, seed: int, bright_hz: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    frames = int(time_s * 1.2 * rate_hz)
    t = np.arange(frames) / rate_hz
    noise = rng.standard_normal((2, frames)).astype(np.float32)
    dark = lowpass(noise, bright_hz * 0.4, rate_hz, 1)
    bright = lowpass(noise, bright_hz, rate_hz, 1) - dark
    fall = np.exp(-6.9 * t / time_s)
    tail = dark * fall + bright * np.exp(-6.9 * t / (0.55 * time_s))
    tail *= 1 - np.exp(-t / 0.012)
    tail = highpass(tail.astype(np.float32), 180, rate_hz, 2)
    return (tail / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))).astype(np.float32)


def space(
    wave: Wave, amount: float, time_s: float, rate_hz: int, *, seed: int, bright_hz: float = 7000.0
) -> Wave:
    """`wave` ``(2, frames)`` with a diffuse stereo reverberation of `time_s` (−60 dB) added."""
    if amount <= 0:
        return wave
    room = _room(round(time_s, 2), rate_hz, seed, bright_hz)
    out = wave.copy()
    for channel, tail in zip(out, room, strict=True):
        np.add(channel, oaconvolve(channel, tail * np.float32(amount))[: channel.size], out=channel)
    return out


def echo(wave: Wave, delay_s: float, *, feedback: float, amount: float, rate_hz: int) -> Wave:
    """Echoes that go from side to side and get darker."""
    delay = int(delay_s * rate_hz)
    out, turn, level = wave.copy(), wave, amount
    for _ in range(4):
        if delay >= wave.shape[1] or level < 0.02:
            break
        turn = lowpass(np.pad(turn[::-1, :-delay], ((0, 0), (delay, 0))), 3500, rate_hz, 1)
        out += np.float32(level) * turn
        level *= feedback
    return out
