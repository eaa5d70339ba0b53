"""Faults of tone: what the average spectrum shows, and what lies in it all the time.

Figures for real songs come from ten generated drafts and six records of humans.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from .. import mains, resonance
from ..survey import decibels
from .base import Fault, Known, Severity

WALL_DB, LOW_WALL_DB, EVEN_DB = 18.0, 13.0, 3.0
"""Within 800 Hz. What instruments and microphones do takes an octave for that. Where the sound was soft
there anyway the wall is lower, and told by what is above it: nothing but even noise."""
WALL_HEARD_HZ = 19_000.0
"""A wall above it is that of the format, and few hear it."""
MUD_DB, MUD_LEAST_DB = 4.25, 1.0
"""200–500 Hz over the line between bass and mids: real songs lie at −2.6 to 4.2; and over the
louder of both."""
HARSH_DB, HARSH_LEAST_DB = 3.8, -3.0
"""2–5 kHz over the line between mids and air: real songs lie at −8 to 0 (metal reaches 9); and
against the mids, where real songs lie at −12 to −4."""
RUMBLE_DB, RUMBLE_SHARE_DB = -6.0, -16.0
"""Below 25 Hz an octave against the bass an octave (records: under −9), and against the whole:
from −16 dB on it costs audible headroom."""
RESONANCE_DB = 12.0
"""Over the neighbourhood, in the weak moments; held notes of real songs reach 11.5."""
BEYOND_NOTES_DB, _FEW_HELD_HZ = 6.0, 1400.0
"""Over the other peaks around it; real songs reach 5.5 above 1.4 kHz, and 16 below, with held notes."""
BETWEEN_NOTES_DB, HELD_DB = 10.2, 7.0
"""Over the neighbourhood, in the weak moments and between the partials; clean songs reach 9.5 above
1.4 kHz. Below, a peak needs `HELD_DB` to be more than the note of the song's key."""
SHIMMER_PCT = 16.0
"""Of the power at 8–14 kHz in lone short tones, in half of all moments: records have 0 to 2 %,
low-rate codecs up to 15."""
_MOST_RESONANCES, _LOUDER_DB = 3, 5.0
_ALONE_DB = 25.0
"""So far beyond the edge there is nothing around it to cover: a lone tone, not a build-up."""
_SHORT_S, _FEW_NOTES_S = 3.0, 6.0
"""Too short to judge a balance, and to tell what rings from what is played."""


def bandwidth_wall(known: Known) -> list[Fault]:
    """Nothing above a frequency: a generator or a codec cut the sound off there."""
    look = known.survey
    if not look.active.any():
        return []
    # The loud moments show it best: the mean is as much of the coder's noise as of the song.
    together = look.power.mean(axis=0, dtype=np.float64)[look.active]
    level = decibels(np.percentile(together, 98, axis=0))
    step = look.hz[1]
    gap, width = max(1, round(100 / step)), max(2, round(400 / step))
    sums = np.concatenate([[0.0], np.cumsum(level)])
    at = np.arange(gap + width, level.size - gap - width)
    at = at[look.hz[at] > 3000]
    if at.size == 0:
        return []
    below = (sums[at - gap] - sums[at - gap - width]) / width
    above = (sums[at + gap + width] - sums[at + gap]) / width
    drop = below - above
    edge = int(np.argmax(drop))
    value = float(look.hz[at[edge]])
    # Only a wall if what is above it stays gone.
    rest = level[at[edge] + gap :].max() - above[edge]
    least_db = LOW_WALL_DB if rest < EVEN_DB else WALL_DB
    if drop[edge] < least_db or rest > drop[edge] / 2 or value > WALL_HEARD_HZ:
        return []
    severity: Severity = "info" if value > 17_500 else "warning"
    return known.whole("bandwidth_wall", severity, round(value, -1), drop_db=float(drop[edge]))


def mud(known: Known) -> list[Fault]:
    """A build-up at 200 to 500 Hz that covers bass and voice."""
    look = known.survey
    low, middle, high = (look.density_db(*band) for band in ((50, 160), (200, 500), (630, 1600)))
    over, against = middle - (low + high) / 2, middle - np.maximum(low, high)
    return _build_up("mud", known, over - MUD_DB, against - MUD_LEAST_DB, MUD_DB)


def harshness(known: Known) -> list[Fault]:
    """A hump at 2 to 5 kHz, where the ear hurts first."""
    look = known.survey
    if look.hz[-1] < 12_000:
        return []
    low, middle, high = (look.density_db(*band) for band in ((630, 1600), (2000, 5000), (6300, 12_000)))
    over, against = middle - (low + high) / 2, middle - low
    return _build_up("harshness", known, over - HARSH_DB, against - HARSH_LEAST_DB, HARSH_DB)


def _build_up(
    kind: str,
    known: Known,
    beyond: NDArray[np.float64],
    against: NDArray[np.float64],
    edge_db: float,
) -> list[Fault]:
    """A fault where both measures lie beyond their edges (above 0) over the whole song.

    Args:
        beyond, against: ``(cells + 1,)``, dB over their edges; the last is that of the whole.
        edge_db: what `beyond` counts from.
    """
    look = known.survey
    if look.active.sum() * look.cell_s < _SHORT_S or min(beyond[-1], against[-1]) <= 0:
        return []
    if beyond[-1] > _ALONE_DB:
        return []
    smooth = scipy.ndimage.median_filter(np.minimum(beyond, against)[:-1], 9)
    there = look.active & (smooth > 0)
    start, end = look.span(there if there.any() else look.active)
    share = 100 * float(there.sum() / look.active.sum())
    return [Fault(kind, start, end, "warning", edge_db + float(beyond[-1]), {"share_pct": share})]


def sub_rumble(known: Known) -> list[Fault]:
    """Sound too low to hear that takes headroom: wind, handling, a generator's drift."""
    look = known.survey
    if look.duration_s < _SHORT_S or look.spectrum.sum() < 1e-12:
        return []
    hz, power = look.hz, look.spectrum
    # The lowest bin holds a constant offset, which has a finding of its own.
    under, bass = (hz > 0) & (hz < 25), (hz >= 40) & (hz < 160)
    share = float(decibels(power[under].sum() / power.sum()))
    against = float(decibels(power[under].sum() / np.log2(25 / 5)) - decibels(power[bass].sum() / 2))
    if share < RUMBLE_SHARE_DB or against < RUMBLE_DB:
        return []
    return known.whole("sub_rumble", "warning", share)


def hum(known: Known) -> list[Fault]:
    """Mains hum: lines on multiples of 50 or 60 Hz that never stop."""
    sound = known.survey.sound
    found = mains.find(sound.samples, sound.rate_hz)
    if found is None:
        return []
    severity: Severity = "warning" if found.level_db > -45 else "info"
    return known.whole("hum", severity, found.level_db, hz=found.lines_hz[0])


def resonances(known: Known) -> list[Fault]:
    """Narrow peaks that ring whatever is played."""
    sound = known.survey.sound
    if sound.duration_s < _FEW_NOTES_S:
        return []
    between = resonance.between_notes(sound.samples, sound.rate_hz, HELD_DB)
    found = [peak for peak in resonance.peaks(sound.samples, sound.rate_hz) if _rings(peak, between)]
    for peak in between:
        clear = peak.stands_out_db > BETWEEN_NOTES_DB and peak.hz > _FEW_HELD_HZ
        if clear and all(abs(np.log2(peak.hz / one.hz)) > 1 / 3 for one in found):
            found.append(peak)
    return [
        Fault("resonance", 0.0, sound.duration_s, "warning", peak.stands_out_db, {"hz": peak.hz})
        for peak in found[:_MOST_RESONANCES]
    ]


def _rings(peak: resonance.Peak, between: list[resonance.Peak]) -> bool:
    """Among notes, a peak that is higher than all of them and where few are held; else on its own,
    and where notes are held, seen between the partials too."""
    few_held = peak.hz > _FEW_HELD_HZ
    if not RESONANCE_DB <= peak.stands_out_db <= resonance.NOTE_DB + _LOUDER_DB * few_held:
        return False
    seen = any(abs(np.log2(peak.hz / one.hz)) < 1 / 8 for one in between)
    if few_held and seen and peak.stands_out_db - peak.others_db > BEYOND_NOTES_DB:
        return True
    return peak.others_db <= resonance.SMOOTH_DB and (few_held or seen)


def shimmer(known: Known) -> list[Fault]:
    """Lone short tones at 8 to 14 kHz, as neural codecs leave them."""
    look = known.survey
    heard = look.shimmer[look.active & (look.shimmer >= 0)]
    if heard.size * look.cell_s < _SHORT_S:
        return []
    value = 100 * float(np.median(heard))
    return known.whole("shimmer", "warning", value) if value > SHIMMER_PCT else []
