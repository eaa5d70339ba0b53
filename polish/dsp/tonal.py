"""Tonal balance: the gains that bring one average spectrum nearer to another, and their filter.

Conventions: balance is given as levels of third-octave bands (`third_octave_levels_db`), in dB;
only its shape matters. Gains are in dB at the middles of those bands.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..audio.scratching import scratch
from ..audio.sound import Samples
from .blocks import excerpt
from .loudness import k_weighting

Bands = NDArray[np.float64]
"""One value a third-octave band, ``(bands,)``."""
Parts = NDArray[np.float64]
"""One value a band of each part of a sound, ``(parts, bands)``: all of it, or its middle and its sides."""

_HEARD_DB = 50.0
_NEIGHBOURS = np.array((1.0, 4.0, 6.0, 4.0, 1.0)) / 16
"""Two thirds of an octave wide: the notes of a bass line are not taken for the balance of a record."""
_FILTER_S = 0.19
_CHUNK = 1 << 17


def heard_in_both(own_db: Parts, wanted_db: Parts) -> NDArray[np.bool_]:
    """The bands that either sound has at less than 50 dB under its strongest, ``(parts, bands)``."""
    return np.minimum(own_db - own_db.max(), wanted_db - wanted_db.max()) > -_HEARD_DB


def matching_gains_db(
    rate_hz: int, hz: Bands, own_db: Parts, wanted_db: Parts, *, share: float, limit_db: float
) -> Parts:
    """Gains that move a balance towards another and leave the loudness as it is.

    From bands that either side hardly has (`heard_in_both`) nothing is learnt: they are turned
    down with the nearest band that both have, and never up. Parts keep no level of their own:
    sides that are wider in the other sound come up against the middle.

    Args:
        hz: middles of the bands, rising, below half of `rate_hz`.
        own_db, wanted_db: ``(parts, bands)``; of parts whose powers add up to the sound's.
        share: how much of the way to go, 0 to 1.
        limit_db: no gain is larger than this, up or down.

    Returns:
        ``(parts, bands)``; all 0 where there is too little to learn from.
    """
    both = heard_in_both(own_db, wanted_db)
    if both.sum(axis=1).min() < 2 or share == 0 or limit_db == 0:
        return np.zeros_like(own_db)
    margin = _NEIGHBOURS.size // 2
    away = np.empty_like(own_db)
    for part, known in enumerate(both):
        wanted = share * (wanted_db - own_db)[part, known]
        whole = np.interp(np.log(hz), np.log(hz[known]), wanted)
        away[part] = np.convolve(np.pad(whole, margin, mode="edge"), _NEIGHBOURS, mode="valid")
    weighting = scipy.signal.freqz_sos(k_weighting(rate_hz), hz, fs=rate_hz)[1]
    weight = 10 ** (own_db / 10) * np.abs(weighting) ** 2

    def gains(offset_db: float) -> Parts:
        return np.clip(away + offset_db, -limit_db, np.where(both, limit_db, 0))

    def louder_db(offset_db: float) -> float:
        return float(10 * np.log10(np.average(10 ** (gains(offset_db) / 10), weights=weight)))

    reach_db = float(np.abs(away).max() + limit_db)
    return gains(brentq(louder_db, -reach_db, reach_db))


def linear_phase_filter(rate_hz: int, hz: Bands, gains_db: Bands) -> NDArray[np.float32]:
    """A symmetric filter of odd length with these gains; straight lines over log frequency between.

    By frequency sampling and a Hann window (A. Oppenheim & R. Schafer, "Discrete-Time Signal
    Processing", section 7.5); 0.19 s long, which resolves a third of an octave from 30 Hz on.
    """
    size = 2 * scipy.fft.next_fast_len(int(rate_hz * _FILTER_S / 2), real=True)
    at_hz = np.maximum(np.fft.rfftfreq(size, 1 / rate_hz), 1e-3)
    response = 10 ** (np.interp(np.log(at_hz), np.log(hz), gains_db) / 20)
    impulse = np.fft.fftshift(np.fft.irfft(response, size))[1:]
    return (impulse * np.hanning(size + 1)[1:-1]).astype(np.float32)


def filtered(samples: Samples, impulse: NDArray[np.float32]) -> Samples:
    """Put a sound through a symmetric filter of odd length; length and place in time are kept."""
    half = impulse.size // 2
    out = scratch(samples.shape)
    for channel, own in zip(samples, out, strict=True):
        for start in range(0, channel.size, _CHUNK):
            end = min(start + _CHUNK, channel.size)
            piece = excerpt(channel, start - half, end + half)
            own[start:end] = scipy.signal.oaconvolve(piece, impulse, mode="valid")
    return out
