"""Stems that add up to their mix.

What an engine leaves over, mix − Σ stems, is shared out: at every moment each stem gets a
part in proportion to its own power there, because an error of estimation grows with what is
estimated, and a stem that is silent stays silent. What float32 rounding leaves after that is
at the level of a single rounding, −150 dB below the loudest sample.

All is done block by block, and the pages of mapped arrays are let go: hours need no more
memory than minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import rest, scratch
from ..audio.sound import Samples

CLOSE_ENOUGH_DBFS = -126.0
"""Stems that miss their mix by no more than this, peak, need nothing shared out. Half a step of
24 bits a stem comes on top in a file, and seven stems then still miss by less than −120 dBFS."""

_BLOCK_FRAMES = 1 << 18
_AT_ONCE = 2
_STEP_S = 0.02

Result = TypeVar("Result")


def residual_peak(mix: Samples, stems: Mapping[str, Samples]) -> float:
    """The largest absolute sample of mix − Σ stems, summed in float64; 0 when they are equal.

    Args:
        mix: ``(channels, frames)``; the stems are of the same shape.
    """

    def peak(part: slice) -> float:
        return float(np.abs(_left(mix, stems, part)).max(initial=0))

    return max(_for_each_block(peak, mix, stems), default=0.0)


def residual_dbfs(mix: Samples, stems: Mapping[str, Samples]) -> float | None:
    """`residual_peak` in dB re full scale; None when the stems add up exactly."""
    peak = residual_peak(mix, stems)
    return 20 * math.log10(peak) if peak > 0 else None


def left_over(mix: Samples, stems: Mapping[str, Samples]) -> Samples:
    """mix − Σ stems, summed in float64: together with it the stems add up to the mix.

    Args:
        mix: ``(channels, frames)``; the stems are of the same shape.
    """
    left = scratch(mix.shape)

    def fill(part: slice) -> None:
        left[:, part] = _left(mix, stems, part)
        rest(left)

    _for_each_block(fill, mix, stems)
    return left


def share_residual(
    mix: Samples, stems: Mapping[str, Samples], rate_hz: int, *, fallback: str = "other"
) -> dict[str, Samples]:
    """Stems with the residual shared out among them in proportion to their power.

    Power is taken over 20 ms and smoothed over 60 ms, and the shares glide from one to the
    next. Where all stems are silent the residual goes to the stem `fallback` (the last one
    when there is none of that name).

    Args:
        mix: ``(channels, frames)``.
        stems: by name, each of the mix's shape. They are not changed.

    Returns:
        New stems in the same order; the ones given when they are close enough already.
    """
    if residual_peak(mix, stems) <= 10 ** (CLOSE_ENOUGH_DBFS / 20):
        return dict(stems)
    names = list(stems)
    last_resort = names.index(fallback) if fallback in names else len(names) - 1
    step = max(1, round(_STEP_S * rate_hz))
    shares = _shares([stems[name] for name in names], step, last_resort)
    middles = (np.arange(shares.shape[1]) + 0.5) * step
    whole = {name: scratch(mix.shape) for name in names}

    def fill(part: slice) -> None:
        frames = np.arange(part.start, part.stop)
        left = _left(mix, stems, part)
        for name, share in zip(names, shares, strict=True):
            whole[name][:, part] = stems[name][:, part] + left * np.interp(frames, middles, share)
        # One more rounding, on the loudest stem, takes up what rounding the others left.
        left = _left(mix, whole, part)
        loudest = names[int(np.argmax(shares[:, part.start // step : -(-part.stop // step)].sum(axis=1)))]
        whole[loudest][:, part] = whole[loudest][:, part] + left
        rest(*whole.values())

    _for_each_block(fill, mix, stems)
    return whole


def _shares(stems: list[Samples], step: int, last_resort: int) -> NDArray[np.float64]:
    """Each stem's part of the power, ``(stems, steps)``; columns add up to 1."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        power = np.array(list(pool.map(lambda stem: _power(stem, step), stems)))
    padded = np.pad(power, ((0, 0), (1, 1)), mode="edge")
    power = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    total = power.sum(axis=0)
    power[last_resort, total == 0] = 1
    return power / np.where(total == 0, 1, total)


def _power(stem: Samples, step: int) -> NDArray[np.float64]:
    """Energy of each `step` frames, all channels together."""
    frames = stem.shape[1]
    block = max(1, _BLOCK_FRAMES // step) * step
    parts = []
    for start in range(0, frames, block):
        squares = (stem[:, start : start + block].astype(np.float64) ** 2).sum(axis=0)
        parts.append(np.add.reduceat(squares, np.arange(0, squares.size, step)))
        rest(stem)
    return np.concatenate(parts) if parts else np.zeros(1)


def _left(mix: Samples, stems: Mapping[str, Samples], part: slice) -> NDArray[np.float64]:
    left = mix[:, part].astype(np.float64)
    for stem in stems.values():
        left -= stem[:, part]
    return left


def _for_each_block(
    work: Callable[[slice], Result], mix: Samples, stems: Mapping[str, Samples]
) -> list[Result]:
    """What `work` gives for spans of frames, in order; what was looked at in one is let go after it."""

    def done(start: int) -> Result:
        made = work(slice(start, min(start + _BLOCK_FRAMES, frames)))
        rest(mix, *stems.values())
        return made

    frames = mix.shape[1]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(done, range(0, frames, _BLOCK_FRAMES)))
