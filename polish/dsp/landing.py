"""Bringing a sound to a loudness under a ceiling, with the gain found by root search.

Rendering and measuring a song takes a second; the search needs a dozen tries. So it runs on a
`Model`: the limiter's own gain curve, which needs the block peaks only, times the K-weighted
energy of the blocks. The gain moves slowly against K-weighting, so that the model is good to
some hundredths of a LU. `land` renders, measures, and searches again with what it was off by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from ..audio.sound import Samples
from ..units import amplitude
from .limiter import HAIR_DB, turn_down
from .measure import measure
from .model import Figures, Model
from .reduction import Reduction

_CLOSE_LU = 0.02
_RIGHT_LU = 0.05
_PRECISION_DB = 0.002
_NEARLY_LU = 0.5
_RENDERS = 4
_MOST_LIMITING_DB = 30.0
_EDGE_DB = 0.02
"""A sound this near to the ceiling is limited: dither adds to its peaks."""


@dataclass(frozen=True, eq=False)
class Source:
    """A sound that is to be landed, once or for several targets: it is looked over once.

    Attributes:
        samples: ``(channels, frames)``.
        rate_hz: frames per second.
    """

    samples: Samples
    rate_hz: int

    @cached_property
    def measured(self) -> dict[str, Any]:
        """See `measure`."""
        return measure(self.samples, self.rate_hz)

    @cached_property
    def model(self) -> Model:
        """What the search needs; made when first a limiter is needed."""
        return Model.of(self.samples, self.rate_hz)


@dataclass(frozen=True)
class Allowance:
    """What limiting may take.

    Attributes:
        range_loss_lu: loudness range.
        sustained_db: reduction, averaged over the 3 s where it is largest.
    """

    range_loss_lu: float
    sustained_db: float


class Cost(NamedTuple):
    """What a loudness would take of what was too much to give: one of the two is None.

    Loudness range in LU; reduction averaged over the 3 s where it is largest, in dB.
    """

    range_loss_lu: float | None
    sustained_db: float | None


@dataclass(frozen=True, eq=False)
class Landed:
    """A sound brought to its loudness, or as near as it may.

    Attributes:
        samples: ``(channels, frames)``; the very samples that came in where they are right.
        after: its `measure`.
        gain_db: the static gain.
        reduction_db: what the limiter took, by block.
        cost: what the loudness asked for would take, where that is more than was allowed and
            the sound was therefore left quieter; else None.
    """

    samples: Samples
    after: dict[str, Any]
    gain_db: float
    reduction_db: Reduction
    cost: Cost | None = None


def land(
    source: Source,
    loudness_lufs: float,
    ceiling_dbtp: float,
    *,
    allowed: Allowance | None = None,
    link: float = 1.0,
) -> Landed:
    """Bring a sound to a loudness, with its true peak under the ceiling.

    Args:
        source: a sound that has an integrated loudness.
        allowed: the most that limiting may take; None for any.
        link: how far the channels are limited alike, 0 to 1; see `polish.dsp.limiter`.

    Returns:
        Loudness within 0.05 LU of the target, unless the ceiling or what is allowed do not
        let it; then as near as they do.
    """
    before = source.measured
    static_db = loudness_lufs - before["integrated_lufs"]
    headroom_db = ceiling_dbtp - _EDGE_DB - before["true_peak_dbtp"]
    if static_db <= headroom_db:
        return _turned_up(source, static_db)
    return _limited(
        source, _Search(source.model, link, static_db, headroom_db), loudness_lufs, ceiling_dbtp, allowed
    )


def _turned_up(source: Source, gain_db: float) -> Landed:
    """A static gain is all it needs."""
    none = np.zeros((1, 1))
    if abs(gain_db) <= _RIGHT_LU:
        return Landed(source.samples, source.measured, 0.0, none)
    out = source.samples * np.float32(amplitude(gain_db))
    return Landed(out, measure(out, source.rate_hz), gain_db, none)


def _limited(
    source: Source, search: _Search, loudness_lufs: float, ceiling_dbtp: float, allowed: Allowance | None
) -> Landed:
    untouched_lu = source.measured["loudness_range_lu"] or 0.0
    aim_dbtp, off = ceiling_dbtp - HAIR_DB, Figures(0.0, 0.0)
    for _ in range(_RENDERS):
        tight = None
        gain_db = asked_db = search.for_loudness(loudness_lufs - off.loudness_lufs, aim_dbtp)
        if allowed is not None:
            least_lu = untouched_lu - allowed.range_loss_lu + _CLOSE_LU - off.range_lu
            gain_db, tight = search.within(least_lu, allowed.sustained_db, aim_dbtp, asked_db)
        reduction = search.model.reduction_db(gain_db, aim_dbtp, search.link)
        out = turn_down(source.samples, reduction, search.model.peaks.length, gain_db=gain_db)
        after = measure(out, source.rate_hz)
        expected, at_once = (search.model.expect(db, aim_dbtp, search.link) for db in (gain_db, asked_db))
        surprise = after["integrated_lufs"] - expected.loudness_lufs - off.loudness_lufs
        off = Figures(off.loudness_lufs + surprise, (after["loudness_range_lu"] or 0.0) - expected.range_lu)
        lost_lu = untouched_lu - expected.range_lu - off.range_lu
        over_db = after["true_peak_dbtp"] - ceiling_dbtp
        kept = allowed is None or lost_lu <= allowed.range_loss_lu
        if abs(surprise) <= _CLOSE_LU and over_db <= 0 and kept:
            break
        aim_dbtp -= max(0.0, over_db)
    cost = None
    if gain_db < asked_db - _CLOSE_LU and tight == "range":
        cost = Cost(untouched_lu - at_once.range_lu - off.range_lu, None)
    elif gain_db < asked_db - _CLOSE_LU:
        cost = Cost(None, search.sustained_db(asked_db, aim_dbtp))
    return Landed(out, after, gain_db, reduction, cost)


@dataclass(frozen=True, eq=False)
class _Search:
    """Gains for a model, looked for around `static_db`; at `headroom_db` nothing is limited."""

    model: Model
    link: float
    static_db: float
    headroom_db: float

    def for_loudness(self, wanted_lufs: float, ceiling_dbtp: float) -> float:
        """The gain at which that loudness is expected.

        Where no gain gives it under the ceiling, the lowest gain that is nearly as loud as it
        gets: what more gain adds there is distortion.
        """

        def missing(gain_db: float, wanted_lufs: float = wanted_lufs) -> float:
            return self.model.expect(gain_db, ceiling_dbtp, self.link).loudness_lufs - wanted_lufs

        low_db, high_db = self.static_db - 1, self.static_db + _MOST_LIMITING_DB
        most = missing(high_db)
        if most < 0:
            wanted_lufs += most - _NEARLY_LU
        while missing(low_db, wanted_lufs) > 0:
            low_db -= 1
        return _root(lambda gain_db: missing(gain_db, wanted_lufs), low_db, high_db)

    def within(
        self, range_lu: float, sustained_db: float, ceiling_dbtp: float, high_db: float
    ) -> tuple[float, str | None]:
        """The highest gain up to `high_db` found to leave that range, with no more than that reduction.

        And which of the two it is that lets it go no higher: ``range``, ``reduction`` or None.
        """

        def spare_range(gain_db: float) -> float:
            return self.model.expect(gain_db, ceiling_dbtp, self.link).range_lu - range_lu

        def spare_reduction(gain_db: float) -> float:
            return sustained_db - self.sustained_db(gain_db, ceiling_dbtp)

        tight = None
        for what, spare in (("range", spare_range), ("reduction", spare_reduction)):
            if high_db > self.headroom_db and spare(high_db) < 0:
                low_db, tight = self.headroom_db, what
                high_db = low_db if spare(low_db) <= 0 else _root(spare, low_db, high_db)
        return high_db, tight

    def sustained_db(self, gain_db: float, ceiling_dbtp: float) -> float:
        return self.model.sustained_db(gain_db, ceiling_dbtp, self.link)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=_PRECISION_DB))
