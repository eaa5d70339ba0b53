"""Sibilance: esses of a voice that are too loud against its vowels.

Columns ruled by hiss (4.5–10 kHz over 0.3–4 kHz) are esses, columns in which it lies 6 dB
under are vowels. Sung esses lie about 10 dB under the vowels; those of separated voices, with
what is left of cymbals, up to 4. From 3.5 dB on they are too loud, and are brought back to 10,
only while they last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio.sound import Samples
from .bands import decibels, measure
from .dynamic_eq import Bell, smoothed

HISS_HZ, VOICE_HZ = (4500.0, 10_000.0), (300.0, 4000.0)
USUAL_DB, EDGE_DB = -10.0, -3.5
"""Level of esses over vowels: usual, and too loud from there on."""
_RAMP_DB = 1.5
_FEWEST = 6
_WINDOW_S = 0.023
_BESIDE_S, _BESIDE_DB = 0.3, 9.0
_CENTRE_HZ, _Q = 6700.0, 0.8
_ATTACK_S, _RELEASE_S = 0.003, 0.03


@dataclass(frozen=True, eq=False)
class Sibilance:
    """Esses that are too loud.

    Attributes:
        measured_db: their level over the vowels (85th percentile of the esses, 75th of the vowels).
        bell: what is to be done about it.
    """

    measured_db: float
    bell: Bell


def find(samples: Samples, rate_hz: int, *, deepest_db: float) -> Sibilance | None:
    """Esses of a voice, if they are too loud; a voice that is cut off below 10 kHz has none.

    Args:
        samples: ``(channels, frames)`` float32.
        deepest_db: the most that may be cut, positive.
    """
    if rate_hz < 2.2 * HISS_HZ[1]:
        return None
    bands = measure(samples, rate_hz, per_octave=3, low_hz=200.0, high_hz=16_000.0, window_s=_WINDOW_S)
    sounding = bands.active(40)
    hiss, voice = bands.between(*HISS_HZ), bands.between(*VOICE_HZ)
    esses, vowels = sounding & (hiss > voice), sounding & (voice > 4 * hiss)
    if esses.sum() < _FEWEST or vowels.sum() < _FEWEST:
        return None
    vowel_db = float(np.percentile(decibels(voice[vowels]), 75))
    # An ess belongs to a word: hiss with no vowel beside it is a cymbal, or breath.
    reach = 2 * round(_BESIDE_S * rate_hz / bands.hop) + 1
    beside = scipy.ndimage.maximum_filter1d(np.where(vowels, decibels(voice), -np.inf), reach)
    esses &= beside > vowel_db - _BESIDE_DB
    if esses.sum() < _FEWEST:
        return None
    measured = float(np.percentile(decibels(hiss[esses]), 85)) - vowel_db
    if measured <= EDGE_DB:
        return None
    over: NDArray[np.float64] = np.where(esses, decibels(hiss) - vowel_db - USUAL_DB, 0.0)
    over *= min(1.0, (measured - EDGE_DB) / _RAMP_DB)
    columns_per_s = rate_hz / bands.hop
    # Down before the ess begins: a column hears a little of what follows it.
    wanted = scipy.ndimage.maximum_filter1d(np.clip(over, 0, deepest_db), 3)
    cut = smoothed(wanted, _ATTACK_S * columns_per_s, _RELEASE_S * columns_per_s)
    return Sibilance(measured, Bell(_CENTRE_HZ, _Q, -cut, bands.hop))
