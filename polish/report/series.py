"""What the report draws: curves of the draft and of each master, small enough for ``facts.json``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..audio import Sound
from ..dsp.loudness import short_term_lufs
from ..dsp.spectrum import third_octave_levels_db
from ..song import Song

COLUMNS = 800
"""Columns of a waveform picture."""
POINTS = 600
"""At most this many points of short-term loudness."""


def series(song: Song) -> dict[str, Any]:
    """Waveform, short-term loudness and spectrum of the draft and of each master.

    Returns:
        JSON values: ``{"before": curves, "after": {id: curves}}``, where curves are
        ``waveform_peak`` and ``waveform_rms`` (amplitude, `COLUMNS` values over the whole
        length), ``short_term_lufs`` with ``hop_s`` (None where silent), ``spectrum_hz`` and
        ``spectrum_db`` (third octaves, mean power re full scale). A song without a master has
        its mix under ``mix``, when that differs from the draft.
    """
    after = {name: master.sound for name, master in song.masters.items()}
    if not after and song.mix is not None and song.mix is not song.draft:
        after = {"mix": song.mix}
    return {
        "before": None if song.draft is None else curves(song.draft),
        "after": {name: curves(sound) for name, sound in after.items()},
    }


def curves(sound: Sound) -> dict[str, Any]:
    """The curves of one sound."""
    peak, rms = _waveform(sound)
    loudness = short_term_lufs(sound.samples, sound.rate_hz)
    step = max(1, -(-len(loudness) // POINTS))
    middles_hz, levels_db = third_octave_levels_db(sound.samples, sound.rate_hz)
    return {
        "duration_s": round(sound.duration_s, 3),
        "waveform_peak": [round(float(value), 4) for value in peak],
        "waveform_rms": [round(float(value), 4) for value in rms],
        "short_term_lufs": [_rounded(value) for value in loudness[::step]],
        "hop_s": 0.1 * step,
        "spectrum_hz": [round(float(hz), 1) for hz in middles_hz],
        "spectrum_db": [round(float(db), 2) for db in levels_db],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 2)


def _waveform(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
    """Largest and RMS amplitude over channels in each of `COLUMNS` slices, each ``(COLUMNS,)``."""
    edges = np.linspace(0, sound.frames, COLUMNS + 1).astype(int)
    peak, rms = np.zeros(COLUMNS), np.zeros(COLUMNS)
    for i, (first, last) in enumerate(pairwise(edges)):
        if last > first:
            slice_ = sound.samples[:, first:last]
            peak[i] = max(float(slice_.max()), -float(slice_.min()))
            rms[i] = np.sqrt(np.mean(np.square(slice_, dtype=np.float64)))
    return peak, rms
