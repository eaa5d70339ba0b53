"""How stems of a mix make room: the rest for the lead, the bass for the kick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..audio import Sound
from ..dsp import balance, dynamic_eq
from ..dsp.bands import Bands
from ..presets import kind_of
from ..units import amplitude

LEAD_TOO_LOW_LU, LEAD_TOO_HIGH_LU = -12.0, 12.0
"""How far a lead may be under or over what plays with it before it counts as a fault. Wide on
purpose: within that the balance is taste, and the draft's stays."""
FURTHEST_LEAD_DB = 2.0
_KEEP_WHOLE = frozenset({"drums", "bass"})
"""Kinds of stems in which no room is made for the lead: they carry the beat and have little presence."""


def made(
    stems: Mapping[str, Sound],
    powers: Mapping[str, Bands],
    *,
    lead: str,
    share: float,
    duck_db: float,
    level: bool,
) -> tuple[dict[str, Sound], dict[str, Any]]:
    """The stems after each made its room, and what was measured and done.

    Args:
        powers: the stems' bands.
        lead: the stem that the others make room for.
        share: how much of what is measured is done, 0 to 1.
        duck_db: the most that a bass gives way to a kick.
        level: whether the lead's own level may be moved.
    """
    done, facts = _for_the_lead(stems, powers, lead, share, level)
    done, facts_of_kick = _for_the_kick(done, powers, share * duck_db)
    return done, {"lead": facts, "kick": facts_of_kick}


def _for_the_lead(
    stems: Mapping[str, Sound], powers: Mapping[str, Bands], lead: str, share: float, level: bool
) -> tuple[dict[str, Sound], dict[str, Any] | None]:
    done = dict(stems)
    if lead not in stems:
        return done, None
    rest = {name: found for name, found in powers.items() if name != lead}
    over = balance.lead_over_rest_lu(powers[lead], list(rest.values()))
    if over is None:
        return done, None
    gain = _toward(over, LEAD_TOO_LOW_LU, LEAD_TOO_HIGH_LU) * share if level else 0.0
    masked = balance.masking(powers[lead], list(rest.values()), share)
    bells = [entry.bell for entry in masked if entry.bell is not None]
    covering = [name for name in rest if kind_of(name) not in _KEEP_WHOLE] if bells else []
    if abs(gain) >= 0.1:
        done[lead] = stems[lead].with_samples(stems[lead].samples * np.float32(amplitude(gain)))
    for name in covering:
        done[name] = done[name].with_samples(dynamic_eq.act(done[name].samples, done[name].rate_hz, bells))
    return done, {
        "stem": lead,
        "over_rest_lu": round(over, 2),
        "gain_db": round(gain, 2) if abs(gain) >= 0.1 else 0.0,
        "ducked": covering,
        "presence": [_shown(entry) for entry in masked],
    }


def _for_the_kick(
    stems: dict[str, Sound], powers: Mapping[str, Bands], deepest_db: float
) -> tuple[dict[str, Sound], list[dict[str, Any]]]:
    """Basses give way where they cover the kick: the stem of that name, else the drums."""
    kick = next((name for name in ("kick", "drums") if name in stems), None)
    noted = []
    for name in [name for name in stems if kind_of(name) == "bass"] if kick and deepest_db else ():
        found = balance.kick_over(powers[name], powers[kick], deepest_db)
        if found is None:
            continue
        over, bell = found
        entry = {"bass": name, "kick": kick, "bass_over_kick_db": round(over, 2), "change_db": 0.0}
        if bell is not None:
            stems[name] = stems[name].with_samples(
                dynamic_eq.act(stems[name].samples, stems[name].rate_hz, [bell])
            )
            entry["change_db"] = round(bell.deepest_db, 2)
        noted.append(entry)
    return stems, noted


def _toward(value: float, low: float, high: float) -> float:
    """The step that brings a value into a range, at most `FURTHEST_LEAD_DB`."""
    step = low - value if value < low else high - value if value > high else 0.0
    return float(np.clip(step, -FURTHEST_LEAD_DB, FURTHEST_LEAD_DB))


def _shown(entry: balance.Masking) -> dict[str, Any]:
    return {
        "where_hz": [entry.low_hz, entry.high_hz],
        "rest_over_lead_db": round(entry.rest_over_lead_db, 2),
        "change_db": round(entry.bell.deepest_db, 2) if entry.bell else 0.0,
    }
