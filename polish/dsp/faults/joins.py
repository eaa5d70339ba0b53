"""Clicks at joins: the waveform jumps from one sample to the next, and neither before nor after
does it move like that.

The second difference at a jump is set against the largest within 6 ms on either side. A drum is
as lively after its onset as at it, and a hi-hat all the time; in clean records and in songs
of our own the ratio stays under 7, a jump at a cut reaches 10 to 100 where no noise covers it. Where
noise does, a cut is told by its shape: a step from one sample to the next, as no sound makes it.
The burst of a sung p, t or k jumps too, 10 to 20 ms before its hiss or its vowel: what follows it is
many times livelier than what was before.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from .base import Fault, Known

STANDS_OUT, STEP_STANDS_OUT = 7.0, 4.0
SHAPE = 0.3
"""A step bends once and back by as much. What is left of that, and what is beside it, stays under this
share of the bend."""
HEARD = 0.3
"""Second difference over the level around it (RMS of 200 ms); less is hardly heard."""
_LEAST = 0.1
"""The same over the level of the song."""
_GUARD_S, _REACH_S, _AROUND_S = 0.0004, 0.006, 0.2
_FOLLOWS_S, BEGINS = 0.05, 4.0
"""So far to either side the usual second difference is looked at, and how many times more of it after
a jump than before it is the beginning of a sound: bursts of sung consonants have 5 and more."""
_BESIDE = 10
"""Frames to either side in which nothing bends but the step; a hiss that sets in bends all the time."""
_APART_S = 0.05
_MOST = 20
_BLOCK = 1 << 19


def clicks(known: Known) -> list[Fault]:
    """Single jumps of the waveform, at most twenty, the strongest kept."""
    sound = known.survey.sound
    guard, reach = max(3, round(_GUARD_S * sound.rate_hz)), max(8, round(_REACH_S * sound.rate_hz))
    whole = float(np.sqrt(known.survey.level.mean(dtype=np.float64)))
    if sound.frames < 4 * reach or whole == 0:
        return []
    follows = round(_FOLLOWS_S * sound.rate_hz)
    margin = follows + reach
    found: list[tuple[float, float]] = []
    for channel in sound.samples:
        for at in range(0, sound.frames, _BLOCK):
            first = max(0, at - margin)
            part = channel[first : at + _BLOCK + margin]
            for frame, ratio in _jumps(part, guard, reach, round(_AROUND_S * sound.rate_hz), whole):
                own = at <= first + frame < at + _BLOCK
                if own and (_is_step(part, frame) or not _begins(part, frame, reach, follows)):
                    found.append(((first + frame) / sound.rate_hz, ratio))
    strongest: list[tuple[float, float]] = []
    for time_s, ratio in sorted(found, key=lambda one: -one[1]):
        if all(abs(time_s - other) > _APART_S for other, _ in strongest):
            strongest.append((time_s, ratio))
    return [
        Fault("click", time_s, time_s, "warning", 20 * float(np.log10(ratio)))
        for time_s, ratio in sorted(strongest[:_MOST])
    ]


def _is_step(part: NDArray[np.float32], frame: int) -> bool:
    """Whether the waveform goes on from another value here, or a frame later: a cut, not a sound."""
    first = max(0, frame - _BESIDE)
    bend = np.diff(part[first : frame + _BESIDE], 2)
    for at in range(frame - 3 - first, min(frame + 1 - first, bend.size - 1)):
        pair, beside = bend[at : at + 2], np.concatenate([bend[:at], bend[at + 2 :]])
        if at >= 0 and max(abs(pair.sum()), np.abs(beside).max()) < SHAPE * np.abs(pair).max():
            return True
    return False


def _begins(part: NDArray[np.float32], frame: int, reach: int, follows: int) -> bool:
    """Whether a sound begins with this jump, or within `follows` frames after it."""
    after = np.diff(part[frame + reach : frame + follows], 2)
    before = np.diff(part[max(0, frame - follows) : max(0, frame - reach)], 2)
    if not after.size or not before.size:
        return False
    usual = float(np.median(np.abs(before)))
    return usual > 0 and float(np.median(np.abs(after))) > BEGINS * usual


def _jumps(
    part: NDArray[np.float32], guard: int, reach: int, around: int, whole: float
) -> list[tuple[int, float]]:
    """Frames at which one channel jumps, each with how far it stands out."""
    bend = np.abs(np.diff(part, 2))
    if bend.size < 3 * reach or bend.max() < _LEAST * whole:
        return []
    width = reach - guard
    largest = scipy.ndimage.maximum_filter1d(bend, width)
    half = width // 2
    before = np.concatenate([np.full(guard + half, np.inf, np.float32), largest[: -guard - half]])
    after = np.concatenate([largest[guard + half :], np.full(guard + half, np.inf, np.float32)])
    around_it = np.maximum(before, after)
    places = np.flatnonzero((bend > STEP_STANDS_OUT * around_it) & (bend > _LEAST * whole))
    found = []
    for place in places.tolist():
        if bend[place] < STANDS_OUT * around_it[place] and not _is_step(part, place + 1):
            continue
        near = part[max(0, place - around // 2) : place + around // 2]
        level = float(np.sqrt(np.mean(near**2, dtype=np.float64)))
        if bend[place] > HEARD * level:
            # A jump into digital silence has nothing to stand out from; 60 dB is plenty.
            ratio = float(bend[place] / max(before[place], after[place], 1e-3 * bend[place]))
            found.append((place + 1, ratio))
    return found
