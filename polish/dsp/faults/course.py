"""Faults in the course of a song: where it drops out, and how it ends."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..onsets import COLUMNS_HZ
from ..survey import TICK_S, Survey, decibels
from .base import Fault, Known, Severity

GAP_S, GAP_DB = 0.03, 45.0
"""A hole of 30 ms is heard as one; 45 dB in 20 ms is a cut: the shortest note takes longer to end."""
ABRUPT_DB = -20.0
"""The last 50 ms of sound against the 3 s before; `arrange` mends by the same measure."""
COLLAPSE_DB, COLLAPSE_TOP_DB, COLLAPSE_DENSITY_DB = 10.0, 24.0, 9.0
"""Level, level above 4 kHz, and onset strength, against the body of the song."""
_STILL_FALLING_DB = 10.0
"""Within 4 s after it broke away."""
_AROUND_CELLS, _USUAL_PERCENT = 5, 75
_CUT_CELLS = 1 + _AROUND_CELLS // 2
"""So far into the density reaches what is in the last cell."""
_ARC_S = 45.0
_MOST_GAPS = 20


def gaps(known: Known) -> list[Fault]:
    """Holes within the sound, of all channels or of one: it is cut off, and is back later."""
    peak = known.survey.peak
    rows = [peak.max(axis=0), *peak] if len(peak) > 1 else [peak[0]]
    found: list[Fault] = []
    for row in rows:
        for first, last in _holes(row):
            start, end = first * TICK_S, last * TICK_S
            if all(end < one.start_s - GAP_S or start > one.end_s + GAP_S for one in found):
                found.append(Fault("gap", start, end, "warning", (last - first) * TICK_S * 1000))
    return sorted(found, key=lambda one: one.start_s)[:_MOST_GAPS]


def _holes(peak: NDArray[np.float32]) -> list[tuple[int, int]]:
    """First tick and one past the last of every hole in a row of peaks."""
    level = decibels(peak.astype(np.float64) ** 2)
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
            found.append((first, last))
    return found


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
    """Long before the end, level, treble or density breaks away at once and does not come back.

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
    for what, row, depth in (
        ("whole_db", whole[:end], COLLAPSE_DB),
        ("treble_db", top[:end], COLLAPSE_TOP_DB),
        # Sound that is cut off at the end is something that happens, but nothing that begins.
        ("density_db", _density_db(look)[: max(1, end - _CUT_CELLS)], COLLAPSE_DENSITY_DB),
    ):
        usual = float(np.median(row[: max(first, 1)]))
        at = _breaks_away(row, first, usual, depth)
        if at is not None and not _dies_away(whole[at:end]):
            value = float(np.median(row[at:]) - usual)
            until = min(end * look.cell_s, look.duration_s)
            return [Fault("collapsing_ending", at * look.cell_s, until, "warning", value, {what: value})]
    return []


def _density_db(look: Survey) -> NDArray[np.float64]:
    """How much begins: what of the onset strength rises above its usual value, in dB (20 log10).

    Over 2.5 s around every cell, the mean of what lies above the median: a held tone and hiss
    flicker all the time and never rise.
    """
    strength = look.onsets.strength
    rate = COLUMNS_HZ * look.cell_s
    usual = scipy.ndimage.percentile_filter(strength, _USUAL_PERCENT, round(_AROUND_CELLS * rate))
    sums = np.concatenate([[0.0], np.cumsum(np.maximum(strength - usual, 0), dtype=np.float64)])
    edges = np.minimum(np.round(np.arange(look.power.shape[1] + 1) * rate).astype(int), strength.size)
    means = np.diff(sums[edges]) / np.maximum(np.diff(edges), 1)
    return 2 * decibels(scipy.ndimage.uniform_filter1d(means, _AROUND_CELLS))


def _breaks_away(row: NDArray[np.float64], first: int, usual: float, depth: float) -> int | None:
    """The cell from which on a level stays `depth` dB under the usual, to the end, and fell there at once:
    most of the 2.5 s before was near the usual, or twice the depth over the 3 s that follow."""
    under = row < usual - depth
    back = np.flatnonzero(~under)
    at = int(back[-1]) + 1 if back.size else 0
    before = row[max(0, at - 6) : max(1, at - 1)]
    if at < first or row.size - at < 10 or before.size == 0:
        return None
    was, now = float(np.median(before)), float(np.median(row[at : at + 6]))
    return at if was >= usual - depth / 3 or was - now >= 2 * depth else None


def _dies_away(row: NDArray[np.float64]) -> bool:
    """Whether a level goes on falling at once, as that of a last chord does; `row` is 5 s or longer."""
    return bool(row[:2].mean() - row[8:10].mean() > _STILL_FALLING_DB)
