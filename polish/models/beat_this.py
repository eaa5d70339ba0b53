"""Beat This!: beats and downbeats as a network hears them.

What it says is read as its authors read it: a beat is where its logit is the highest within
70 ms and above 0, and downbeats move to the nearest beat. Only where these form no steady
pulse, as in speech, none are given.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio import Sound
from ..dsp import chroma, onsets, pulse
from ..song import Beats
from . import store
from .beat_this_network import COLUMNS_HZ, Network
from .beats import FEWEST_BEATS, SHORTEST_S
from .engines import BeatTracker

_NEAR_COLUMNS = 3
_USUAL_OF, _EVEN = 9, 0.15
"""A span between beats is even that differs by less than this share from the median of nine."""
_FEWEST_EVEN = 0.6


class BeatThis(BeatTracker):
    """The network of the name's size, on the first GPU or the CPU."""

    weights: ClassVar = {
        "beat_this": ("beat_this/final0.ckpt",),
        "beat_this-small": ("beat_this-small/small0.ckpt",),
    }

    @cached_property
    def _network(self) -> Network:
        return Network(store.path(self.weights[self.name][0]))

    def track(self, mix: Sound) -> Beats:
        """Beats of the mix, at any rate and channel count; none where nothing steady is heard."""
        if mix.silent:
            return Beats(engine=self.name)
        mono = onsets.one_channel(mix)
        key, _ = chroma.key(chroma.chroma(mono))
        if mix.duration_s < SHORTEST_S:
            return Beats(key=key, engine=self.name)
        logits = self._network.logits(mono.samples)
        at = peaks(logits[0])
        even = _even(at)
        if at.size < FEWEST_BEATS or even < _FEWEST_EVEN:
            return Beats(key=key, engine=self.name)
        downs = _nearest(at, peaks(logits[1]))
        beats_s = np.round(at / COLUMNS_HZ, 4)
        sure = 1 / (1 + np.exp(-logits[0][np.round(at).astype(int)].astype(np.float64)))
        return Beats(
            tempo_bpm=round(pulse.tempo_bpm(beats_s), 2),
            beats_s=tuple(beats_s.tolist()),
            downbeats_s=tuple(beats_s[downs].tolist()),
            beats_per_bar=_beats_per_bar(downs),
            key=key,
            confidence=round(float(sure.mean()) * even, 3),
            engine=self.name,
        )


def peaks(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Columns that are the highest within 70 ms and above 0; of neighbours as high, their middle."""
    highest = logits == scipy.ndimage.maximum_filter1d(logits, 2 * _NEAR_COLUMNS + 1)
    runs, count = scipy.ndimage.label(highest & (logits > 0))
    return np.array(scipy.ndimage.mean(np.arange(logits.size), runs, np.arange(1, count + 1)), np.float64)


def _even(at: NDArray[np.float64]) -> float:
    """Share of the spans between beats that are as long as those around them, 0 to 1."""
    if at.size < 2:
        return 0.0
    spans = np.diff(at)
    usual = scipy.ndimage.median_filter(spans, min(_USUAL_OF, spans.size), mode="nearest")
    return float(np.mean(np.abs(spans / usual - 1) < _EVEN))


def _nearest(beats: NDArray[np.float64], downs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The beat nearest to each downbeat, each once."""
    return (
        np.unique(np.argmin(np.abs(downs[:, None] - beats[None]), axis=1))
        if downs.size
        else np.array([], int)
    )


def _beats_per_bar(downs: NDArray[np.int64]) -> int | None:
    """The commonest number of beats from one downbeat to the next; None with fewer than two."""
    return int(np.bincount(np.diff(downs)).argmax()) if downs.size > 1 else None
