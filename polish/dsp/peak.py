"""Sample peak and true peak (ITU-R BS.1770-5 annex 2).

True peak is the highest point of the waveform that the samples stand for. Between samples it
is found in two steps. A 4-fold polyphase filter and a parabola through the highest point and
its neighbours read the peak of every short block to about 0.05 dB; a limiter lives on these.
The highest blocks are then looked at through a 16-fold windowed sinc of 128 taps a phase
(`FILTER`), whose highest point is the true peak.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..audio.sound import Samples
from ..units import decibels
from .blocks import excerpt

FILTER = "16-fold Kaiser-windowed sinc, 128 taps a phase, on the highest blocks of a 4-fold one of 64"
"""The true-peak filter, for reports."""

_BLOCKS_PER_S = 700
_CHUNK_FRAMES = 1 << 18
_FINE_BLOCKS = 64


def interpolator(factor: int, taps: int, beta: float) -> NDArray[np.float32]:
    """Kaiser-windowed sinc by phase, ``(factor - 1, taps)``, each phase of gain 1 at 0 Hz.

    Row ``p`` gives the value ``(p + 1) / factor`` of a frame after the frame that its tap
    ``taps / 2 - 1`` lies on.
    """
    phase = np.arange(1, factor)[:, None] / factor
    distance = np.arange(taps)[None, :] - (taps / 2 - 1) - phase
    window = np.i0(beta * np.sqrt(np.maximum(0, 1 - (distance / (taps / 2)) ** 2)))
    kernel = np.sinc(distance) * window
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


_FINE = interpolator(16, 128, 8.0)
_COARSE = interpolator(4, 64, 6.0)
_OTHERS = (interpolator(4, 20, 5.0), interpolator(4, 128, 8.0))
"""Near Nyquist what is a peak depends on the filter, and players differ: a shorter and a longer one."""


@njit(cache=True, nogil=True, fastmath={"contract"})
def _block_peaks(x, kernel, length, wanted, peaks):  # pragma: no cover - compiled
    """Highest point of each block of `length` frames of `x`, which has margins of `taps` frames.

    Tiles of blocks whose samples all lie under `wanted` are not looked at between samples.
    """
    taps = kernel.shape[1]
    per_tile = max(1, 256 // length)
    points = np.zeros((4, per_tile * length + 2), np.float32)
    level = np.empty(per_tile * length + 2, np.float32)
    for tile in range(0, peaks.size, per_tile):
        blocks = min(per_tile, peaks.size - tile)
        size = blocks * length + 2  # one frame more at each end, for the neighbours
        start = taps + tile * length - 1
        loudest = np.float32(0.0)
        for n in range(start - taps // 2 + 1, start + size + taps // 2):
            loudest = max(loudest, abs(x[n]))
        between = loudest > 0 and loudest >= wanted
        if between:
            _interpolate(x[start - taps // 2 + 1 : start + size + taps // 2], kernel, size, points, level)
        else:
            for n in range(size):
                level[n] = abs(x[start + n])
        for b in range(blocks):
            first, top = 1 + b * length, np.float32(0.0)
            for n in range(first, first + length):
                top = max(top, level[n])
            if between and top >= wanted:
                top = _vertex(points, level, first, top)
            peaks[tile + b] = top


@njit(cache=True, nogil=True, fastmath={"contract"})
def _interpolate(x, kernel, size, points, level):  # pragma: no cover - compiled
    """Four `points` for each of `size` frames of `x`, which has half the filter's length around them."""
    on, quarter, half, three = points[0], points[1], points[2], points[3]
    before = kernel.shape[1] // 2 - 1
    for n in range(size):
        on[n] = x[before + n]
        quarter[n] = half[n] = three[n] = 0
    for k in range(0, kernel.shape[1], 2):
        q0, q1 = kernel[0, k], kernel[0, k + 1]
        h0, h1 = kernel[1, k], kernel[1, k + 1]
        t0, t1 = kernel[2, k], kernel[2, k + 1]
        seen = x[k : k + size + 1]
        for n in range(size):
            a, b = seen[n], seen[n + 1]
            quarter[n] += q0 * a + q1 * b
            half[n] += h0 * a + h1 * b
            three[n] += t0 * a + t1 * b
    for n in range(size):
        level[n] = max(abs(on[n]), abs(quarter[n]), abs(half[n]), abs(three[n]))


@njit(cache=True, nogil=True)
def _vertex(points, level, first, top):  # pragma: no cover - compiled
    """Height of the parabola through the first point as high as `top` from `first` on and its neighbours."""
    n, phase = first, 0
    while level[n] != top:
        n += 1
    while phase < 3 and abs(points[phase, n]) != top:
        phase += 1
    before = abs(points[phase - 1, n]) if phase > 0 else abs(points[3, n - 1])
    after = abs(points[phase + 1, n]) if phase < 3 else abs(points[0, n + 1])
    bend = 2 * top - before - after
    if before > top or after > top or bend <= 0:
        return top
    return np.float32(top + (after - before) ** 2 / (8 * bend))


def block_peaks(samples: Samples, length: int, *, above: float) -> NDArray[np.float32]:
    """Peak amplitude between frames too, of each block of `length` frames, the channels' highest.

    It is the highest that three filters of different length find, and what rings beyond the
    ends belongs to the first and the last block: into silence, or into the sound mirrored at
    its ends, which is how some resamplers (libswresample) begin and end.

    Args:
        samples: ``(channels, frames)``.
        above: amplitude below which it does not matter; blocks that cannot reach it give their
            sample peak.

    Returns:
        ``(ceil(frames / length),)``, good to about 0.05 dB where they matter.
    """
    peaks = np.zeros(-(-samples.shape[1] // length), np.float32)
    for channel in samples if peaks.size else ():
        for kernel in (_COARSE, *_OTHERS):
            np.maximum(peaks, _channel_peaks(channel, kernel, length, above), out=peaks)
            peaks[[0, -1]] = np.maximum(peaks[[0, -1]], _mirrored_ends(channel, kernel, length))
    return peaks


def _channel_peaks(
    channel: NDArray[np.float32], kernel: NDArray[np.float32], length: int, above: float
) -> NDArray[np.float32]:
    """Peaks of one channel by block through one filter, with silence around the sound."""
    margin = kernel.shape[1]
    wanted = np.float32(above / np.abs(kernel).sum(axis=1).max())  # no higher can the filter rise
    peaks = np.zeros(-(-channel.size // length) + 2, np.float32)  # one more at each end, for the ringing
    per_chunk = max(1, _CHUNK_FRAMES // length)
    for first in range(0, peaks.size, per_chunk):
        part = peaks[first : first + per_chunk]
        start = (first - 1) * length
        piece = excerpt(channel, start - margin, start + part.size * length + margin)
        _block_peaks(piece, kernel, length, wanted, part)
    peaks[1] = max(peaks[:2])
    peaks[-2] = max(peaks[-2:])
    return peaks[1:-1]


def _mirrored_ends(
    channel: NDArray[np.float32], kernel: NDArray[np.float32], length: int
) -> NDArray[np.float32]:
    """Peaks of the first and the last `length` frames of a sound that goes on mirrored, ``(2,)``."""
    margin = kernel.shape[1]
    peaks = np.zeros((2, 1), np.float32)
    head, tail = channel[: length + margin], channel[max(0, channel.size - length - margin) :]
    head = np.pad(head, (margin, margin + length), mode="reflect")[: length + 2 * margin]
    tail = np.pad(tail, (margin + length, margin), mode="symmetric")[-length - 2 * margin :]
    for piece, own in zip((head, tail), peaks, strict=True):
        _block_peaks(np.ascontiguousarray(piece), kernel, length, np.float32(0), own)
    return peaks[:, 0]


def sample_peak_dbfs(samples: Samples) -> float | None:
    """The highest sample, in dB relative to full scale; None for silence."""
    return decibels(_sample_peak(samples))


def true_peak_dbtp(samples: Samples, rate_hz: int) -> float | None:
    """True peak of the highest channel (BS.1770-5 annex 2), in dB; None for silence.

    Within 0.1 dB of a 16-fold windowed sinc of any length that resolves the sound, and never
    below the sample peak.
    """
    return decibels(true_peak(samples, rate_hz))


def true_peak(samples: Samples, rate_hz: int) -> float:
    """True peak as an amplitude; 0 for silence."""
    highest = _sample_peak(samples)
    if highest == 0:
        return 0.0
    length = max(16, rate_hz // _BLOCKS_PER_S)
    for channel in samples:
        peaks = _channel_peaks(channel, _COARSE, length, highest)
        for block in np.argsort(peaks)[-_FINE_BLOCKS:]:
            if peaks[block] >= 0.98 * highest:
                highest = max(highest, _fine_peak(channel, int(block) * length, length))
    return highest


def _sample_peak(samples: Samples) -> float:
    if not samples.size:
        return 0.0
    highest = max(float(samples.max()), -float(samples.min()))
    if not np.isfinite(highest):
        raise ValueError("samples are not finite: there is NaN or infinity among them")
    return highest


def _fine_peak(channel: NDArray[np.float32], start: int, length: int) -> float:
    """Highest point from the frame before `start` to the one after `length`, through the fine filter."""
    half = _FINE.shape[1] // 2
    piece = excerpt(channel, start - half, start + length + half + 1)
    windows = np.lib.stride_tricks.sliding_window_view(piece, _FINE.shape[1])
    return float(np.abs(windows @ _FINE.T).max())
