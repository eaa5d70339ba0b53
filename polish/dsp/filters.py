"""Second-order filters: their coefficients, what they do to a spectrum, and putting sound through them.

A filter is `Sos`: second-order sections, float64, shape ``(sections, 6)``, each row
``b0 b1 b2 1 a1 a2`` as scipy writes them. Filters run one after the other are stacked with
`cascade`. Corner and centre frequencies lie above 0 and below half the rate; gains are in dB.

Two ways to put sound through one:

- `apply` is causal: what a mixing desk does, phase shift included. It carries its state, so
  that a long sound may come in pieces of any size with the same bits.
- `apply_zero_phase` runs it forwards and backwards: no phase shift, and twice the dB.

Work is done in float64 on a block at a time; sound in and out is float32.

Sources: shelves, peaks, passes and notches are the bilinear forms of R. Bristow-Johnson,
"Cookbook formulae for audio equalizer biquad filter coefficients" (W3C note, 2021);
crossovers S. Linkwitz & R. Riley, "Active crossover networks for noncoincident drivers",
JAES 24 (1976).
"""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from .blocks import pieces

Sos = NDArray[np.float64]
"""Second-order sections, float64, ``(sections, 6)``."""

State = NDArray[np.float64]
"""What a running filter remembers, float64, ``(sections, channels, 2)``."""

BUTTERWORTH_Q = 2**-0.5
"""The Q at which a second-order pass is maximally flat."""

_BLOCK = 1 << 16
_LONGEST_TAIL_S = 4.0


def high_pass(rate_hz: float, corner_hz: float, *, q: float = BUTTERWORTH_Q) -> Sos:
    """Second-order high-pass, 12 dB an octave; −3 dB at the corner when maximally flat."""
    cos, alpha = _angle(rate_hz, corner_hz, q)
    return _section([(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], [1 + alpha, -2 * cos, 1 - alpha])


def low_pass(rate_hz: float, corner_hz: float, *, q: float = BUTTERWORTH_Q) -> Sos:
    """Second-order low-pass, 12 dB an octave; −3 dB at the corner when maximally flat."""
    cos, alpha = _angle(rate_hz, corner_hz, q)
    return _section([(1 - cos) / 2, 1 - cos, (1 - cos) / 2], [1 + alpha, -2 * cos, 1 - alpha])


def band_pass(rate_hz: float, centre_hz: float, q: float) -> Sos:
    """Band-pass with gain 1 and no phase shift at its centre; −3 dB at the edges of ``centre/q``.

    ``x + (G - 1) * band_pass(x)`` is a peak filter of gain ``G`` at the centre, whose gain may
    change from one sample to the next; see `peak`.
    """
    cos, alpha = _angle(rate_hz, centre_hz, q)
    return _section([alpha, 0.0, -alpha], [1 + alpha, -2 * cos, 1 - alpha])


def notch(rate_hz: float, centre_hz: float, q: float) -> Sos:
    """Takes one frequency out altogether; −3 dB at the edges of ``centre/q``."""
    cos, alpha = _angle(rate_hz, centre_hz, q)
    return _section([1.0, -2 * cos, 1.0], [1 + alpha, -2 * cos, 1 - alpha])


def peak(rate_hz: float, centre_hz: float, gain_db: float, q: float) -> Sos:
    """Bell of `gain_db` at its centre; a cut undoes a boost of the same size, bit for rounding.

    `q` sets the width between the points of half the gain in dB. In terms of `band_pass` it is
    ``1 + (A**2 - 1) * band_pass(q * A)`` with ``A = 10**(gain_db / 40)``.
    """
    cos, alpha = _angle(rate_hz, centre_hz, q)
    a = 10 ** (gain_db / 40)
    return _section([1 + alpha * a, -2 * cos, 1 - alpha * a], [1 + alpha / a, -2 * cos, 1 - alpha / a])


def low_shelf(rate_hz: float, corner_hz: float, gain_db: float, *, q: float = BUTTERWORTH_Q) -> Sos:
    """Raises or lowers what is below the corner by `gain_db`; half of it at the corner."""
    cos, alpha = _angle(rate_hz, corner_hz, q)
    a = 10 ** (gain_db / 40)
    root = 2 * np.sqrt(a) * alpha
    return _section(
        [a * ((a + 1) - (a - 1) * cos + root), 2 * a * ((a - 1) - (a + 1) * cos),
         a * ((a + 1) - (a - 1) * cos - root)],
        [(a + 1) + (a - 1) * cos + root, -2 * ((a - 1) + (a + 1) * cos), (a + 1) + (a - 1) * cos - root],
    )  # fmt: skip


def high_shelf(rate_hz: float, corner_hz: float, gain_db: float, *, q: float = BUTTERWORTH_Q) -> Sos:
    """Raises or lowers what is above the corner by `gain_db`; half of it at the corner."""
    cos, alpha = _angle(rate_hz, corner_hz, q)
    a = 10 ** (gain_db / 40)
    root = 2 * np.sqrt(a) * alpha
    return _section(
        [a * ((a + 1) + (a - 1) * cos + root), -2 * a * ((a - 1) + (a + 1) * cos),
         a * ((a + 1) + (a - 1) * cos - root)],
        [(a + 1) - (a - 1) * cos + root, 2 * ((a - 1) - (a + 1) * cos), (a + 1) - (a - 1) * cos - root],
    )  # fmt: skip


def butterworth(rate_hz: float, corner_hz: float, order: int, kind: str) -> Sos:
    """Maximally flat ``lowpass`` or ``highpass`` of any order, 6 dB an octave for each."""
    _angle(rate_hz, corner_hz, 1.0)
    return scipy.signal.butter(order, corner_hz, kind, fs=rate_hz, output="sos")


def linkwitz_riley(rate_hz: float, crossover_hz: float, *, order: int = 4) -> tuple[Sos, Sos]:
    """The low and the high side of a crossover, each −6 dB at `crossover_hz`.

    Each is a Butterworth filter of half the order applied twice. For orders 4 and 8 the two
    sides are in phase everywhere and their sum is an all-pass: flat in level.

    Raises:
        ValueError: `order` is not 4 or 8.
    """
    if order not in (4, 8):
        raise ValueError(f"a crossover whose sides sum flat has order 4 or 8, not {order}")
    low = butterworth(rate_hz, crossover_hz, order // 2, "lowpass")
    high = butterworth(rate_hz, crossover_hz, order // 2, "highpass")
    return cascade(low, low), cascade(high, high)


def cascade(*filters: Sos) -> Sos:
    """Several filters as one, run one after the other."""
    return np.concatenate(filters)


def response(sos: Sos, hz: NDArray[np.floating], rate_hz: float) -> NDArray[np.complex128]:
    """Complex gain at the frequencies `hz`, for one causal pass."""
    turn = np.exp(-2j * np.pi * np.asarray(hz, float) / rate_hz)
    powers = np.stack([np.ones_like(turn), turn, turn**2])
    return np.prod((sos[:, :3] @ powers) / (sos[:, 3:] @ powers), axis=0)


def response_db(sos: Sos, hz: NDArray[np.floating], rate_hz: float) -> NDArray[np.float64]:
    """Gain in dB at the frequencies `hz`, for one causal pass; −400 where nothing passes."""
    return 20 * np.log10(np.maximum(np.abs(response(sos, hz, rate_hz)), 1e-20))


def at_rest(sos: Sos, channels: int) -> State:
    """The state of a filter that has heard nothing but silence yet."""
    return np.zeros((sos.shape[0], channels, 2))


def apply(samples: Samples, sos: Sos, *, state: State | None = None) -> Samples:
    """Sound after a causal pass through a filter; as long as what went in.

    Args:
        samples: ``(channels, frames)`` float32.
        state: from `at_rest`, to put a sound through in pieces; it is brought up to date.
    """
    state = at_rest(sos, samples.shape[0]) if state is None else state
    out = _room(samples)
    for part in pieces(samples.shape[1], _BLOCK, samples, out):
        done, state[...] = scipy.signal.sosfilt(sos, samples[:, part].astype(np.float64), axis=1, zi=state)
        out[:, part] = done
    return out


def _room(samples: Samples) -> Samples:
    """Where the result goes: for whole sounds where long ones have room, for pieces in memory."""
    return scratch(samples.shape) if samples.shape[1] > 4 * _BLOCK else np.empty(samples.shape, np.float32)


def apply_zero_phase(samples: Samples, sos: Sos, rate_hz: float) -> Samples:
    """Sound after a pass forwards and one backwards: no phase shift, twice the filter's dB.

    The sound is taken to be silent before its start and after its end; the forward pass is
    left to ring out before the backward one begins.
    """
    out = _room(samples)
    for channel in range(samples.shape[0]):
        wave = samples[channel : channel + 1]
        state = at_rest(sos, 1)
        forward = apply(wave, sos, state=state)
        tail = apply(np.zeros((1, tail_frames(sos, rate_hz)), np.float32), sos, state=state)
        back = at_rest(sos, 1)
        apply(tail[:, ::-1], sos, state=back)
        for part in pieces(wave.shape[1], _BLOCK, forward, out):
            mirrored = slice(wave.shape[1] - part.stop, wave.shape[1] - part.start)
            out[channel, mirrored] = apply(forward[:, mirrored][:, ::-1], sos, state=back)[0, ::-1]
    return out


def tail_frames(sos: Sos, rate_hz: float) -> int:
    """How long a filter rings after its input ended, to −120 dB; at most 4 s."""
    radius = max(float(np.max(np.abs(np.roots(row[3:])))) for row in sos)
    longest = round(_LONGEST_TAIL_S * rate_hz)
    if radius >= 1:
        return longest
    return 1 if radius < 1e-6 else min(longest, 2 + round(np.log(1e-6) / np.log(radius)))


def _angle(rate_hz: float, hz: float, q: float) -> tuple[float, float]:
    """``cos w0`` and ``alpha`` of the cookbook."""
    if not 0 < hz < rate_hz / 2:
        raise ValueError(f"{hz:g} Hz is not between 0 and {rate_hz / 2:g} Hz, half the rate")
    if q <= 0:
        raise ValueError(f"q must be positive, got {q:g}")
    w0 = 2 * np.pi * hz / rate_hz
    return float(np.cos(w0)), float(np.sin(w0) / (2 * q))


def _section(b: list[float], a: list[float]) -> Sos:
    return np.array([[*b, *a]], np.float64) / a[0]
