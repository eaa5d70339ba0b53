"""Lyrics spoken by a synthesiser, with the true times of their words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import sounds
from training.speech import RATE_HZ, Speech, say

from polish.audio import Sound


@lru_cache(maxsize=16)
def recited(
    lines: Sequence[str], voice: str = "en-us+f2", *, first_s: float = 1.0, pause_s: float = 1.0
) -> tuple[Sound, tuple[tuple[float, ...], ...]]:
    """Lines said slowly one after the other, in mono, and when the words of each begin."""
    parts, starts, at_s = [np.zeros(round(first_s * RATE_HZ))], [], first_s
    for line in lines:
        speech = _said(line, voice)
        starts.append(tuple(at_s + word_s for word_s in speech.words_s))
        parts += [speech.samples, np.zeros(round(pause_s * RATE_HZ))]
        at_s += speech.samples.size / RATE_HZ + round(pause_s * RATE_HZ) / RATE_HZ
    return Sound(np.concatenate(parts).astype(np.float32)[None], RATE_HZ), tuple(starts)


def _said(line: str, voice: str) -> Speech:
    """A line said, with the times of all its words: now and then the synthesiser forgets to tell one."""
    return max((say(line, voice, 100) for _ in range(3)), key=lambda speech: len(speech.words_s))


PHRASES = ((1.0, 2.5), (3.5, 4.5), (6.0, 8.5), (9.5, 10.5))


def hummed(spans_s: Sequence[tuple[float, float]], seconds: float, rate_hz: int = 16_000) -> Sound:
    """A voice-like tone with syllables of 0.25 s during `spans_s`, and silence elsewhere."""
    t = sounds.times(seconds, rate_hz)
    tone = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 9))
    on = np.zeros(t.size)
    for start, end in spans_s:
        inside = (t >= start) & (t < end)
        on[inside] = 0.65 + 0.35 * np.cos(2 * np.pi * (t[inside] - start) / 0.25)
    return Sound((0.1 * tone * on).astype(np.float32)[None], rate_hz)
