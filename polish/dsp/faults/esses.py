"""Sibilance of a song: esses that are too loud, told from cymbals by how they begin.

An ess comes up over 20 to 60 ms and lasts; what is struck is there within 5. The steepest rise of
a sung ess at 5–10 kHz was 2.5 to 4.3 dB in 8 ms (the voice of a real band), that of drums 8 to 20.
Esses of records lie 7 dB and more under the vowels.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from ..survey import decibels
from .base import Fault, Known

ESS_DB = 0.0
"""Level at 5–10 kHz over that of the voice's range in loud moments, from where on an ess is too loud."""
A_MINUTE, FEWEST = 12.0, 4
"""Fewer are breaths, or cymbals that swell: clean composed songs have up to 7 a minute."""
HISS_HZ, VOICE_HZ = (5000.0, 10_000.0), (300.0, 4000.0)
_HOP_S = 0.004
_STRUCK_DB = 5.0
"""Rise within 8 ms."""
_UNDER_DB = 8.0
"""How far its ends lie under the top of an ess."""
_SHORTEST_S, _LONGEST_S = 0.045, 0.26
_OUT_OF_REST_DB, _RULES_DB = 6.0, -6.0
"""Over the usual hiss of the second around it, and over the rest of the moment."""
_BLOCK = 1 << 19


def sibilance(known: Known) -> list[Fault]:
    """Esses over `ESS_DB` that come again and again; a sound cut off under 10 kHz has none."""
    sound = known.survey.sound
    if sound.rate_hz < 2.2 * HISS_HZ[1] or sound.duration_s < 1 or not known.survey.active.any():
        return []
    hiss, voice = (decibels(_envelope(known, *band)) for band in (HISS_HZ, VOICE_HZ))
    if hiss.size < 50 or voice.max() < -100:
        return []
    vowel_db = float(np.percentile(voice[voice > voice.max() - 40], 75))
    esses = [top for top in _tops(hiss, vowel_db + ESS_DB) if _is_ess(hiss, voice, top)]
    if len(esses) < max(FEWEST, A_MINUTE * sound.duration_s / 60):
        return []
    value = float(np.percentile(hiss[esses], 75)) - vowel_db
    hop_s = round(_HOP_S * sound.rate_hz) / sound.rate_hz
    start, end = esses[0] * hop_s, min((esses[-1] + 1) * hop_s, sound.duration_s)
    return [Fault("sibilance", start, end, "warning", value, {"count": float(len(esses))})]


def _envelope(known: Known, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Mean power of a band of the middle every 4 ms, smoothed over three."""
    sound = known.survey.sound
    sos = scipy.signal.butter(4, (low_hz, high_hz), "bandpass", fs=sound.rate_hz, output="sos")
    hop = round(_HOP_S * sound.rate_hz)
    state = np.zeros((len(sos), 2))
    rows = []
    block = _BLOCK // hop * hop
    for at in range(0, sound.frames - hop + 1, block):
        middle = sound.samples[:, at : at + block].mean(axis=0, dtype=np.float32)
        band, state = scipy.signal.sosfilt(sos, middle, zi=state)
        whole = band[: band.size // hop * hop].reshape(-1, hop)
        rows.append(np.einsum("hf,hf->h", whole, whole) / hop)
    return scipy.ndimage.uniform_filter1d(np.concatenate(rows), 3) if rows else np.zeros(0)


def _tops(hiss: NDArray[np.float64], lowest_db: float) -> list[int]:
    """Tops of the hiss above a level that stand out of what is usual around them."""
    step = 8
    usual = scipy.ndimage.median_filter(hiss[::step], round(1 / _HOP_S / step))
    tops, _ = scipy.signal.find_peaks(hiss, distance=round(0.08 / _HOP_S), height=lowest_db)
    return [int(top) for top in tops if hiss[top] > usual[top // step] + _OUT_OF_REST_DB]


def _is_ess(hiss: NDArray[np.float64], voice: NDArray[np.float64], top: int) -> bool:
    if hiss[top] < voice[top] + _RULES_DB:
        return False
    reach = round(_LONGEST_S / _HOP_S) + 2
    low = hiss[max(0, top - reach) : top + reach] < hiss[top] - _UNDER_DB
    middle = min(top, reach)
    before, after = np.flatnonzero(low[:middle]), np.flatnonzero(low[middle:])
    first = top - middle + (int(before[-1]) + 1 if before.size else 0)
    last = top + (int(after[0]) if after.size else low.size - middle)
    rise = hiss[first : top + 1]
    if rise.size < 4 or not _SHORTEST_S <= (last - first) * _HOP_S <= _LONGEST_S:
        return False
    return float((rise[2:] - rise[:-2]).max()) < _STRUCK_DB
