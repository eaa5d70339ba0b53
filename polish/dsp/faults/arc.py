"""Faults of the arc: no part louder than another, or an energy that no longer moves."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..loudness import SHORT_TERM_BINS
from ..survey import decibels
from .base import Fault, Known, Severity

FLAT_LU, VERY_FLAT_LU = 3.0, 2.0
"""Loudness range: records of songs with an arc have 4 to 10, dance music 2 to 3 (EBU Tech 3342)."""
SECTIONS_LU, MOVES_LU = 1.5, 4.0
"""Between the loudest and the quietest part: less is hardly heard as a difference; and the loudness range
from which on a song moves within its parts, or has an intro or an outro that is not counted as one."""
PLATEAU_LU, PLATEAU_S, PLATEAU_SHARE = 2.0, 45.0, 0.45
"""Short-term loudness stays within this, for so long, and for so much of the song."""
_LONG_SHARE = 0.65
_ARC_S = 45.0
_WITHIN_LU = 30.0
"""What is further under the loudest is a pause."""


def flat_dynamics(known: Known) -> list[Fault]:
    """No arc: quiet and loud parts are equally loud. What has one and then stays is a plateau."""
    look = known.survey
    value = look.loudness.loudness_range_lu
    if look.duration_s < _ARC_S or (value or 0.0) >= MOVES_LU or energy_plateau(known):
        return []
    if parts := _parts_lufs(known):
        spread = max(parts) - min(parts)
        if spread >= SECTIONS_LU:
            return []
        return known.whole("flat_dynamics", "warning", spread, parts=float(len(parts)))
    if value is None or value >= FLAT_LU:
        return []
    return known.whole("flat_dynamics", "warning" if value < VERY_FLAT_LU else "info", value)


def energy_plateau(known: Known) -> list[Fault]:
    """A song that does have an arc stays at one energy for most of it."""
    look = known.survey
    if look.duration_s < _ARC_S or (look.loudness.loudness_range_lu or 0.0) < FLAT_LU:
        return []
    level = scipy.ndimage.median_filter(decibels(look.loudness.means(SHORT_TERM_BINS, 10))[::10], 5)
    sounding = level > level.max(initial=-np.inf) - _WITHIN_LU
    first, last = _longest_level(np.where(sounding, level, np.nan), PLATEAU_LU)
    # A window of 3 s belongs to its middle; the first and the last cover what is beside it.
    length_s = float(last - first + 2)
    if length_s < max(PLATEAU_S, PLATEAU_SHARE * float(sounding.sum())):
        return []
    value = float(np.ptp(level[first:last]))
    share = min(100.0, 100 * length_s / look.duration_s)
    detail = {"length_s": length_s, "share_pct": share}
    end = min(first + length_s, look.duration_s)
    severity: Severity = "warning" if share > 100 * _LONG_SHARE else "info"
    return [Fault("energy_plateau", float(first), end, severity, value, detail)]


def _longest_level(level: NDArray[np.float64], within: float) -> tuple[int, int]:
    """Start and end of the longest stretch whose values lie within so much of each other; NaN ends it."""
    best, start = (0, 0), 0
    for end in range(1, level.size + 1):
        while start < end and not np.ptp(level[start:end]) <= within:
            start += 1
        if end - start > best[1] - best[0]:
            best = (start, end)
    return best


def _parts_lufs(known: Known) -> list[float]:
    """Loudness of the parts between intro and outro, 8 s and longer; empty with less than three."""
    means = known.survey.loudness.means(SHORT_TERM_BINS, 10)
    found = []
    for start, end, label in known.sections:
        inside = means[round(start * 10) : max(round(start * 10) + 1, round(end * 10) - 30)]
        if label not in ("intro", "outro", "silence") and end - start >= 8 and inside.size:
            found.append(float(decibels(inside.mean())))
    return found if len(found) >= 3 else []
