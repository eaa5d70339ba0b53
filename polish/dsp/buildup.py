"""Build-ups: mud (200–500 Hz) and harshness (2–5 kHz), found against what is usual, cut as they come and go.

What is usual differs by stem, and by much: a rock guitar has a hump at 2.5 kHz that would be
a fault in a voice. `USUAL` holds, for both faults and every kind of stem, a usual value of the
measure and the value from which on it is a fault. They were read off recorded stems and
composed ones (some fifty of each kind): the first is near their median, the second a
little beyond all of them. Between the two nothing is done, so that clean sound stays as it is,
and beyond a stem gives up what it has too much of, as far as the sum of the stems is beyond
what is usual for a song: what does not show in the song is not a fault of it, however odd one
of its parts. Where the song as a whole has the fault (its sum has a hump there that records do
not have, or a finding says so), it is brought to the middle of what songs have: one bell, at the
place of the song's hump, for all stems that do not have clearly less than is usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bands import Bands, decibels
from .dynamic_eq import Bell, smoothed


@dataclass(frozen=True)
class Usual:
    """What is usual for a kind of stem, in dB of the fault's measure.

    Attributes:
        middle_db: a common value; a cut never goes below it.
        edge_db: from here on it is a fault.
    """

    middle_db: float
    edge_db: float


_CLIFF_DB = 12.0
"""A flank lower than that is a cliff (a band limit, a part without top), not a measure of anything."""
NEVER_DB = _CLIFF_DB
"""No hump measures more than its cliffs."""

MUD_HZ, BODY_HZ, HARSH_HZ = (200.0, 500.0), (630.0, 1600.0), (2000.0, 5000.0)

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

SONG_USUAL: Mapping[str, Usual] = {"mud": Usual(0.8, 2.5), "harshness": Usual(-3.0, 1.0)}
"""What whole records measure by `density_db`: −2.6 to 4.2, and −8 to 0."""
SONG_HUMP: Mapping[str, Usual] = {"mud": Usual(1.0, 5.3), "harshness": Usual(1.0, 7.0)}
"""What whole records measure by their hump: 0 to 5, and 0 to 6.7."""
SONG_HUMP_HZ: Mapping[str, tuple[float, float]] = {"mud": MUD_HZ, "harshness": (2400.0, 5000.0)}
_PEAK_OVER_MEAN = 1.4
"""How much deeper a bell is at its middle than it lowers its band on average, or its hump."""
_SONG_RAMP_DB = 0.15
_SURE_DENSITY_DB: Mapping[str, float] = {"mud": 3.8, "harshness": 2.0}
"""A hump alone may be a part's own; with so much of the band over what lies around it, it is the song's."""
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


@dataclass(frozen=True)
class Whole:
    """How much of a fault the sum of the stems has.

    Attributes:
        fault: ``mud`` or ``harshness``.
        density_db: the band over what lies around it, per octave.
        hump_db, centre_hz: how far its highest half octave stands over its flanks, and where.
        parts: how many stems there are: one alone is no song.
        asked: whether a finding says that it is too much.
    """

    fault: str
    density_db: float
    hump_db: float
    centre_hz: float
    parts: int
    asked: bool = False

    @property
    def sure(self) -> float:
        """0 to 1: whether the whole song has the fault, by its hump and by its balance."""
        hump = (self.hump_db - SONG_HUMP[self.fault].edge_db) / _SONG_RAMP_DB
        density = (self.density_db - _SURE_DENSITY_DB[self.fault]) / _SONG_RAMP_DB
        return float(np.clip(min(hump, density), 0, 1)) if self.parts > 1 else 0.0

    @property
    def depth_db(self) -> float:
        """How deep a bell brings the song to the middle of what songs have; 0 when it has no fault."""
        if self.parts < 2:
            return 0.0
        hump_db = (self.hump_db - SONG_HUMP[self.fault].middle_db) * self.sure
        density_db = self.density_db - SONG_USUAL[self.fault].middle_db if self.asked else 0.0
        return max(0.0, hump_db, density_db) * _PEAK_OVER_MEAN


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
    measured, centre = _mud(bands, average_db) if fault == "mud" else _hump(bands, average_db, HARSH_HZ)
    if measured > usual.edge_db + _BEYOND_DB and not whole.sure:
        return None
    over = measured - usual.middle_db
    sure = 1.0 if whole.asked else float(np.clip((measured - usual.edge_db) / _RAMP_DB, 0, 1))
    own = min(
        over * _SHARE * sure,
        (whole.density_db - SONG_USUAL[fault].edge_db) * _PEAK_OVER_MEAN,
    )
    shared = whole.depth_db * float(np.clip((over + _LENIENT_DB) / _RAMP_DB, 0, 1))
    if shared >= max(own, 1e-9):
        over, centre = shared + _LENIENT_DB, whole.centre_hz
    depth = min(max(own, shared), deepest_db)
    if depth <= 0:
        return None
    track = _track(bands, sounding, MUD_HZ if fault == "mud" else HARSH_HZ, depth, max(over, depth))
    return Buildup(fault, measured, usual.middle_db, Bell(centre, _Q, track, bands.hop))


def whole(fault: str, stems: Sequence[Bands], *, asked: bool = False) -> Whole:
    """How much of a fault the sum of stems has; stems are added by their powers.

    Mud is 200–500 Hz over the mean of 50–160 and 630–1600 Hz, harshness 2–5 kHz over that of
    630–1600 and 6300–12 000 Hz.
    """
    low, high = ((50.0, 160.0), BODY_HZ) if fault == "mud" else (BODY_HZ, (6300.0, 12_000.0))
    around = (_density_db(stems, low) + _density_db(stems, high)) / 2
    span_hz = SONG_HUMP_HZ[fault]
    density_db = _density_db(stems, MUD_HZ if fault == "mud" else HARSH_HZ) - around
    if not stems or stems[0].centres_hz[-1] < BODY_HZ[1]:
        return Whole(fault, density_db, -_CLIFF_DB, span_hz[0], len(stems), asked)
    average_db = decibels(sum(bands.powers.mean(axis=1, dtype=np.float64) for bands in stems))
    return Whole(fault, density_db, *_hump(stems[0], average_db, span_hz), len(stems), asked)


def _density_db(stems: Sequence[Bands], span_hz: tuple[float, float]) -> float:
    power = sum(float(bands.between(*span_hz).mean()) for bands in stems)
    return float(decibels(np.array(power / np.log2(span_hz[1] / span_hz[0]))))


def measured_db(fault: str, bands: Bands) -> float | None:
    """The measure of a fault, in dB: mud is 200–500 over 630–1600 Hz, harshness a hump at 2–5 kHz."""
    sounding = bands.active(40)
    if not sounding.any() or bands.centres_hz[-1] < BODY_HZ[1]:
        return None
    average_db = decibels(bands.powers[:, sounding].mean(axis=1))
    return (_mud(bands, average_db) if fault == "mud" else _hump(bands, average_db, HARSH_HZ))[0]


def _mud(bands: Bands, average_db: NDArray[np.float64]) -> tuple[float, float]:
    """Mean level of 200–500 Hz over that of the body, and the middle of its power."""
    inside, body = _inside(bands, MUD_HZ), _inside(bands, BODY_HZ)
    return float(average_db[inside].mean() - average_db[body].mean()), _middle_hz(bands, average_db, inside)


def _hump(bands: Bands, average_db: NDArray[np.float64], span_hz: tuple[float, float]) -> tuple[float, float]:
    """How far the highest half octave of a span stands over what lies 1¼ octaves to both sides, and where.

    Where is the middle of what is within 3 dB of the highest.
    """
    per_octave = round(1 / np.log2(bands.centres_hz[1] / bands.centres_hz[0]))
    size, away = per_octave - per_octave % 2 - 1, round(1.25 * per_octave)
    smooth = np.convolve(np.pad(average_db, size // 2, mode="edge"), np.full(size, 1 / size), "valid")
    at = np.flatnonzero(_inside(bands, span_hz))
    at = at[(at >= away) & (at + away < smooth.size)]
    if not at.size:
        return -_CLIFF_DB, span_hz[0]
    left, right = (np.minimum(smooth[at] - smooth[at + side], _CLIFF_DB) for side in (-away, away))
    over = (left + right) / 2
    near = np.maximum(over - over.max() + 3, 0)
    return float(over.max()), float(2 ** np.average(np.log2(bands.centres_hz[at]), weights=near))


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
