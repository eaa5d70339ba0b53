"""A look-ahead true-peak limiter.

The gain is computed at about 2 kHz, one value a block of frames, from the blocks' true peaks:

1. what each block needs: the dB its true peak lies over the ceiling, of each channel, and of
   the highest one as far as the channels are linked;
2. `Reducer`: held, released and smoothed, and never less than what is needed;
3. read between blocks along a cubic B-spline, which only averages, too.

The sound keeps its length and its place in time: the look-ahead is centred. Where nothing
exceeds the ceiling, nothing changes. `limit` takes a sound, `Limiter` takes it piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Samples
from ..compiled import njit
from ..units import amplitude
from .peak import block_peaks
from .reduction import Reducer, Reduction

HAIR_DB = 0.06
"""How far under the ceiling to aim: for rounding and dither, and for meters with other filters."""

_BLOCKS_PER_S = 2000
_STEP_BLOCKS = 1024
"""Blocks that are looked at together; always the same ones, whatever pieces a sound comes in."""
_CONTEXT_FRAMES = 144
"""Frames on each side that the true peak of a block depends on."""
_CHUNK_FRAMES = 1 << 18


@dataclass(frozen=True, eq=False)
class Peaks:
    """True peaks of a sound by block: all the limiter needs to know of it, whatever the gain.

    Attributes:
        peaks: amplitude, ``(channels, blocks)``; see `block_peaks`.
        length: frames a block.
        rate_hz: frames per second.
    """

    peaks: NDArray[np.float32]
    length: int
    rate_hz: int


def find_peaks(samples: Samples, rate_hz: int, *, above: float) -> Peaks:
    """Look a sound over once; `above` is the lowest ceiling over the highest gain to be asked of it."""
    length = _block_frames(rate_hz)
    return Peaks(_channel_peaks(samples, length, above), length, rate_hz)


def _block_frames(rate_hz: int) -> int:
    return max(1, round(rate_hz / _BLOCKS_PER_S))


def _channel_peaks(samples: Samples, length: int, above: float) -> NDArray[np.float32]:
    return np.stack([block_peaks(channel[None], length, above=above) for channel in samples])


def reduction_db(peaks: Peaks, threshold: float, *, link: float = 1.0) -> Reduction:
    """How much to turn down around each block so that nothing exceeds `threshold` (an amplitude).

    Args:
        link: 1 for the same reduction in all channels, 0 for each channel its own, and between
            them for a share, in dB, of what the highest channel needs.

    Returns:
        dB, not negative, ``(1, blocks)`` for all channels or ``(channels, blocks)``; exactly 0
        far from any peak over the threshold.
    """
    needed = _needed_db(peaks.peaks, threshold, link)
    if not needed.any():
        return needed
    return Reducer(peaks.length / peaks.rate_hz).feed(needed, last=True)


def _needed_db(peaks: NDArray[np.float32], threshold: float, link: float) -> Reduction:
    highest = peaks.max(axis=0, keepdims=True)
    if link == 1 or peaks.shape[0] == 1:
        return _over_db(highest, threshold)
    return link * _over_db(highest, threshold) + (1 - link) * _over_db(peaks, threshold)


def _over_db(peaks: NDArray[np.float32], threshold: float) -> Reduction:
    over = peaks > threshold
    needed = np.zeros(peaks.shape)
    needed[over] = 20 * np.log10(peaks[over] / threshold)
    return needed


def turn_down(samples: Samples, reduction: Reduction, length: int, *, gain_db: float = 0.0) -> Samples:
    """The sound with a gain and a reduction, given for each block of `length` frames."""
    if not samples.shape[1]:
        return samples
    return _turned(samples, np.pad(reduction, ((0, 0), (1, 2)), mode="edge"), length, gain_db)


def _turned(samples: Samples, reduction: Reduction, length: int, gain_db: float) -> Samples:
    """Reduction has one block more before the sound and two more after it."""
    gains = amplitude(gain_db) * 10 ** (-reduction / 20)
    out = np.empty(samples.shape, np.float32)
    per_chunk = max(1, _CHUNK_FRAMES // length)
    gains = np.broadcast_to(gains, (samples.shape[0], gains.shape[1]))
    for channel, gain, own in zip(samples, gains, out, strict=True):
        for block in range(0, gain.size - 3, per_chunk):
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


def limit(
    samples: Samples, rate_hz: int, ceiling_dbtp: float, *, gain_db: float = 0.0, link: float = 1.0
) -> Samples:
    """A sound turned up by `gain_db`, with its true peak brought under `ceiling_dbtp`.

    Args:
        samples: ``(channels, frames)``.
        link: see `reduction_db`.

    Returns:
        The same shape. Overshoot is at most 0.1 dB by a 16-fold windowed sinc; without gain, a
        sound that stays `HAIR_DB` under the ceiling comes back as it is.
    """
    limiter = Limiter(samples.shape[0], rate_hz, ceiling_dbtp, gain_db=gain_db, link=link)
    out = np.concatenate([limiter.feed(samples), limiter.finish()], axis=1)
    return samples if gain_db == 0 and not limiter.worked else out


class Limiter:
    """The limiter for a sound that comes piece by piece; the pieces do not show in what it makes.

    What it gives back lags about half a second behind what it was given, and is complete after
    `finish`.

    Attributes:
        worked: whether anything was turned down so far.
    """

    def __init__(
        self, channels: int, rate_hz: int, ceiling_dbtp: float, *, gain_db: float = 0.0, link: float = 1.0
    ) -> None:
        self.worked = False
        self._length = _block_frames(rate_hz)
        self._context = -(-_CONTEXT_FRAMES // self._length) + 1
        self._threshold = amplitude(ceiling_dbtp - HAIR_DB - gain_db)
        self._gain_db, self._link = gain_db, link
        self._reducer = Reducer(self._length / rate_hz)
        rows = 1 if link == 1 else channels
        self._reduction = np.zeros((rows, 1))  # from one block before those that are to leave next
        self._sound = np.zeros((channels, 0), np.float32)
        self._from = self._seen = self._left = 0  # blocks: of the sound kept, looked at, given back

    def feed(self, samples: Samples) -> Samples:
        """Take the next frames, ``(channels, any)``; returns those that are ready."""
        self._sound = np.concatenate([self._sound, samples], axis=1) if self._sound.size else samples
        ready = [self._sound[:, :0]]
        ahead = _STEP_BLOCKS + self._context
        while self._sound.shape[1] >= (self._seen - self._from + ahead) * self._length:
            ready.append(self._step(self._seen + _STEP_BLOCKS))
        return np.concatenate(ready, axis=1)

    def finish(self) -> Samples:
        """The frames that were still held back; the sound ends here."""
        if not self._sound.shape[1]:
            return self._sound
        blocks = -(-self._sound.shape[1] // self._length)
        return self._step(self._from + blocks, last=True)

    def _step(self, until: int, *, last: bool = False) -> Samples:
        """Look at the blocks before `until`, and give back those whose gain is settled."""
        first = max(self._seen - self._context, 0)
        end = until if last else until + self._context
        peaks = _channel_peaks(self._blocks(first, end), self._length, self._threshold)
        needed = _needed_db(peaks[:, self._seen - first : until - first], self._threshold, self._link)
        self._seen = until
        settled = self._reducer.feed(needed, last=last)
        self.worked = self.worked or bool(settled.any())
        if not self._left:
            self._reduction = settled[:, :1]
        self._reduction = np.concatenate([self._reduction, settled], axis=1)
        if last:
            self._reduction = np.pad(self._reduction, ((0, 0), (0, 2)), mode="edge")
        leave = self._left + self._reduction.shape[1] - 3
        out = _turned(self._blocks(self._left, leave), self._reduction, self._length, self._gain_db)
        self._reduction, self._left = self._reduction[:, -3:], leave
        keep_from = max(min(leave, until - self._context), self._from)
        self._sound = self._sound[:, (keep_from - self._from) * self._length :]
        self._from = keep_from
        return out

    def _blocks(self, first: int, end: int) -> Samples:
        return self._sound[:, (first - self._from) * self._length : (end - self._from) * self._length]
