"""Where sections begin, and which of them repeat each other.

A section begins where the colour changes (Foote 2000, checkerboard novelty), where what
repeats changes (Serrà, Müller, Grosche & Arcos 2014, structure features), and where the level
steps. Of all ways to cut the song at bar lines the one with the highest novelty and the
likeliest lengths is taken (dynamic programming over bars).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.cluster.hierarchy
import scipy.ndimage
from numpy.typing import NDArray

from .texture import Bars

_REACH_BARS, _REACH_S = 4, 8.0
"""How far on each side is compared: whichever is longer."""
_PRICE = 0.35
"""What a boundary costs: a clear peak of all measures reaches 3."""
_LEAST_NOVELTY = 0.5
"""Less is chance, however long nothing began."""
_LONGEST = 128
_LENGTHS = {
    1: -3.0, 2: -1.0, 3: -1.2, 4: 0.0, 5: -0.6, 6: -0.5, 7: -0.8, 8: 0.3, 9: -0.5, 10: -0.4, 12: 0.0, 16: 0.0,
}  # fmt: skip
"""How likely a section of so many bars is: people count to four and eight."""
_OTHER_LENGTH = -0.5
_TIMBRE_WEIGHT, _LEVEL_WEIGHT = 0.5, 1.0
_SAME_BELOW = 0.95
"""Distance (see `distances`) up to which sections repeat each other. Composed repetitions lie
under 0.4 and different parts over 1.2; bands do not repeat themselves as exactly."""


_FOUND_AGAIN, _BAR_APART = 0.4, 0.1
"""Distance up to which a stretch is a section heard elsewhere, and what a bar more or less costs."""


def boundaries(bars: Bars, *, shortest: int = 1) -> NDArray[np.int64]:
    """Bars at which sections begin, with 0 first and the number of bars last.

    Args:
        shortest: bars a section has at least (the last may have fewer).
    """
    count = len(bars)
    new = novelty(bars)
    gain = np.where(new < _LEAST_NOVELTY, -np.inf, new - _PRICE)
    # While the last chord dies away nothing begins.
    gain[max(1, bars.last_full) : count] = -np.inf
    best = np.full(count + 1, -np.inf)
    best[0] = 0
    came = np.zeros(count + 1, int)
    for end in range(1, count + 1):
        for start in range(max(0, end - _LONGEST), end):
            if end - start < shortest and end < count:
                continue
            score = best[start] + _length(end - start) + (gain[end] if end < count else 0.0)
            if score > best[end]:
                best[end], came[end] = score, start
    if not np.isfinite(best[count]):
        return np.array([0, count])
    cuts = [count]
    while cuts[-1] > 0:
        cuts.append(int(came[cuts[-1]]))
    return np.array(cuts[::-1])


def _length(bars: int) -> float:
    return _LENGTHS.get(bars, _OTHER_LENGTH - 0.1 * min(max(0, bars - 16), 20))


def novelty(bars: Bars) -> NDArray[np.float64]:
    """How much begins at every bar, ``(bars + 1,)``; 0 at both ends.

    Weighted sum of changes of colour, of harmony, of what repeats, of level over three bars and
    of level at once, each saturating, so that the plainest boundary (the end of an intro) does
    not hide the others.
    """
    count = len(bars)
    if count < 2:
        return np.zeros(count + 1)
    level = bars.level
    steps = [abs(_mean(level, at, -3) - _mean(level, at, 3)) for at in range(1, count)]
    step = 0.02 * float(level.mean())
    reach = max(_REACH_BARS, round(_REACH_S / float(np.median(np.diff(bars.edges_s)))))
    measures = (
        (1.0, 0.05, _checkerboard(bars.alike, reach)),
        (0.25, 0.03, _checkerboard(bars.harmony, reach)),
        (0.5, 0.008, _structure(bars.harmony, reach)),
        (0.5, step, np.array([0.0, *steps, 0.0])),
        (1.5, step, np.array([0.0, *np.abs(np.diff(level)), 0.0])),
    )
    total = np.sum([weight * _saturated(measure, least) for weight, least, measure in measures], axis=0)
    total[[0, -1]] = 0
    return total


def _mean(row: NDArray[np.float64], at: int, reach: int) -> float:
    reach = min(abs(reach), at, row.size - at) * (1 if reach > 0 else -1)
    return float(row[at : at + reach].mean() if reach > 0 else row[at + reach : at].mean())


def _saturated(measure: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """A measure against its own usual size, −1 to 1; `least` is the size that chance has."""
    inner = measure[1:-1] - np.median(measure[1:-1])
    size = max(float(np.percentile(np.abs(inner), 75)), least, 1e-9)
    return np.concatenate([[0.0], np.tanh(inner / (2 * size)), [0.0]])


def _checkerboard(alike: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Likeness within the bars before and after, less the likeness between them."""
    count = len(alike)
    out = np.zeros(count + 1)
    for at in range(1, count):
        reach = min(most, at, count - at)
        before, after = slice(at - reach, at), slice(at, at + reach)
        within = (alike[before, before].mean() + alike[after, after].mean()) / 2
        out[at] = (within - alike[before, after].mean()) * np.sqrt(reach / most)
    return out


def _structure(harmony: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """How much the set of bars that are repetitions of here changes."""
    count = len(harmony)
    lag = (np.arange(count)[:, None] + np.arange(count)[None]) % count
    lags = scipy.ndimage.uniform_filter1d(np.take_along_axis(harmony, lag, axis=1), 3, axis=0)
    out = np.zeros(count + 1)
    for at in range(1, count):
        reach = min(most, at, count - at)
        change = lags[at - reach : at].mean(axis=0) - lags[at : at + reach].mean(axis=0)
        out[at] = np.sqrt(np.mean(change**2) * reach / most)
    return out


def divided(bars: Bars, cuts: NDArray[np.int64], *, shortest: int = 1) -> NDArray[np.int64]:
    """The cuts, and more of them within sections that begin or end with what is a section elsewhere.

    Where one part leads into the next without a step, novelty is low; that the one is heard again by
    itself says where it ends. The rest of the section must be unlike it.
    """
    least = max(2, shortest)
    while True:
        far, spans = _Unlikeness(bars, cuts), list(pairwise(cuts.tolist()))
        found = [_division(far, span, spans, least) for span in spans]
        # While the last chord dies away nothing begins.
        new = [at for at in found if at is not None and at < bars.last_full]
        if not new:
            return cuts
        cuts = np.sort(np.append(cuts, new))


def _division(
    far: _Unlikeness, span: tuple[int, int], spans: Sequence[tuple[int, int]], least: int
) -> int | None:
    """The bar at which a section falls into one that is found elsewhere too, and another."""
    first, last = span
    best: tuple[float, int | None] = (_FOUND_AGAIN, None)
    for at in range(first + least, last - least + 1):
        for part in ((first, at), (at, last)):
            for other in spans:
                longer = abs((other[1] - other[0]) - (part[1] - part[0]))
                if other == span or longer > 1:
                    continue
                between = far.quick(part, other) + _BAR_APART * longer
                if between < best[0]:
                    between = far(part, other) + _BAR_APART * longer
                if between < best[0] and far((first, at), (at, last)) > _SAME_BELOW:
                    best = between, at
    return best[1]


def distances(bars: Bars, cuts: NDArray[np.int64]) -> NDArray[np.float64]:
    """How unlike sections are, ``(sections, sections)``, 0 and up; see `_Unlikeness`."""
    far, spans = _Unlikeness(bars, cuts), list(pairwise(cuts.tolist()))
    out = np.zeros((len(spans), len(spans)))
    for i, one in enumerate(spans):
        for j, other in enumerate(spans[:i]):
            out[i, j] = out[j, i] = far(one, other)
    return out


class _Unlikeness:
    """How unlike two stretches of bars are, 0 and up.

    What they lack in common harmony (of the best alignment of the shorter one within the longer,
    1 being as unlike as any two bars of the song), plus half the distance in timbre, plus the
    difference in level, against the mean of the sections.
    """

    def __init__(self, bars: Bars, cuts: NDArray[np.int64]) -> None:
        apart = np.triu_indices(len(bars), min(4, len(bars) - 1))
        self._usual = float(np.median(bars.harmony[apart])) if len(bars) > 1 else 0.0
        self._harmony = bars.harmony
        # Sums, so that the mean of any stretch is a difference.
        self._timbre = np.concatenate([np.zeros((1, bars.timbre.shape[1])), np.cumsum(bars.timbre, axis=0)])
        self._level = np.concatenate([[0.0], np.cumsum(bars.level)])
        self._mean = max(float(np.mean([self._level_of(span) for span in pairwise(cuts.tolist())])), 1e-9)

    def __call__(self, one: tuple[int, int], other: tuple[int, int]) -> float:
        shared = (_best_alignment(self._harmony, one, other) - self._usual) / max(1 - self._usual, 1e-6)
        return max(1 - shared + self.quick(one, other), 0.0)

    def quick(self, one: tuple[int, int], other: tuple[int, int]) -> float:
        """Without harmony: what they are apart at least."""
        colour = float(np.sqrt(np.mean((self._timbre_of(one) - self._timbre_of(other)) ** 2)))
        level = abs(self._level_of(one) - self._level_of(other)) / self._mean
        return _TIMBRE_WEIGHT * colour + _LEVEL_WEIGHT * level

    def _timbre_of(self, span: tuple[int, int]) -> NDArray[np.float64]:
        return (self._timbre[span[1]] - self._timbre[span[0]]) / (span[1] - span[0])

    def _level_of(self, span: tuple[int, int]) -> float:
        return float(self._level[span[1]] - self._level[span[0]]) / (span[1] - span[0])


def _best_alignment(harmony: NDArray[np.float64], one: tuple[int, int], other: tuple[int, int]) -> float:
    """Mean likeness bar by bar of the shorter section at its best place within the longer."""
    short, long = sorted((one, other), key=lambda span: span[1] - span[0])
    block = harmony[short[0] : short[1], long[0] : long[1]]
    return max(
        float(np.diagonal(block, offset).mean()) for offset in range(block.shape[1] - block.shape[0] + 1)
    )


def groups(far: NDArray[np.float64]) -> list[int]:
    """Number of the group of each section, in the order of appearance (average linkage)."""
    if len(far) < 2:
        return [0] * len(far)
    tree = scipy.cluster.hierarchy.linkage(far[np.triu_indices(len(far), 1)], "average")
    found = scipy.cluster.hierarchy.fcluster(tree, _SAME_BELOW, "distance")
    order: dict[int, int] = {}
    return [order.setdefault(int(one), len(order)) for one in found]
