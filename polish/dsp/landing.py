"""Bringing a sound to a loudness under a ceiling, with the gain found by root search.

Rendering and measuring a song takes a second; the search needs a dozen tries. So it runs on a
`Model`: the limiter's own gain curve, which needs the block peaks only, times the K-weighted
energy of the blocks. The gain moves slowly against K-weighting, so that the model is good to
some hundredths of a LU. `land` renders, measures, and searches again with what it was off by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..audio.sound import Samples
from ..units import amplitude
from .limiter import HAIR_DB, Peaks, find_peaks, reduction_db, turn_down
from .loudness import Power, bin_edges, weighted_energy
from .measure import measure

_CLOSE_LU = 0.02
_RIGHT_LU = 0.05
_PRECISION_DB = 0.002
_NEARLY_LU = 0.5
_RENDERS = 4
_MOST_LIMITING_DB = 24.0


class Figures(NamedTuple):
    """Loudness and loudness range of a sound; −inf and 0 where there is none."""

    loudness_lufs: float
    range_lu: float


@dataclass(frozen=True, eq=False)
class Model:
    """A sound as the search sees it: peaks and K-weighted energy by block.

    Attributes:
        peaks: see `find_peaks`.
        energy: K-weighted energy by block of ``peaks.length`` frames, ``(blocks,)``.
        edges: frame numbers between the 10 ms bins.
    """

    peaks: Peaks
    energy: NDArray[np.float64]
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Samples, rate_hz: int, *, above: float) -> Model:
        """Look a sound over; see `find_peaks` for `above`."""
        peaks = find_peaks(samples, rate_hz, above=above)
        frames = samples.shape[1]
        blocks = np.append(np.arange(0, frames, peaks.length), frames)
        return cls(peaks, weighted_energy(samples, rate_hz, blocks), bin_edges(frames, rate_hz))

    def reduction_db(self, gain_db: float, ceiling_dbtp: float) -> NDArray[np.float64]:
        """The limiter's reduction by block at that gain."""
        return reduction_db(self.peaks, amplitude(ceiling_dbtp - gain_db))

    def expect(self, gain_db: float, ceiling_dbtp: float) -> Figures:
        """What the sound will measure at that gain, limited."""
        power = self.energy * 10 ** ((gain_db - self.reduction_db(gain_db, ceiling_dbtp)) / 10)
        summed = np.append(0.0, np.cumsum(power))
        at = np.interp(self.edges / self.peaks.length, np.arange(summed.size), summed)
        binned = Power(np.diff(at), np.diff(self.edges))
        loudness, spread = binned.integrated_lufs, binned.loudness_range_lu
        return Figures(-np.inf if loudness is None else loudness, spread or 0.0)

    def gain_for_loudness(self, wanted_lufs: float, ceiling_dbtp: float, static_db: float) -> float:
        """The gain at which that loudness is expected, looked for around `static_db`.

        Where no gain gives it under the ceiling, the lowest gain that is nearly as loud as it
        gets: what more gain adds there is distortion.
        """

        def missing(gain_db: float, wanted_lufs: float = wanted_lufs) -> float:
            return self.expect(gain_db, ceiling_dbtp).loudness_lufs - wanted_lufs

        low_db, high_db = static_db - 1, static_db + _MOST_LIMITING_DB
        most = missing(high_db)
        if most < 0:
            wanted_lufs += most - _NEARLY_LU
        while missing(low_db, wanted_lufs) > 0:
            low_db -= 1
        return _root(lambda gain_db: missing(gain_db, wanted_lufs), low_db, high_db)

    def gain_for_range(self, wanted_lu: float, ceiling_dbtp: float, low_db: float, high_db: float) -> float:
        """The highest gain from `low_db` to `high_db` found to leave that loudness range."""

        def spare(gain_db: float) -> float:
            return self.expect(gain_db, ceiling_dbtp).range_lu - wanted_lu

        if low_db >= high_db or spare(high_db) >= 0:
            return high_db
        return low_db if spare(low_db) <= 0 else _root(spare, low_db, high_db)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=_PRECISION_DB))


@dataclass(frozen=True, eq=False)
class Landed:
    """A sound brought to its loudness, or as near as it may.

    Attributes:
        samples: ``(channels, frames)``; the very samples that came in where they are right.
        after: its `measure`.
        gain_db: the static gain.
        reduction_db: what the limiter took, by block; ``(blocks,)``.
        range_cost_lu: the loudness range that the loudness asked for would cost, where that is
            more than was allowed and the sound was therefore left quieter; else None.
    """

    samples: Samples
    after: dict[str, Any]
    gain_db: float
    reduction_db: NDArray[np.float64]
    range_cost_lu: float | None = None


def land(
    samples: Samples,
    rate_hz: int,
    before: Mapping[str, Any],
    loudness_lufs: float,
    ceiling_dbtp: float,
    *,
    range_loss_lu: float | None = None,
) -> Landed:
    """Bring a sound to a loudness, with its true peak under the ceiling.

    Args:
        samples: ``(channels, frames)``.
        before: the `measure` of these samples; it has an integrated loudness.
        range_loss_lu: the most loudness range that limiting may take; None for any.

    Returns:
        Loudness within 0.05 LU of the target, unless the ceiling or the loudness range do not
        allow it; then as near as they do.
    """
    static_db = loudness_lufs - before["integrated_lufs"]
    headroom_db = ceiling_dbtp - before["true_peak_dbtp"]
    limiting_db = 0.0 if static_db <= headroom_db else _MOST_LIMITING_DB
    aim_dbtp = ceiling_dbtp if static_db <= headroom_db else ceiling_dbtp - HAIR_DB
    model = Model.of(samples, rate_hz, above=amplitude(aim_dbtp - static_db - limiting_db - 1))
    untouched_lu = before["loudness_range_lu"] or 0.0
    off = Figures(0.0, 0.0)
    for _ in range(_RENDERS):
        gain_db = asked_db = model.gain_for_loudness(loudness_lufs - off.loudness_lufs, aim_dbtp, static_db)
        if range_loss_lu is not None:
            wanted_lu = untouched_lu - range_loss_lu + _CLOSE_LU - off.range_lu
            gain_db = model.gain_for_range(wanted_lu, aim_dbtp, headroom_db, asked_db)
        reduction = model.reduction_db(gain_db, aim_dbtp)
        if abs(gain_db) <= _RIGHT_LU and not reduction.any():
            gain_db, out = 0.0, samples
        else:
            out = turn_down(samples, reduction, model.peaks.length, gain_db=gain_db)
        after = measure(out, rate_hz)
        expected, at_once = model.expect(gain_db, aim_dbtp), model.expect(asked_db, aim_dbtp)
        surprise = after["integrated_lufs"] - expected.loudness_lufs - off.loudness_lufs
        off = Figures(off.loudness_lufs + surprise, (after["loudness_range_lu"] or 0.0) - expected.range_lu)
        lost_lu = untouched_lu - expected.range_lu - off.range_lu
        over_db = after["true_peak_dbtp"] - ceiling_dbtp
        if abs(surprise) <= _CLOSE_LU and over_db <= 0 and lost_lu <= (range_loss_lu or lost_lu):
            break
        aim_dbtp -= max(0.0, over_db)
    cost_lu = untouched_lu - at_once.range_lu - off.range_lu if gain_db < asked_db - _CLOSE_LU else None
    return Landed(out, after, gain_db, reduction, cost_lu)
