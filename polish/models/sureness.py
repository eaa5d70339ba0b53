"""How sure it is that a known line is sung where it was placed.

A line of another song among a song's own finds some place, and what it is worth to the fit of all
does not always give it away. How clearly its phones are heard there tells more, when each phone counts
once, however long it lasts: a vowel that is held hides nothing then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .line_spans import Spans
from .sung_chain import Spelled, followed_alone

_EVEN, _STEEP = -2.50, 5.2
"""At which mean logarithm a line is as likely another song's as this one's, if half of those about which one
asks were, and how fast that changes: a logistic regression on own and planted lines of the songs of
`tests/benchmarks/alignment.py`."""
UNHEARD, DOUBTFUL = 0.15, 0.5
"""A line that is less sure is taken not to be there, or is in doubt: chosen on the same songs, where the one
costs about one own line in fifty, and the other is so for one in twenty."""


def confidence(clear: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure each line is, 0 to 1, ``(lines,)``, from how clear it is; NaN for NaN."""
    return 1 / (1 + np.exp(-_STEEP * (clear - _EVEN)))


def clearness(
    spelled: Spelled,
    placed: Sequence[Spans | None],
    heard: NDArray[np.float32],
    likelihoods: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The mean over a line's phones of the logarithm of how likely each is while it is sung, ``(lines,)``.

    NaN for a line that was not placed.

    Args:
        spelled: the phones of the words of the lines.
        heard, likelihoods: as from `acoustic.agreed` and `alignment.fits`.
    """
    return np.array(
        [
            np.nan if spans_s is None else _clear(line, spans_s, heard, likelihoods)
            for line, spans_s in zip(spelled, placed, strict=True)
        ],
        float,
    )


def _clear(
    line: Sequence[Sequence[str]],
    spans_s: Spans,
    heard: NDArray[np.float32],
    likelihoods: NDArray[np.float32],
) -> float:
    part, way = followed_alone(line, spans_s, likelihoods)
    marks = np.flatnonzero((np.diff(way.kinds) != 0) | (np.diff(way.words) != 0)) + 1
    phones = [frames for frames in np.split(np.arange(len(way.words)), marks) if way.words[frames[0]] >= 0]
    return float(np.mean([heard[part][frames, way.kinds[frames]].mean() for frames in phones]))
