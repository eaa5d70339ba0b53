"""The built-in separator: drums, bass, other and vocals without a neural network.

Every cell of the spectrogram is judged by cues that tell the four apart: where the source
usually lies, tones against strokes (median filters), what lasts, what repeats (REPET-SIM),
where it stands in the stereo image, what starts together, and whether it belongs to the
harmonics of the voice that sings or the bass that plays. A softmax over weighted sums of the
cues (`cue_weights`) gives masks that sum to one, so the stems sum to the mix.

It listens twice: the masks of the first time let the pitches of voice and bass be followed,
and the second time those pitches are cues too, and so is what each source had around a cell:
a cell alone can be mistaken, and what follows its neighbours leaves no crumbs of sound.

The song is worked on in blocks that fade into each other, so memory does not grow with it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter, uniform_filter1d
from threadpoolctl import threadpool_limits

from .. import audio
from ..audio.sound import Samples, Sound
from ..dsp.medians import Magnitudes, median_along_frequency, median_along_time
from ..dsp.melody import harmonic_comb, predominant_pitch
from ..dsp.repetition import repeating
from ..dsp.spectrum import OverlapAdd, Spectrum, columns, stft
from .cue_weights import FIRST, SECOND, SOURCES, Weights
from .engines import Mode, Progress, Separated, Separator

Masks = NDArray[np.float32]
"""`float32`, shape ``(4, columns, bins)``, in the order of `SOURCES`, summing to 1."""

_HOP_S = 1024 / 44_100
_HIGHEST_HZ = 22_050.0
"""Above this no cue is looked at: the masks of the highest bins go on upwards."""
_BLOCK_S = 20.0
_FADE_S = 2.0
_THREADS = 2
"""Each one holds a block, so more would cost memory; the result does not depend on it."""
_TINY = np.float32(1e-7)
_FIELDS = {"near": (0.07, 97.0), "wide": (0.21, 440.0)}
"""How long and how wide a field around a cell is, in seconds and Hz."""


@dataclass(frozen=True)
class Grid:
    """The analysis at one rate: windows of 93 ms, a quarter of that apart, whatever the rate."""

    rate_hz: int
    size: int
    hop: int

    @classmethod
    def at(cls, rate_hz: int) -> Grid:
        hop = scipy.fft.next_fast_len(round(_HOP_S * rate_hz))
        return cls(rate_hz, 4 * hop, hop)

    @property
    def bin_hz(self) -> float:
        return self.rate_hz / self.size

    def span(self, seconds: float) -> int:
        """An odd number of columns, at least three."""
        return max(3, round(seconds * self.rate_hz / self.hop) | 1)

    def width(self, hz: float) -> int:
        """An odd number of bins, at least three."""
        return max(3, round(hz / self.bin_hz) | 1)


class BuiltinSeparator(Separator):
    """Cues, weights and soft masks; see the module. Nothing is random, and there is one mode."""

    def separate(
        self,
        mix: Sound,
        *,
        seed: int,
        progress: Progress,
        stems: Collection[str] = (),
        mode: Mode = "exact",
        shifts: int = 0,
    ) -> Separated:
        wanted = [index for index, name in enumerate(SOURCES) if not stems or name in stems]
        out = audio.scratch((len(wanted), *mix.samples.shape))
        grid = Grid.at(mix.rate_hz)
        blocks = list(_blocks(mix.frames, mix.rate_hz))
        # One thread a matrix product: with more, its last bits would depend on how many there are.
        with threadpool_limits(1), ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
            made = threads.map(lambda block: _separated(mix.samples[:, block.frames], grid, wanted), blocks)
            for done, (block, parts) in enumerate(zip(blocks, made, strict=True)):
                out[:, :, block.frames] += np.multiply(parts, block.fades(), out=parts)
                audio.rest(out, mix.samples)
                progress((done + 1) / len(blocks))
        return Separated({SOURCES[source]: Sound(out[row], mix.rate_hz) for row, source in enumerate(wanted)})


@dataclass(frozen=True)
class _Block:
    """Frames that are separated at one go, with the fades at either end, in frames."""

    frames: slice
    fade_in: int
    fade_out: int

    def fades(self) -> NDArray[np.float32]:
        """Gains ``(frames,)`` that sum to 1 with those of the blocks beside it."""
        gains = np.ones(self.frames.stop - self.frames.start, np.float32)
        if self.fade_in:
            gains[: self.fade_in] = np.arange(self.fade_in) / self.fade_in
        if self.fade_out:
            gains[-self.fade_out :] = 1 - np.arange(self.fade_out) / self.fade_out
        return gains


def _blocks(frames: int, rate_hz: int) -> Iterator[_Block]:
    """Blocks of even length, about `_BLOCK_S` long, that share `_FADE_S` with their neighbours."""
    fade = round(_FADE_S * rate_hz)
    count = max(1, round(frames / ((_BLOCK_S - _FADE_S) * rate_hz)))
    edges = [round(frames * k / count) for k in range(count + 1)]
    for k in range(count):
        last = k == count - 1
        stop = frames if last else edges[k + 1] + fade
        yield _Block(slice(edges[k], stop), 0 if k == 0 else fade, 0 if last else fade)


def _separated(samples: Samples, grid: Grid, wanted: list[int]) -> NDArray[np.float32]:
    """The wanted stems of a block, ``(stems, channels, frames)``."""
    channels, frames = samples.shape
    spectrum = stft(samples, grid.size, grid.hop)
    found = masks(spectrum, grid)
    stems = np.empty((len(wanted), channels, frames), np.float32)
    for stem, source in zip(stems, wanted, strict=True):
        adder = OverlapAdd(channels, frames, grid.size, grid.hop, out=stem)
        for first in range(0, columns(frames, grid.hop), 128):
            mask = _up_to(spectrum.shape[1], found[source, first : first + 128])
            adder.add(spectrum[:, :, first : first + 128] * mask.T)
    return stems


def _up_to(bins: int, mask: Magnitudes) -> Magnitudes:
    """A mask for all bins: above the highest that was judged, the mean of the topmost ones goes on."""
    missing = bins - mask.shape[1]
    if missing <= 0:
        return mask
    top = mask[:, -mask.shape[1] // 8 :].mean(axis=1, keepdims=True)
    return np.concatenate([mask, np.repeat(top, missing, axis=1)], axis=1)


def masks(spectrum: Spectrum, grid: Grid) -> Masks:
    """Soft masks of the four sources for a stretch of sound.

    Args:
        spectrum: ``(channels, bins, columns)``, one or two channels.

    Returns:
        ``(4, columns, bins up to 22 kHz)``, each cell summing to 1.
    """
    magnitudes, cues = first_cues(spectrum, grid)
    found = _softmax(FIRST, cues, grid)
    cues |= second_cues(magnitudes, found, grid)
    return _softmax(SECOND, cues, grid)


def first_cues(spectrum: Spectrum, grid: Grid) -> tuple[Magnitudes, dict[str, Magnitudes]]:
    """Magnitudes of the mix and the cues that need no pitch, each ``(columns, bins)``.

    Cues lie between 0 and 1 (`centre` between −1 and 1, `rise` and `onset` at 0 and above).
    """
    bins = min(spectrum.shape[1], int(_HIGHEST_HZ / grid.bin_hz) + 1)
    channels = spectrum[:, :bins].swapaxes(1, 2)
    powers = channels.real**2 + channels.imag**2
    magnitudes = np.sqrt(powers.mean(axis=0)) + _TINY
    count = magnitudes.shape[0]
    cues: dict[str, Magnitudes] = {}

    tones = median_along_time(magnitudes, grid.span(0.4)) ** 2
    strokes = median_along_frequency(magnitudes, grid.width(330)) ** 2
    cues["tonal"] = tones / (tones + strokes)
    cues["steady"] = np.minimum(median_along_time(magnitudes, grid.span(1.1)) / magnitudes, 1)
    apart = grid.span(min(1.0, count * grid.hop / grid.rate_hz / 14))
    cues["new"] = 1 - repeating(magnitudes, apart=apart) / magnitudes
    level = np.log(magnitudes + np.float32(1e-4))
    cues["rise"] = np.maximum(np.diff(level, axis=0, prepend=level[:1]), 0)
    cues["onset"] = uniform_filter1d(cues["rise"], grid.width(4300), axis=1)
    cues["peak"] = np.minimum(magnitudes / (4 * uniform_filter1d(magnitudes, grid.width(330), axis=1)), 1)
    cues["centre"], cues["side"] = _position(channels, powers)
    return magnitudes, cues


def _position(channels: Spectrum, powers: NDArray[np.float32]) -> tuple[Magnitudes, Magnitudes]:
    """How alike left and right are (−1 to 1), and how far to a side the sound stands (0 to 1).

    Mono is all in the centre.
    """
    if channels.shape[0] == 1:
        return np.ones_like(powers[0]), np.zeros_like(powers[0])
    left, right = (uniform_filter(power, 3) for power in powers)
    both = left + right + _TINY**2
    shared = uniform_filter((channels[0] * channels[1].conj()).real, 3)
    return 2 * shared / both, np.abs(left - right) / both


def second_cues(magnitudes: Magnitudes, found: Masks, grid: Grid) -> dict[str, Magnitudes]:
    """The cues that come from following voice and bass through what was found the first time.

    `voiced` and `clear` are ``(columns, 1)``: whether the voice is heard, and how clear its pitch is.
    """
    bins, bin_hz = magnitudes.shape[1], grid.bin_hz
    voice = magnitudes * found[SOURCES.index("vocals")]
    pitches_hz, clarity = predominant_pitch(voice, bin_hz, low_hz=80, high_hz=1000)
    comb = harmonic_comb(pitches_hz, bins, bin_hz)
    heard = voice.sum(axis=1) / magnitudes.sum(axis=1)
    bass = magnitudes * found[SOURCES.index("bass")]
    lows_hz, _ = predominant_pitch(bass, bin_hz, low_hz=35, high_hz=250)
    low_comb = harmonic_comb(lows_hz, bins, bin_hz, width_hz=15)
    low_comb[:, int(2000 / bin_hz) :] = 0
    return {
        "comb": comb, "sung": comb * clarity[:, None], "clear": clarity[:, None],
        "voiced": uniform_filter1d(heard, grid.span(0.2))[:, None], "bass comb": low_comb,
        **_around(magnitudes, found, grid),
    }  # fmt: skip


def _around(magnitudes: Magnitudes, found: Masks, grid: Grid) -> dict[str, Magnitudes]:
    """How much of the power near a cell, and of that in a wider field, each source had, 0 to 1."""
    powers, shares = magnitudes**2, {}
    for name, (seconds, hz) in _FIELDS.items():
        field = grid.span(seconds), grid.width(hz)
        whole = uniform_filter(powers, field) + _TINY**2
        for source, mask in zip(SOURCES, found, strict=True):
            share = uniform_filter(powers * mask, field) / whole
            shares[f"{source} {name}"] = np.clip(share, 0, 1, out=share)
    return shares


def _softmax(weights: Weights, cues: dict[str, Magnitudes], grid: Grid) -> Masks:
    """Masks from weighted sums of cues."""
    shape = cues["tonal"].shape
    scores = np.empty((len(SOURCES), *shape), np.float32)
    scores[:] = weights.by_frequency(shape[1], grid.bin_hz)[:, None]
    scratch = np.empty(shape, np.float32)
    for cue, by_source in weights.cues.items():
        for source, weight in enumerate(by_source):
            scores[source] += np.multiply(cues[cue], np.float32(weight), out=scratch)
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores
