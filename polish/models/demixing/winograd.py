"""Convolutions with kernels of 3 × 3 by a quarter of the multiplications.

Lavin & Gray, «Fast Algorithms for Convolutional Neural Networks», CVPR 2016, F(4 × 4, 3 × 3): tiles of
6 × 6 that overlap by two and the kernels are transformed, so that a tile of 4 × 4 of the result is a
product cell by cell, transformed back. Over all channels these products are 36 products of matrices.
Some rows of tiles are worked on at once, so that what lies between stays in the cache. Rounding
differs from that of the plain way by about −110 dB.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np

from ...compiled import njit
from ..torch_speed import side_by_side
from .activations import Floats, copied, through_gate

_KERNEL = np.array(
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
     [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)  # fmt: skip
"""G of the paper, for the points 0, ±1, ±2; its B and A stand written out below."""
_BYTES = 4 << 20
"""Of transformed tiles at once."""
_TILES = 128
"""Of a row, at once."""
_ROOM = np.uintp(4 * _TILES + 8)
_SHORT, _THREE, _LONG = np.uintp(1), np.uintp(3), np.uintp(4)
_TWO, _FOUR, _FIVE, _EIGHT = np.float32([2, 4, 5, 8])
_FAST = {"contract", "nsz", "reassoc"}


def transformed(kernels: Floats) -> Floats:
    """Kernels ``(outputs, inputs, 3, 3)`` as `convolved` wants them, ``(36, outputs, inputs)``."""
    made = np.empty((36, *kernels.shape[:2]), np.float32)
    both = np.kron(_KERNEL, _KERNEL)
    for output, each in enumerate(kernels.astype(np.float64)):
        made[:, output] = both @ each.reshape(-1, 9).T
    return made


def convolved(x: Floats, kernels: Floats, bias: Floats) -> Floats:
    """A convolution with zeros around, and the gate that half of its channels are.

    Args:
        x: ``(inputs, rows, columns)``, C-contiguous.
        kernels: what `transformed` made of those of ``2 · outputs`` channels.
        bias: ``(2 · outputs,)``.

    Returns:
        ``(outputs, rows, columns)``.
    """
    inputs, rows, columns = x.shape
    down, across = -(-rows // 4), -(-columns // 4)
    made = np.empty((kernels.shape[1] // 2, rows, columns), np.float32)

    def work(first: int, last: int) -> None:
        tiles = np.empty((36, inputs, (last - first) * across), np.float32)
        _into_tiles(x, tiles, first, last)
        _out_of_tiles(np.matmul(kernels, tiles), bias, made, first, last)

    at_once = max(1, min(_BYTES // (36 * 4 * inputs * across), down // 4))
    side_by_side(work, [(first, min(down, first + at_once)) for first in range(0, down, at_once)])
    return made


@njit(cache=True, nogil=True)
def _into_tiles(x, tiles, first, last):
    """Transforms rows `first` to `last` of tiles."""
    inputs, rows, columns = x.shape
    across, count = -(-columns // 4), tiles.shape[2]
    source, target = x.reshape(-1), tiles.reshape(-1)
    near = np.empty(6 * _ROOM, np.float32)
    half, whole = np.empty_like(near), np.empty_like(near)
    for c in range(inputs):
        for row in range(first, last):
            for start in range(0, across, _TILES):
                size = min(_TILES, across - start)
                begin, end = max(0, 4 * start - 1), min(columns, 4 * (start + size) + 1)
                ahead = begin - (4 * start - 1)
                for k in range(6):
                    y = 4 * row - 1 + k
                    line = near[k * _ROOM : k * _ROOM + 4 * size + 2]
                    if ahead or end - begin < len(line) or not 0 <= y < rows:
                        line[:] = 0
                    if 0 <= y < rows:
                        copied(source, (c * rows + y) * columns + begin, near, k * _ROOM + ahead, end - begin)
                _down(near, half, np.uintp(4 * size + 2))
                for k in range(6):
                    _along(half, k * _ROOM, whole, np.uintp(size))
                    for m in range(6):
                        at = ((6 * k + m) * inputs + c) * count + (row - first) * across + start
                        copied(whole, m * _ROOM, target, at, size)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _down(near, made, size):
    """B of the paper on six rows, column by column."""
    for t in range(size):
        a, b, c = near[t], near[_ROOM + t], near[_ROOM + _ROOM + t]
        rest = _THREE * _ROOM + t
        d, e, f = near[rest], near[rest + _ROOM], near[rest + _ROOM + _ROOM]
        _by_b(a, b, c, d, e, f, made, t)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _along(row, at, made, size):
    """The same along a row, for every fourth column."""
    for t in range(size):
        begin = np.uintp(at) + _LONG * t
        a, b, c = row[begin], row[begin + _SHORT], row[begin + _SHORT + _SHORT]
        rest = begin + _THREE
        _by_b(a, b, c, row[rest], row[rest + _SHORT], row[rest + _SHORT + _SHORT], made, t)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _by_b(a, b, c, d, e, f, made, t):
    """B of the paper, transposed, times six values: one value for each of six rows."""
    rest = _THREE * _ROOM + t
    made[t] = _FOUR * a - _FIVE * c + e
    made[_ROOM + t] = (d + e) - _FOUR * (b + c)
    made[_ROOM + _ROOM + t] = (e - d) + _FOUR * (b - c)
    made[rest] = (e - c) + _TWO * (d - b)
    made[rest + _ROOM] = (e - c) - _TWO * (d - b)
    made[rest + _ROOM + _ROOM] = _FOUR * b - _FIVE * d + f


@njit(cache=True, nogil=True)
def _out_of_tiles(products, bias, made, first, last):
    """Transforms back the products of rows `first` to `last` of tiles, and lets them through their gates."""
    outputs, rows, columns = made.shape
    across = -(-columns // 4)
    six, half = np.empty(6 * _ROOM, np.float32), np.empty((2, 24 * _ROOM), np.float32)
    four = np.empty((2, _ROOM), np.float32)
    for c in range(outputs):
        for row in range(first, last):
            for start in range(0, across, _TILES):
                size = min(_TILES, across - start)
                for gate in range(2):
                    at = (row - first) * across + start
                    _back_down(products, c + gate * outputs, at, size, six, half[gate])
                for k in range(min(4, rows - 4 * row)):
                    for gate in range(2):
                        _back_along(half[gate], np.uintp(6 * k) * _ROOM, four[gate], np.uintp(size))
                    there = made[c, 4 * row + k, 4 * start : min(columns, 4 * (start + size))]
                    through_gate(four[0], four[1], bias[c], bias[c + outputs], there)


@njit(cache=True, nogil=True)
def _back_down(products, channel, at, size, six, half):
    """Transforms back some columns of the products of a channel: four rows of six, six times."""
    _, channels, count = products.shape
    source = products.reshape(-1)
    for m in range(6):
        for k in range(6):
            copied(source, ((6 * k + m) * channels + channel) * count + at, six, k * _ROOM, size)
        _back(six, half, np.uintp(m) * _ROOM, np.uintp(6) * _ROOM, np.uintp(size))


@njit(cache=True, nogil=True, fastmath=_FAST)
def _back(six, made, to, step, size):
    """A of the paper on six rows, column by column: four rows, `step` apart."""
    for t in range(size):
        a, b, c = six[t], six[_ROOM + t], six[_ROOM + _ROOM + t]
        rest = _THREE * _ROOM + t
        d, e, f = six[rest], six[rest + _ROOM], six[rest + _ROOM + _ROOM]
        made[to + t] = a + (b + c) + (d + e)
        made[to + step + t] = (b - c) + _TWO * (d - e)
        made[to + step + step + t] = (b + c) + _FOUR * (d + e)
        made[to + step + step + step + t] = (b - c) + _EIGHT * (d - e) + f


@njit(cache=True, nogil=True, fastmath=_FAST)
def _back_along(rows, at, made, size):
    """The same along a row: every tile becomes four columns."""
    for t in range(size):
        begin = at + t
        a, b, c = rows[begin], rows[begin + _ROOM], rows[begin + _ROOM + _ROOM]
        rest = begin + _THREE * _ROOM
        d, e, f = rows[rest], rows[rest + _ROOM], rows[rest + _ROOM + _ROOM]
        to = _LONG * t
        made[to] = a + (b + c) + (d + e)
        made[to + _SHORT] = (b - c) + _TWO * (d - e)
        made[to + _SHORT + _SHORT] = (b + c) + _FOUR * (d + e)
        made[to + _THREE] = (b - c) + _EIGHT * (d - e) + f
