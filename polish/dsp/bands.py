"""Power of a sound by band and moment: what the measurements of repair and mixing start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Samples
from . import spectrum

Powers = NDArray[np.float32]
"""`float32`, shape ``(bands, columns)``: mean square in the band, mean of the channels."""

_WINDOW_S = 0.093
FLOOR = 1e-20
"""Added before a logarithm is taken, so that silence stays a number: −200 dB."""


@dataclass(frozen=True, eq=False)
class Bands:
    """The powers of a sound on a grid of bands and moments.

    Attributes:
        centres_hz: geometric middle of every band.
        powers: ``(bands, columns)``.
        hop: frames between columns; column ``k`` is centred on frame ``k * hop``.
        rate_hz: of the sound.
    """

    centres_hz: NDArray[np.float64]
    powers: Powers
    hop: int
    rate_hz: int

    def between(self, low_hz: float, high_hz: float) -> Powers:
        """Power of the bands whose middle lies in ``low_hz ≤ f < high_hz``, ``(columns,)``."""
        inside = (self.centres_hz >= low_hz) & (self.centres_hz < high_hz)
        return self.powers[inside].sum(axis=0)

    def active(self, range_db: float = 35.0) -> NDArray[np.bool_]:
        """The columns that are less than `range_db` under the loud ones (their 95th percentile)."""
        total = self.powers.sum(axis=0)
        if not total.any():
            return np.zeros(total.shape, bool)
        loud = np.percentile(total[total > 0], 95)
        return total > loud * 10 ** (-range_db / 10)


def measure(
    samples: Samples,
    rate_hz: int,
    *,
    per_octave: int = 6,
    low_hz: float = 20.0,
    high_hz: float = 20_000.0,
    window_s: float = _WINDOW_S,
) -> Bands:
    """Powers in bands of equal width in octaves, at moments half a window apart.

    Args:
        samples: ``(channels, frames)`` float32.
        per_octave: bands in an octave.
        low_hz, high_hz: from where to where; the top is lowered to what the rate can hold.
        window_s: length of the analysis window, rounded to a power of two in frames.
    """
    size = spectrum.size_for(window_s, rate_hz)
    hop = size // 2
    edges = _edges(per_octave, low_hz, min(high_hz, 0.49 * rate_hz))
    weights = _weights(edges, size, rate_hz)
    parts = [
        weights @ np.mean(block.real**2 + block.imag**2, axis=0)
        for _, block in spectrum.stft_blocks(samples, size, hop, block=128)
    ]
    # Parseval for a windowed column: power 2 |X|^2 / (size * sum(w^2)).
    scale = 2 / (size * float(np.sum(spectrum.window(size).astype(float) ** 2)))
    powers = (np.concatenate(parts, axis=1) * scale).astype(np.float32)
    return Bands(np.sqrt(edges[:-1] * edges[1:]), powers, hop, rate_hz)


def decibels(powers: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power to dB, with silence at −200."""
    return 10 * np.log10(np.asarray(powers, np.float64) + FLOOR)


def _edges(per_octave: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    count = max(1, int(np.floor(np.log2(max(high_hz / low_hz, 2.0)) * per_octave)))
    return low_hz * 2 ** (np.arange(count + 1) / per_octave)


def _weights(edges: NDArray[np.float64], size: int, rate_hz: int) -> NDArray[np.float32]:
    """How much of every bin belongs to every band, ``(bands, bins)``; bins are shared at edges."""
    step = rate_hz / size
    hz = np.arange(size // 2 + 1) * step
    upper = np.minimum(hz[None] + step / 2, edges[1:, None])
    lower = np.maximum(hz[None] - step / 2, edges[:-1, None])
    return np.clip((upper - lower) / step, 0, 1).astype(np.float32)
