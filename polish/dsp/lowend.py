"""What does not belong below the music: an offset, rumble, mains hum. Each is measured, then taken out.

- An offset is the same in every second of a sound; music's means scatter around 0.
- Rumble is steady, and there is a trough between it and the lowest notes, or so much of it an
  octave below them that it cannot be their foot.
- Mains hum stands on multiples of 50 or 60 Hz with a phase that does not turn; a note on the
  same frequency comes and goes, and is a little beside it.

What is taken out is taken out without phase shift, so that a stem stays in step with the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import bands, filters, spectrum
from .blocks import excerpt, pieces

_QUIETEST_OFFSET = 2e-4
_RUMBLE_DB = -45.0
"""Rumble under that, against the stem's loud moments, is left alone: it uses no headroom."""
_TROUGH_DB = 6.0
_SHALLOW: tuple[tuple[float, float], ...] = ((-19.0, 1.85), (-22.0, 2.5))
"""A shallower trough is enough where so much, against the loud moments, lies an octave below the lowest
notes: records have −26 at most. Pairs of that level and the depth that is then enough, in dB."""
_SHALLOW_S = 8.0
"""A shorter sound shows troughs of that depth by chance."""
_HEARD_HZ, _UNHEARD_DB = 22.0, -24.0
"""What lies below is not heard; and its level against the loud moments, from where on it uses headroom."""
_STEADY_DB = 10.0
_HUM_DB = -60.0
_COHERENT = 0.93
_NEARLY, _COMB, _COMB_OF = 0.85, 3, 5
"""A line that a bass note right beside it disturbs, and how many such of the first five make a comb: 25 songs
of humans and generators, whole and in pieces of 12 s, had two at most."""
_LINES = 16
_HUM_TOP_HZ = 1000.0
_WINDOW_S = 1.0
_PIECE, _WINDOWS = 1 << 15, 128
"""Frames and windows worked on at a time; the result does not depend on them."""


def offset(samples: Samples, rate_hz: int) -> NDArray[np.float64] | None:
    """The constant offset of every channel, ``(channels,)``; ``None`` when there is none.

    Median of the means of tenths of a second, to which the means of nine in ten whole seconds
    must agree to half of it: a drum whose waveform leans to one side has a mean too, but only
    while it sounds.
    """
    if samples.shape[1] < 2 * rate_hz:
        return None
    middle = np.median(_means(samples, rate_hz // 10), axis=0)
    agree = np.mean(np.abs(_means(samples, rate_hz) - middle) < np.abs(middle) / 2, axis=0)
    found = np.where((np.abs(middle) > _QUIETEST_OFFSET) & (agree > 0.9), middle, 0.0)
    return found if found.any() else None


def _means(samples: Samples, size: int) -> NDArray[np.float64]:
    """Means of whole pieces of `size` frames, ``(pieces, channels)``."""
    whole = samples.shape[1] // size * size
    means = [
        samples[:, part].reshape(samples.shape[0], -1, size).mean(axis=2, dtype=np.float64)
        for part in pieces(whole, 64 * size, samples)
    ]
    return np.concatenate(means, axis=1).T


def without_offset(samples: Samples, found: NDArray[np.float64]) -> Samples:
    """The sound around 0."""
    out = scratch(samples.shape)
    for part in pieces(samples.shape[1], 1 << 16, samples, out):
        out[:, part] = samples[:, part] - found.astype(np.float32)[:, None]
    return out


@dataclass(frozen=True)
class Rumble:
    """Steady sound below the music.

    Attributes:
        corner_hz: the trough above it.
        level_db: its level against the loud moments of the stem.
    """

    corner_hz: float
    level_db: float


def rumble(samples: Samples, rate_hz: int, lowest_hz: float, *, named: bool = False) -> Rumble | None:
    """Rumble in a stem, if there is any worth taking out.

    Args:
        samples: ``(channels, frames)`` float32.
        lowest_hz: where the music of such a stem begins.
        named: the song is known to rumble, so some stem must have it: what a stem has below
            hearing is taken, also where no trough is above it.
    """
    if samples.shape[1] < 2 * rate_hz:
        return None
    low = bands.measure(samples, rate_hz, per_octave=6, low_hz=6.0, high_hz=240.0, window_s=0.74)
    whole = bands.measure(samples, rate_hz, per_octave=1, window_s=0.74)
    sounding = whole.active(40)
    if not sounding.any():
        return None
    loud_db = float(np.percentile(bands.decibels(whole.powers.sum(axis=0)[sounding]), 90))
    under = low.powers[low.centres_hz < lowest_hz * 0.9].sum(axis=0)
    level_db = float(bands.decibels(under.mean()))
    steady = level_db - float(np.percentile(bands.decibels(under), 15)) < _STEADY_DB
    average_db = bands.decibels(low.powers.mean(axis=1))
    inside = (low.centres_hz > lowest_hz * 0.5) & (low.centres_hz < lowest_hz * 1.25)
    trough = int(np.flatnonzero(inside)[np.argmin(average_db[inside])])
    over_trough_db = average_db[: trough + 1].max() - average_db[trough]
    far_below = bands.decibels(low.powers[low.centres_hz < lowest_hz / 2].sum(axis=0).mean()) - loud_db
    known = _SHALLOW if samples.shape[1] >= _SHALLOW_S * rate_hz else ()
    enough_db = next((depth for level, depth in known if far_below > level), _TROUGH_DB)
    if steady and over_trough_db > enough_db and level_db - loud_db >= _RUMBLE_DB:
        return Rumble(round(float(low.centres_hz[trough]), 1), round(float(level_db - loud_db), 1))
    unheard_db = bands.decibels(low.powers[low.centres_hz < _HEARD_HZ].sum(axis=0).mean()) - loud_db
    if named and unheard_db >= _UNHEARD_DB:
        return Rumble(_HEARD_HZ, round(float(unheard_db), 1))
    return None


def without_rumble(samples: Samples, rate_hz: int, found: Rumble) -> Samples:
    """The sound above the trough: 24 dB an octave, −6 dB at it, without phase shift."""
    return filters.apply_zero_phase(samples, filters.high_pass(rate_hz, found.corner_hz), rate_hz)


@dataclass(frozen=True, eq=False)
class Hum:
    """Mains hum.

    Attributes:
        lines_hz: the frequencies found.
        level_db: its level against that of the stem.
        amplitudes: ``(lines, channels, windows)`` complex, slowly varying; window ``k`` is
            centred on ``(k + 1) * 0.5 s``.
    """

    lines_hz: tuple[float, ...]
    level_db: float
    amplitudes: NDArray[np.complex128]


def hum(samples: Samples, rate_hz: int, *, comb: bool = False) -> Hum | None:
    """Hum of 50 or 60 Hz with its harmonics, if it is there all the time; ``None`` otherwise.

    Args:
        samples: ``(channels, frames)`` float32.
        comb: lines that a note beside them disturbs count too, where three of the first five stand
            nearly still: enough to say that there is hum, not to know how much of a line it is.
    """
    if samples.shape[1] < 6 * rate_hz or rate_hz < 4 * _HUM_TOP_HZ / 2:
        return None
    power = spectrum.mean_square(samples)
    if power <= 0:
        return None
    step = max(1, int(rate_hz // (3 * _HUM_TOP_HZ)))
    slow = _slower(samples, step)
    best: Hum | None = None
    for mains_hz in (50.0, 60.0):
        found = _series(slow, rate_hz / step, mains_hz, power, comb)
        if found and (best is None or found.level_db > best.level_db):
            best = found
    return best


def _slower(samples: Samples, step: int) -> NDArray[np.float64]:
    """Every `step`-th frame after a low-pass, worked out piece by piece."""
    if step == 1:
        return samples.astype(np.float64)
    # As far as the filter of `resample_poly` reaches to either side.
    reach, parts = 10 * step, []
    for at in pieces(samples.shape[1], _PIECE * step, samples):
        around = [excerpt(channel, at.start - reach, at.stop + reach) for channel in samples]
        part = np.stack(around).astype(np.float64)
        count = -(-(at.stop - at.start) // step)
        parts.append(scipy.signal.resample_poly(part, 1, step, axis=1)[:, 10 : 10 + count])
    return np.concatenate(parts, axis=1)


def _series(
    slow: NDArray[np.float64], rate_hz: float, mains_hz: float, power: float, comb: bool
) -> Hum | None:
    lines = mains_hz * np.arange(1, min(_LINES, int(_HUM_TOP_HZ / mains_hz)) + 1)
    turning = _demodulated(slow, rate_hz, lines, _WINDOW_S)
    steadied = np.stack([[_median(channel) for channel in line] for line in turning])
    strength = np.sqrt((np.abs(steadied) ** 2).mean(axis=(1, 2)))
    there = strength**2 / 2 > power * 1e-8
    # A drum repeated at a steady tempo has lines too, but not in the gaps between its hits.
    gaps = np.percentile(np.abs(_demodulated(slow, rate_hz, lines, _WINDOW_S / 8)).max(axis=1), 10, axis=1)
    there &= gaps > strength / 2
    still = np.array([_stillness(line) for line in turning])
    real, nearly = there & (still > _COHERENT), there & (still > _NEARLY)
    if comb and nearly[:_COMB_OF].sum() >= _COMB and real[:_COMB_OF].any():
        real |= nearly
    if real.sum() < 2 or not real[:2].any():
        return None
    level_db = float(10 * np.log10(np.sum(strength[real] ** 2 / 2) / power))
    if level_db < _HUM_DB:
        return None
    return Hum(tuple(lines[real].tolist()), round(level_db, 1), steadied[real])


def _demodulated(
    slow: NDArray[np.float64], rate_hz: float, lines_hz: NDArray[np.float64], window_s: float
) -> NDArray[np.complex128]:
    """Complex amplitude of every line in windows half a window apart: ``(lines, channels, windows)``."""
    size = round(window_s * rate_hz)
    shape = spectrum.window(size).astype(np.float64)
    starts = np.round(np.arange(0, slow.shape[1] - size + 1, rate_hz * window_s / 2)).astype(int)
    clock = np.arange(size) / rate_hz
    basis = shape * np.exp(-2j * np.pi * lines_hz[:, None] * clock) * (2 / shape.sum())
    parts = []
    for first in range(0, starts.size, _WINDOWS):
        frames = np.stack(
            [slow[:, start : start + size] for start in starts[first : first + _WINDOWS]], axis=1
        )
        parts.append(np.einsum("cwt,lt->lcw", frames, basis, optimize=True))
    found = np.concatenate(parts, axis=2)
    return found * np.exp(-2j * np.pi * lines_hz[:, None, None] * (starts / rate_hz))


def _stillness(line: NDArray[np.complex128]) -> float:
    """How still a line's phase stands, 0 to 1; 0 if its level does not hold. ``(channels, windows)``."""
    strongest = line[np.argmax(np.abs(line).sum(axis=1))]
    size = min(16, strongest.size)
    runs = np.lib.stride_tricks.sliding_window_view(strongest, size)
    coherence = np.abs(np.median(runs.real, axis=1) + 1j * np.median(runs.imag, axis=1))
    coherence /= np.maximum(np.median(np.abs(runs), axis=1), 1e-15)
    low = np.percentile(np.abs(strongest), 10)
    holds = low > 0.4 * np.median(np.abs(strongest))
    return float(np.percentile(coherence, 20)) if holds else 0.0


def _median(line: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Running median of real and imaginary part over 10 s: notes that come and go leave no trace."""
    size = min(21, line.size if line.size % 2 else line.size - 1)
    padded = np.pad(line, size // 2, mode="reflect" if line.size > size // 2 else "edge")
    runs = np.lib.stride_tricks.sliding_window_view(padded, size)
    return np.median(runs.real, axis=1) + 1j * np.median(runs.imag, axis=1)


def without_hum(samples: Samples, rate_hz: int, found: Hum) -> Samples:
    """The sound less the hum: every line is subtracted with its own slowly moving amplitude."""
    out = scratch(samples.shape)
    windows = (np.arange(found.amplitudes.shape[2]) + 1) * _WINDOW_S / 2
    for part in pieces(samples.shape[1], 1 << 16, samples, out):
        block = samples[:, part].astype(np.float64)
        clock = np.arange(part.start, part.stop) / rate_hz
        for hz, line in zip(found.lines_hz, found.amplitudes, strict=True):
            turn = np.exp(2j * np.pi * hz * clock)
            for channel, moving in enumerate(line):
                now = np.interp(clock, windows, moving.real) + 1j * np.interp(clock, windows, moving.imag)
                block[channel] -= (now * turn).real
        out[:, part] = block
    return out
