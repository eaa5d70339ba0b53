"""Short-time spectra, back again without loss, and the average spectrum of a whole sound.

Conventions: samples are ``(channels, frames)`` float32; spectra ``(channels, bins, columns)``
complex64. Column ``k`` is centred on frame ``k * hop``; beyond its ends the sound is silent.
Analysis and synthesis both use a periodic Hann window and the overlap-add is divided by the
sum of the squared windows, so that an unchanged spectrum gives the sound back and a changed
one the nearest sound in the least-squares sense (Griffin & Lim 1984, eq. 6).

A whole song's spectrum is several times larger than the song: `stft_blocks` and `through`
work on it a block of columns at a time, in memory that does not grow with length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..audio.scratching import rest, scratch
from ..audio.sound import Samples
from .blocks import pieces

Spectrum = NDArray[np.complex64]
"""`complex64`, shape ``(channels, bins, columns)``, ``bins = size // 2 + 1``."""

FLOOR_DB = -200.0
"""What a band without any power reads, so that silence stays a number."""

_BLOCK_COLUMNS = 512


def window(size: int) -> NDArray[np.float32]:
    """The periodic Hann window, shape ``(size,)``."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def columns(frames: int, hop: int) -> int:
    """How many columns the spectrum of `frames` frames has: the last is centred at or past the end."""
    return -(-frames // hop) + 1


def size_for(seconds: float, rate_hz: int) -> int:
    """The power of two nearest to `seconds` in frames, at least 16: a window that scales with the rate."""
    return max(16, 2 ** round(np.log2(seconds * rate_hz)))


def stft(
    samples: Samples,
    size: int,
    hop: int,
    *,
    first: int = 0,
    count: int | None = None,
    workers: int | None = None,
) -> Spectrum:
    """Short-time Fourier transform of columns `first` to ``first + count`` (all of them when left out).

    Args:
        samples: ``(channels, frames)``.
        size: window length in frames.
        hop: distance of columns in frames; divides `size` at least in two.
        workers: threads for the transforms; the result does not depend on it.

    Returns:
        ``(channels, size // 2 + 1, columns)``.

    Raises:
        ValueError: `hop` does not divide `size`.
    """
    _check(size, hop)
    total = columns(samples.shape[1], hop)
    count = total - first if count is None else min(count, total - first)
    start = first * hop - size // 2
    piece = _padded(samples, start, start + (count - 1) * hop + size)
    slices = np.lib.stride_tricks.sliding_window_view(piece, size, axis=1)[:, ::hop]
    return scipy.fft.rfft(slices * window(size), axis=-1, workers=workers).swapaxes(1, 2)


def istft(spectrum: Spectrum, frames: int, size: int, hop: int, *, workers: int | None = None) -> Samples:
    """The sound of a whole spectrum: the inverse of `stft`, cut to `frames` frames.

    Raises:
        ValueError: the spectrum has not the columns that a sound of `frames` frames has.
    """
    if spectrum.shape[2] != columns(frames, hop):
        raise ValueError(f"{spectrum.shape[2]} columns do not make {frames} frames at a hop of {hop}")
    adder = OverlapAdd(spectrum.shape[0], frames, size, hop, workers=workers)
    adder.add(spectrum)
    return adder.samples


def stft_blocks(
    samples: Samples, size: int, hop: int, *, block: int = _BLOCK_COLUMNS, workers: int | None = None
) -> Iterator[tuple[int, Spectrum]]:
    """The columns of `stft`, `block` of them at a time, each block with the number of its first column."""
    for first, spectrum, _ in stft_in_context(samples, size, hop, 0, block=block, workers=workers):
        yield first, spectrum


def stft_in_context(
    samples: Samples,
    size: int,
    hop: int,
    reach: int,
    *,
    block: int = _BLOCK_COLUMNS,
    workers: int | None = None,
) -> Iterator[tuple[int, Spectrum, slice]]:
    """Blocks as of `stft_blocks`, with what filters along time need to see beside them.

    Yields:
        The number of the block's first column, the block with up to `reach` columns more to either side
        (fewer at the ends of the sound), and which of those columns are the block's own.
    """
    total = columns(samples.shape[1], hop)
    for part in pieces(total * hop, block * hop, samples):
        first, end = part.start // hop, part.stop // hop
        start, stop = max(first - reach, 0), min(end + reach, total)
        spectrum = stft(samples, size, hop, first=start, count=stop - start, workers=workers)
        yield first, spectrum, slice(first - start, end - start)


class OverlapAdd:
    """Turns spectra back into sound, a block of columns after the other.

    Attributes:
        samples: ``(channels, frames)`` float32, complete after the last column was added.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        size: int,
        hop: int,
        *,
        out: Samples | None = None,
        workers: int | None = None,
    ) -> None:
        """`out` is an array to write into (a memory map, say); it is overwritten."""
        _check(size, hop)
        self.samples = np.empty((channels, frames), np.float32) if out is None else out
        self._frames, self._size, self._hop, self._workers = frames, size, hop, workers
        self._total = columns(frames, hop)
        self._window = window(size)
        self._column = 0
        self._tail = np.zeros((channels, size // hop - 1, hop), np.float32)

    def add(self, spectrum: Spectrum) -> None:
        """Add the next columns, ``(channels, bins, n)``."""
        channels, _, count = spectrum.shape
        size, hop, overlaps = self._size, self._hop, self._size // self._hop
        pieces = scipy.fft.irfft(spectrum.swapaxes(1, 2), size, axis=-1, workers=self._workers)
        pieces *= self._window
        pieces = pieces.reshape(channels, count, overlaps, hop)
        sums = np.zeros((channels, count + overlaps - 1, hop), np.float32)
        sums[:, : overlaps - 1] = self._tail
        # The oldest column first, as in the tail: sums that do not depend on where blocks end.
        for part in reversed(range(overlaps)):
            sums[:, part : part + count] += pieces[:, :, part]
        # The first `count` hops get nothing more, unless these were the last columns of all.
        last = self._column + count >= self._total
        self._write(sums if last else sums[:, :count], self._column)
        self._tail = sums[:, count:].copy()
        self._column += count

    def _write(self, sums: NDArray[np.float32], column: int) -> None:
        channels, hops, hop = sums.shape
        ready = sums / self._norm(column, hops)
        start = column * hop - self._size // 2
        first, end = max(0, start), min(self._frames, start + hops * hop)
        if end > first:
            self.samples[:, first:end] = ready.reshape(channels, -1)[:, first - start : end - start]

    def _norm(self, column: int, hops: int) -> NDArray[np.float32]:
        """Sum of squared windows over each of the hops from the left edge of `column` on."""
        overlaps = self._size // self._hop
        squares = (self._window**2).reshape(overlaps, self._hop)
        norm = np.zeros((hops, self._hop), np.float32)
        for part in range(overlaps):
            owner = column + np.arange(hops) - part
            norm[(owner >= 0) & (owner < self._total)] += squares[part]
        return np.maximum(norm, 1e-6)


def through(
    samples: Samples,
    size: int,
    hop: int,
    change: Callable[[Spectrum, int], Spectrum],
    *,
    reach: int = 0,
    block: int = _BLOCK_COLUMNS,
    workers: int | None = None,
) -> Samples:
    """A sound after `change` was applied to its spectrum, block by block.

    Args:
        change: gets ``(channels, bins, n)`` and the number of the block's first column; returns the
            same shape. Without `reach` columns arrive once and in order, so it may carry state.
        reach: how many columns to either side a column's change depends on; so many more are handed over
            with every block.
        block: columns worked on at a time; the result does not depend on it, bit for bit.
    """
    out = scratch(samples.shape)
    adder = OverlapAdd(samples.shape[0], samples.shape[1], size, hop, out=out, workers=workers)
    for first, spectrum, own in stft_in_context(samples, size, hop, reach, block=block, workers=workers):
        adder.add(change(spectrum, first)[:, :, own])
        rest(out)
    return adder.samples


def power_spectrum(
    samples: Samples, rate_hz: int, *, size: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average power by frequency, over all of the sound and all channels (Welch 1967).

    Args:
        samples: ``(channels, frames)``.
        size: window length in frames; about 0.37 s when left out (16384 at 44.1 kHz).

    Returns:
        Frequencies in Hz and power, each ``(size // 2 + 1,)``. The powers add up to the mean
        square of the sound: full-scale sine 0.5, silence 0.
    """
    size = size or size_for(0.37, rate_hz)
    hop = size // 2
    hz = (np.arange(size // 2 + 1) * (rate_hz / size)).astype(np.float64)
    power = np.zeros(hz.size)
    for _, spectrum in stft_blocks(samples, size, hop, block=64):
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=(0, 2), dtype=np.float64)
    power[1:-1] *= 2
    total = float(power.sum())
    if total == 0:
        return hz, power
    # Frames near the ends lie under fewer windows; the exact mean square puts that right.
    return hz, power * (mean_square(samples) / total)


def third_octave_levels_db(samples: Samples, rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels of the third-octave bands from 20 Hz to 20 kHz, or to the last with its middle below Nyquist.

    Bands are those of IEC 61260-1:2014, 5.2 to 5.4 (base ten): midbands ``1000 * 10^(k/10)``
    Hz, edges a factor ``10^(1/20)`` away, the top one cut at Nyquist. The power of a bin that
    straddles an edge is shared.

    Returns:
        Midband frequencies in Hz and levels in dB (mean square of the band re full scale, mean
        of the channels: a full-scale sine reads −3.01), each ``(bands,)``. A band without
        power reads `FLOOR_DB`.
    """
    return band_levels_db(*power_spectrum(samples, rate_hz))


def third_octaves_hz(rate_hz: float) -> NDArray[np.float64]:
    """Midbands of the third octaves that `third_octave_levels_db` gives at a rate."""
    middles = 1000 * 10 ** (np.arange(-17, 14) / 10)
    return middles[middles * 10**0.025 <= rate_hz / 2]


def band_levels_db(
    hz: NDArray[np.float64], power: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Third-octave levels of a `power_spectrum`; see `third_octave_levels_db`."""
    step = hz[1]
    middles = third_octaves_hz(2 * float(hz[-1]))
    below = np.concatenate([[0.0], np.cumsum(power)])
    edges = np.concatenate([middles * 10**-0.05, middles[-1:] * 10**0.05])
    filled = np.interp(edges, np.concatenate([hz - step / 2, hz[-1:] + step / 2]), below)
    shares = np.diff(filled)
    return middles, 10 * np.log10(np.maximum(shares, 10 ** (FLOOR_DB / 10)))


def mean_square(samples: Samples) -> float:
    """Mean of the squares of all frames of all channels; worked out block by block."""
    parts = (samples[:, part].astype(np.float64) for part in pieces(samples.shape[1], 1 << 20, samples))
    return sum(float(np.sum(part**2)) for part in parts) / samples.size


def _check(size: int, hop: int) -> None:
    if hop < 1 or size % hop or size < 2 * hop:
        raise ValueError(f"a hop of {hop} does not divide a window of {size} into two or more")


def _padded(samples: Samples, start: int, end: int) -> Samples:
    """Frames `start` to `end`, silent where the sound is not; float32, contiguous."""
    frames = samples.shape[1]
    piece = np.zeros((samples.shape[0], end - start), np.float32)
    first, last = max(start, 0), min(end, frames)
    if last > first:
        piece[:, first - start : last - start] = samples[:, first:last]
    return piece
