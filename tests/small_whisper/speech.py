"""Phrases of a few everyday words in two languages, which a network of a megabyte can learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from training import speech

RATE_HZ = 16_000
WORDS = {
    "en": ("moon", "river", "summer", "morning", "dancing", "shadow", "fire", "golden", "window", "never",
           "people", "stay"),
    "es": ("luna", "corazón", "mañana", "siempre", "noche", "camino", "tierra", "bailando", "mundo", "quiero",
           "agua", "flores"),
}  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """Spoken words.

    Attributes:
        samples: at 16 kHz, ``(frames,)``, without silence around.
        starts_s: when each word begins.
    """

    language: str
    words: tuple[str, ...]
    samples: NDArray[np.float32]
    starts_s: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        return self.samples.size / RATE_HZ


def speak(
    language: str, words: Sequence[str], *, voice: str = "", words_a_minute: int = 130, pitch: int = 50
) -> Phrase:
    """Say `words`; `voice` is a variant such as ``m3`` or ``f2``."""
    name, text = f"{language}+{voice}".rstrip("+"), " ".join(words)
    tries = (speech.say(text, name, words_a_minute, pitch) for _ in range(5))
    said = next(each for each in tries if len(each.words_s) == len(words))  # now and then it tells no time
    loud = np.flatnonzero(np.abs(said.samples) > 0.01)
    first, last = int(loud[0]), int(loud[-1]) + 1
    starts = (max(0.0, start_s - first / speech.RATE_HZ) for start_s in said.words_s)
    samples = soxr.resample(said.samples[first:last], speech.RATE_HZ, RATE_HZ).astype(np.float32)
    return Phrase(language, tuple(words), samples, tuple(starts))
