"""A sound in memory, or mapped from disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""`float32`, shape ``(channels, frames)``, full scale at ±1, values beyond it allowed."""

_BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples with their rate. Never changed in place: the array is made read-only.

    Attributes:
        samples: ``(channels, frames)``, float32; may be a memory-mapped file.
        rate_hz: frames per second.

    Raises:
        ValueError: wrong shape or type, or a rate that is not positive.
    """

    samples: Samples
    rate_hz: int

    def __post_init__(self) -> None:
        samples = self.samples
        if samples.ndim != 2 or samples.dtype != np.float32:
            raise ValueError(
                f"samples must be float32 (channels, frames), got {samples.dtype} {samples.shape}"
            )
        if samples.shape[0] > 64:
            raise ValueError(f"{samples.shape[0]} channels: is it (frames, channels) by mistake?")
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz must be positive, got {self.rate_hz}")
        view = samples.view()
        view.flags.writeable = False
        object.__setattr__(self, "samples", view)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    @property
    def silent(self) -> bool:
        """Whether every sample is zero (or there is none)."""
        starts = range(0, self.frames, _BLOCK_FRAMES)
        return not any(self.samples[:, start : start + _BLOCK_FRAMES].any() for start in starts)

    def with_samples(self, samples: NDArray[np.floating]) -> Sound:
        """Another sound of the same rate; the samples are brought to contiguous float32."""
        return Sound(np.ascontiguousarray(samples, dtype=np.float32), self.rate_hz)

    def cut(self, start_s: float, end_s: float) -> Sound:
        """The part from `start_s` to `end_s`, clipped to the sound's own ends; a view."""
        first, last = (round(min(max(t, 0.0), self.duration_s) * self.rate_hz) for t in (start_s, end_s))
        return Sound(self.samples[:, first:last], self.rate_hz)
