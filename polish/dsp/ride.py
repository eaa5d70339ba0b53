"""Slow changes of gain: rides between given levels, and fades in and out.

Gains move on a raised cosine, in dB for a ride and in amplitude for a fade, so that neither
starts nor stops with a jerk. Both work a block at a time; where the gain is 0 dB the sound
comes through bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from .blocks import pieces

_BLOCK = 1 << 16


def gain_db_at(times_s: NDArray[np.floating], points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """The gain of a ride at given times.

    Args:
        times_s: any shape.
        points: ``(time_s, gain_db)`` in order of time. The gain holds before the first and
            after the last; between two it moves on a raised cosine in dB.

    Returns:
        dB, the shape of `times_s`; 0 when there are no points.
    """
    times_s = np.asarray(times_s, float)
    if not points:
        return np.zeros_like(times_s)
    at = np.array([time for time, _ in points])
    gain = np.array([db for _, db in points])
    after = np.searchsorted(at, times_s, side="right")
    left, right = np.clip(after - 1, 0, len(at) - 1), np.clip(after, 0, len(at) - 1)
    span = np.maximum(at[right] - at[left], 1e-12)
    share = 0.5 - 0.5 * np.cos(np.pi * np.clip((times_s - at[left]) / span, 0, 1))
    return gain[left] + (gain[right] - gain[left]) * share


def ride(samples: Samples, rate_hz: int, points: Sequence[tuple[float, float]]) -> Samples:
    """Sound with its gain moved along `points`; see `gain_db_at`.

    Args:
        samples: ``(channels, frames)`` float32.

    Returns:
        A new array of the same shape.
    """
    out = scratch(samples.shape)
    for part in pieces(samples.shape[1], _BLOCK, samples, out):
        gain_db = gain_db_at(np.arange(part.start, part.stop) / rate_hz, points)
        out[:, part] = samples[:, part] * 10 ** (gain_db / 20) if gain_db.any() else samples[:, part]
    return out


def fade(samples: Samples, *, fade_in: int = 0, fade_out: tuple[int, int] | None = None) -> Samples:
    """Sound that comes up over its first frames and goes down over its last.

    Args:
        samples: ``(channels, frames)`` float32.
        fade_in: frames from silence to full level at the start.
        fade_out: first and last frame of the way to silence; what follows is silent.

    Returns:
        A new array of the same shape.
    """
    out = samples.copy()
    if fade_in > 0:
        shape = _half_cosine(min(fade_in, out.shape[1]), fade_in)
        out[:, : shape.size] *= shape
    if fade_out is not None:
        first, last = max(0, fade_out[0]), min(fade_out[1], out.shape[1])
        if last > first:
            out[:, first:last] *= 1 - _half_cosine(last - first, last - first)
        out[:, max(last, 0) :] = 0
    return out


def _half_cosine(frames: int, length: int) -> NDArray[np.float32]:
    """From 0 toward 1 over `length` frames, the first `frames` of them."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / length)).astype(np.float32)
