"""Equalisers whose gain moves: bells that cut only when and as far as they are told to.

A bell of gain ``g`` is ``x + (g - 1) * band_pass(x)`` (see `filters.peak`), so its gain can
change with every sample while the filter itself stands still: no zipper, no clicks, and no
change at all, bit for bit, where the gain is 0 dB. It has the phase of the analogue bell,
so that a cut undoes a boost of the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import filters
from .blocks import pieces

_BLOCK = 1 << 16
_LEAST_DB = 0.05


@dataclass(frozen=True, eq=False)
class Bell:
    """One moving bell.

    Attributes:
        centre_hz: where it works.
        q: width between its half-gain points, as in `filters.peak`, when the cut is at its deepest.
        gain_db: gain at every column of a grid, ``(columns,)``; column ``k`` is at frame ``k * hop``.
        hop: frames between the columns.
    """

    centre_hz: float
    q: float
    gain_db: NDArray[np.floating]
    hop: int

    @property
    def deepest_db(self) -> float:
        """The gain furthest from 0."""
        return float(self.gain_db[np.argmax(np.abs(self.gain_db))]) if self.gain_db.size else 0.0

    @property
    def idle(self) -> bool:
        """Whether it never does what could be heard."""
        return abs(self.deepest_db) < _LEAST_DB


def act(samples: Samples, rate_hz: int, bells: Sequence[Bell], *, block: int = _BLOCK) -> Samples:
    """Sound after the bells, one after the other.

    Args:
        samples: ``(channels, frames)`` float32.
        block: frames worked on at a time; the result does not depend on it.

    Returns:
        A new array; the one that came in when every bell is idle.
    """
    working = [bell for bell in bells if not bell.idle]
    if not working:
        return samples
    shapes = [_band(bell, rate_hz) for bell in working]
    states = [filters.at_rest(sos, samples.shape[0]) for sos in shapes]
    out = scratch(samples.shape)
    for at in pieces(samples.shape[1], block, samples, out):
        part = samples[:, at]
        for bell, sos, state in zip(working, shapes, states, strict=True):
            band = filters.apply(part, sos, state=state)
            part = part + band * _extra(bell, at.start, part.shape[1])
        out[:, at] = part
    return out


def _band(bell: Bell, rate_hz: int) -> filters.Sos:
    """The band-pass inside the bell: ``q * A`` for a boost, ``A = 10**(gain / 40)``; a cut mirrors one."""
    return filters.band_pass(rate_hz, bell.centre_hz, bell.q * 10 ** (bell.deepest_db / 40))


def _extra(bell: Bell, first: int, frames: int) -> NDArray[np.float32]:
    """What of the band is added at every frame: gain − 1, its dB linear between columns."""
    at = np.arange(first, first + frames) / bell.hop
    gain_db = np.interp(at, np.arange(bell.gain_db.size), bell.gain_db)
    return (10 ** (gain_db / 20) - 1).astype(np.float32)


def smoothed(track: NDArray[np.floating], attack: float, release: float) -> NDArray[np.float64]:
    """A track of cuts (dB, ≤ 0 or ≥ 0) that moves no faster than two time constants allow.

    Args:
        track: ``(columns,)``.
        attack, release: time constants in columns, for moving away from 0 and back to it.
    """
    away, back = (1 - np.exp(-1 / max(columns, 1e-3)) for columns in (attack, release))
    out = np.empty(track.size)
    now = 0.0
    for column, wanted in enumerate(np.asarray(track, float).tolist()):
        now += (wanted - now) * (away if abs(wanted) > abs(now) else back)
        out[column] = now
    return out
