"""Where sound stands between left and right: panning, width, and a low end that is mono.

Mid is ``(L + R) / 2``, side ``(L - R) / 2``, so that ``L = M + S`` and ``R = M - S``. All of
this is for two channels; callers keep other layouts away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.scratching import scratch
from ..audio.sound import Samples
from . import filters, spectrum

_BLOCK = 1 << 16
_MOST_LIFT = 10 ** (3 / 20)


def pan_gains(position: float) -> tuple[float, float]:
    """Constant-power gains of left and right: ``√2·cos``, ``√2·sin``, so that the middle is 1 and 1.

    Args:
        position: −1 (left) to 1 (right).
    """
    if position == 0:
        return 1.0, 1.0
    angle = (position + 1) * np.pi / 4
    return float(np.sqrt(2) * np.cos(angle)), float(np.sqrt(2) * np.sin(angle))


def widened(samples: Samples, factor: float) -> Samples:
    """Sound with its side at `factor` of its level: 0 is mono, 1 as it was; ``(2, frames)``."""
    out = scratch(samples.shape)
    for first in range(0, samples.shape[1], _BLOCK):
        left, right = samples[:, first : first + _BLOCK].astype(np.float64)
        change = (factor - 1) * (left - right) / 2
        out[0, first : first + _BLOCK] = left + change
        out[1, first : first + _BLOCK] = right - change
    return out


def widened_above(samples: Samples, rate_hz: int, corner_hz: float, factor: float) -> Samples:
    """Sound whose side is at `factor` of its level above a corner (half-way at it); ``(2, frames)``."""
    sos = filters.high_pass(rate_hz, corner_hz, q=filters.BUTTERWORTH_Q)
    side = filters.apply_zero_phase(((samples[0] - samples[1]) / 2)[None], sos, rate_hz)[0]
    side *= np.float32(factor - 1)
    return np.stack([samples[0] + side, samples[1] - side])


def narrowed_below(samples: Samples, rate_hz: int, corner_hz: float, keep: float) -> Samples:
    """Sound whose side is lowered to `keep` of its level below a corner; ``(2, frames)``.

    What the low end loses with its side is given back to its mid, up to 3 dB, so that it stays
    as full as it was. Both are found without phase shift (a second-order Butterworth both ways,
    −6 dB at the corner), so that nothing moves in time.
    """
    sos = filters.low_pass(rate_hz, corner_hz)
    mid, side = (
        filters.apply_zero_phase(((samples[0] + sign * samples[1]) / 2)[None], sos, rate_hz)[0]
        for sign in (1, -1)
    )
    middle, sides = (float(np.dot(part, part)) for part in (mid, side))
    left = middle + keep**2 * sides
    lift = min(((middle + sides) / left) ** 0.5, _MOST_LIFT) if left > 0 else 1.0
    mid *= np.float32(lift - 1)
    side *= np.float32(keep - 1)
    return np.stack([samples[0] + (mid + side), samples[1] + (mid - side)])


def side_to_mid_db(samples: Samples, rate_hz: int, low_hz: float, high_hz: float) -> float | None:
    """Level of the side over the mid between two frequencies; ``None`` when either is silent there."""
    powers = []
    for sign in (1, -1):
        hz, power = spectrum.power_spectrum(((samples[0] + sign * samples[1]) / 2)[None], rate_hz)
        powers.append(float(power[(hz >= low_hz) & (hz < high_hz)].sum()))
    mid, side = powers
    return float(10 * np.log10(side / mid)) if mid > 1e-14 and side > 1e-14 else None


def mono_loss_db(samples: Samples) -> float | None:
    """How much level is lost when left and right are summed: 0 for mono, 3 for unrelated sides.

    Power of the channels' mean over the mean of their powers, as a positive loss in dB;
    ``None`` for silence.
    """
    both, mono = 0.0, 0.0
    for first in range(0, samples.shape[1], _BLOCK):
        block: NDArray[np.float64] = samples[:, first : first + _BLOCK].astype(np.float64)
        both += float(np.mean(block**2, axis=0).sum())
        mono += float((np.mean(block, axis=0) ** 2).sum())
    return None if both <= 0 or mono <= 0 else float(10 * np.log10(both / mono))
