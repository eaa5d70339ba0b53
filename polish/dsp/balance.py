"""How a leading part stands against the rest: its level, and the bands in which it is covered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import filters
from .bands import Bands, decibels
from .dynamic_eq import Bell, smoothed
from .loudness import k_weighting

PRESENCE = ((1000.0, 2000.0), (2000.0, 4500.0))
"""Where words are understood: the bands that weigh most in the speech intelligibility index
(ANSI S3.5-1997, table 3), in Hz."""

COVERED_DB = 6.0
"""A lead this far under the rest in a presence band is covered: the index gives such a band
``(15 - 6) / 30``, less than a third of its weight (ANSI S3.5-1997, clause 5.8)."""

KICK_HZ = (40.0, 120.0)
KICK_COVERED_DB = -3.0
"""From there on a bass takes the foot of a kick away: the sum is less than 5 dB over the bass alone."""

DEEPEST_DB = 3.0
_SHARE = 0.5
"""How much of what is too much is taken: the rest keeps most of its own place."""
_AWAY_S, _BACK_S = 0.08, 0.4


@dataclass(frozen=True, eq=False)
class Masking:
    """One presence band: how it stands, and the bell that makes room in the rest.

    Attributes:
        low_hz, high_hz: the band.
        rest_over_lead_db: median, while the lead sounds.
        bell: for the stems that cover the lead; ``None`` when there is room.
    """

    low_hz: float
    high_hz: float
    rest_over_lead_db: float
    bell: Bell | None


def lead_over_rest_lu(lead: Bands, rest: Sequence[Bands]) -> float | None:
    """K-weighted level of the lead over the sum of the rest, while the lead sounds, in LU.

    ``None`` when either is silent then.
    """
    weight = 10 ** (filters.response_db(k_weighting(lead.rate_hz), lead.centres_hz, lead.rate_hz) / 10)
    sounding = lead.active(25)
    power = float((weight @ lead.powers)[sounding].sum())
    others = sum(float((weight @ bands.powers)[sounding].sum()) for bands in rest)
    return 10 * float(np.log10(power / others)) if power > 1e-12 and others > 1e-12 else None


def level_lu(bands: Bands) -> float | None:
    """K-weighted level while a part sounds, in dB; ``None`` for silence."""
    weight = 10 ** (filters.response_db(k_weighting(bands.rate_hz), bands.centres_hz, bands.rate_hz) / 10)
    power = (weight @ bands.powers)[bands.active(25)]
    return 10 * float(np.log10(power.mean())) if power.size and power.mean() > 1e-12 else None


def relation_gains_db(
    levels_lu: Mapping[str, float], wanted_lu: Mapping[str, float], furthest_db: float
) -> dict[str, float]:
    """Gains that bring parts to wanted levels against the sum of all of them.

    Args:
        levels_lu: of every part, on any common scale.
        wanted_lu: against the sum, for the parts that are to move.
        furthest_db: the most gain or cut.
    """
    power = {name: 10 ** (level / 10) for name, level in levels_lu.items()}
    gains = dict.fromkeys(wanted_lu, 0.0)
    for _ in range(30):
        whole = sum(own * 10 ** (gains.get(name, 0.0) / 10) for name, own in power.items())
        for name, wanted in wanted_lu.items():
            gain = 10 * np.log10(whole * 10 ** (wanted / 10) / power[name])
            gains[name] = float(np.clip(gain, -furthest_db, furthest_db))
    return {name: round(gain, 2) for name, gain in gains.items()}


def kick_over(bass: Bands, kick: Bands, deepest_db: float) -> tuple[float, Bell | None] | None:
    """How far the bass covers the kick when it hits, in dB, and the bell that lets it through.

    A hit is where the kick's band is 6 dB over its level just before. ``None`` without hits.
    """
    own, other = kick.between(*KICK_HZ), bass.between(*KICK_HZ)
    level_db = decibels(own)
    hits = (np.diff(level_db, prepend=level_db[:1]) > 6) & (own > own.max() * 0.03)
    if hits.sum() < 4 or not other.any():
        return None
    over = float(np.median((decibels(other) - level_db)[hits]))
    depth = float(np.clip(over - KICK_COVERED_DB, 0, deepest_db))
    if depth < 0.1:
        return over, None
    columns_per_s = bass.rate_hz / bass.hop
    track = smoothed(np.where(hits, -depth, 0.0), 0.01 * columns_per_s, 0.12 * columns_per_s)
    centre = float(np.sqrt(KICK_HZ[0] * KICK_HZ[1]))
    return over, Bell(centre, centre / (KICK_HZ[1] - KICK_HZ[0]), track, bass.hop)


def masking(lead: Bands, rest: Sequence[Bands], amount: float) -> list[Masking]:
    """How far the rest covers the lead, band by band.

    Args:
        lead, rest: powers on one grid.
        amount: 0 to 1, the share of the full cut; the full one is at most `DEEPEST_DB`.
    """
    found = []
    for low_hz, high_hz in PRESENCE:
        if high_hz > lead.centres_hz[-1] or not rest:
            continue
        own, others = lead.between(low_hz, high_hz), sum(bands.between(low_hz, high_hz) for bands in rest)
        sounding = lead.active(25) & (own > own.max() * 1e-4) & (own > 0)
        if not sounding.any():
            continue
        over = float(np.median((decibels(others) - decibels(own))[sounding]))
        cut = min(max(over - COVERED_DB, 0.0) * _SHARE, DEEPEST_DB) * amount
        found.append(Masking(low_hz, high_hz, over, _making_room(lead, sounding, low_hz, high_hz, cut)))
    return found


def _making_room(
    lead: Bands, sounding: NDArray[np.bool_], low_hz: float, high_hz: float, cut_db: float
) -> Bell | None:
    """A bell that is down by `cut_db` while the lead sounds."""
    if cut_db < 0.1:
        return None
    columns_per_s = lead.rate_hz / lead.hop
    track = smoothed(np.where(sounding, -cut_db, 0.0), _AWAY_S * columns_per_s, _BACK_S * columns_per_s)
    centre = float(np.sqrt(low_hz * high_hz))
    return Bell(centre, centre / (high_hz - low_hz), track, lead.hop)
