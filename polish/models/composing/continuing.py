"""Going on where a sound ends: its tempo, bars, key and level, and the join."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...audio import Sound
from ...song import Beats

_CROSSFADE_S = 0.06
_LEVEL_S = 8.0
_PEAK = 0.97


@dataclass(frozen=True)
class Start:
    """What is known of the sound that is continued.

    Attributes:
        sound: the sound itself.
        beats: its beats.
        bpm: its tempo, brought to 60 to 180; None without a steady beat.
        bar_s: the time of its last downbeat, where the new music's first bar begins; its
            end when there is no beat.
    """

    sound: Sound
    beats: Beats
    bpm: float | None
    bar_s: float


def songlike(bpm: float | None) -> float | None:
    """A tempo doubled or halved until it lies within 60 to 180."""
    while bpm is not None and bpm < 60:
        bpm *= 2
    while bpm is not None and bpm > 180:
        bpm /= 2
    return bpm


def listen(sound: Sound, beats: Beats) -> Start:
    """Take what a continuation needs from a sound and its beats."""
    bpm = songlike(beats.tempo_bpm)
    if bpm is None or not beats.downbeats_s:
        return Start(sound, beats, bpm, sound.duration_s)
    bar = (beats.beats_per_bar or 4) * 60 / (beats.tempo_bpm or bpm)
    last_s = beats.downbeats_s[-1]
    whole_bars = max(0, int((sound.duration_s - last_s) / bar + 0.02))
    return Start(sound, beats, bpm, min(last_s + whole_bars * bar, sound.duration_s))


def joined(start: Start, new: Sound, seconds: float) -> Sound:
    """The sound, and from its end on `new`, whose first frame lies at `start.bar_s`; `seconds` in all.

    All but the last 60 ms of the sound stay as they are, bit for bit; over those the two
    cross over at equal power. `new` is brought to the sound's level and channel count.
    """
    old = start.sound
    out = np.zeros((old.channels, round(seconds * old.rate_hz)), np.float32)
    out[:, : old.frames] = old.samples
    cross = min(round(_CROSSFADE_S * old.rate_hz), old.frames)
    first = max(old.frames - cross, round(start.bar_s * old.rate_hz))
    added = _channels(new.samples, old.channels)[:, first - round(start.bar_s * old.rate_hz) :]
    added = added[:, : out.shape[1] - first] * _gain(old, added)
    span = np.linspace(0, np.pi / 2, old.frames - first, dtype=np.float32)
    out[:, first : old.frames] *= np.cos(span)
    added[:, : span.size] *= np.sin(span)
    out[:, first : first + added.shape[1]] += added
    return Sound(out, old.rate_hz)


def counted(start: Start, new: Beats) -> Beats:
    """The sound's beats up to where the new bars begin, then those of `new`."""

    def both(old_s: tuple[float, ...], new_s: tuple[float, ...]) -> tuple[float, ...]:
        kept = [t for t in old_s if t < start.bar_s - 0.1]
        return (*kept, *(round(t + start.bar_s, 6) for t in new_s))

    return new.model_copy(
        update={
            "beats_s": both(start.beats.beats_s, new.beats_s),
            "downbeats_s": both(start.beats.downbeats_s, new.downbeats_s),
            "confidence": start.beats.confidence,
        }
    )


def _channels(samples: np.ndarray, count: int) -> np.ndarray:
    """Two channels as one, two, or the front pair of more."""
    if count == 1:
        return samples.mean(axis=0, keepdims=True)
    return np.pad(samples, ((0, count - 2), (0, 0)))


def _gain(old: Sound, added: np.ndarray) -> np.float32:
    """What brings the new music to the level at which the old one ends, peaks kept below full scale."""
    span = round(_LEVEL_S * old.rate_hz)
    before = float(np.sqrt(np.mean(old.samples[:, -span:] ** 2, dtype=np.float64)))
    after = float(np.sqrt(np.mean(added[:, :span] ** 2, dtype=np.float64))) if added.size else 0.0
    peak = float(np.abs(added).max(initial=0))
    if before <= 1e-6 or after <= 1e-6:
        return np.float32(1.0)
    return np.float32(min(before / after, _PEAK / peak))
