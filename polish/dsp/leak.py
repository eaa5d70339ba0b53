"""Leak: bleed that one filter a stem makes of the other stems, and that can be subtracted.

What leaks into a stem while it rests is told from the other stems by least squares, band by band: a
gain and a phase for each of them. Where such filters, learnt from some pauses, explain what is heard in
others, they hold while the stem sounds as well, and what they predict is taken out throughout, tails
and all. Bleed that no filter explains is left to `bleed`, which turns pauses down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import spectrum
from .bands import Bands
from .blocks import pieces

_MOST_COLUMNS, _MOST_SOURCES = 400, 4
_TURN_COLUMNS = 10
"""Columns in a row that belong to one half of the pauses, half a second."""
_LEAST_DB = 3.0
"""By how much the filters of one half of the pauses lower the other half (median over the columns)."""
_LEAST_SHARE = 0.03
"""A stem with less of what leaks is not worth its own filter."""
_FEWEST_BINS, _MOST_BINS, _PER_OCTAVE = 3, 16, 12
_ROUNDS = 3
_RIDGE, _LEAST = 1e-3, 1e-3
_BLOCK, _COLUMNS, _FILTERED_COLUMNS = 1 << 16, 128, 512
"""Frames and columns worked on at a time; the result does not depend on them."""

Filters = NDArray[np.complex128]
"""Gain and phase by source and band, ``(sources, bands)``."""


@dataclass(frozen=True, eq=False)
class Leak:
    """What leaks into a stem.

    Attributes:
        filters: by the name of the stem that it comes from: gain and phase of every bin, ``(bins,)``.
        lower_db: by how much pauses get quieter that the filters were not learnt from.
    """

    filters: Mapping[str, NDArray[np.complex64]]
    lower_db: float


def find(
    samples: Samples, others: Mapping[str, Samples], grid: Bands, pause: NDArray[np.bool_]
) -> Leak | None:
    """What leaks from other stems, if filters explain it.

    Args:
        samples, others: ``(channels, frames)``; others of another shape are left out.
        grid: bands of the stem, on whose columns `pause` tells where it rests.
        pause: ``(columns,)``.
    """
    others = {name: other for name, other in others.items() if other.shape == samples.shape}
    chosen = np.flatnonzero(pause)
    if not others or chosen.size < 2 * _TURN_COLUMNS:
        return None
    chosen = chosen[:: -(-chosen.size // _MOST_COLUMNS)]
    size = 2 * grid.hop
    own = _columns(samples, size, chosen)
    power = {
        name: float(np.sum(np.abs(_columns(other, size, chosen)) ** 2)) for name, other in others.items()
    }
    names = sorted((name for name in power if power[name] > 0), key=lambda name: -power[name])[:_MOST_SOURCES]
    if not names:
        return None
    around = np.stack([_columns(others[name], size, chosen) for name in names])
    edges = _edges(own.shape[1])
    half = np.arange(chosen.size) // _TURN_COLUMNS % 2 == 0
    lower = []
    for learnt in (half, ~half):
        held = _learnt(own[..., learnt], around[..., learnt], edges)
        lower.append(_lower_db(own[..., ~learnt], around[..., ~learnt], _by_bin(held, edges, own.shape[1])))
    if min(lower) < _LEAST_DB:
        return None
    filters = _by_bin(_learnt(own, around, edges), edges, own.shape[1])
    taken = np.sum(np.abs(around * filters[:, None, :, None]) ** 2, axis=(1, 2, 3))
    return Leak(
        {name: filters[at].astype(np.complex64) for at, name in enumerate(names)
         if taken[at] > _LEAST_SHARE * taken.sum()},
        round(float(np.mean(lower)), 1),
    )  # fmt: skip


def of(source: Samples, gains: NDArray[np.complex64]) -> Samples:
    """What of a stem leaks, by its filter."""
    size = 2 * (gains.size - 1)
    return spectrum.through(
        source, size, size // 4, lambda block, _: block * gains[:, None], block=_FILTERED_COLUMNS
    )


def without(samples: Samples, leak: Samples) -> Samples:
    """The sound less a leak."""
    out = scratch(samples.shape)
    for part in pieces(samples.shape[1], _BLOCK, samples, leak, out):
        out[:, part] = samples[:, part] - leak[:, part]
    return out


def _columns(samples: Samples, size: int, chosen: NDArray[np.int64]) -> NDArray[np.complex64]:
    """Some columns of the spectrum, ``(channels, bins, chosen)``."""
    parts = []
    for first, block in spectrum.stft_blocks(samples, size, size // 2, block=_COLUMNS):
        here = chosen[(chosen >= first) & (chosen < first + block.shape[2])] - first
        parts.append(block[:, :, here])
    return np.concatenate(parts, axis=2)


def _edges(bins: int) -> NDArray[np.int64]:
    """Edges of the bands in bins: as wide as a twelfth of an octave, neither narrow nor wide in Hz."""
    edges = [0]
    while edges[-1] < bins:
        width = round(edges[-1] * (2 ** (1 / _PER_OCTAVE) - 1))
        edges.append(edges[-1] + min(max(width, _FEWEST_BINS), _MOST_BINS))
    edges[-1] = bins
    return np.array(edges)


def _learnt(own: NDArray[np.complex64], around: NDArray[np.complex64], edges: NDArray[np.int64]) -> Filters:
    """Filters that explain most of the stem, moments counting less the more of it they leave over."""
    count = around.shape[0]
    out = np.zeros((count, edges.size - 1), complex)
    for band, (low, high) in enumerate(pairwise(edges.tolist())):
        x = own[:, low:high].astype(complex)
        u = around[:, :, low:high].astype(complex)
        loud = np.sum(np.abs(u) ** 2, axis=(1, 2, 3))
        if not loud.any():
            continue
        ridge = np.diag(_RIDGE * np.maximum(loud, 1e-6 * loud.max()) / loud.max())
        left = x
        for _ in range(_ROUNDS):
            power = np.mean(np.abs(left) ** 2, axis=(0, 1))
            weights = 1 / (power + _LEAST * power.mean() + 1e-30)
            weighted = np.conj(u) * weights
            square = np.einsum("acbt,dcbt->ad", weighted, u)
            scale = float(np.trace(square).real) or 1.0
            out[:, band] = np.linalg.solve(square + scale * ridge, np.einsum("acbt,cbt->a", weighted, x))
            left = x - np.einsum("a,acbt->cbt", out[:, band], u)
    return out


def _by_bin(filters: Filters, edges: NDArray[np.int64], bins: int) -> Filters:
    """Filters between the middles of the bands, ``(sources, bins)``."""
    at, middles = np.arange(bins), (edges[:-1] + edges[1:] - 1) / 2
    return np.array(
        [np.interp(at, middles, row.real) + 1j * np.interp(at, middles, row.imag) for row in filters]
    )


def _lower_db(own: NDArray[np.complex64], around: NDArray[np.complex64], filters: Filters) -> float:
    left = own - np.einsum("ab,acbt->cbt", filters, around)
    before, after = (np.sum(np.abs(each) ** 2, axis=(0, 1)) for each in (own, left))
    return float(np.median(10 * np.log10((before + 1e-30) / (after + 1e-30))))
