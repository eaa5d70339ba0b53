"""Where something begins: onset strength, as the beat tracker and the loop finder hear it.

The sound is brought to one channel at `RATE_HZ`; its spectrum is gathered into mel bands
(O'Shaughnessy 1987: ``2595 log10(1 + f / 700)``), compressed, and what grows from one column
to the next is summed (spectral flux, Bello et al. 2005, eq. 15; half-wave rectified).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio import Sound, resample, scratch
from .blocks import pieces
from .spectrum import columns, stft_blocks

RATE_HZ = 22_050
"""Enough for everything that tells beats, harmony and timbre; half the work of 44.1 kHz."""

_SIZE = 1024
_HOP = 256
COLUMNS_HZ = RATE_HZ / _HOP
"""Columns of the onset strength in a second: 86.1, one each 11.6 ms."""

_BANDS = 64
_LOWEST_HZ = 30.0
_HIGHEST_HZ = 10_000.0
_LOW_HZ = 160.0
_BLOCK = 1 << 20

# How far below the mean level a change still counts: log(1 + 10 x) is linear for changes 20 dB
# below the mean and logarithmic above, so that neither hiss nor one loud hit decides.
_COMPRESSION = 10.0


@dataclass(frozen=True, eq=False)
class Onsets:
    """Onset strength over time.

    Attributes:
        strength: ``(columns,)``, not negative, mean 1 (or all 0); column ``k`` is at
            ``k / COLUMNS_HZ`` s.
        low: the same for what lies below 160 Hz: kick and bass.
        mel: ``(columns, bands)`` compressed mel spectrum, float32.
        liveliness: mean growth from column to column before it was brought to 1: near 0 for a
            tone that is held, 0.05 and more for music.
    """

    strength: NDArray[np.float32]
    low: NDArray[np.float32]
    mel: NDArray[np.float32]
    liveliness: float


def one_channel(sound: Sound) -> Sound:
    """The sound as one channel at `RATE_HZ`: the mean of the channels.

    Where the mean nearly cancels (channels in opposite phase, more than 15 dB lost), the
    strongest channel stands for all.
    """
    samples = sound.samples
    mean = scratch((1, sound.frames))
    power = np.zeros(sound.channels)
    kept = 0.0
    for at in pieces(sound.frames, _BLOCK, samples, mean):
        part = samples[:, at]
        mixed = np.mean(part, axis=0, dtype=np.float32)
        mean[0, at] = mixed
        power += np.einsum("cf,cf->c", part, part, dtype=np.float64)
        kept += float(np.dot(mixed, mixed))
    if kept < 10**-1.5 * power.mean():
        mean = samples[int(np.argmax(power))][None]
    return resample(Sound(mean, sound.rate_hz), RATE_HZ)


def mel_matrix(
    size: int, rate_hz: float, bands: int, lowest_hz: float, highest_hz: float
) -> NDArray[np.float32]:
    """Triangles that gather spectrum bins into mel bands, ``(size // 2 + 1, bands)``, each of sum 1."""
    to_mel = lambda hz: 2595 * np.log10(1 + hz / 700)  # noqa: E731
    mels = np.linspace(to_mel(lowest_hz), to_mel(highest_hz), bands + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hz = np.fft.rfftfreq(size, 1 / rate_hz)[:, None]
    # A triangle narrower than a bin would be empty: none is narrower than two bins.
    half = np.maximum(np.diff(edges), rate_hz / size)
    rise = (hz - (edges[1:-1] - half[:-1])) / half[:-1]
    fall = (edges[1:-1] + half[1:] - hz) / half[1:]
    triangles = np.clip(np.minimum(rise, fall), 0, None)
    return (triangles / triangles.sum(axis=0)).astype(np.float32)


def onsets(mono: Sound) -> Onsets:
    """Onset strength of `one_channel`'s result."""
    gather = mel_matrix(_SIZE, RATE_HZ, _BANDS, _LOWEST_HZ, _HIGHEST_HZ)
    mel = np.empty((columns(mono.frames, _HOP), _BANDS), np.float32)
    for first, spectrum in stft_blocks(mono.samples, _SIZE, _HOP):
        mel[first : first + spectrum.shape[2]] = np.abs(spectrum[0]).T @ gather
    mean = float(mel.mean(dtype=np.float64))
    if mean > 0:
        np.log1p(mel * (_COMPRESSION / mean), out=mel)
    rise = np.zeros_like(mel)
    # Windows overlap four times: an onset has arrived after two hops, and its middle is there.
    np.maximum(mel[2:] - mel[:-2], 0, out=rise[2:])
    lows = int(np.searchsorted(np.fft.rfftfreq(_SIZE, 1 / RATE_HZ) @ gather, _LOW_HZ))
    every = rise.mean(axis=1)
    return Onsets(_unit_mean(every), _unit_mean(rise[:, :lows].mean(axis=1)), mel, float(every.mean()))


def _unit_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = values.mean(dtype=np.float64)
    return (values / mean).astype(np.float32) if mean > 0 else values
