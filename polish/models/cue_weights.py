"""How much each cue of the built-in separator says for each source.

Found by maximising the mean signal-to-distortion ratio over songs whose stems are known: two
real excerpts (one with two stems, one with four), their voices over each other's backing, both
in mono, their backing alone, and songs of the built-in composer; with a penalty on large
weights, ten times as strong on the stereo cues, because how songs are panned differs most.
Weights found without one of the real songs keep most of their worth on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOURCES = ("drums", "bass", "other", "vocals")
POINTS_HZ = (31, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)

Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class Weights:
    """Weights by source, in the order of `SOURCES`.

    Attributes:
        range: at each of `POINTS_HZ`, how readily a cell there goes to each source.
        cues: by cue, what a full cue adds for each source.
    """

    range: tuple[Row, ...]
    cues: Mapping[str, Row]

    def by_frequency(self, bins: int, bin_hz: float) -> NDArray[np.float32]:
        """`range` at the bins of a spectrum, interpolated along octaves, ``(sources, bins)``."""
        octaves = np.log2(np.maximum(np.arange(bins) * bin_hz, 20.0))
        curves = zip(*self.range, strict=True)
        return np.array([np.interp(octaves, np.log2(POINTS_HZ), curve) for curve in curves], np.float32)


FIRST = Weights(
    range=(
        (3.36, -0.07, -1.25, -2.03),  # 31 Hz
        (3.26, 0.66, -1.57, -2.35),  # 63 Hz
        (2.04, 1.17, -1.01, -2.20),  # 125 Hz
        (0.55, -1.12, -0.23, 0.80),  # 250 Hz
        (0.48, -1.10, -0.29, 0.91),  # 500 Hz
        (-0.26, -1.46, 0.04, 1.68),  # 1000 Hz
        (-0.43, -1.56, 1.21, 0.78),  # 2000 Hz
        (-0.05, -1.28, 0.74, 0.59),  # 4000 Hz
        (0.23, -0.86, 0.16, 0.46),  # 8000 Hz
        (0.18, -0.63, 0.03, 0.42),  # 16000 Hz
    ),
    cues={
        "tonal": (-0.17, -0.15, 0.16, 0.15),
        "steady": (-2.77, 1.95, 1.86, -1.04),
        "new": (-0.23, 0.55, 0.17, -0.49),
        "rise": (0.30, -0.38, -0.17, 0.26),
        "onset": (0.96, -0.33, -0.65, 0.02),
        "peak": (-1.51, -0.07, -0.50, 2.08),
        "centre": (0.89, -0.21, -0.40, -0.28),
        "side": (0.17, -0.47, 0.60, -0.30),
    },
)  # fmt: skip
SECOND = Weights(
    range=(
        (2.83, -0.30, -1.05, -1.47),  # 31 Hz
        (2.73, 0.40, -1.30, -1.83),  # 63 Hz
        (1.57, 1.12, -0.57, -2.12),  # 125 Hz
        (0.23, -0.75, 0.48, 0.04),  # 250 Hz
        (0.21, -0.73, 0.21, 0.31),  # 500 Hz
        (-0.50, -1.28, 0.78, 1.01),  # 1000 Hz
        (-0.46, -1.37, 1.63, 0.20),  # 2000 Hz
        (0.09, -0.94, 1.01, -0.16),  # 4000 Hz
        (0.42, -0.53, 0.47, -0.36),  # 8000 Hz
        (0.37, -0.36, 0.27, -0.28),  # 16000 Hz
    ),
    cues={
        "tonal": (-0.27, -0.02, 0.59, -0.30),
        "steady": (-2.89, 2.09, 1.83, -1.03),
        "new": (-0.42, 0.47, 0.22, -0.28),
        "rise": (0.24, -0.40, -0.04, 0.20),
        "onset": (0.94, -0.49, -0.66, 0.20),
        "peak": (-1.29, 0.58, -0.01, 0.72),
        "centre": (0.74, 0.05, -0.14, -0.65),
        "side": (0.11, -0.63, 0.59, -0.08),
        "comb": (-0.13, -0.68, 0.90, -0.09),
        "sung": (-0.91, -0.73, -1.80, 3.44),
        "clear": (0.49, -0.90, -0.63, 1.05),
        "voiced": (0.54, -1.25, -1.54, 2.25),
        "bass comb": (0.56, 0.41, -0.62, -0.35),
    },
)  # fmt: skip
