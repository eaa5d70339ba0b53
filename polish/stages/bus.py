"""What the stage `mix` does to the whole: a compressor that holds it together, and a look at its tone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..audio import Sound
from ..dsp import bands, excess, filters
from ..dsp.spectrum import third_octave_levels_db
from ..dsp.tonal import filtered, linear_phase_filter
from .tool import gains, turned_down

CALM_CREST_DB = 17.0
"""Peaks over RMS, in blocks of 0.4 s; up to there nothing is held."""
_FULL_GLUE_DB = 4.0
"""How far over that the crest is when the compressor does all it may."""
_RATIO, _ATTACK_MS, _RELEASE_MS = 2.0, 3.0, 120.0
"""Quick enough to hold a drum's peak: a slow attack would let it through and make the crest larger."""
_BLOCK_S = 0.4
_LEAST_DB, _MOST_BACK_DB = 0.02, 2.0
_HEARD_DB, _LEAST_AWAY_DB, _MOST_AWAY_DB = 60.0, 0.1, 3.0
_BELL_OVER_BAND = 1.5
"""How much deeper a bell is at its middle than what it takes from the measure of its band."""


def crest_db(sound: Sound) -> float | None:
    """Crest factor of the louder half of a sound in dB; ``None`` for silence.

    Blocks of 0.4 s; a block's crest is the largest sample of any channel over the RMS of all.
    Median over the blocks that are no more than 10 dB under the loudest.
    """
    size = max(1, round(_BLOCK_S * sound.rate_hz))
    peaks, powers = [], []
    for first in range(0, sound.frames, size):
        block = sound.samples[:, first : first + size].astype(np.float64)
        peaks.append(float(np.abs(block).max()))
        powers.append(float(np.mean(block**2)))
    power, peak = np.array(powers), np.array(peaks)
    if not power.size or power.max() < 1e-12:
        return None
    loud = power > power.max() * 0.1
    return float(np.median(20 * np.log10(peak[loud]) - 10 * np.log10(power[loud])))


def glued(mix: Sound, most_db: float) -> tuple[Sound, dict[str, Any] | None]:
    """The mix held together as far as its crest factor asks, at most `most_db`, and what was done.

    All channels get the gain of the loudest one, so that nothing moves sideways. Ratio 2:1; the
    threshold is as far under the peaks of the compressor's own envelope as that takes.
    """
    crest = crest_db(mix)
    if crest is None:
        return mix, None
    wanted = most_db * float(np.clip((crest - CALM_CREST_DB) / _FULL_GLUE_DB, 0, 1))
    if wanted < 0.1:
        return mix, {"crest_db": round(crest, 2), "reduction_db": 0.0}
    threshold_db = _envelope_peak_db(mix) - wanted / (1 - 1 / _RATIO)
    held, course = turned_down(mix, _compressor(threshold_db))
    after = crest_db(held)
    return held, {
        "crest_db": round(crest, 2), "crest_after_db": after and round(after, 2),
        "reduction_db": round(wanted, 2), "threshold_db": round(threshold_db, 2), "ratio": _RATIO,
        "attack_ms": _ATTACK_MS, "release_ms": _RELEASE_MS, "history_db": course["history_db"],
        "hop_s": course["hop_s"],
    }  # fmt: skip


def _compressor(threshold_db: float) -> Any:
    import pedalboard

    return pedalboard.Compressor(threshold_db, _RATIO, _ATTACK_MS, _RELEASE_MS)


def _envelope_peak_db(mix: Sound) -> float:
    """Where the compressor's envelope peaks in loud passages: the 90th percentile of pieces of 0.4 s.

    Above a threshold ``t`` the gain is ``(envelope / t) ** (1 / ratio - 1)``; with one that all
    sound is above, the envelope can be read off the gain.
    """
    lowest_db = -100.0
    size = max(1, round(_BLOCK_S * mix.rate_hz))
    deepest: list[float] = []
    for _, gain in gains(mix, _compressor(lowest_db)):
        deepest += [float(gain[:, first : first + size].min()) for first in range(0, gain.shape[1], size)]
    envelope_db = lowest_db + 20 * np.log10(np.array(deepest)) / (1 / _RATIO - 1)
    loud = envelope_db[envelope_db > envelope_db.max() - 20]
    return float(np.percentile(loud, 90))


def rebalanced(plain: Sound, mix: Sound) -> tuple[Sound, dict[str, Any] | None]:
    """The mix with the average spectrum of the plain sum of the stems, and what that took.

    What makes room or holds peaks works for moments; on average the song is to keep its tone. The
    level that the mix has is left alone. Nothing is done where no third octave has moved by 0.1 dB.
    """
    hz, was_db = third_octave_levels_db(plain.samples, plain.rate_hz)
    now_db = third_octave_levels_db(mix.samples, mix.rate_hz)[1]
    heard = was_db > was_db.max() - _HEARD_DB
    away_db = was_db - now_db
    away_db -= np.average(away_db[heard], weights=10 ** (was_db[heard] / 10))
    gains_db = np.where(heard, np.clip(away_db, -_MOST_AWAY_DB, _MOST_AWAY_DB), 0.0)
    if np.abs(gains_db).max() < _LEAST_AWAY_DB:
        return mix, None
    back = filtered(mix.samples, linear_phase_filter(mix.rate_hz, hz, gains_db))
    return mix.with_samples(back), {
        "bands_hz": [round(float(at), 1) for at in hz],
        "gains_db": [round(float(gain), 2) for gain in gains_db],
    }


def toned(mix: Sound, earlier: Sequence[Sound]) -> tuple[Sound, list[dict[str, Any]]]:
    """The mix without the mud and harshness that the way to it brought, and what was done.

    Room for a lead, a narrower low end and glue shift the balance by fractions of a dB, and stems
    that gave up mud stand further out at 2 to 5 kHz. See `taking_back`.

    Args:
        earlier: the plain sum of the stems, and the song before its stems were worked on.
    """
    sos, noted = taking_back(mix, earlier)
    return (mix, []) if sos is None else (mix.with_samples(filters.apply(mix.samples, sos)), noted)


def taking_back(now: Sound, earlier: Sequence[Sound]) -> tuple[filters.Sos | None, list[dict[str, Any]]]:
    """Bells against mud and harshness that an earlier state of a song had not, and what they do.

    Only what lies beyond the middle of records is taken back; no filter where nothing does.
    """
    after, *before = (bands.measure(sound.samples, sound.rate_hz) for sound in (now, *earlier))
    shapes, noted = [], []
    for fault, usual in excess.SONG_USUAL.items():
        is_db, *were_db = (excess.whole(fault, [one]).density_db for one in (after, *before))
        over_db = is_db - max(min(were_db), usual.middle_db)
        (low_hz, high_hz), _ = excess.spans(fault)
        if over_db < _LEAST_DB or high_hz > 0.45 * now.rate_hz:
            continue
        gain_db = -min(over_db * _BELL_OVER_BAND, _MOST_BACK_DB)
        centre_hz = float(np.sqrt(low_hz * high_hz))
        shapes.append(filters.peak(now.rate_hz, centre_hz, gain_db, centre_hz / (high_hz - low_hz)))
        noted.append({"fault": fault, "was_db": round(min(were_db), 2), "now_db": round(is_db, 2),
                      "where_hz": round(centre_hz, 1), "gain_db": round(gain_db, 2)})  # fmt: skip
    return (filters.cascade(*shapes) if shapes else None), noted
