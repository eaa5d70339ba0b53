"""Sample peak and true peak (ITU-R BS.1770-5 annex 2).

True peak is the highest point of the waveform that the samples stand for. Between samples it
is found in steps, each for fewer places than the one before. Half-way points are looked at
everywhere but where it is too quiet for a peak; where they come near the highest point so far,
a 4-fold filter and a parabola through its highest point and the neighbours read the peak to
about 0.05 dB; and the highest of those places are looked at through a 16-fold windowed sinc of
128 taps a phase (`FILTER`), whose highest point is the true peak. A limiter lives on the 4-fold
filter's peaks of short blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Samples
from ..compiled import njit
from ..units import decibels
from .blocks import excerpt
from .interpolation import halves, interpolator, quarters, vertex

FILTER = "16-fold Kaiser-windowed sinc, 128 taps a phase"
"""The true-peak filter, for reports."""

_CHUNK_FRAMES = 1 << 18
_FINE = interpolator(16, 128, 8.0)
_COARSE = interpolator(4, 64, 6.0)
_OTHERS = (interpolator(4, 20, 5.0), interpolator(4, 128, 8.0))
"""Near Nyquist what is a peak depends on the filter, and players differ: a shorter and a longer one."""

_MARGIN = 128
"""Frames that a filter may look to either side."""
_TILE, _SPOT = 256, 32
"""Frames that are passed over, or looked at half-way, together; and at four points."""
_BETWEEN = 0.69
"""Of its true peak, a sound sampled at twice the rate it needs shows at least cos(45°) in its samples."""
_NEAR = 0.98
"""How much of the highest peak a place must have by the 4-fold filter to be looked at closely."""
_SPOTS = 64


@njit(cache=True, nogil=True, fastmath={"contract", "nnan", "nsz"})
def _spots(x, kernel, reach, highest, heights):  # pragma: no cover - compiled
    """Height of the highest peak in each spot of `x` that may hold the highest of all; 0 for the others.

    `x` has a margin at each end, and `heights` a place for each spot between. No value of the
    filter is above `reach` times the samples under it. Returns the highest peak now known.
    """
    taps = kernel.shape[1]
    half = kernel[1].copy()
    frames = x.size - 2 * _MARGIN
    points, level = np.zeros((4, _SPOT + 2), np.float32), np.empty(_SPOT + 2, np.float32)
    between = np.empty(_TILE + 1, np.float32)
    for tile in range(0, frames, _TILE):
        size = min(_TILE, frames - tile) + 1  # from one half-way point before the tile
        start = _MARGIN + tile - taps // 2
        seen = x[start : start + size + taps]
        loudest = np.float32(0.0)
        for n in range(seen.size):
            loudest = max(loudest, abs(seen[n]))
        if loudest * reach < _NEAR * highest or loudest == 0:
            continue
        halves(seen, half, size, between)
        for at in range(0, size - 1, _SPOT):
            count = min(_SPOT, size - 1 - at)
            first = _MARGIN + tile + at
            top = abs(between[at])
            for n in range(count):
                top = max(top, abs(between[at + 1 + n]), abs(x[first + n]))
            if top < _BETWEEN * highest:
                continue
            start = first - taps // 2
            quarters(x[start : start + count + 2 + taps], kernel, count + 2, points, level)
            top = np.float32(0.0)
            for n in range(1, count + 1):
                top = max(top, level[n])
            if top > 0:
                top = vertex(points, level, 1, top)
            heights[(tile + at) // _SPOT] = top
            highest = max(highest, top)
    return highest


class _Spot(NamedTuple):
    """A place that may hold the true peak: its height by the 4-fold filter, its frames with a margin."""

    height: float
    frames: NDArray[np.float32]


class TruePeak:
    """The true peak of a sound that comes in blocks; the same blocks give the same bits."""

    def __init__(self, channels: int) -> None:
        self._seen = np.zeros((channels, 2 * _MARGIN), np.float32)
        self._spots: list[_Spot] = []
        self._highest = 0.0
        self._sample = 0.0
        self._reach = np.float32(np.abs(_COARSE).sum(axis=1).max())

    def feed(self, block: Samples) -> None:
        """Take the next block, ``(channels, frames)``, finite.

        What it ends with is looked at when more has come, or in `amplitude`.
        """
        self._sample = max(self._sample, float(block.max(initial=0)), -float(block.min(initial=0)))
        self._highest = max(self._highest, self._sample)
        past = self._seen[:, -2 * _MARGIN :].copy()
        if self._seen.shape[1] != past.shape[1] + block.shape[1]:
            self._seen = np.empty((block.shape[0], past.shape[1] + block.shape[1]), np.float32)
        self._seen[:, : past.shape[1]], self._seen[:, past.shape[1] :] = past, block
        for x in self._seen:
            heights = np.zeros(-(-block.shape[1] // _SPOT), np.float32)
            self._highest = float(_spots(x, _COARSE, self._reach, np.float32(self._highest), heights))
            self._remember(x, heights)

    def _remember(self, x: NDArray[np.float32], heights: NDArray[np.float32]) -> None:
        found = np.flatnonzero(heights >= self._least())
        for spot in found[np.argsort(-heights[found], kind="stable")][:_SPOTS]:
            start = int(spot) * _SPOT
            self._spots.append(_Spot(float(heights[spot]), x[start : start + _SPOT + 2 * _MARGIN].copy()))
        if len(self._spots) > _SPOTS:
            self._spots.sort(key=lambda spot: -spot.height)
            del self._spots[_SPOTS:]

    def _least(self) -> float:
        """The height from which on a spot is of interest."""
        full = len(self._spots) == _SPOTS
        return max(_NEAR * self._highest, self._spots[-1].height if full else 0.0, 1e-30)

    def amplitude(self) -> float:
        """The true peak of all that came, with what rings beyond its end; 0 for silence. Ends the sound."""
        self.feed(np.zeros((self._seen.shape[0], 2 * _MARGIN), np.float32))
        near = [_fine_peak(spot.frames) for spot in self._spots if spot.height >= _NEAR * self._highest]
        return max([self._sample, *near])


def _fine_peak(frames: NDArray[np.float32]) -> float:
    """Highest point through the fine filter, up to one frame beyond those between the margins."""
    half = _FINE.shape[1] // 2
    seen = frames[_MARGIN - half : frames.size - _MARGIN + half + 1]
    windows = np.lib.stride_tricks.sliding_window_view(seen, _FINE.shape[1])
    return float(np.abs(windows @ _FINE.T).max())


def true_peak(samples: Samples, rate_hz: int) -> float:
    """True peak of the highest channel as an amplitude; 0 for silence."""
    meter = TruePeak(samples.shape[0])
    for start in range(0, samples.shape[1], rate_hz):  # by the second, as the meter for files does
        meter.feed(samples[:, start : start + rate_hz])
    return meter.amplitude()


def true_peak_dbtp(samples: Samples, rate_hz: int) -> float | None:
    """True peak of the highest channel (BS.1770-5 annex 2), in dB; None for silence.

    Within 0.1 dB of a 16-fold windowed sinc of any length that resolves the sound, and never
    below the sample peak.

    Raises:
        ValueError: there is NaN or infinity among the samples.
    """
    sample_peak(samples)
    return decibels(true_peak(samples, rate_hz))


def sample_peak(samples: Samples) -> float:
    """The highest sample as an amplitude; 0 for silence.

    Raises:
        ValueError: there is NaN or infinity among the samples.
    """
    highest = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
    if not np.isfinite(highest):
        raise ValueError("samples are not finite: there is NaN or infinity among them")
    return highest


def sample_peak_dbfs(samples: Samples) -> float | None:
    """The highest sample, in dB relative to full scale; None for silence."""
    return decibels(sample_peak(samples))


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
            quarters(x[start - taps // 2 + 1 : start + size + taps // 2], kernel, size, points, level)
        else:
            for n in range(size):
                level[n] = abs(x[start + n])
        for b in range(blocks):
            first, top = 1 + b * length, np.float32(0.0)
            for n in range(first, first + length):
                top = max(top, level[n])
            if between and top >= wanted:
                top = vertex(points, level, first, top)
            peaks[tile + b] = top


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
