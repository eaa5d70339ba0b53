"""How much each cue of the built-in separator says for each source.

Found by maximising the mean signal-to-distortion ratio over mixes whose stems are known, with a
penalty on large weights, ten times as strong on the stereo cues, because how songs are panned
differs most. `FIRST`: over two real excerpts (one with two stems, one with four), their voices over
each other's backing, both in mono, their backing alone, and songs of the built-in composer.
`SECOND`: over synthesised mixes (bands of sampled instruments, synthesised singing) as well, which
are most of what it was found on, as `tests/training/weights.py` finds it. It knows the two excerpts
less well than weights found on them alone, and songs that nobody met better.
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
        (-0.19, -0.17, 1.53, -0.57),  # 31 Hz
        (0.70, 0.47, -0.62, -0.65),  # 63 Hz
        (0.57, 0.18, 0.27, -0.48),  # 125 Hz
        (-0.33, -0.33, 0.34, 0.24),  # 250 Hz
        (-0.18, 0.09, 0.34, -0.07),  # 500 Hz
        (0.13, -0.09, 0.60, -0.25),  # 1000 Hz
        (-0.32, -0.56, 0.46, 0.04),  # 2000 Hz
        (0.37, -0.89, -1.06, 0.82),  # 4000 Hz
        (0.52, -0.37, -0.56, 0.10),  # 8000 Hz
        (0.88, -0.05, -0.25, -0.56),  # 16000 Hz
    ),
    cues={
        "tonal": (-0.22, 0.38, 0.27, -0.24),
        "steady": (-1.34, 0.96, 0.70, -0.27),
        "new": (-0.70, 0.06, 0.01, 0.22),
        "rise": (0.20, -0.39, -0.08, 0.04),
        "onset": (0.11, 0.15, 0.02, -0.14),
        "peak": (0.06, -0.38, -0.00, 0.13),
        "centre": (0.43, 0.54, -1.22, 0.31),
        "side": (-0.08, -0.64, 0.47, 0.17),
        "comb": (-0.26, -1.14, -0.36, 0.63),
        "sung": (-0.74, -1.16, -0.93, 1.11),
        "clear": (-0.19, -0.31, -0.27, 0.43),
        "voiced": (0.10, -0.73, -0.25, 0.49),
        "bass comb": (0.31, 0.36, -0.17, -0.21),
        "drums near": (1.77, -0.78, -0.07, -1.26),
        "bass near": (-0.53, 1.29, 0.53, -0.66),
        "other near": (0.82, -0.47, 1.28, -0.79),
        "vocals near": (-0.44, -1.11, 0.37, 0.38),
        "drums wide": (1.40, -0.17, -0.02, -1.02),
        "bass wide": (0.46, 0.83, 0.68, -1.14),
        "other wide": (1.03, -0.66, 2.33, -1.66),
        "vocals wide": (-0.63, -1.12, -0.23, 0.83),
    },
)  # fmt: skip
