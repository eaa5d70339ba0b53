"""One gain for a set of tracks: the loudness of all of them played through, and what it allows.

The loudness of an album is that of its tracks one after the other, gated as one programme
(ITU-R BS.1770-5 annex 1). It is worked out from the K-weighted energies of the tracks, which
take a few hundred KB an hour; the sounds themselves never lie side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..audio.sound import Samples
from .loudness import Power, k_weighted_power
from .peak import true_peak_dbtp

CLOSE_LU = 0.03
"""A limited album this near its loudness is not limited again."""
_ROUNDS = 5
_HAIR_DB = 0.005
_MOST_LIMITING_DB = 12.0


@dataclass(frozen=True, eq=False)
class Track:
    """What an album needs to know of a track.

    Attributes:
        power: K-weighted energy in bins of 10 ms.
        true_peak_dbtp: None for silence.
    """

    power: Power
    true_peak_dbtp: float | None

    @classmethod
    def of(cls, samples: Samples, rate_hz: int) -> Track:
        return cls(k_weighted_power(samples, rate_hz), true_peak_dbtp(samples, rate_hz))


@dataclass(frozen=True)
class Shared:
    """The gain that tracks share, and what they measure together with it.

    Attributes:
        gain_db: the same for each track.
        before_lufs: their loudness together; None where there is none.
        loudness_lufs, true_peak_dbtp: the same with the gain, limited where that was allowed.
    """

    gain_db: float
    before_lufs: float | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None


def together_lufs(tracks: Sequence[Track]) -> float | None:
    """Integrated loudness of tracks one after the other; None where nothing is loud enough."""
    if not tracks:
        return None
    energy = np.concatenate([track.power.energy for track in tracks])
    frames = np.concatenate([track.power.frames for track in tracks])
    return Power(energy, frames).integrated_lufs


def highest_dbtp(tracks: Sequence[Track]) -> float | None:
    """The highest true peak of all tracks; None for silence."""
    return max((t.true_peak_dbtp for t in tracks if t.true_peak_dbtp is not None), default=None)


def shared_gain(
    measured: Callable[[float | None], Sequence[Track]],
    loudness_lufs: float,
    ceiling_dbtp: float,
    *,
    limiting: bool,
) -> Shared:
    """The one gain that brings tracks to a loudness together, with all peaks under a ceiling.

    Args:
        measured: the tracks as they are, for None; else with that gain in dB, limited under the
            ceiling. Called again only where there is limiting.
        limiting: whether to limit where the peaks leave too little room; else the gain is the
            highest that leaves every peak under the ceiling.
    """
    tracks = measured(None)
    before_lufs, peak_dbtp = together_lufs(tracks), highest_dbtp(tracks)
    if before_lufs is None or peak_dbtp is None:
        return Shared(0.0, None, None, peak_dbtp)
    gain_db, room_db = loudness_lufs - before_lufs, ceiling_dbtp - _HAIR_DB - peak_dbtp
    if gain_db <= room_db or not limiting:
        gain_db = _rounded(min(gain_db, room_db))
        return Shared(gain_db, before_lufs, before_lufs + gain_db, peak_dbtp + gain_db)
    most_db, slope, found = gain_db + _MOST_LIMITING_DB, 1.0, []
    gain_db = _rounded(gain_db)
    for _ in range(_ROUNDS):
        tracks = measured(gain_db)
        reached_lufs = together_lufs(tracks)
        assert reached_lufs is not None
        found.append(Shared(gain_db, before_lufs, reached_lufs, highest_dbtp(tracks)))
        if len(found) > 1:
            risen_lu = reached_lufs - (found[-2].loudness_lufs or 0.0)
            slope = float(np.clip(risen_lu / (gain_db - found[-2].gain_db), 0.2, 1.0))
        away_lu = loudness_lufs - reached_lufs
        next_db = _rounded(min(gain_db + away_lu / slope, most_db))
        if abs(away_lu) <= CLOSE_LU or next_db == gain_db:
            break
        gain_db = next_db
    return min(found, key=lambda shared: abs((shared.loudness_lufs or 0.0) - loudness_lufs))


def _rounded(gain_db: float) -> float:
    """Down to a thousandth of a dB: what a recipe can be told, and never over the ceiling."""
    return float(np.floor(gain_db * 1000) / 1000)
