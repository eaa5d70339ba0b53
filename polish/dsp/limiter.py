"""A look-ahead true-peak limiter.

The gain is computed at about 2 kHz, one value a block of frames, from the blocks' true peaks:

1. what each block needs: the dB its true peak lies over the ceiling;
2. held, forwards and backwards, over the reach of the smoothing that follows, so that the
   reduction is all there when the peak comes and no more than any peak near it needs;
3. released: quickly after a lone peak, slowly where there was much to do for a while
   (program-dependent release: D. Giannoulis, M. Massberg & J. Reiss, "Digital Dynamic Range
   Compressor Design", JAES 60 (2012), section 3; two time constants as in classic limiters);
4. smoothed by a Hann window, and read between blocks along a cubic B-spline. Both only average
   values of step 3, so the reduction is never less than what step 1 asked for.

All channels get the same gain, so that the image stays. The sound keeps its length and its
place in time: the look-ahead is centred. Where nothing exceeds the ceiling, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ..audio.sound import Samples
from ..units import amplitude
from .peak import block_peaks

HAIR_DB = 0.06
"""How far under the ceiling to aim: for rounding to 24 bits, and for meters with other filters."""

_BLOCKS_PER_S = 2000
_SMOOTHING = 4
"""Blocks to each side under the Hann window: 4.5 ms in all."""
_HOLD = _SMOOTHING + 3
"""Blocks to each side: the window, the spline's two, one for the waveform between blocks."""
_FAST_S, _SLOW_S, _SETTLE_S = 0.04, 1.2, 0.8
_KEPT = 0.7
"""Share of the settled reduction that the fast release falls to."""
_CHUNK_FRAMES = 1 << 18


@dataclass(frozen=True, eq=False)
class Peaks:
    """True peaks of a sound by block: all the limiter needs to know of it, whatever the gain.

    Attributes:
        peaks: amplitude, ``(blocks,)``; see `block_peaks`.
        length: frames a block.
        rate_hz: frames per second.
    """

    peaks: NDArray[np.float32]
    length: int
    rate_hz: int


def find_peaks(samples: Samples, rate_hz: int, *, above: float) -> Peaks:
    """Look a sound over once; `above` is the lowest ceiling over the highest gain to be asked of it."""
    length = max(1, round(rate_hz / _BLOCKS_PER_S))
    return Peaks(block_peaks(samples, length, above=above), length, rate_hz)


def reduction_db(peaks: Peaks, threshold: float) -> NDArray[np.float64]:
    """How much to turn down around each block so that nothing exceeds `threshold` (an amplitude).

    Returns:
        dB, not negative, ``(blocks,)``; exactly 0 far from any peak over the threshold.
    """
    over = peaks.peaks > threshold
    needed = np.zeros(over.size)
    needed[over] = 20 * np.log10(peaks.peaks[over] / threshold)
    if not over.any():
        return needed
    held = maximum_filter1d(needed, 2 * _HOLD + 1, mode="constant")
    block_s = peaks.length / peaks.rate_hz
    _release(held, *(float(np.exp(-block_s / time_s)) for time_s in (_FAST_S, _SLOW_S, _SETTLE_S)), _KEPT)
    window = np.hanning(2 * _SMOOTHING + 3)[1:-1]
    return np.convolve(np.pad(held, _SMOOTHING, mode="edge"), window / window.sum(), mode="valid")


@njit(cache=True, nogil=True)
def _release(held, fast, slow, settle, kept):  # pragma: no cover - compiled
    """Let each reduction fall off slowly, in place."""
    now = settled = 0.0
    for n in range(held.size):
        keep = settle if held[n] > settled else slow
        settled = held[n] + (settled - held[n]) * keep
        floor = kept * settled
        now = max(held[n], floor + (now - floor) * fast)
        if now < 0.005:
            now = 0.0
        held[n] = now


def turn_down(
    samples: Samples, reduction: NDArray[np.float64], length: int, *, gain_db: float = 0.0
) -> Samples:
    """The sound with a gain and a reduction, given for each block of `length` frames."""
    frames = samples.shape[1]
    if not frames:
        return samples
    gain = np.pad(amplitude(gain_db) * 10 ** (-reduction / 20), (1, 2), mode="edge")
    out = np.empty((samples.shape[0], frames), np.float32)
    per_chunk = max(1, _CHUNK_FRAMES // length)
    for channel, own in zip(samples, out, strict=True):
        for block in range(0, reduction.size, per_chunk):
            part = slice(block * length, (block + per_chunk) * length)
            _apply(np.ascontiguousarray(channel[part]), gain[block:], _spline(length), own[part])
    return out


def _spline(length: int) -> NDArray[np.float64]:
    """Uniform cubic B-spline: the weights of four control points at each frame of a block."""
    t = np.arange(length) / length
    basis = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return np.stack(basis, axis=1) / 6


@njit(cache=True, nogil=True)
def _apply(x, gain, spline, out):  # pragma: no cover - compiled
    """``out = x * gain``; block ``b`` of `x` lies between control points ``b + 1`` and ``b + 2``."""
    length = spline.shape[0]
    for start in range(0, x.size, length):
        b = start // length
        g0, g1, g2, g3 = gain[b], gain[b + 1], gain[b + 2], gain[b + 3]
        for t in range(min(length, x.size - start)):
            g = spline[t, 0] * g0 + spline[t, 1] * g1 + spline[t, 2] * g2 + spline[t, 3] * g3
            out[start + t] = x[start + t] * g


def limit(samples: Samples, rate_hz: int, ceiling_dbtp: float, *, gain_db: float = 0.0) -> Samples:
    """A sound turned up by `gain_db`, with its true peak brought under `ceiling_dbtp`.

    Args:
        samples: ``(channels, frames)``; all channels get the same gain.

    Returns:
        The same shape. Overshoot is at most 0.1 dB by a 16-fold windowed sinc; without gain, a
        sound that does not exceed the ceiling comes back as it is.
    """
    threshold = amplitude(ceiling_dbtp - gain_db)
    peaks = find_peaks(samples, rate_hz, above=threshold)
    if gain_db == 0 and peaks.peaks.max(initial=0.0) <= threshold:
        return samples
    reduction = reduction_db(peaks, amplitude(-HAIR_DB) * threshold)
    return turn_down(samples, reduction, peaks.length, gain_db=gain_db)
