"""Mud (200–500 Hz) and harshness (2–5 kHz) of a whole song: how much there is, and whether that is a fault.

Two measures. The *density* is the band's level per octave over the mean of those around it, which
tells how the song is balanced; the *hump* is how far the highest half octave stands over its
flanks, which tells a boost from a tilt. Records have both, and how much was read off them; only
what lies beyond is a fault. And a hump is the song's only where its stems say so one by one:
harshness has to stay whichever kind of stem is left out, for what goes with the voices is their
formants; low mids, which come from one part by nature, need a hump at one place in all kinds of
stems, or one higher than any clean song has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bands import Bands, decibels


@dataclass(frozen=True)
class Usual:
    """What is usual, in dB of a measure.

    Attributes:
        middle_db: a common value; a cut never goes below it.
        edge_db: from here on it is a fault.
    """

    middle_db: float
    edge_db: float


CLIFF_DB = 12.0
"""A flank lower than that is a cliff (a band limit, a part without top), not a measure of anything."""

MUD_HZ, BODY_HZ, HARSH_HZ = (200.0, 500.0), (630.0, 1600.0), (2000.0, 5000.0)

SONG_USUAL: Mapping[str, Usual] = {"mud": Usual(0.8, 2.5), "harshness": Usual(-3.0, 1.0)}
"""What whole records measure by `Whole.density_db`: −2.6 to 4.2, and −8 to 0."""
SONG_HUMP: Mapping[str, Usual] = {"mud": Usual(1.0, 5.0), "harshness": Usual(1.0, 7.0)}
"""What whole records measure by their hump: 0 to 5, and 0 to 6.7."""
SONG_HUMP_HZ: Mapping[str, tuple[float, float]] = {"mud": MUD_HZ, "harshness": (2400.0, 5000.0)}
BELL_OVER_BAND = 1.4
"""How much deeper a bell is at its middle than it lowers its band on average, or its hump."""
_SONG_RAMP_DB = 0.15
_SURE_DENSITY_DB: Mapping[str, float] = {"mud": 3.0, "harshness": 2.0}
"""A hump alone may be a part's own; with so much of the band over what lies around it, it is the song's."""
_SHARED_DB, _SHARED_RAMP_DB = 3.5, 1.0
"""Harshness that is left of the hump whichever kind of stem is left out: clean composed songs have up to
2.5 dB, those with a boost of 14 dB on all stems 5.6 and more."""
_WITNESSED_DB, _WITNESSED_RAMP_DB = 6.6, 0.3
"""Mud by two witnesses: the hump of the sum, and half of that which all kinds of stems have at one place.
Clean composed songs have up to 6.0 dB, clean recorded ones 4.4; with a boost of 10 dB on all stems most
have more than 7."""
_FAINT = 1e-5
"""Stems with less than this share of a band's power are no witnesses."""
_HEEDED_HUMP_DB = 6.2
"""A finding of harshness is heeded where the sum has a hump of more than that: a bright band recorded
without a fault has 6.0, songs with a boost of 14 dB on all stems 6.4 and more. Below, it is its tone."""
_ONE_PART_DB: Mapping[str, float] = {"mud": 2.5, "harshness": 5.5}
"""Density from which on a finding is heeded in a part that has the hump alone; composed songs with a
loud voice reach 5.4."""
_ROUNDS = 4
"""What is taken back beside a band lowers what it is held against, so it is looked at again."""


@dataclass(frozen=True)
class Whole:
    """How much of a fault the sum of the stems has.

    Attributes:
        fault: ``mud`` or ``harshness``.
        density_db: the band over what lies around it, per octave.
        hump_db, centre_hz: how far its highest half octave stands over its flanks, and where.
        shared: 0 to 1: whether the hump is that of the song, not of one kind of stems.
        parts: how many stems there are: one alone is no song.
        asked: 0 to 1: whether a finding says that it is too much, as far as it is heeded.
    """

    fault: str
    density_db: float
    hump_db: float
    centre_hz: float
    shared: float
    parts: int
    asked: float = 0.0

    @property
    def sure(self) -> float:
        """0 to 1: whether the whole song has the fault, by its hump and by its balance."""
        hump = (self.hump_db - SONG_HUMP[self.fault].edge_db) / _SONG_RAMP_DB
        density = (self.density_db - _SURE_DENSITY_DB[self.fault]) / _SONG_RAMP_DB
        return float(np.clip(min(hump, density), 0, self.shared)) if self.parts > 1 else 0.0

    @property
    def depth_db(self) -> float:
        """How deep a bell brings the song to the middle of what songs have; 0 when it has no fault."""
        if self.parts < 2:
            return 0.0
        hump_db = (self.hump_db - SONG_HUMP[self.fault].middle_db) * self.sure
        density_db = (self.density_db - SONG_USUAL[self.fault].middle_db) * self.shared * self.asked
        return max(0.0, hump_db, density_db) * BELL_OVER_BAND

    @property
    def own_db(self) -> float:
        """The most that a bell in one stem alone may take for the song's sake; under 0 when it has enough."""
        edge_db = SONG_USUAL[self.fault].edge_db
        if self.asked:
            edge_db += (1 - self.shared) * (_ONE_PART_DB[self.fault] - edge_db)
        over_db = self.density_db - edge_db
        if self.fault == "mud" and self.parts > 1:
            # The low mids of a balance are no build-up: its sum has to have a hump too.
            over_db = min(over_db, self.hump_db - SONG_HUMP[self.fault].edge_db)
        return over_db * BELL_OVER_BAND


def whole(fault: str, stems: Sequence[Bands], *, kinds: Sequence[str] = (), asked: bool = False) -> Whole:
    """How much of a fault the sum of stems has; stems are added by their powers.

    Mud is 200–500 Hz over the mean of 50–160 and 630–1600 Hz, harshness 2–5 kHz over that of
    630–1600 and 6300–12 000 Hz.

    Args:
        kinds: of every stem; each is of its own kind when left out.
    """
    own, (low, high) = spans(fault)
    around = (_density_db(stems, low) + _density_db(stems, high)) / 2
    density_db = _density_db(stems, own) - around
    if not stems or stems[0].centres_hz[-1] < BODY_HZ[1]:
        return Whole(fault, density_db, -CLIFF_DB, SONG_HUMP_HZ[fault][0], 0.0, len(stems))
    hump_db, centre_hz = _hump_of(fault, stems)
    groups = kinds if len(set(kinds)) > 1 else range(len(stems))
    apart = [
        [one for one, kind in zip(stems, groups, strict=True) if kind == each]
        for each in dict.fromkeys(groups)
    ]
    if fault == "mud" and len(stems) > 1:
        over_db = hump_db + max(0.0, _common_db(fault, apart)) / 2
        shared = float(np.clip((over_db - _WITNESSED_DB) / _WITNESSED_RAMP_DB, 0, 1))
        return Whole(fault, density_db, hump_db, centre_hz, shared, len(stems), asked * shared)
    shared = 1.0
    if len(stems) > 1:
        rests = [[one for group in apart if group is not out for one in group] for out in apart]
        least_db = min(_hump_of(fault, rest)[0] for rest in rests)
        shared = float(np.clip((least_db - _SHARED_DB) / _SHARED_RAMP_DB, 0, 1))
    heeded = float(asked and (fault == "mud" or hump_db >= _HEEDED_HUMP_DB))
    return Whole(fault, density_db, hump_db, centre_hz, shared, len(stems), heeded)


def _common_db(fault: str, groups: Sequence[Sequence[Bands]]) -> float:
    """The highest hump at one place that every group of stems has; 0 where there are not two to compare."""
    power = [sum(float(one.between(*spans(fault)[0]).mean()) for one in group) for group in groups]
    heard = [group for group, own in zip(groups, power, strict=True) if own > _FAINT * sum(power)]
    if len(heard) < 2:
        return 0.0
    least = np.min([_over(group[0], _average_db(group), SONG_HUMP_HZ[fault])[1] for group in heard], axis=0)
    return float(least.max(initial=-CLIFF_DB))


def _hump_of(fault: str, stems: Sequence[Bands]) -> tuple[float, float]:
    return hump(stems[0], _average_db(stems), SONG_HUMP_HZ[fault])


def _average_db(stems: Sequence[Bands]) -> NDArray[np.float64]:
    return decibels(sum(bands.powers.mean(axis=1, dtype=np.float64) for bands in stems))


def hump(bands: Bands, average_db: NDArray[np.float64], span_hz: tuple[float, float]) -> tuple[float, float]:
    """How far the highest half octave of a span stands over what lies 1¼ octaves to both sides, and where.

    Where is the middle of what is within 3 dB of the highest.
    """
    hz, over = _over(bands, average_db, span_hz)
    if not hz.size:
        return -CLIFF_DB, span_hz[0]
    near = np.maximum(over - over.max() + 3, 0)
    return float(over.max()), float(2 ** np.average(np.log2(hz), weights=near))


def _over(
    bands: Bands, average_db: NDArray[np.float64], span_hz: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of the bands in a span, and how far each half octave stands over its flanks, in dB."""
    per_octave = round(1 / np.log2(bands.centres_hz[1] / bands.centres_hz[0]))
    size, away = per_octave - per_octave % 2 - 1, round(1.25 * per_octave)
    smooth = np.convolve(np.pad(average_db, size // 2, mode="edge"), np.full(size, 1 / size), "valid")
    at = np.flatnonzero((bands.centres_hz >= span_hz[0]) & (bands.centres_hz < span_hz[1]))
    at = at[(at >= away) & (at + away < smooth.size)]
    left, right = (np.minimum(smooth[at] - smooth[at + side], CLIFF_DB) for side in (-away, away))
    return bands.centres_hz[at], (left + right) / 2


def not_raising(
    hz: NDArray[np.float64], levels_db: NDArray[np.float64], gains_db: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gains that bring no mud and no harshness, by `Whole.density_db`, to a sound of these levels.

    What they would raise of a fault beyond the middle of records is taken back in the band of the
    fault and, by half, in the bands next to it.

    Args:
        hz, levels_db, gains_db: third-octave bands, ``(bands,)``.
    """
    gains_db = gains_db.copy()
    for fault, usual in SONG_USUAL.items():
        if hz[-1] < spans(fault)[1][1][0]:
            continue
        most_db = max(_level_density_db(fault, hz, levels_db), usual.middle_db)
        for _ in range(_ROUNDS):
            over_db = _level_density_db(fault, hz, levels_db + gains_db) - most_db
            gains_db += against(hz, {fault: over_db})
    return gains_db


def eased(
    fault: str,
    hz: NDArray[np.float64],
    levels_db: NDArray[np.float64],
    away_db: NDArray[np.float64],
    less_db: float,
) -> NDArray[np.float64]:
    """Gains that leave a sound of these levels so much less of a fault, ``(bands,)``.

    They turn down those bands of the fault that lie above where they should be, each in proportion
    to how far.

    Args:
        hz, levels_db: third-octave bands, ``(bands,)``.
        away_db: how far every band lies over where it should be.
    """
    shape = _inside(hz, spans(fault)[0]) * np.maximum(away_db, 0)
    gains_db = np.zeros(hz.size)
    if hz[-1] < spans(fault)[1][1][0] or not shape.any():
        return gains_db
    shape /= shape.max()
    own_db = _level_density_db(fault, hz, levels_db)
    for _ in range(_ROUNDS):
        gains_db -= shape * max(0.0, _level_density_db(fault, hz, levels_db + gains_db) - own_db + less_db)
    return gains_db


def against(hz: NDArray[np.float64], over_db: Mapping[str, float]) -> NDArray[np.float64]:
    """Gains in third-octave bands that take so much of each fault back, ``(bands,)``; nothing under 0 dB."""
    gains_db = np.zeros(hz.size)
    for fault, over in over_db.items():
        inside = _inside(hz, spans(fault)[0])
        gains_db -= max(over, 0.0) * np.maximum(
            np.convolve(inside, (0.5, 0.0, 0.5), mode="same").clip(max=0.5), inside
        )
    return gains_db


def brought_db(before: Bands, after: Bands) -> dict[str, float]:
    """How much more of each fault a sound has than before, beyond the middle of records; under 0 for less."""
    return {
        fault: whole(fault, [after]).density_db - max(whole(fault, [before]).density_db, usual.middle_db)
        for fault, usual in SONG_USUAL.items()
    }


def _level_density_db(fault: str, hz: NDArray[np.float64], levels_db: NDArray[np.float64]) -> float:
    """`Whole.density_db` from third-octave levels."""
    own, (low, high) = spans(fault)

    def density_db(span_hz: tuple[float, float]) -> float:
        return _per_octave_db(float(np.sum(10 ** (levels_db / 10) * _inside(hz, span_hz))), span_hz)

    return density_db(own) - (density_db(low) + density_db(high)) / 2


def _inside(hz: NDArray[np.float64], span_hz: tuple[float, float]) -> NDArray[np.float64]:
    """How much of every third-octave band lies in a span, 0 to 1."""
    at, half = np.log10(hz), 0.05
    low, high = np.log10(span_hz)
    return np.clip((np.minimum(at + half, high) - np.maximum(at - half, low)) / (2 * half), 0, 1)


def _density_db(stems: Sequence[Bands], span_hz: tuple[float, float]) -> float:
    return _per_octave_db(sum(float(bands.between(*span_hz).mean()) for bands in stems), span_hz)


def _per_octave_db(power: float, span_hz: tuple[float, float]) -> float:
    return float(decibels(np.array(power / np.log2(span_hz[1] / span_hz[0]))))


def spans(fault: str) -> tuple[tuple[float, float], tuple[tuple[float, float], tuple[float, float]]]:
    """The band of a fault, and the two that it is held against, in Hz."""
    return (MUD_HZ, ((50.0, 160.0), BODY_HZ)) if fault == "mud" else (HARSH_HZ, (BODY_HZ, (6300.0, 12_000.0)))
