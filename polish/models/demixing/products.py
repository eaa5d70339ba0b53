"""Convolutions of the Demucs networks as products of matrices, with what follows them, piece by piece.

What a product makes is gated or activated while it lies in the cache, and only that is written.
Rounding differs from that of the plain way by −127 dB or less.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np

from ...compiled import njit
from ..torch_speed import side_by_side
from .activations import Floats, activated, copied, through_gate

_VALUES = 1 << 18
"""Of a product at once: few enough to stay in a core's own cache."""
_ONE = np.float32(1)


def gated(x: Floats, weights: Floats, bias: Floats) -> Floats:
    """A convolution along the frames with zeros around, and the gate that half of its channels are.

    Args:
        x: ``(inputs, frames)``.
        weights: ``(2 · outputs, taps · inputs)``, the inputs of one tap after those of another; taps are odd.
        bias: ``(2 · outputs,)``.

    Returns:
        ``(outputs, frames)``.
    """
    inputs, frames = x.shape
    taps, outputs = weights.shape[1] // inputs, len(weights) // 2
    made = np.empty((outputs, frames), np.float32)

    def work(first: int, last: int) -> None:
        around = range(-(taps // 2), taps // 2 + 1)
        given = x[:, first:last] if taps == 1 else _shifted(x, first, last, around)
        _through_gates(np.matmul(weights, given), bias, made, first)

    side_by_side(work, _pieces(frames, len(weights)))
    return made


def upward(
    x: Floats, weights: Floats, bias: Floats, *, stride: int, trim: int, kept: int, activate: bool
) -> Floats:
    """A transposed convolution along the rows, whose kernel is some strides long, and GELU after it.

    With a kernel of 8 and a stride of 4, row 4q + r of the result is made of rows q and q − 1 alone, with
    weights of its own for each r.

    Args:
        x: ``(inputs, rows, columns)``, C-contiguous.
        weights: ``(outputs · stride, taps · inputs)``, an output's strides together, the latest row first.
        bias: ``(outputs,)``.
        trim: rows that are left out at the beginning.
        kept: rows after these that are kept.
        activate: whether GELU follows.

    Returns:
        ``(outputs, kept, columns)``.
    """
    inputs, rows, columns = x.shape
    taps = weights.shape[1] // inputs
    flat = x.reshape(inputs, -1)
    made = np.empty((len(weights) // stride, kept, columns), np.float32)
    spread = _spread_frames if columns == 1 else _spread_rows

    def work(first: int, last: int) -> None:
        given = _shifted(flat, first * columns, last * columns, [-k * columns for k in range(taps)])
        product = np.matmul(weights, given)
        _biased(product, bias, activate)
        spread(product, made, stride, first * stride - trim)

    side_by_side(work, _pieces(rows + taps - 1, len(weights) * columns))
    return made


def _pieces(count: int, values: int) -> list[tuple[int, int]]:
    """Parts of ``range(count)`` whose products, of so many values for one, stay in the cache."""
    size = max(1, _VALUES // values)
    size = -(-count // -(-count // size))
    return [(first, min(count, first + size)) for first in range(0, count, size)]


def _shifted(x: Floats, first: int, last: int, shifts: range | list[int]) -> Floats:
    """Columns `first` to `last` of `x` moved by each of some shifts, below each other; zeros around `x`."""
    rows, columns = x.shape
    made = np.empty((len(shifts), rows, last - first), np.float32)
    for part, shift in zip(made, shifts, strict=True):
        low, high = (min(columns, max(0, each + shift)) for each in (first, last))
        at = low - first - shift if low < high else 0
        part[:, :at] = 0
        part[:, at : at + high - low] = x[:, low:high]
        part[:, at + high - low :] = 0
    return made.reshape(-1, last - first)


@njit(cache=True, nogil=True)
def _through_gates(product, bias, made, first):
    count, size = made.shape[0], product.shape[1]
    for c in range(count):
        target = made[c, first : first + size]
        through_gate(product[c], product[count + c], bias[c], bias[count + c], target)


@njit(cache=True, nogil=True)
def _biased(product, bias, activate):
    """Adds a bias to the rows of a product, some for each, and applies GELU."""
    stride = product.shape[0] // len(bias)
    for row in range(product.shape[0]):
        if activate:
            activated(product[row], _ONE, bias[row // stride])
        else:
            product[row] += bias[row // stride]


@njit(cache=True, nogil=True)
def _spread_rows(product, made, stride, first):
    """Rows of a product, an output's strides together, to the rows of the result from `first` on."""
    columns = made.shape[2]
    for row in range(product.shape[0]):
        output, phase = row // stride, row % stride
        for q in range(product.shape[1] // columns):
            to = first + q * stride + phase
            if 0 <= to < made.shape[1]:
                copied(product[row], q * columns, made[output, to], 0, columns)


@njit(cache=True, nogil=True)
def _spread_frames(product, made, stride, first):
    """The same where rows are single frames."""
    for row in range(product.shape[0]):
        output, at = row // stride, first + row % stride
        source, target = product[row], made[output, :, 0]
        begin = max(0, -(at // stride))
        for q in range(begin, min(len(source), -((at - len(target)) // stride))):
            target[at + q * stride] = source[q]
