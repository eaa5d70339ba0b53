"""Networks applied to a mix of any length: segments in, overlap-added stems out, piece by piece.

Segments, the weights of their overlap-add and the shifts are those of
``demucs.apply.apply_model(overlap=0.25)``, so the result is the same; but segments run
through one after the other (on a GPU: as many at once as fit), so that no more of the song
than they hear is in memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import audio
from ...audio.sound import Samples, Sound
from ..torch_speed import give_back

if TYPE_CHECKING:
    from .precision import Kind

_OVERLAP = 0.25
_LONGEST_SHIFT_S = 0.5
_MOST_SUMMED_WHOLE = 32 << 20
"""Frames whose mono sum is held in memory: twelve minutes at 44.1 kHz."""
_BLOCK_FRAMES = 1 << 18
_SEGMENTS_KEPT = 32
"""After so many, memory is given back: over hours the gaps between tensors would add up."""
_GPU_BYTES_A_FRAME = 3500
"""What the layers of one segment take at their largest, by its length, with room to spare."""


@dataclass(frozen=True)
class Heard:
    """A mix as the networks were trained to hear it: stereo, mean 0 and deviation 1 of its mono sum.

    Attributes:
        sound: the mix at the networks' rate.
        mean: of the mono sum.
        deviation: likewise, and never 0.
    """

    sound: Sound
    mean: float
    deviation: float

    @classmethod
    def of(cls, sound: Sound) -> Heard:
        """Measure a mix.

        For up to twelve minutes torch does the sums, as in ``demucs.api``: the rounding of its float32
        is part of what the networks get, and some of them make much of it. Of longer ones no mono
        copy is held, and float64 sums it up block by block.
        """
        if sound.frames <= _MOST_SUMMED_WHOLE:
            import torch

            mono = torch.from_numpy(np.concatenate(list(_mono(sound))))
            spread = mono.std(correction=min(1, sound.frames - 1))
            return cls(sound, mono.mean().item(), (spread + 1e-8).item())
        total = squares = 0.0
        for block in _mono(sound):
            exact = block.astype(np.float64)
            total += float(exact.sum())
            squares += float(np.vdot(exact, exact))
        mean = total / sound.frames
        return cls(sound, mean, (max(0.0, squares - total * mean) / (sound.frames - 1)) ** 0.5 + 1e-8)

    def part(self, first: int, last: int) -> NDArray[np.float32]:
        """Frames `first` to `last`, ``(2, last − first)``; zeros before and after the mix."""
        low, high = max(0, first), min(self.sound.frames, last)
        out = np.zeros((2, last - first), np.float32)
        if low < high:
            inside = out[:, low - first : high - first]
            np.subtract(self.sound.samples[:, low:high], np.float32(self.mean), out=inside)
            inside /= np.float32(self.deviation)
        return out

    def loudest(self, spans: Sequence[Span]) -> Span:
        """The span with the highest energy."""

        def energy(span: Span) -> float:
            part = self.part(span.start, span.start + span.count)
            audio.rest(self.sound.samples)
            return float(np.vdot(part, part))

        return max(spans, key=energy)


@dataclass(frozen=True)
class Span:
    """Frames of a mix; `start` lies before it when it is heard shifted."""

    start: int
    count: int


def _mono(sound: Sound) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels, block by block."""
    for start in range(0, sound.frames, _BLOCK_FRAMES):
        yield sound.samples[:, start : start + _BLOCK_FRAMES].mean(axis=0, dtype=np.float32)
        audio.rest(sound.samples)


def segment_frames(network: Any) -> int:
    """The length of what a network hears at a time."""
    return int(network.samplerate * network.segment)


def starts(rate_hz: int, shifts: int, generator: random.Random) -> list[int]:
    """Where the passes over a mix begin, at frame 0 or before: one for each shift, in demucs' order."""
    longest = int(_LONGEST_SHIFT_S * rate_hz)
    return [generator.randint(0, longest) - longest for _ in range(shifts)] or [0]


def spans(network: Any, heard: Heard, start: int = 0) -> list[Span]:
    """The overlapping segments of a pass over a mix, whose first begins at frame `start`, 0 or before."""
    length, frames = segment_frames(network), heard.sound.frames
    return [Span(at, min(length, frames - at)) for at in range(start, frames, _stride(length))]


def _stride(length: int) -> int:
    return int((1 - _OVERLAP) * length)


def pieces(
    network: Any,
    heard: Heard,
    kind: Kind,
    *,
    start: int = 0,
    batch: int | None = None,
    known: Mapping[Span, Samples] = MappingProxyType({}),
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The stems of a mix, piece by piece, in order and without gaps.

    Args:
        start: where the first segment begins, at frame 0 or before.
        known: stems of segments that need not be worked out again.
        batch: segments at once; None is one on a CPU, on a GPU as many as fit.

    Yields:
        The first frame of a piece, and ``(stems, 2, frames)``.
    """
    length, every = segment_frames(network), spans(network, heard, start)
    stride, weight = _stride(length), _triangle(length)
    sums = np.zeros((len(network.sources), 2, length), np.float32)
    weights = np.zeros(length, np.float32)
    batch = batch or _fitting(network, length)
    for span, made in _all_made(network, heard, every, kind, batch, known=known):
        sums[:, :, : span.count] += weight[: span.count] * made
        del made  # what is held while the next segment is made lies in its way
        weights[: span.count] += weight[: span.count]
        ready = span.count if span is every[-1] else stride
        before = min(ready, max(0, -span.start))  # what a shift heard before the mix began
        if before < ready:
            yield span.start + before, sums[:, :, before:ready] / weights[before:ready]
        for each in (sums, weights):
            each[..., : length - ready] = each[..., ready:]
            each[..., length - ready :] = 0


def segments(network: Any, heard: Heard, spans: list[Span], kind: Kind) -> NDArray[np.float32]:
    """A network's stems of spans of one length, ``(spans, stems, 2, frames)``.

    Each is heard in the middle of what is around it.
    """
    import torch

    count = spans[0].count
    long = network.valid_length(count) if hasattr(network, "valid_length") else count
    ahead = (long - count) // 2
    given = np.stack([heard.part(span.start - ahead, span.start - ahead + long) for span in spans])
    with torch.inference_mode(), network.precision.of(kind):
        device = next(network.parameters()).device
        made = network(torch.from_numpy(given).to(device)).float().cpu().numpy()
    return made[..., ahead : ahead + count]


def _all_made(
    network: Any, heard: Heard, spans: list[Span], kind: Kind, batch: int, *, known: Mapping[Span, Samples]
) -> Iterator[tuple[Span, Samples]]:
    """Every span with its stems, `batch` at a time; the last, when it is shorter, by itself."""
    at = 0
    while at < len(spans):
        if spans[at] in known:
            yield spans[at], known[spans[at]]
            at += 1
            continue
        group = [span for span in spans[at : at + batch] if span.count == spans[at].count]
        yield from zip(group, segments(network, heard, group, kind), strict=True)
        at += len(group)
        if at % _SEGMENTS_KEPT < len(group):
            give_back()


def _triangle(length: int) -> NDArray[np.float32]:
    """Weights of a segment, highest in its middle; see ``demucs.apply.apply_model``."""
    rising = np.arange(1, length // 2 + 1)
    weight = np.concatenate([rising, np.arange(length - length // 2, 0, -1)]).astype(np.float32)
    return weight / weight.max()


def _fitting(network: Any, length: int) -> int:
    """How many segments are worked on at once: one on a CPU, where more are slower; a GPU is filled."""
    import torch

    device = next(network.parameters()).device
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return int(np.clip(0.8 * free / (_GPU_BYTES_A_FRAME * length), 1, 32))
