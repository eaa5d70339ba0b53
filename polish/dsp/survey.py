"""What faults are looked for in: one pass over a song, kept as small tables.

Levels in cells of 10 ms, spectra in cells of half a second; a song of four minutes makes
about 20 MB of tables, whatever its rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..audio import Sound
from .loudness import Power, k_weighted_power
from .onsets import Onsets, one_channel, onsets
from .peak import true_peak_dbtp
from .spectrum import FLOOR_DB, columns, size_for, stft_blocks

_CELL_S = 0.5
TICK_S = 0.01
_WINDOW_S = 0.093
_FLOOR = 10 ** (FLOOR_DB / 10)


@dataclass(frozen=True, eq=False)
class Survey:
    """A song in tables.

    Attributes:
        sound: the song itself.
        cell_s: length of a cell, about half a second.
        hz: ``(bins,)`` frequencies of the spectra, in Hz.
        power: ``(channels, cells, bins)`` mean power in each cell of half a second; the bins
            of a cell add up to its mean square.
        shimmer: ``(cells,)`` share of the power at 8–14 kHz in lone short tones, 0 to 1; −1 where
            there is too little up there to tell.
        cross: ``(cells, bins)`` power that left and right have in common (real part of the
            cross-spectrum); None unless there are two channels.
        level: ``(channels, ticks)`` mean square in ticks of 10 ms.
        peak: ``(channels, ticks)`` highest magnitude in each tick.
        loudness: K-weighted power, for every figure of loudness.
        true_peak_dbtp: None for silence.
    """

    sound: Sound
    cell_s: float
    hz: NDArray[np.float64]
    power: NDArray[np.float32]
    shimmer: NDArray[np.float32]
    cross: NDArray[np.float32] | None
    level: NDArray[np.float32]
    peak: NDArray[np.float32]
    loudness: Power
    true_peak_dbtp: float | None

    @property
    def duration_s(self) -> float:
        return self.sound.duration_s

    @cached_property
    def spectrum(self) -> NDArray[np.float64]:
        """``(bins,)`` mean power of the song over its active cells, channels averaged."""
        together = self.power.mean(axis=0, dtype=np.float64)
        return together[self.active].mean(axis=0) if self.active.any() else together.mean(axis=0)

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """``(cells,)`` where the song sounds: within 20 dB of its level (the gate of EBU Tech 3342)."""
        cells = self.power.sum(axis=2, dtype=np.float64).mean(axis=0)
        return (cells > 1e-2 * cells.mean()) & (cells > 1e-12)

    @cached_property
    def onsets(self) -> Onsets:
        """Where something begins; see `polish.dsp.onsets`."""
        return onsets(one_channel(self.sound))

    def band_db(self, low_hz: float, high_hz: float) -> NDArray[np.float64]:
        """``(cells,)`` level of a band over time, channels averaged, in dBFS."""
        inside = (self.hz >= low_hz) & (self.hz < high_hz)
        return decibels(self.power[:, :, inside].sum(axis=2, dtype=np.float64).mean(axis=0))

    def density_db(self, low_hz: float, high_hz: float) -> NDArray[np.float64]:
        """``(cells + 1,)`` level an octave of a band over time, and last that of the whole song."""
        inside = (self.hz >= low_hz) & (self.hz < high_hz)
        whole = decibels(self.spectrum[inside].sum(keepdims=True))
        levels = np.concatenate([self.band_db(low_hz, high_hz), whole])
        return levels - 10 * np.log10(np.log2(high_hz / low_hz))

    def span(self, cells: NDArray[np.bool_]) -> tuple[float, float]:
        """Start of the first and end of the last marked cell, in s."""
        marked = np.flatnonzero(cells)
        if marked.size == 0:
            return 0.0, self.duration_s
        return float(marked[0] * self.cell_s), min(float((marked[-1] + 1) * self.cell_s), self.duration_s)


def decibels(power: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power to dB; what has none reads −200 dB."""
    return 10 * np.log10(np.maximum(power, _FLOOR))


def survey(sound: Sound) -> Survey:
    """Look at a song once; see `Survey`. Any rate, length and channel count."""
    cell_s, hz, power, shimmer, cross = _spectra(sound)
    level, peak = _levels(sound)
    return Survey(
        sound, cell_s, hz, power, shimmer, cross, level, peak,
        k_weighted_power(sound.samples, sound.rate_hz), true_peak_dbtp(sound.samples, sound.rate_hz),
    )  # fmt: skip


def _levels(sound: Sound) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    tick = max(1, round(TICK_S * sound.rate_hz))
    ticks = max(1, -(-sound.frames // tick))
    level = np.zeros((sound.channels, ticks), np.float32)
    peak = np.zeros((sound.channels, ticks), np.float32)
    step = 1 << 12
    for first in range(0, ticks, step):
        part = sound.samples[:, first * tick : (first + step) * tick]
        count = -(-part.shape[1] // tick)
        if count == 0:
            continue
        whole = np.zeros((sound.channels, count * tick), np.float32)
        whole[:, : part.shape[1]] = part
        rows = whole.reshape(sound.channels, count, tick)
        frames = np.full(count, tick)
        frames[-1] -= whole.shape[1] - part.shape[1]
        level[:, first : first + count] = np.einsum("ctf,ctf->ct", rows, rows) / frames
        peak[:, first : first + count] = np.abs(rows).max(axis=2)
    return level, peak


def _spectra(
    sound: Sound,
) -> tuple[float, NDArray[np.float64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
    size = size_for(_WINDOW_S, sound.rate_hz)
    hop = size // 2
    per_cell = max(1, round(_CELL_S * sound.rate_hz / hop))
    bins = size // 2 + 1
    cells = -(-columns(sound.frames, hop) // per_cell)
    power = np.zeros((sound.channels, cells, bins), np.float32)
    shimmer = np.full(cells, -1, np.float32)
    cross = np.zeros((cells, bins), np.float32) if sound.channels == 2 else None
    # So that the bins of a column add up to its mean square (Parseval, with the window's power).
    scale = np.full(bins, 2 / (size * 0.375 * size), np.float32)
    scale[[0, -1]] /= 2
    hz: NDArray[np.float64] = np.fft.rfftfreq(size, 1 / sound.rate_hz).astype(np.float64)
    for first, spectrum in stft_blocks(sound.samples, size, hop, block=per_cell * 8):
        squares = (spectrum.real**2 + spectrum.imag**2) * scale[:, None]
        lone = _lone_tones(squares.mean(axis=0), hz)
        both = (spectrum[0] * spectrum[1].conj()).real * scale[:, None] if cross is not None else None
        for at in range(0, spectrum.shape[2], per_cell):
            cell = (first + at) // per_cell
            part = slice(at, min(at + per_cell, spectrum.shape[2]))
            power[:, cell] = squares[:, :, part].mean(axis=2)
            shimmer[cell] = np.median(lone[part])
            if cross is not None and both is not None:
                cross[cell] = both[:, part].mean(axis=1)
    return per_cell * hop / sound.rate_hz, hz, power, shimmer, cross


def _lone_tones(power: NDArray[np.float32], hz: NDArray[np.float64]) -> NDArray[np.float32]:
    """Share of the power at 8–14 kHz in bins 12 dB over the median of 450 Hz around them.

    Noise, cymbals and esses are 12 dB over it in one bin of 60,000. `power` is ``(bins, columns)``;
    columns with less than −70 dB of their power up there read −1.
    """
    inside = (hz >= 8000) & (hz < 14_000)
    treble = power[inside]
    if inside.sum() < 50 or hz[-1] < 14_500:
        return np.full(power.shape[1], -1, np.float32)
    width = round(450 / hz[1]) // 2 * 2 + 1
    usual = scipy.ndimage.median_filter(treble, (width, 1))
    # A cymbal may have tones too, but always the same: what stands out on the average of these
    # seconds must be outdone as well.
    average = treble.mean(axis=1)
    known = np.maximum(average / np.maximum(scipy.ndimage.median_filter(average, width), 1e-20), 1)
    total = treble.sum(axis=0)
    lone = np.where(treble > 16 * known[:, None] * usual, treble, 0).sum(axis=0)
    enough = total > 1e-7 * power.sum(axis=0)
    return np.where(enough & (total > 1e-13), lone / np.maximum(total, 1e-20), -1).astype(np.float32)
