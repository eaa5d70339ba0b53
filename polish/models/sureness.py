"""How sure it is that a known line is sung where it was placed.

A line of another song among a song's own finds some place, and what it is worth to the fit of all
does not always give it away. How clearly its phones are heard there tells more, when each phone counts
once, however long it lasts: a vowel that is held hides nothing then. Some places hold any words well, and
others none; so it counts too how much more clearly the line is heard than other words would be in its place,
as in Rose, Juang & Lee, "A training procedure for verifying string hypotheses in continuous speech
recognition", ICASSP 1995.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .acoustic import Scores
from .line_spans import Spans
from .sung_chain import Spelled, followed_alone

_OTHERS, _AGAINST = 40, 0.7
"""How many other words are tried in a line's place, and how much it counts how they do there."""
_EVEN, _STEEP = -1.78, 5.1
"""At which sum of both a line is as likely another song's as this one's, if half of those about which one
asks were, and how fast that changes: a logistic regression on own and planted lines of the songs of
`tests/benchmarks/alignment.py`."""
UNHEARD, DOUBTFUL = 0.45, 0.6
"""A line that is less sure is taken not to be there, or is in doubt: chosen on the same songs, so that none
of 2016 lines planted at other places than there is left. That costs two or three own lines in a hundred."""


def sureness(
    clear: NDArray[np.float64],
    spelled: Spelled,
    placed: Sequence[Spans | None],
    heard: Scores,
    likelihoods: Scores,
) -> NDArray[np.float64]:
    """How sure each line is, 0 to 1, ``(lines,)``; NaN for one that was not placed.

    From how clear it is, and from how far that is above the mean of as many phones of the words of all
    lines, in any order, in its place.

    Args:
        clear: the `clearness` of the lines, from the same spelled, placed, heard and likelihoods.
    """
    words = [word for line in spelled for word in line]
    others = np.full(len(spelled), np.nan)
    for number, (line, spans_s) in enumerate(zip(spelled, placed, strict=True)):
        if spans_s is not None:
            tried = _other_words(words, sum(map(len, line)))
            others[number] = np.mean([_clear(each, spans_s, heard, likelihoods) for each in tried])
    return 1 / (1 + np.exp(-_STEEP * (clear + _AGAINST * (clear - others) - _EVEN)))


def clearness(
    spelled: Spelled, placed: Sequence[Spans | None], heard: Scores, likelihoods: Scores
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


def _other_words(words: Sequence[Sequence[str]], phones: int) -> Iterator[list[Sequence[str]]]:
    """Lines of so many phones, of words in any order; the same ones every time."""
    rng = np.random.default_rng(phones)
    for _ in range(_OTHERS):
        line: list[Sequence[str]] = []
        left = phones
        while left:
            line.append(words[int(rng.integers(len(words)))][:left])
            left -= len(line[-1])
        yield line


def _clear(line: Sequence[Sequence[str]], spans_s: Spans, heard: Scores, likelihoods: Scores) -> float:
    part, way = followed_alone(line, spans_s, likelihoods)
    begins = np.concatenate([[True], (np.diff(way.kinds) != 0) | (np.diff(way.words) != 0)])
    number = np.cumsum(begins) - 1
    sung = way.words >= 0
    fit = heard[part][sung, way.kinds[sung]]
    sums, frames = np.bincount(number[sung], fit), np.bincount(number[sung])
    return float(np.mean(sums[frames > 0] / frames[frames > 0]))
