"""Faults in the course of a song: gaps, how it ends, and whether it has an arc."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..loudness import SHORT_TERM_BINS
from ..survey import TICK_S, decibels
from .base import Fault, Known, Severity

GAP_S, GAP_DB = 0.03, 45.0
"""A hole of 30 ms is heard as one; 45 dB in 20 ms is a cut: the shortest note takes longer to end."""
ABRUPT_DB = -20.0
"""The last 50 ms of sound against the 3 s before; `arrange` mends by the same measure."""
FLAT_LU, VERY_FLAT_LU = 3.0, 2.0
"""Loudness range: records of songs with an arc have 4 to 10, dance music 2 to 3 (EBU Tech 3342)."""
SECTIONS_LU = 1.5
"""Between the loudest and the quietest part: less is hardly heard as a difference."""
COLLAPSE_DB, COLLAPSE_TOP_DB = 10.0, 24.0
"""Level, and level above 4 kHz, against the body of the song."""
_STILL_FALLING_DB = 10.0
_ARC_S = 45.0
_MOST_GAPS = 20


def gaps(known: Known) -> list[Fault]:
    """Holes within the sound: it is cut off, and is back later."""
    look = known.survey
    level = decibels(look.peak.max(axis=0).astype(np.float64) ** 2)
    loud = np.flatnonzero(level > -60)
    if loud.size < 10:
        return []
    usual = float(np.percentile(level[loud], 75))
    down = level < min(usual - GAP_DB, -55.0)
    down[: loud[0]] = down[loud[-1] :] = False
    runs, count = scipy.ndimage.label(down)
    found = []
    for place in scipy.ndimage.find_objects(runs)[:count]:
        first, last = place[0].start, place[0].stop
        if (last - first) * TICK_S < GAP_S or first < 3:
            continue
        # What sounded 20 to 30 ms before the hole, the tick between being cut in two.
        fall = level[first - 3 : first - 1].max() - level[first:last].max()
        if fall > GAP_DB:
            found.append(
                Fault("gap", first * TICK_S, last * TICK_S, "warning", (last - first) * TICK_S * 1000)
            )
    return found[:_MOST_GAPS]


def abrupt_ending(known: Known) -> list[Fault]:
    """The sound stops instead of ending."""
    look = known.survey
    heard = np.flatnonzero(look.peak.max(axis=0) > 1e-3)
    if heard.size == 0 or look.duration_s < 1.0:
        return []
    end = int(heard[-1]) + 1
    level = look.level.mean(axis=0, dtype=np.float64)
    last, before = level[max(0, end - 5) : end].mean(), level[max(0, end - 305) : max(1, end - 5)].mean()
    value = float(decibels(last) - decibels(before))
    if value < ABRUPT_DB:
        return []
    at = min(end * TICK_S, look.duration_s)
    severity: Severity = "warning" if value > ABRUPT_DB / 2 else "info"
    return [Fault("abrupt_ending", max(0.0, at - 0.05), at, severity, value)]


def collapsing_ending(known: Known) -> list[Fault]:
    """Long before the end, level or treble breaks away at once and does not come back.

    A fade is slower: three seconds before, the song was still whole. A last chord goes on falling,
    a collapsed song goes on.
    """
    look = known.survey
    if look.duration_s < _ARC_S:
        return []
    whole = scipy.ndimage.median_filter(look.band_db(20, 20_000), 5)
    top = scipy.ndimage.median_filter(look.band_db(4000, 16_000), 5)
    sounding = np.flatnonzero(whole > whole.max() - 50)
    end = int(sounding[-1]) + 1
    first = max(int(0.6 * end), end - round(60 / look.cell_s))
    level, treble = (float(np.median(row[: max(first, 1)])) for row in (whole, top))
    worst: list[Fault] = []
    for what, row, usual, depth in (
        ("whole_db", whole, level, COLLAPSE_DB),
        ("treble_db", top, treble, COLLAPSE_TOP_DB),
    ):
        at = _breaks_away(row[:end], first, usual, depth)
        if at is not None and not _dies_away(whole[at:end]):
            value = float(np.median(row[at:end]) - usual)
            until = min(end * look.cell_s, look.duration_s)
            worst.append(Fault("collapsing_ending", at * look.cell_s, until, "warning", value, {what: value}))
    return worst[:1]


def _breaks_away(row: NDArray[np.float64], first: int, usual: float, depth: float) -> int | None:
    """The cell after which a level stays `depth` dB under the usual, to the end, and fell there at once."""
    under = row < usual - depth
    back = np.flatnonzero(~under)
    at = int(back[-1]) + 1 if back.size else 0
    before = row[max(0, at - 6) : max(1, at - 3)]
    if at < first or row.size - at < 10 or before.size == 0 or before.mean() < usual - depth / 3:
        return None
    return at


def _dies_away(row: NDArray[np.float64]) -> bool:
    """Whether a level goes on falling, as that of a last chord does."""
    third = row.size // 3
    return bool(np.median(row[:third]) - np.median(row[-third:]) > _STILL_FALLING_DB)


def flat_dynamics(known: Known) -> list[Fault]:
    """No arc: quiet and loud parts are equally loud."""
    look = known.survey
    if look.duration_s < _ARC_S:
        return []
    if parts := _parts_lufs(known):
        spread = max(parts) - min(parts)
        if spread >= SECTIONS_LU:
            return []
        return known.whole("flat_dynamics", "warning", spread, parts=float(len(parts)))
    value = look.loudness.loudness_range_lu
    if value is None or value >= FLAT_LU:
        return []
    return known.whole("flat_dynamics", "warning" if value < VERY_FLAT_LU else "info", value)


def _parts_lufs(known: Known) -> list[float]:
    """Loudness of the parts between intro and outro, 8 s and longer; empty with less than three."""
    means = known.survey.loudness.means(SHORT_TERM_BINS, 10)
    found = []
    for start, end, label in known.sections:
        inside = means[round(start * 10) : max(round(start * 10) + 1, round(end * 10) - 30)]
        if label not in ("intro", "outro", "silence") and end - start >= 8 and inside.size:
            found.append(float(decibels(inside.mean())))
    return found if len(found) >= 3 else []
