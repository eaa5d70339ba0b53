"""The notes of a melody that someone hums, plays or hands in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import audio
from ...audio import Sound
from ...dsp.chroma import Chroma, key
from ...dsp.melody import predominant_pitch
from ...dsp.spectrum import stft_blocks
from .harmony import Key
from .lead import Timed

_RATE_HZ = 16_000
_SIZE = 1024
_HOP = 128
_HOP_S = _HOP / _RATE_HZ
_LOW_HZ, _HIGH_HZ = 70.0, 1100.0
_CLEAR = 0.3
"""Clarity from which a pitch counts as one; a lone voice reads 0.4 to 1."""
_QUIET_DB = 35.0
_SHORTEST_S = 0.08


def notes(melody: Sound, *, longest_s: float = 120.0) -> list[Timed]:
    """The notes of a melody in time order, in whole semitones of a scale tuned to A = 440 Hz.

    One voice at a time is heard: of several, the one that stands out. Only the first
    `longest_s` are listened to. Silence and noise have no notes.
    """
    heard = melody.cut(0, longest_s)
    mono = Sound(np.mean(heard.samples, axis=0, keepdims=True, dtype=np.float32), heard.rate_hz)
    mono = audio.resample(mono, _RATE_HZ)
    if mono.frames < _SIZE:
        return []
    size, hop = _SIZE, _HOP
    blocks = [np.abs(spectrum[0]).T for _, spectrum in stft_blocks(mono.samples, size, hop)]
    magnitudes = np.ascontiguousarray(np.concatenate(blocks), dtype=np.float32)
    level = np.sqrt(np.sum(magnitudes**2, axis=1))
    if level.max(initial=0) < 1e-6:
        return []
    hz, clarity = predominant_pitch(magnitudes, _RATE_HZ / size, low_hz=_LOW_HZ, high_hz=_HIGH_HZ)
    sounding = (clarity > _CLEAR) & (level > level.max() * 10 ** (-_QUIET_DB / 20))
    pitch = 69 + 12 * np.log2(hz / 440)
    if not sounding.any():
        return []
    turns = np.exp(2j * np.pi * pitch[sounding])
    tuning = float(np.angle(turns.mean())) / (2 * np.pi)
    return _notes(pitch - tuning, sounding, level / level.max())


def _notes(
    pitch: NDArray[np.float64], sounding: NDArray[np.bool_], level: NDArray[np.float32]
) -> list[Timed]:
    """Stretches of one semitone; a passing wobble of fewer than five columns changes nothing."""
    found: list[Timed] = []
    start, current, away = -1, 0.0, 0
    for n in range(pitch.size + 1):
        on = n < pitch.size and bool(sounding[n])
        away = away + 1 if on and start >= 0 and abs(pitch[n] - current) > 0.65 else 0
        ended = start >= 0 and (not on or away >= 5)
        if ended:
            stop = n - (away - 1 if on else 0)
            if (stop - start) * _HOP_S >= _SHORTEST_S:
                middle = round(float(np.median(pitch[start:stop])))
                strength = 0.5 + 0.5 * float(level[start:stop].mean())
                found.append(Timed(start * _HOP_S, (stop - start) * _HOP_S, middle, strength))
            start, away = (stop, 0) if on else (-1, 0)
            current = float(pitch[n]) if on else 0.0
        elif on and start < 0:
            start, current = n, float(pitch[n])
    return found


def key_of(melody: list[Timed]) -> Key | None:
    """The key whose scale the notes are weighted like; None without notes."""
    rows = np.zeros((sum(max(1, round(t.length_s * 20)) for t in melody), 12), np.float32)
    at = 0
    for tone in melody:
        span = max(1, round(tone.length_s * 20))
        rows[at : at + span, round(tone.pitch) % 12] = 1
        at += span
    name, _ = key(Chroma(rows, rows, 0.0))
    return Key.parse(name) if name else None
