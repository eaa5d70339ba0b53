"""Faults between left and right; only sounds of two channels have them."""

from __future__ import annotations

import numpy as np

from ..survey import Survey, decibels
from .base import Fault, Known

NARROW_DB = -25.0
"""Side under mid. Real records lie at −2 to −20 dB; from here on nobody hears that it is stereo."""
OUT_OF_PHASE = -0.2
"""Correlation. Wide records stay above 0; below this, left and right work against each other."""
MONO_LOSS_DB = 4.0
"""Lost in mono. Independent channels lose 3 dB; more means that they cancel."""
BAND_LOSS_DB = 7.0
"""The same for one octave: one part of the song gets lost on a phone."""
ONE_SIDED_DB = 2.5
"""Between left and right. Real records stay within 1 dB over a song."""

_OCTAVES_HZ = (88.0, 177.0, 354.0, 707.0, 1414.0, 2828.0, 5657.0, 11314.0)
_QUIET = 1e-8


def _sums(look: Survey, low_hz: float = 20.0, high_hz: float = 1e9) -> tuple[float, float, float]:
    """Power of left, of right, and what they have in common, over the active cells, in one band."""
    assert look.cross is not None
    inside = (look.hz >= low_hz) & (look.hz < high_hz)
    left, right = look.power[:, look.active][:, :, inside].sum(axis=(1, 2), dtype=np.float64)
    return float(left), float(right), float(look.cross[look.active][:, inside].sum(dtype=np.float64))


def _is_stereo(look: Survey) -> bool:
    return look.cross is not None and bool(look.active.any())


def narrow(known: Known) -> list[Fault]:
    """Two channels that are nearly the same."""
    look = known.survey
    if not _is_stereo(look):
        return []
    left, right, common = _sums(look)
    mid, side = (left + right + 2 * common) / 4, (left + right - 2 * common) / 4
    value = float(decibels(np.array(max(side, 0.0) / max(mid, 1e-20))))
    if value > NARROW_DB or min(left, right) < 1e-3 * max(left, right):
        return []
    return known.whole("narrow_stereo", "info", max(value, -100.0))


def out_of_phase(known: Known) -> list[Fault]:
    """Left and right in opposite phase, over the song."""
    look = known.survey
    if not _is_stereo(look):
        return []
    left, right, common = _sums(look)
    if min(left, right) < _QUIET * max(left, right):
        return []
    value = common / np.sqrt(left * right)
    return known.whole("out_of_phase", "error", float(value)) if value < OUT_OF_PHASE else []


def mono_loss(known: Known) -> list[Fault]:
    """What is lost when the song is played in mono: as a whole, or in one octave that matters."""
    look = known.survey
    if not _is_stereo(look):
        return []
    whole = _loss_db(*_sums(look))
    if whole > MONO_LOSS_DB:
        return known.whole("mono_loss", "error" if whole > 8 else "warning", min(whole, 100.0))
    bands = [(low, _sums(look, low, 2 * low)) for low in _OCTAVES_HZ if 2 * low < look.hz[-1]]
    if not bands:
        return []
    strongest = max(left + right for _, (left, right, _) in bands)
    audible = [(_loss_db(*sums), low) for low, sums in bands if sums[0] + sums[1] > 10**-1.5 * strongest]
    value, low = max(audible, default=(0.0, 0.0))
    if value <= BAND_LOSS_DB:
        return []
    return known.whole("mono_loss", "warning", min(value, 100.0), low_hz=low, high_hz=2 * low)


def _loss_db(left: float, right: float, common: float) -> float:
    """How far the mean of the channels lies under the power of both, corrected for balance."""
    together = (np.sqrt(left) + np.sqrt(right)) ** 2
    mono = max(left + right + 2 * common, 1e-12 * together)
    return float(10 * np.log10(together / mono)) if together > 0 else 0.0


def one_sided(known: Known) -> list[Fault]:
    """One channel louder than the other, over the song."""
    look = known.survey
    if not _is_stereo(look):
        return []
    left, right, _ = _sums(look)
    value = float(np.clip(np.diff(decibels(np.array([left, right]))), -100, 100)[0])
    if abs(value) <= ONE_SIDED_DB:
        return []
    return known.whole("one_sided", "warning" if abs(value) > 5 else "info", value)
