"""The residual branches of the Demucs networks in one pass over memory.

A branch of ``demucs.demucs.DConv`` is two convolutions, each with its normalisation and what
follows that: seven layers, which all write and read as much as they are given, or twice that. Here
the few channels that the first convolution leaves are kept, and what the second one makes never is:
the mean and variance that it is normalised with follow from products of those few channels. The
same sums in another order; the rounding differs, by about −140 dB.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...compiled import njit
from ..torch_speed import shared_out, side_by_side
from .activations import Floats, activated, added_through_gate, copied

_FRAMES = 512
"""Worked on at once: few enough to stay in the nearest cache."""
_MOST_APART = 8
"""Frames between the taps of a convolution."""
_ROOM = np.uintp(_FRAMES + 2 * _MOST_APART)
"""Between the channels that are worked on: also for the neighbours of the first and last frame."""
_PIECE = 8 * _FRAMES
"""Frames of a long row that a thread takes at once."""
_SUMS = {"contract", "nsz", "reassoc"}


class Branch(NamedTuple):
    """Weights of a branch, with `inner` channels between two convolutions.

    Attributes:
        narrow: of the first convolution, ``(inner, channels, 3)``; `narrow_bias`: ``(inner,)``.
        norm: gains of its normalisation, `norm_bias` what is added, both ``(inner,)``.
        wide: of the second convolution, ``(2 · channels, inner)``; `wide_bias`: ``(2 · channels,)``.
        gain: of its normalisation and the scale, `offset` what is added, both ``(2 · channels,)``.
        alike: products of the columns of `wide`, ``(inner, inner)``.
        dilation: frames between the taps.
        eps: of both normalisations.
    """

    narrow: Floats
    narrow_bias: Floats
    norm: Floats
    norm_bias: Floats
    wide: Floats
    wide_bias: Floats
    gain: Floats
    offset: Floats
    alike: NDArray[np.float64]
    dilation: int
    eps: float

    @classmethod
    def of(cls, layer: Any) -> Branch | None:
        """The branch of a DConv's layer; None where it is another kind."""
        from demucs.demucs import LayerScale
        from torch import nn

        kinds = (nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU, LayerScale)
        if tuple(type(each) for each in layer) != kinds:
            return None
        narrow, norm, _, wide, last, _, scale = layer
        inner, channels, taps = narrow.weight.shape
        usual = (norm.num_groups, last.num_groups, taps, wide.kernel_size[0]) == (1, 1, 3, 1)
        (step,), (zeros,) = narrow.dilation, narrow.padding
        if not usual or inner % 3 or channels % 2 or zeros != step or step > _MOST_APART:
            return None
        weights = (narrow.weight, narrow.bias, norm.weight, norm.bias, wide.weight[..., 0], wide.bias)
        factor = np.concatenate([scale.scale.detach().cpu().numpy(), np.ones(channels, np.float32)])
        gain, offset = (each.detach().cpu().numpy() * factor for each in (last.weight, last.bias))
        arrays = [np.ascontiguousarray(each.detach().cpu().numpy()) for each in weights]
        columns = arrays[4].astype(np.float64)
        return cls(*arrays, gain, offset, columns.T @ columns, step, norm.eps)


def added(x: Floats, branches: Sequence[Branch]) -> Floats:
    """What a DConv makes of rows, which each stand for themselves.

    Args:
        x: ``(channels, rows, frames)``, C-contiguous.
        branches: its layers.

    Returns:
        An array of the same shape.
    """
    _, rows, frames = x.shape
    out = np.empty_like(x)
    if rows > 1:
        side_by_side(partial(_rows, x, out, tuple(branches)), shared_out(rows))
        return out
    pieces = [(first, min(frames, first + _PIECE)) for first in range(0, frames, _PIECE)]
    given = x
    for branch in branches:
        made = out if branch is branches[-1] else np.empty_like(x)
        inner = np.empty((len(branch.narrow), frames), np.float32)
        found = side_by_side(partial(_narrowed, given, 0, inner, branch), pieces)
        mean, power = _together(np.array(found), np.diff(pieces)[:, 0])
        summed = side_by_side(partial(_activated, inner, mean, power, branch), pieces)
        sums, products = (np.sum(each, axis=0) for each in zip(*summed, strict=True))
        wide, bias = _normalised(sums, products, frames, branch)
        side_by_side(partial(_widened, given, made, 0, 0, inner, wide, bias), pieces)
        given = made
    return out


@njit(cache=True, nogil=True)
def _rows(x, out, branches, first, last):
    """Rows one by one, each in all branches while it is in the cache."""
    channels, _, frames = x.shape
    between = np.empty((len(branches), channels, 1, frames), np.float32)
    for row in range(first, last):
        for number in range(len(branches)):
            branch = branches[number]
            given, at = (x, row) if number == 0 else (between[number - 1], 0)
            made, to = (out, row) if number == len(branches) - 1 else (between[number], 0)
            inner = np.empty((branch.narrow.shape[0], frames), np.float32)
            mean, power = _narrowed(given, at, inner, branch, 0, frames)
            sums, products = _activated(inner, mean, power, branch, 0, frames)
            wide, bias = _normalised(sums, products, frames, branch)
            _widened(given, made, at, to, inner, wide, bias, 0, frames)


@njit(cache=True, nogil=True)
def _narrowed(x, row, inner, branch, first, last):
    """The first convolution of some frames, into `inner`; its mean, and mean square about that."""
    count, channels, _ = branch.narrow.shape
    step, frames = branch.dilation, x.shape[2]
    flat, kept = x.reshape(-1), inner.reshape(-1)
    near, made = np.zeros(2 * _ROOM, np.float32), np.empty(count * _ROOM, np.float32)
    for start in range(first, last, _FRAMES):
        size = min(last, start + _FRAMES) - start
        low, high = max(0, start - step), min(frames, start + size + step)
        for k in range(count):
            made[k * _ROOM : k * _ROOM + size] = branch.narrow_bias[k]
        near[high - start + step : size + 2 * step] = 0
        near[_ROOM + high - start + step : _ROOM + size + 2 * step] = 0
        for c in range(0, channels, 2):
            for k in range(2):
                at, to = ((c + k) * x.shape[1] + row) * frames + low, k * _ROOM + low - start + step
                copied(flat, at, near, to, high - low)
            _add_three_taps(near, made, branch.narrow, c, np.uintp(step), np.uintp(size))
        for k in range(count):
            copied(made, k * _ROOM, kept, k * frames + start, size)
    return _moments(inner[:, first:last])


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _add_three_taps(near, made, weights, c, step, size):
    """What two channels give to all those of the first convolution.

    Indices are unsigned and distances constant, or else no vectors would be made of the loop.
    """
    for k in range(0, weights.shape[0], 3):
        a0, a1, a2, a3, a4, a5 = _six(weights, k, c)
        b0, b1, b2, b3, b4, b5 = _six(weights, k + 1, c)
        c0, c1, c2, c3, c4, c5 = _six(weights, k + 2, c)
        to = np.uintp(k) * _ROOM
        for t in range(size):
            x0, x1, x2 = near[t], near[t + step], near[t + step + step]
            y0, y1, y2 = near[_ROOM + t], near[_ROOM + t + step], near[_ROOM + t + step + step]
            made[to + t] += (a0 * x0 + a1 * x1 + a2 * x2) + (a3 * y0 + a4 * y1 + a5 * y2)
            made[to + _ROOM + t] += (b0 * x0 + b1 * x1 + b2 * x2) + (b3 * y0 + b4 * y1 + b5 * y2)
            made[to + _ROOM + _ROOM + t] += (c0 * x0 + c1 * x1 + c2 * x2) + (c3 * y0 + c4 * y1 + c5 * y2)


@njit(cache=True, nogil=True)
def _six(weights, k, c):
    one, two = weights[k, c], weights[k, c + 1]
    return one[0], one[1], one[2], two[0], two[1], two[2]


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _moments(part):
    mean = 0.0
    for k in range(part.shape[0]):
        mean += np.float64(np.sum(part[k]))
    middle, power = np.float32(mean / part.size), 0.0
    for k in range(part.shape[0]):
        partial = np.float32(0)
        for t in range(part.shape[1]):
            partial += (part[k, t] - middle) ** 2
        power += np.float64(partial)
    return np.float64(middle), power / part.size


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _activated(inner, mean, power, branch, first, last):
    """Normalises some frames of `inner` and applies GELU to them, in place.

    Returns:
        Their sums by channel, and the sums of their products, ``(inner, inner)``.
    """
    count = inner.shape[0]
    sums, products = np.zeros(count), np.zeros((count, count))
    over = 1 / math.sqrt(power + branch.eps)
    for start in range(first, last, _FRAMES):
        stop = min(last, start + _FRAMES)
        for k in range(count):
            gain = branch.norm[k] * over
            activated(inner[k, start:stop], np.float32(gain), np.float32(branch.norm_bias[k] - mean * gain))
        for k in range(count):
            one = inner[k, start:stop]
            sums[k] += np.float64(np.sum(one))
            for m in range(k + 1):
                other, partial = inner[m, start:stop], np.float32(0)
                for t in range(stop - start):
                    partial += one[t] * other[t]
                products[k, m] += np.float64(partial)
    for k in range(count):
        for m in range(k):
            products[m, k] = products[k, m]
    return sums, products


@njit(cache=True, nogil=True)
def _normalised(sums, products, frames, branch):
    """Weights and biases of the second convolution that do its normalisation and the scale as well."""
    wide, bias = branch.wide, branch.wide_bias
    count, inner = wide.shape
    total, squares = 0.0, 0.0
    for o in range(count):
        shared = 0.0
        for k in range(inner):
            shared += wide[o, k] * sums[k]
        total += shared + bias[o] * frames
        squares += (2 * shared + np.float64(bias[o]) * frames) * bias[o]
    for k in range(inner):
        for m in range(inner):
            squares += branch.alike[k, m] * products[k, m]
    mean = total / (count * frames)
    over = 1 / math.sqrt(max(0.0, squares / (count * frames) - mean * mean) + branch.eps)
    folded, added = np.empty_like(wide), np.empty_like(bias)
    for o in range(count):  # halved, because x / (1 + exp(−y)) is x / 2 · (1 + tanh(y / 2))
        gain = branch.gain[o] * over / 2
        folded[o] = wide[o] * np.float32(gain)
        added[o] = np.float32((bias[o] - mean) * gain + branch.offset[o] / 2)
    return folded, added


@njit(cache=True, nogil=True)
def _widened(x, out, row, to, inner, wide, bias, first, last):
    """The second convolution and its gate, added to what the branch was given."""
    channels, rows, frames = x.shape
    flat, given, made = inner.reshape(-1), x.reshape(-1), out.reshape(-1)
    few, two = np.empty(len(inner) * _ROOM, np.float32), np.empty(2 * _ROOM, np.float32)
    for start in range(first, last, _FRAMES):
        size = min(last, start + _FRAMES) - start
        for k in range(len(inner)):
            copied(flat, k * frames + start, few, k * _ROOM, size)
        for c in range(channels):
            two[:size], two[_ROOM : _ROOM + size] = bias[c], bias[channels + c]
            _add_wide(few, two, wide, c, channels + c, np.uintp(size))
            at, there = (c * rows + row) * frames + start, (c * out.shape[1] + to) * frames + start
            added_through_gate(
                two[:size], two[_ROOM : _ROOM + size], given[at : at + size], made[there : there + size]
            )


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _add_wide(few, two, wide, c, other, size):
    """What all channels between give to one of the second convolution, and to its gate."""
    for k in range(0, wide.shape[1], 3):
        a0, a1, a2 = wide[c, k], wide[c, k + 1], wide[c, k + 2]
        b0, b1, b2 = wide[other, k], wide[other, k + 1], wide[other, k + 2]
        at = np.uintp(k) * _ROOM
        for t in range(size):
            x0, x1, x2 = few[at + t], few[at + _ROOM + t], few[at + _ROOM + _ROOM + t]
            two[t] += a0 * x0 + a1 * x1 + a2 * x2
            two[_ROOM + t] += b0 * x0 + b1 * x1 + b2 * x2


def _together(moments, counts):
    """Mean, and mean square about it, of pieces, from those of each; Chan, Golub & LeVeque, 1979."""
    means, powers = moments.T
    mean = np.average(means, weights=counts)
    return mean, np.average(powers + (means - mean) ** 2, weights=counts)
