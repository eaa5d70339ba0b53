"""Mains hum: lines on multiples of 50 or 60 Hz whose phase does not turn, measured and taken out.

A note on the same frequency comes and goes, and is a little beside it. Where a bass plays around
the lines all the time, none of them stands still by itself; then each is weighed by how quiet it
is beside it, moment by moment, and the lines count together.

What is taken out is taken out without phase shift, so that a stem stays in step with the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ..audio.scratching import rest, scratch
from ..audio.sound import Samples
from . import spectrum
from .blocks import excerpt, pieces

_HUM_DB = -60.0
_COHERENT = 0.93
_LINES = 16
_HUM_TOP_HZ = 1000.0
_WINDOW_S, _RUN = 1.0, 21
_BESIDE, _LEAST_BESIDE = (-4.0, -3.0, -2.5, 2.5, 3.0, 4.0), 1e-3
"""Where it is looked beside a line, in widths of a window's bin, and the least that counts there, against
the line's own power."""
_OVERLAP = 1.5
"""Windows overlap by half, so that there are fewer moments than windows."""
_DISTURBED_DB = -40.0
"""Hum further under the music around it than that is covered by it."""
_AWAY_HZ = np.delete(np.arange(-50, 51), range(46, 55)) / 10
_MOST, _CLEARLY = 6.0, 7.5
"""How much one line counts at most, and by how much the lines together stand over any beside them: planted
hum does by 9 and more, the hits of steady drums and the wrong mains by 5.5 at most."""
_SURE, _SURE_OF, _SURE_MANY = 2.4, 8, 4
"""From how many standard errors on a line counts, and how many of the first eight make hum together."""
_PIECE, _WINDOWS = 1 << 15, 128
"""Frames and windows worked on at a time; the result does not depend on them."""


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


def find(samples: Samples, rate_hz: int) -> Hum | None:
    """Hum of 50 or 60 Hz with its harmonics, if it is there all the time; ``None`` otherwise.

    Args:
        samples: ``(channels, frames)`` float32.
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
        found = _series(slow, rate_hz / step, mains_hz, power)
        if found and (best is None or found.level_db > best.level_db):
            best = found
    return best


def _slower(samples: Samples, step: int) -> NDArray[np.float64]:
    """Every `step`-th frame after a low-pass, worked out piece by piece; long ones lie on the disk."""
    out = scratch((samples.shape[0], 2 * -(-samples.shape[1] // step))).view(np.float64)
    # As far as the filter of `resample_poly` reaches to either side.
    reach = 10 * step
    for at in pieces(samples.shape[1], _PIECE * step, samples, out):
        here = slice(at.start // step, -(-at.stop // step))
        if step == 1:
            out[:, here] = samples[:, at]
            continue
        around = [excerpt(channel, at.start - reach, at.stop + reach) for channel in samples]
        part = np.stack(around).astype(np.float64)
        out[:, here] = scipy.signal.resample_poly(part, 1, step, axis=1)[:, 10 : 10 + here.stop - here.start]
    return out


def _series(slow: NDArray[np.float64], rate_hz: float, mains_hz: float, power: float) -> Hum | None:
    lines = mains_hz * np.arange(1, min(_LINES, int(_HUM_TOP_HZ / mains_hz)) + 1)
    turning = _demodulated(slow, rate_hz, lines, _WINDOW_S)
    weights = _quiet(slow, rate_hz, lines, turning)
    steadied = _steadied(turning, weights)
    strength = np.sqrt((np.abs(steadied) ** 2).mean(axis=(1, 2)))
    there = strength**2 / 2 > power * 1e-8
    certain = _certainty(turning, steadied, weights)
    # A drum repeated at a steady tempo has lines too, but not in the gaps between its hits.
    gaps = np.percentile(np.abs(_demodulated(slow, rate_hz, lines, _WINDOW_S / 8)).max(axis=1), 10, axis=1)
    lasting = there & (gaps > strength / 2)
    still = np.array([_stillness(line) for line in turning])
    real = lasting & (still > _COHERENT)
    held = np.ones(lines.size)
    if real.sum() < 2 or not real[:2].any():
        sure = lasting & (certain > _SURE)
        if sure[:_SURE_OF].sum() < _SURE_MANY or not _alone(
            slow, rate_hz, lines[:_SURE_OF], weights, certain
        ):
            return None
        # Of a line that is not certain, as much as is more likely its own than the music's.
        real = lasting & (certain > 1)
        held = np.where(sure, 1.0, 1 - 1 / np.maximum(certain, 1) ** 2)
    else:
        real |= lasting & (certain > _SURE)
    steadied *= held[:, None, None]
    level_db = float(10 * np.log10(np.sum(np.abs(steadied[real]) ** 2 / 2) / steadied[0].size / power))
    if level_db < (_HUM_DB if (held == 1).all() else _DISTURBED_DB):
        return None
    return Hum(tuple(lines[real].tolist()), round(level_db, 1), steadied[real])


def _alone(
    slow: NDArray[np.float64],
    rate_hz: float,
    lines_hz: NDArray[np.float64],
    weights: NDArray[np.float64],
    certain: NDArray[np.float64],
) -> bool:
    """Whether the lines stand where they are and nowhere beside: hits of a steady tempo stand all around."""
    best = 0.0
    for away_hz in _AWAY_HZ:
        turning = _demodulated(slow, rate_hz, lines_hz + away_hz, _WINDOW_S)
        quiet = weights[: lines_hz.size]
        beside = _certainty(turning, _steadied(turning, quiet), quiet)
        best = max(best, float(np.minimum(beside, _MOST).sum()))
    return float(np.minimum(certain[: lines_hz.size], _MOST).sum()) > best + _CLEARLY


def _quiet(
    slow: NDArray[np.float64], rate_hz: float, lines_hz: NDArray[np.float64], turning: NDArray[np.complex128]
) -> NDArray[np.float64]:
    """How little there is beside every line, moment by moment: ``(lines, windows)``, one over its power."""
    beside = np.zeros(turning.shape[::2])
    for away in _BESIDE:
        at = _demodulated(slow, rate_hz, lines_hz + away / _WINDOW_S, _WINDOW_S)
        beside += np.mean(np.abs(at) ** 2, axis=1)
    return 1 / (beside + _LEAST_BESIDE * np.mean(np.abs(turning) ** 2, axis=(1, 2))[:, None] + 1e-30)


def _certainty(
    turning: NDArray[np.complex128], steadied: NDArray[np.complex128], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By how many of its standard errors every line is off 0, in the median of its moments, ``(lines,)``."""
    loudest = np.argmax(np.abs(steadied).sum(axis=2), axis=1)
    each = np.arange(loudest.size)
    line, middle = turning[each, loudest], steadied[each, loudest]
    error = _runs(weights**2 * np.abs(line - middle) ** 2).sum(axis=2)
    total = _runs(weights).sum(axis=2)
    certain = np.abs(middle) * total / np.sqrt(_OVERLAP * error + 1e-60)
    return np.median(certain, axis=1)


def _steadied(turning: NDArray[np.complex128], weights: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Running mean over 10 s, in which moments count as far as it is quiet beside the line."""
    total = _runs(weights).sum(axis=2)
    return _runs(turning * weights[:, None]).sum(axis=3) / total[:, None]


def _runs(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The windows of 10 s around every one, along the last axis; mirrored at the ends."""
    count = values.shape[-1]
    size = min(_RUN, count if count % 2 else count - 1)
    reach = ((0, 0),) * (values.ndim - 1) + ((size // 2, size // 2),)
    padded = np.pad(values, reach, mode="reflect" if count > size // 2 else "edge")
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)


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
        rest(slow)
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


def without(samples: Samples, rate_hz: int, found: Hum) -> Samples:
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
