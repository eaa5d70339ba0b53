"""What a master starts from: the mix without offset, with tone and glue only where it measures a need.

The same mix is often mastered for several targets: what is found and made here is kept as long
as the mix is, so that the second master costs little.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..audio import Samples, Sound
from ..dsp import bands, excess
from ..dsp.landing import Source
from ..dsp.measure import dc_offset
from ..dsp.spectrum import third_octave_levels_db, third_octaves_hz
from ..dsp.tonal import Bands, filtered, linear_phase_filter
from ..units import decibels
from .bus import glued
from .match import CURVES

RECORDS_DB = 7.0
"""How far the bands of a released record lie from the average of records; what lies further out is
brought half the way back. Six records that were at hand keep within 6.5 dB from 63 Hz to 10 kHz,
smoothed over two thirds of an octave."""
_SHARE = 0.5
_TONE_HZ = (63.0, 12_500.0)
_LEAST_DB = 0.3
_LEAST_BROUGHT_DB, _MOST_BROUGHT_DB, _BELL_OVER_BAND = 0.05, 1.0, 1.2
_SMOOTH_BANDS = 1.0
_OUT_DB = 2.0
_EASED_FROM, _EASED_SHARE, _MOST_EASED_DB = 0.5, 0.25, 1.0
"""From half the way between the middle of records and a fault on, a quarter of what is beyond the middle."""
_ABSENT_DB = 20.0
"""A band this far under what it should be is empty: there is nothing to bring up but noise."""
_JUDGED_S = 10.0
"""Less sound than this is not a song whose tone and crest could be held against records."""


@dataclass(frozen=True, eq=False)
class Premaster:
    """A mix ready to be landed.

    Attributes:
        source: the sound, looked over once for all targets.
        offset_dbfs: the constant offset that was taken out; None for none.
        tone, glue: what was done, as facts; None where nothing was needed.
        brought: bands turned down against what limiting will bring, as facts; empty where it brings nothing.
    """

    source: Source
    offset_dbfs: float | None = None
    tone: dict[str, Any] | None = None
    glue: dict[str, Any] | None = None
    brought: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class _Mix:
    """What is known of one mix."""

    source: Source
    made: dict[tuple[float, float], Premaster] = field(default_factory=dict)


_known: WeakKeyDictionary[Sound, _Mix] = WeakKeyDictionary()


def untouched(mix: Sound) -> Source:
    """The mix itself, looked over once."""
    return _mix(mix).source


def prepared(mix: Sound, *, tone_db: float, glue_db: float) -> Premaster:
    """The mix as a master starts from.

    Args:
        tone_db: the most gain or cut of any band; 0 for none.
        glue_db: the most that the compressor may take; 0 for none.
    """
    known = _mix(mix)
    if (tone_db, glue_db) not in known.made:
        known.made[tone_db, glue_db] = _prepared(mix, known.source, tone_db, glue_db)
    return known.made[tone_db, glue_db]


def without_brought(mix: Sound, start: Premaster, landed: Samples) -> Premaster | None:
    """A start from which limiting brings no mud or harshness; None where it brings none.

    A limiter that holds peaks of the low end for much of the time leaves everything else further
    out than it was. What that adds of a fault, beyond the middle of records, is taken back before.
    """
    before, after = (bands.measure(samples, mix.rate_hz) for samples in (mix.samples, landed))
    over_db = excess.brought_db(before, after)
    if max(over_db.values()) < _LEAST_BROUGHT_DB or before.centres_hz[-1] < excess.HARSH_HZ[1]:
        return None
    hz = third_octaves_hz(mix.rate_hz)
    gains_db = excess.against(hz, {fault: _BELL_OVER_BAND * over for fault, over in over_db.items()})
    gains_db = np.maximum(gains_db, -_MOST_BROUGHT_DB)
    samples = filtered(start.source.samples, linear_phase_filter(mix.rate_hz, hz, gains_db))
    down = np.flatnonzero(gains_db < -_LEAST_BROUGHT_DB / 2)
    brought = {
        "bands_hz": [round(float(hz[at]), 1) for at in down],
        "gains_db": [round(float(gains_db[at]), 2) for at in down],
    }
    return replace(start, source=Source(samples, mix.rate_hz), brought=brought)


def _mix(mix: Sound) -> _Mix:
    if mix not in _known:
        _known[mix] = _Mix(Source(mix.samples, mix.rate_hz))
    return _known[mix]


def _prepared(mix: Sound, source: Source, tone_db: float, glue_db: float) -> Premaster:
    sound, offset_dbfs = _without_offset(mix)
    tone = glue = None
    if sound.duration_s >= _JUDGED_S and source.measured["integrated_lufs"] is not None:
        sound, tone = _toned(sound, tone_db) if tone_db else (sound, None)
        sound, glue = _held(sound, glue_db) if glue_db else (sound, None)
    if sound is not mix:
        source = Source(sound.samples, sound.rate_hz)
    return Premaster(source, offset_dbfs, tone, glue)


def _without_offset(sound: Sound) -> tuple[Sound, float | None]:
    """The sound without a constant offset, which only takes headroom; and how large the offset was."""
    offset = dc_offset(sound.samples, sound.rate_hz)
    if not offset.any():
        return sound, None
    samples = np.subtract(sound.samples, offset[:, None].astype(np.float32))
    return sound.with_samples(samples), decibels(float(np.abs(offset).max()))


def _toned(sound: Sound, most_db: float) -> tuple[Sound, dict[str, Any] | None]:
    """Bands that stand out from records brought half the way back to where records lie."""
    hz, own_db = third_octave_levels_db(sound.samples, sound.rate_hz)
    points_hz, levels_db = zip(*CURVES["streaming"], strict=True)
    away_db = own_db - np.interp(np.log(hz), np.log(points_hz), levels_db)
    judged = (hz >= _TONE_HZ[0]) & (hz <= _TONE_HZ[1]) & (own_db > own_db.max() - 50)
    if not judged.any():
        return sound, None
    judged &= away_db > np.median(away_db[judged]) - _ABSENT_DB
    away_db = gaussian_filter1d(away_db - away_db[judged].mean(), _SMOOTH_BANDS)
    outside_db = np.where(judged, np.sign(away_db) * np.maximum(np.abs(away_db) - RECORDS_DB, 0), 0.0)
    gains_db = gaussian_filter1d(np.clip(-_SHARE * outside_db, -most_db, most_db), _SMOOTH_BANDS)
    gains_db = excess.not_raising(hz, own_db, gains_db)
    gains_db += _eased_db(sound, hz, own_db + gains_db, away_db + gains_db, judged)
    gains_db = np.clip(gains_db, -most_db, most_db)
    if np.abs(gains_db).max() < _LEAST_DB:
        return sound, None
    toned = filtered(sound.samples, linear_phase_filter(sound.rate_hz, hz, gains_db))
    return sound.with_samples(toned), {
        "furthest_db": round(float(np.abs(away_db[judged]).max()), 1),
        "bands_hz": [round(float(at), 1) for at in hz],
        "gains_db": [round(float(gain), 2) for gain in gains_db],
    }


def _eased_db(sound: Sound, hz: Bands, own_db: Bands, away_db: Bands, judged: NDArray[np.bool_]) -> Bands:
    """Gains that take a part of the mud and harshness beyond the middle of records.

    Only from bands that lie 2 dB over the average spectrum of records, and only where the sound as
    a whole comes nearer to that: else it is the colour of this song.

    Args:
        own_db: levels by third-octave band.
        away_db: how far they lie from where records have them.
    """
    gains_db = np.zeros(hz.size)
    measured = [bands.measure(sound.samples, sound.rate_hz)]
    for fault, usual in excess.SONG_USUAL.items():
        over_db = excess.whole(fault, measured).density_db - usual.middle_db
        if over_db < _EASED_FROM * (usual.edge_db - usual.middle_db):
            continue
        less_db = min(_EASED_SHARE * over_db, _MOST_EASED_DB)
        out_db = np.where(judged, away_db + gains_db - _OUT_DB, 0.0)
        eased_db = excess.eased(fault, hz, own_db + gains_db, out_db, less_db)
        eased_db = gains_db + np.maximum(eased_db, -_MOST_EASED_DB)
        if np.std((away_db + eased_db)[judged]) < np.std((away_db + gains_db)[judged]):
            gains_db = eased_db
    return gains_db


def _held(sound: Sound, most_db: float) -> tuple[Sound, dict[str, Any] | None]:
    held, facts = glued(sound, most_db)
    return (sound, None) if held is sound else (held, facts)
