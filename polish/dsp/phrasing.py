"""Cuts brought to where phrases begin and end.

Novelty says where something changes. It does not say whether a fill that comes before a new
part belongs to it, or whether a bar or two are a part at all: what is heard elsewhere does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .segmentation import distances, groups
from .texture import Bars

_TURN_BARS = 2
"""The turn that closes a phrase."""
_HEARD_AGAIN, _UNHEARD = 0.6, 0.1
"""Likeness in harmony, 0 as any two bars of the song, 1 as a bar is to itself: from here on two stretches
are the same, and up to here they have nothing to do with each other."""
_FRAGMENT_BARS = 3
"""Fewer bars are no part of their own beside their like."""


def settled(bars: Bars, cuts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cuts, after the turns that close what comes before them.

    A fill or a turnaround with which the next part's instruments come in is where novelty is highest,
    but it closes the old part. A cut moves behind two bars when these two begin no part of the
    song but end another one, and what comes after them begins another one.

    Args:
        cuts: bars at which parts begin, the first and the number of bars included.
    """
    out: list[int] = cuts.tolist()
    usual = float(np.median(bars.harmony))
    likeness = (bars.harmony - usual) / max(1 - usual, 1e-6)
    for place in range(1, len(out) - 1):
        at, to = out[place], out[place] + _TURN_BARS
        if to + _TURN_BARS > out[place + 1] or to >= bars.last_full:
            continue
        others = [other for other in out if other != at]
        if (
            _begins(likeness, at, others) <= _UNHEARD
            and _begins(likeness, to, others) > _HEARD_AGAIN
            and _ends(likeness, to, others) > _HEARD_AGAIN
        ):
            out[place] = to
    return np.array(out)


def _begins(likeness: NDArray[np.float64], at: int, cuts: Sequence[int]) -> float:
    """How alike what begins at a bar and what begins at another cut are, at best."""
    last = len(likeness) - _TURN_BARS
    return max((_alike(likeness, at, cut) for cut in cuts if cut <= last and _apart(at, cut)), default=0.0)


def _ends(likeness: NDArray[np.float64], at: int, cuts: Sequence[int]) -> float:
    """How alike what ends at a bar and what ends at another cut are, at best."""
    first = _TURN_BARS
    return max(
        (_alike(likeness, at - first, cut - first) for cut in cuts if cut >= first and _apart(at, cut)),
        default=0.0,
    )


def _apart(at: int, cut: int) -> bool:
    return abs(at - cut) >= 2 * _TURN_BARS


def _alike(likeness: NDArray[np.float64], one: int, other: int) -> float:
    bars = np.arange(_TURN_BARS)
    return float(likeness[one + bars, other + bars].mean())


def joined(bars: Bars, cuts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cuts without those between a bar or two and a neighbour that is alike."""
    while True:
        numbers, lengths = groups(distances(bars, cuts)), np.diff(cuts)
        shorter = np.minimum(lengths[1:], lengths[:-1])
        found = [
            (shorter[place], place + 1)
            for place in range(len(numbers) - 1)
            if numbers[place] == numbers[place + 1] and shorter[place] < _FRAGMENT_BARS
        ]
        if not found:
            return cuts
        cuts = np.delete(cuts, min(found)[1])
