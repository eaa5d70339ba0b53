"""Sounds from sounds: another rate, sums, and how high they reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .scratching import rest, scratch
from .sound import Sound

_BLOCK_FRAMES = 1 << 18


def resample(sound: Sound, rate_hz: int) -> Sound:
    """The sound at another rate: soxr's very-high-quality linear-phase resampler.

    The length is ``round(frames * rate_hz / sound.rate_hz)``, at least one frame for a sound
    that has any; a sound that has the rate already comes back as it is.

    Raises:
        ValueError: a rate that is not positive.
    """
    if rate_hz <= 0:
        raise ValueError(f"rate_hz must be positive, got {rate_hz}")
    if rate_hz == sound.rate_hz:
        return sound
    import soxr

    frames = max(round(sound.frames * rate_hz / sound.rate_hz), min(sound.frames, 1))
    samples = scratch((sound.channels, frames))
    for channel, row in zip(samples, sound.samples, strict=True):
        stream = soxr.ResampleStream(sound.rate_hz, rate_hz, 1, dtype="float32", quality="VHQ")
        made = 0
        for start in range(0, sound.frames, _BLOCK_FRAMES):
            block = row[start : start + _BLOCK_FRAMES]
            got = stream.resample_chunk(block, last=start + _BLOCK_FRAMES >= sound.frames)[: frames - made]
            channel[made : made + got.size] = got
            made += got.size
            rest(samples, sound.samples)
    return Sound(samples, rate_hz)


def add(sounds: Sequence[Sound]) -> Sound:
    """The sum of sounds of one rate, length and channel count, accumulated in float64.

    Raises:
        ValueError: none are given, or they differ in form.
    """
    if not sounds:
        raise ValueError("there is nothing to add up")
    first = sounds[0]
    for other in sounds[1:]:
        if (other.rate_hz, other.samples.shape) != (first.rate_hz, first.samples.shape):
            raise ValueError(
                f"sounds differ: {first.samples.shape} at {first.rate_hz} Hz "
                f"and {other.samples.shape} at {other.rate_hz} Hz"
            )
    total = scratch(first.samples.shape)
    for start in range(0, first.frames, _BLOCK_FRAMES):
        part = slice(start, start + _BLOCK_FRAMES)
        block = first.samples[:, part].astype(np.float64)
        for other in sounds[1:]:
            block += other.samples[:, part]
        total[:, part] = block
        rest(total, *(sound.samples for sound in sounds))
    return Sound(total, first.rate_hz)


def peak(sound: Sound) -> float:
    """The largest absolute sample value; 0 for silence, NaN when one of them is."""
    highest = 0.0
    for start in range(0, sound.frames, _BLOCK_FRAMES):
        block = sound.samples[:, start : start + _BLOCK_FRAMES]
        highest = np.maximum(highest, np.maximum(block.max(), -block.min()))
        rest(sound.samples)
    return float(highest)
