"""The voice as a recogniser hears it: one channel at 16 kHz, in windows where somebody sings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..dsp import voice as voices

RATE_HZ = 16_000
WINDOW_S = 30.0
"""What the network hears at a time."""
_LEAD_S = 0.2
"""Heard before a stretch of singing, so that its first consonant is not cut."""
TOGETHER_S = 3.0
"""Stretches nearer than this are heard in one window, as far as it holds them."""
_REMNANT_S = 0.3
"""What sounds for less than this before a pause is the end of what came before."""
_CUT_FROM_S = 20.0
"""A stretch longer than a window is cut at its quietest moment between here and the window's end."""
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Heard:
    """A voice at 16 kHz and when it is active.

    Attributes:
        mono: ``(frames,)``.
    """

    mono: NDArray[np.float32]
    activity: voices.Voice

    @property
    def duration_s(self) -> float:
        return self.mono.size / RATE_HZ

    def piece(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        return self.mono[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]

    def windows(self) -> list[tuple[float, float]]:
        """Start and end in s of the windows to hear, together all the singing."""
        spans: list[tuple[float, float]] = []
        for onset_s, end_s in self.activity.spans_s:
            start_s = max(float(onset_s) - _LEAD_S, 0.0)
            while end_s - start_s > WINDOW_S:
                cut_s = self._quietest_s(start_s + _CUT_FROM_S, start_s + WINDOW_S)
                spans.append((start_s, cut_s))
                start_s = cut_s
            spans.append((start_s, float(end_s)))
        windows = spans[:1]
        for start_s, end_s in spans[1:]:
            if end_s - windows[-1][0] <= WINDOW_S and start_s - windows[-1][1] < TOGETHER_S:
                windows[-1] = (windows[-1][0], end_s)
            else:
                windows.append((start_s, end_s))
        return windows

    def sung_s(self, start_s: float, end_s: float) -> float:
        """For how long the voice is active between two times."""
        first, last = (max(0, round(t / voices.HOP_S)) for t in (start_s, end_s))
        return float(self.activity.active[first:last].sum()) * voices.HOP_S

    def within(self, start_s: float, end_s: float, lead_s: float) -> tuple[float, float]:
        """The stretch without the silence at its ends, but for `lead_s` of it; as it is in silence.

        A little of what sounded before, and a pause after it, are not of the stretch either.
        """
        first, last = (max(0, round(t / voices.HOP_S)) for t in (start_s, end_s))
        active = np.flatnonzero(self.activity.active[first:last])
        if active.size == 0:
            return start_s, end_s
        pauses = np.flatnonzero(np.diff(active) > 1)
        if pauses.size and active[0] == 0 and pauses[0] + 1 < _REMNANT_S / voices.HOP_S:
            active = active[pauses[0] + 1 :]
        onset_s, offset_s = (first + active[0]) * voices.HOP_S, (first + active[-1] + 1) * voices.HOP_S
        return max(start_s, float(onset_s) - lead_s), min(end_s, float(offset_s) + lead_s)

    def _quietest_s(self, start_s: float, end_s: float) -> float:
        first, last = round(start_s / voices.HOP_S), round(end_s / voices.HOP_S)
        return (first + int(np.argmin(self.activity.level_db[first:last]))) * voices.HOP_S


def listen(voice: Sound) -> Heard:
    """A voice of any rate and channel count as a recogniser hears it, resampled block by block.

    What is kept of an hour of song is 230 MB, whatever rate and channels it came in.
    """
    import soxr

    frames = round(voice.frames * RATE_HZ / voice.rate_hz)
    mono = np.zeros(frames, np.float32)
    stream = soxr.ResampleStream(voice.rate_hz, RATE_HZ, 1, quality="VHQ")
    at = 0
    for start in range(0, voice.frames, _BLOCK):
        block = voice.samples[:, start : start + _BLOCK].mean(axis=0, dtype=np.float32)
        got = stream.resample_chunk(block, last=start + _BLOCK >= voice.frames)[: frames - at]
        mono[at : at + got.size] = got
        at += got.size
    return Heard(mono, voices.activity(mono[None], RATE_HZ))
