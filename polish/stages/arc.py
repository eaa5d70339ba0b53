"""The arc between sections, kept through limiting: what a limiter takes of it is ridden in before.

A limiter takes more of the loud sections than of the others, so that the last chorus stands out
less than it did. What it takes is known once it has worked; then each section is ridden by so
much toward where it was, and limited again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio import Samples
from ..dsp import ride
from ..dsp.landing import Landed, Source
from ..dsp.loudness import BINS_PER_S, Power, k_weighted_power
from ..song import Section, Song
from .level import ride_points

KEPT_LU = 0.3
"""By how much less a section may stand over a quieter one than it did before limiting."""
_LEAST_LU, _RIGHT_LU = 0.25, 0.1
"""A loss below the first is not heard; where there is more, it is brought below the second."""
_ROUNDS, _LEAST_LOWER_DB = 12, 0.5
_STEP = 1.4
"""Of what is ridden in, the limiter takes a part again; so each round rides by more than is missing."""

Ride = list[tuple[float, float]]
"""Times in s and gains in dB; see `polish.dsp.ride`."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A sound at its loudness, with the arc it had between its sections as far as that goes.

    Attributes:
        landed: the result.
        ride: what was ridden before limiting; nothing where that was not needed.
        lost_lu: how much less some section stands over a quieter one than before, intro and outro aside:
            they fade by nature.
        cost_lu: that, at the loudness asked for, where the sound was left quieter for it; else None.
    """

    landed: Landed
    ride: Ride = field(default_factory=list)
    lost_lu: float = 0.0
    cost_lu: float | None = None

    @property
    def facts(self) -> dict[str, Any] | None:
        """JSON values; None where nothing was ridden."""
        if not self.ride:
            return None
        points = [{"at_s": round(at_s, 3), "gain_db": gain_db} for at_s, gain_db in self.ride]
        return {"lost_lu": round(self.lost_lu, 2), "ride": points}


def kept(
    source: Source, landed: Landed, song: Song, land: Callable[[Source, float], Landed], *,
    most_db: float, protect: bool,
) -> Kept:  # fmt: skip
    """A sound landed with its arc: ridden by what limiting takes, and left quieter where that is too little.

    Args:
        landed: the sound as it is landed without rides.
        song: for its sections and beats; without sections nothing is known of an arc.
        land: brings a sound to the loudness asked for, or to the one given where that is less.
        most_db: the furthest that a section is ridden from where it is; 0 for no rides.
        protect: whether to stay quieter where rides do not keep the arc.
    """
    sections, points, cost_lu, most_lufs = song.sections, Ride(), None, np.inf
    if len(sections) < 2 or not most_db or not landed.reduction_db.any():
        return Kept(landed, points)
    inner = np.array([section.label not in ("intro", "outro") for section in sections], bool)
    was_lufs = section_levels_lufs(source.samples, source.rate_hz, sections)
    gains_db, allowed_lu = np.zeros(len(sections)), _LEAST_LU
    for left in reversed(range(_ROUNDS)):
        now_lufs = section_levels_lufs(landed.samples, source.rate_hz, sections)
        lost, moved = changed_lu(was_lufs[inner], now_lufs[inner])
        back_db = _handed_back_db(sections, now_lufs - was_lufs)
        too_far = (np.abs(gains_db) >= most_db) & (np.abs(gains_db + back_db) > most_db)
        at_the_end = lost > KEPT_LU and bool(too_far[inner].any())
        if moved <= allowed_lu or not left or (at_the_end and not protect):
            break
        allowed_lu = _RIGHT_LU
        if at_the_end:
            cost_lu, allowed_lu = cost_lu or lost, KEPT_LU
            most_lufs = landed.after["integrated_lufs"] - max(lost - KEPT_LU, _LEAST_LOWER_DB)
        gains_db = np.round(np.clip(gains_db + _STEP * back_db, -most_db, most_db), 2)
        points = ride_points(
            sections, gains_db.tolist(), song.beats, source.samples.shape[1] / source.rate_hz
        )
        ridden = ride.ride(source.samples, source.rate_hz, points)
        landed = land(Source(ridden, source.rate_hz), most_lufs)
    return Kept(landed, points, lost, cost_lu)


def section_levels_lufs(samples: Samples, rate_hz: int, sections: Sequence[Section]) -> NDArray[np.float64]:
    """Integrated loudness of every section, ``(sections,)``; NaN for what is silent or under 0.4 s."""
    power = k_weighted_power(samples, rate_hz)
    levels = []
    for section in sections:
        bins = slice(round(section.start_s * BINS_PER_S), round(section.end_s * BINS_PER_S))
        level = Power(power.energy[bins], power.frames[bins]).integrated_lufs
        levels.append(np.nan if level is None else level)
    return np.array(levels)


def changed_lu(was_lufs: NDArray[np.float64], now_lufs: NDArray[np.float64]) -> tuple[float, float]:
    """By how much less some section stands over a quieter one than it did, and the most that two moved.

    Args:
        was_lufs, now_lufs: ``(sections,)``; NaN where there is no loudness.
    """
    known = ~np.isnan(was_lufs + now_lufs)
    over_lu, still_lu = (level[known, None] - level[known] for level in (was_lufs, now_lufs))
    lost = np.max(over_lu - still_lu, where=over_lu > 0, initial=0.0)
    return float(lost), float(np.abs(over_lu - still_lu).max(initial=0.0))


def _handed_back_db(sections: Sequence[Section], moved_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """What sections were moved against each other, the other way round; on average over the song 0 dB."""
    known = ~np.isnan(moved_db)
    lengths_s = np.array([section.end_s - section.start_s for section in sections])
    if not known.any():
        return np.zeros(known.size)
    middle_db = np.average(moved_db[known], weights=lengths_s[known])
    return np.where(known, middle_db - moved_db, 0.0)
