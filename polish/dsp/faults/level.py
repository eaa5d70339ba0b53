"""Faults of level: clipping, overs, loudness, a constant offset, silence at the ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...units import decibels
from .. import lowend
from ..survey import TICK_S
from .base import Fault, Known, Severity

OVER_DBTP = -1.0
"""The ceiling that streaming services ask for; lossy encoding adds up to 1 dB above it."""
TARGET_LUFS, NEAR_LU = -14.0, 3.0
"""Where services play music (AES TD1008, table 2: −16 to −14), and how far a listener forgives."""
FAR_LU = 6.0
OFFSET = 0.0025
"""Of full scale, −52 dBFS; songs have up to 0.0015, more takes headroom and clicks at cuts."""
SILENT_DBFS = -60.0
"""Peak under which the ends of a song count as silence; `arrange` trims by the same."""
START_S, END_S = 0.5, 3.0
"""Silence that is usual before the first sound, and after the last reverb."""
_OVER = 10 ** (0.05 / 20)
"""Less than 0.05 dB over is the rounding of a coder."""
_FLAT_RUNS = 5
_BLOCK = 1 << 20


def silent(known: Known) -> list[Fault]:
    """Nothing above −90 dBFS, the least significant bit of 16."""
    peak = float(known.survey.peak.max(initial=0.0))
    return known.whole("silent", "error", decibels(peak)) if peak < 10 ** (-90 / 20) else []


def over_full_scale(known: Known) -> list[Fault]:
    """Samples beyond full scale: a player or a fixed-point file cuts them off."""
    peak = known.survey.peak.max(axis=0)
    over = np.flatnonzero(peak > _OVER)
    if over.size == 0:
        return []
    start, end = _span(over, known)
    value = decibels(float(peak.max()))
    return [Fault("over_full_scale", start, end, "warning", value, {"count": float(over.size)})]


def true_peak_over(known: Known) -> list[Fault]:
    """Peaks between the samples above what encoders and converters bear."""
    value = known.survey.true_peak_dbtp
    if value is None or value <= OVER_DBTP:
        return []
    at = int(np.argmax(known.survey.peak.max(axis=0))) * TICK_S
    end = min(at + TICK_S, known.survey.duration_s)
    return [Fault("true_peak_over", at, end, "warning" if value > 0 else "info", value)]


def clipping(known: Known) -> list[Fault]:
    """Flat tops: three or more equal samples at a channel's peak, entered by a jump.

    A sine also has nearly equal samples at its top, but comes up to them gently: the step
    into a flat top must be 20 times the step within it, and 0.3 % of the peak at least.
    """
    sound = known.survey.sound
    starts: list[NDArray[np.int64]] = []
    for channel, top in zip(sound.samples, known.survey.peak.max(axis=1), strict=True):
        if top < 0.1:
            continue
        for at in range(0, sound.frames, _BLOCK):
            starts.append(at + _flat_tops(channel[max(0, at - 4) : at + _BLOCK + 4], float(top)))
    found = np.concatenate(starts) if starts else np.zeros(0, int)
    if found.size < _FLAT_RUNS:
        return []
    value = found.size / known.survey.duration_s
    start, end = found.min() / sound.rate_hz, (found.max() + 1) / sound.rate_hz
    severity: Severity = "error" if value > 20 else "warning"
    return [Fault("clipping", float(start), float(end), severity, float(value), {"count": float(found.size)})]


def _flat_tops(x: NDArray[np.float32], top: float) -> NDArray[np.int64]:
    """Where flat tops begin in one channel."""
    near = np.flatnonzero(np.abs(x) >= 0.97 * top)
    near = near[(near >= 1) & (near < x.size - 3)]
    still = 1.5e-4 * top
    first, second = np.abs(x[near + 1] - x[near]), np.abs(x[near + 2] - x[near + 1])
    entry = np.abs(x[near] - x[near - 1])
    flat = (first < still) & (second < still) & (entry > 20 * np.maximum(first, second))
    return near[flat & (entry > 3e-3 * top)]


def loudness_far(known: Known) -> list[Fault]:
    """Loudness far from where services play music."""
    value = known.survey.loudness.integrated_lufs
    if value is None or abs(value - TARGET_LUFS) <= NEAR_LU:
        return []
    return known.whole("loudness_far", "warning" if abs(value - TARGET_LUFS) > FAR_LU else "info", value)


def dc_offset(known: Known) -> list[Fault]:
    """A constant part, the same in every second, which takes headroom and clicks at every cut."""
    means = lowend.offset(known.survey.sound.samples, known.survey.sound.rate_hz)
    if means is None:
        return []
    worst = float(means[np.argmax(np.abs(means))])
    return known.whole("dc_offset", "warning", 100 * worst) if abs(worst) > OFFSET else []


def silence_at_the_ends(known: Known) -> list[Fault]:
    """More silence before the first sound or after the last than a record has."""
    loud = np.flatnonzero(known.survey.peak.max(axis=0) > 10 ** (SILENT_DBFS / 20))
    if loud.size == 0:
        return []
    duration = known.survey.duration_s
    first, last = loud[0] * TICK_S, min((loud[-1] + 1) * TICK_S, duration)
    found = []
    if first > START_S:
        found.append(Fault("silence_at_start", 0.0, first, "info" if first < 2 else "warning", first))
    if duration - last > END_S:
        value = duration - last
        found.append(Fault("silence_at_end", last, duration, "info" if value < 6 else "warning", value))
    return found


def _span(ticks: NDArray[np.int64], known: Known) -> tuple[float, float]:
    return float(ticks[0] * TICK_S), min(float((ticks[-1] + 1) * TICK_S), known.survey.duration_s)
