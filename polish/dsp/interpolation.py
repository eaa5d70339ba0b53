"""Between the frames: windowed-sinc interpolation of single channels, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiled import njit


def interpolator(factor: int, taps: int, beta: float) -> NDArray[np.float32]:
    """Kaiser-windowed sinc by phase, ``(factor - 1, taps)``, each phase of gain 1 at 0 Hz.

    Row ``p`` gives the value ``(p + 1) / factor`` of a frame after the frame that its tap
    ``taps / 2 - 1`` lies on.
    """
    phase = np.arange(1, factor)[:, None] / factor
    distance = np.arange(taps)[None, :] - (taps / 2 - 1) - phase
    window = np.i0(beta * np.sqrt(np.maximum(0, 1 - (distance / (taps / 2)) ** 2)))
    kernel = np.sinc(distance) * window
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


@njit(cache=True, nogil=True, fastmath={"contract"})
def halves(x, row, size, out):  # pragma: no cover - compiled
    """Half a frame after each of `size` frames of `x`, which has half the filter's length around them.

    `row` is symmetric, as the middle phase of an interpolator is.
    """
    taps = row.size
    for n in range(size):
        out[n] = 0
    for k in range(0, taps // 2, 4):
        a, b, c, d = row[k], row[k + 1], row[k + 2], row[k + 3]
        left, right = x[k : k + size + 3], x[taps - 4 - k : taps - 1 - k + size]
        for n in range(size):
            out[n] += (
                a * (left[n] + right[n + 3])
                + b * (left[n + 1] + right[n + 2])
                + c * (left[n + 2] + right[n + 1])
                + d * (left[n + 3] + right[n])
            )


@njit(cache=True, nogil=True, fastmath={"contract"})
def quarters(x, kernel, size, points, level):  # pragma: no cover - compiled
    """Four `points` for each of `size` frames of `x`, which has half the filter's length around them.

    `level` gets the highest amplitude of the four.
    """
    on, quarter, half, three = points[0], points[1], points[2], points[3]
    before = kernel.shape[1] // 2 - 1
    for n in range(size):
        on[n] = x[before + n]
        quarter[n] = half[n] = three[n] = 0
    for k in range(0, kernel.shape[1], 2):
        q0, q1 = kernel[0, k], kernel[0, k + 1]
        h0, h1 = kernel[1, k], kernel[1, k + 1]
        t0, t1 = kernel[2, k], kernel[2, k + 1]
        seen = x[k : k + size + 1]
        for n in range(size):
            a, b = seen[n], seen[n + 1]
            quarter[n] += q0 * a + q1 * b
            half[n] += h0 * a + h1 * b
            three[n] += t0 * a + t1 * b
    for n in range(size):
        level[n] = max(abs(on[n]), abs(quarter[n]), abs(half[n]), abs(three[n]))


@njit(cache=True, nogil=True)
def vertex(points, level, first, top):  # pragma: no cover - compiled
    """Height of the parabola through the first point as high as `top` from `first` on and its neighbours."""
    n, phase = first, 0
    while level[n] != top:
        n += 1
    while phase < 3 and abs(points[phase, n]) != top:
        phase += 1
    before = abs(points[phase - 1, n]) if phase > 0 else abs(points[3, n - 1])
    after = abs(points[phase + 1, n]) if phase < 3 else abs(points[0, n + 1])
    bend = 2 * top - before - after
    if before > top or after > top or bend <= 0:
        return top
    return np.float32(top + (after - before) ** 2 / (8 * bend))
