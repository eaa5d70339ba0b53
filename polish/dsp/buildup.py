"""Build-ups: mud (200–500 Hz) and harshness (2–5 kHz), found against what is usual, cut as they come and go.

What is usual differs by stem, and by much: a rock guitar has a hump at 2.5 kHz that would be
a fault in a voice. `USUAL` holds, for both faults and every kind of stem, a usual value of the
measure and the value from which on it is a fault. They were read off recorded stems and
composed ones (some fifty of each kind): the first is near their median, the second a
little beyond all of them. Between the two nothing is done, so that clean sound stays as it is,
and beyond a stem gives up what it has too much of, as far as the sum of the stems is beyond
what is usual for a song: what does not show in the song is not a fault of it, however odd one
of its parts. Where the song as a whole has the fault (its sum has a hump there that records do
not have, or a finding says so that its stems bear out), it is brought to the middle of what
songs have: one bell, at the place of the song's hump, for all stems that do not have clearly
less than is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bands import Bands, decibels
from .dynamic_eq import Bell, smoothed
from .excess import BODY_HZ, CLIFF_DB, HARSH_HZ, MUD_HZ, Usual, Whole, hump

NEVER_DB = CLIFF_DB
"""No hump measures more than its cliffs."""

USUAL: Mapping[str, Mapping[str, Usual]] = {
    "mud": {
        "vocals": Usual(-2.0, 11.0),
        "drums": Usual(6.0, 11.5),
        "bass": Usual(9.0, 19.5),
        "other": Usual(5.5, 13.5),
    },
    "harshness": {
        "vocals": Usual(4.5, NEVER_DB),
        "drums": Usual(3.5, 10.0),
        "bass": Usual(0.5, 9.0),
        "other": Usual(2.5, 11.5),
    },
}
"""Stems of another name are judged as ``other``, which is the most lenient. A voice's own formants
make humps as high as any fault, so a voice is cut at 2–5 kHz only where a finding asks for it."""

_BEYOND_DB = 14.0
"""So far over the edge it is no fault but a part without a body to compare with, such as a pure tone."""
_RAMP_DB = 1.5
_LENIENT_DB = 4.0
"""A stem with less than its kind usually has by this much has no part in what the song has too much of."""
_Q = 1.0
_TILT = 1.5
"""Levels are taken to fall by 4.5 dB an octave when the middle of a build-up is looked for."""
_SHARE = 0.85
_SLOW_S, _BACK_S = 0.4, 1.0


@dataclass(frozen=True, eq=False)
class Buildup:
    """A build-up that was found.

    Attributes:
        fault: ``mud`` or ``harshness``.
        measured_db, usual_db: the measure here, and what is usual for such a stem.
        bell: what is to be done about it.
    """

    fault: str
    measured_db: float
    usual_db: float
    bell: Bell


def find(fault: str, bands: Bands, kind: str, *, deepest_db: float, whole: Whole) -> Buildup | None:
    """The build-up of a stem, if there is one.

    Args:
        fault: a key of `USUAL`.
        bands: powers of the stem, at least three bands an octave.
        kind: the stem's name.
        deepest_db: the most that may be cut, positive.
        whole: how much of the fault the whole song has.
    """
    usual = USUAL[fault].get(kind, USUAL[fault]["other"])
    sounding = bands.active(40)
    if bands.centres_hz[-1] < BODY_HZ[1] or sounding.sum() < 8:
        return None
    average_db = decibels(bands.powers[:, sounding].mean(axis=1))
    measured, centre = _mud(bands, average_db) if fault == "mud" else hump(bands, average_db, HARSH_HZ)
    if measured > usual.edge_db + _BEYOND_DB and not whole.sure:
        return None
    over = measured - usual.middle_db
    sure = max(whole.asked, float(np.clip((measured - usual.edge_db) / _RAMP_DB, 0, 1)))
    own = min(over * _SHARE * sure, whole.own_db)
    shared = whole.depth_db * float(np.clip((over + _LENIENT_DB) / _RAMP_DB, 0, 1))
    if shared >= max(own, 1e-9):
        over, centre = shared + _LENIENT_DB, whole.centre_hz
    depth = min(max(own, shared), deepest_db)
    if depth <= 0:
        return None
    track = _track(bands, sounding, MUD_HZ if fault == "mud" else HARSH_HZ, depth, max(over, depth))
    return Buildup(fault, measured, usual.middle_db, Bell(centre, _Q, track, bands.hop))


def measured_db(fault: str, bands: Bands) -> float | None:
    """The measure of a fault, in dB: mud is 200–500 over 630–1600 Hz, harshness a hump at 2–5 kHz."""
    sounding = bands.active(40)
    if not sounding.any() or bands.centres_hz[-1] < BODY_HZ[1]:
        return None
    average_db = decibels(bands.powers[:, sounding].mean(axis=1))
    return (_mud(bands, average_db) if fault == "mud" else hump(bands, average_db, HARSH_HZ))[0]


def _mud(bands: Bands, average_db: NDArray[np.float64]) -> tuple[float, float]:
    """Mean level of 200–500 Hz over that of the body, and the middle of its power."""
    inside, body = _inside(bands, MUD_HZ), _inside(bands, BODY_HZ)
    return float(average_db[inside].mean() - average_db[body].mean()), _middle_hz(bands, average_db, inside)


def _middle_hz(bands: Bands, average_db: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    hz = bands.centres_hz[inside]
    power = 10 ** (average_db[inside] / 10) * hz**_TILT
    return float(2 ** (np.sum(power * np.log2(hz)) / np.sum(power)))


def _inside(bands: Bands, span_hz: tuple[float, float]) -> NDArray[np.bool_]:
    return (bands.centres_hz >= span_hz[0]) & (bands.centres_hz < span_hz[1])


def _track(
    bands: Bands, sounding: NDArray[np.bool_], span_hz: tuple[float, float], depth_db: float, over_db: float
) -> NDArray[np.float64]:
    """The cut at every column: as far as the band is beyond the usual then, at most `depth_db`.

    `over_db` is how far it is beyond on average.
    """
    ratio = decibels(bands.between(*span_hz)) - decibels(bands.between(*BODY_HZ))
    columns = np.arange(ratio.size)
    ratio = np.interp(columns, columns[sounding], ratio[sounding])
    columns_per_s = bands.rate_hz / bands.hop
    slow = smoothed(ratio - ratio.mean(), _SLOW_S * columns_per_s, _SLOW_S * columns_per_s)
    return -smoothed(np.clip(over_db + slow, 0, depth_db), _SLOW_S * columns_per_s, _BACK_S * columns_per_s)
