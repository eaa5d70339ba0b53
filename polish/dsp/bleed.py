"""Bleed: what of the other stems is left in a stem's pauses, turned down there and nowhere else.

In the pauses of a stem, what is heard either follows the other stems, band by band and moment
by moment, at one ratio a band: then it is their bleed. Or it does not: then it is a tail, a
breath, a room, and belongs to the stem. Only the first is turned down, and only while the stem
has no more than the bleed that its others predict: a tail stays open until it has sunk into it.

What is taken belongs to the stem that it is most like. Stems are mostly made by taking a song apart,
so that they add up to it, and bleed in one is missing in another: given back, the song stays whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from .bands import Bands, decibels
from .blocks import pieces
from .dynamic_eq import smoothed

_PAUSE_DB = 13.0
"""A pause is this far under the loud moments of the stem."""
_LEAST_S, _LEAST_SHARE = 0.8, 0.04
_OTHERS_DB = 10.0
"""In a pause the others are at least so much louder than the stem."""
_QUIETEST_DB = -46.0
"""Bleed further under the loud moments than that is covered by the song."""
_FOLLOWS_DB = 2.2
"""How far the stem may scatter around what its others predict (median over bands and moments);
tails, breaths and silence that is not quite silent scatter by 4 dB and more."""
_CLOSED_DB, _OPEN_DB = 4.0, 8.0
"""Over the predicted bleed: down to the first it is turned down in full, from the second on not at all."""
_BEFORE_S, _AFTER_S = 0.1, 0.25
_OPEN_S, _CLOSE_S = 0.02, 0.15
_LEAST_DB = 0.05
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Bleed:
    """Bleed that was found.

    Attributes:
        level_db: its level in the pauses, against the loud moments of the stem.
        pause_share: how much of the time is pause.
        owner: the stem that it is most like, band by band and moment by moment.
        gain_db: what is to be done, ``(columns,)``; column ``k`` is at frame ``k * hop``.
        hop: frames between the columns.
    """

    level_db: float
    pause_share: float
    owner: str
    gain_db: NDArray[np.float64]
    hop: int

    @property
    def idle(self) -> bool:
        """Whether no pause is long enough to be turned down by what could be heard."""
        return float(self.gain_db.min(initial=0.0)) > -_LEAST_DB


def find(stem: Bands, others: Mapping[str, Bands], *, deepest_db: float) -> Bleed | None:
    """Bleed in the pauses of a stem; ``None`` when there is none or it does not follow the others.

    Args:
        stem, others: powers on one grid; others by name.
        deepest_db: the most that a pause is turned down, positive.
    """
    others = {name: bands for name, bands in others.items() if bands.powers.shape == stem.powers.shape}
    if not others or stem.powers.shape[1] < 16:
        return None
    own, around = stem.powers.astype(np.float64), _summed(others)
    total = own.sum(axis=0)
    if not total.any():
        return None
    loud, pause = _resting(total, around.sum(axis=0))
    if pause.sum() < max(_LEAST_S * stem.rate_hz / stem.hop, _LEAST_SHARE * pause.size):
        return None
    level_db = float(decibels(np.median(total[pause])) - decibels(np.array(loud)))
    if level_db < _QUIETEST_DB:
        return None
    apart_db = decibels(own[:, pause]) - decibels(around[:, pause])
    ratio_db = np.median(apart_db, axis=1)
    # Bands count by how much of the bleed they hold.
    predicted = around[:, pause] * 10 ** (ratio_db[:, None] / 10)
    share = predicted / np.maximum(predicted.sum(axis=0), 1e-20)
    scatter_db = _weighted_median(np.abs(apart_db - ratio_db[:, None]).ravel(), share.ravel())
    if scatter_db > _FOLLOWS_DB:
        return None
    expected = (around * 10 ** (ratio_db[:, None] / 10)).sum(axis=0)
    over_db = decibels(total) - decibels(expected)
    gain_db = -deepest_db * np.clip((_OPEN_DB - over_db) / (_OPEN_DB - _CLOSED_DB), 0, 1)
    like = {name: _likeness(own[:, pause], bands.powers[:, pause]) for name, bands in others.items()}
    return Bleed(
        round(level_db, 1), float(pause.mean()), max(like, key=lambda name: like[name]),
        _unhurried(gain_db, stem.rate_hz / stem.hop), stem.hop,
    )  # fmt: skip


def pauses(stem: Bands, others: Mapping[str, Bands]) -> NDArray[np.bool_]:
    """The columns in which a stem rests while others sound, ``(columns,)``."""
    others = {name: bands for name, bands in others.items() if bands.powers.shape == stem.powers.shape}
    total = stem.powers.sum(axis=0, dtype=np.float64)
    if not others or not total.any():
        return np.zeros(total.shape, bool)
    return _resting(total, _summed(others).sum(axis=0))[1]


def _resting(total: NDArray[np.float64], around: NDArray[np.float64]) -> tuple[float, NDArray[np.bool_]]:
    """The loud moments of a stem, and where it rests; from its power and that of the others."""
    loud = float(np.percentile(total[total > 0], 95))
    return loud, (total < loud * 10 ** (-_PAUSE_DB / 10)) & (around > total * 10 ** (_OTHERS_DB / 10))


def _summed(others: Mapping[str, Bands]) -> NDArray[np.float64]:
    return np.sum([bands.powers for bands in others.values()], axis=0, dtype=float)


def _likeness(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """How alike powers are in shape, 0 to 1 (Bhattacharyya, 1943)."""
    size = np.sqrt(one.sum(dtype=float) * other.sum(dtype=float))
    return float(np.sqrt(one * other, dtype=float).sum() / size) if size > 0 else 0.0


def _unhurried(gain_db: NDArray[np.float64], columns_per_s: float) -> NDArray[np.float64]:
    """Open a little before the stem sounds and until a little after; then close slowly."""
    before, after = round(_BEFORE_S * columns_per_s), round(_AFTER_S * columns_per_s)
    size = before + after + 1
    held = scipy.ndimage.maximum_filter1d(gain_db, size, origin=(after - before) // 2)
    # Away from 0 is closing.
    return smoothed(held, _CLOSE_S * columns_per_s, _OPEN_S * columns_per_s)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)])


def without(samples: Samples, found: Bleed, *, block: int = _BLOCK) -> Samples:
    """The sound with its pauses turned down."""
    out = scratch(samples.shape)
    columns = np.arange(found.gain_db.size)
    for part in pieces(samples.shape[1], block, samples, out):
        at = np.arange(part.start, part.stop) / found.hop
        gain = 10 ** (np.interp(at, columns, found.gain_db) / 20)
        out[:, part] = samples[:, part] * gain.astype(np.float32)
    return out
