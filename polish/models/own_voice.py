"""The phones of a song heard as its own voice sings them.

The networks of `acoustic` were trained on voices that were made for it, and every real one differs. Known
lines that were found tell which phones are sung where; from that is learned how what the networks say must be
turned for this voice: a linear layer after the network, as in Li & Sim, "Comparison of discriminative input
and output transformations for speaker adaptation in the hybrid NN/HMM systems", Interspeech 2010. A line that
is not the song's finds its place less easily then, and a line that is finds it more easily.

No stretch of the song teaches how it is heard itself: each is turned by what was learned from the others.
Only a line across the border of two stretches is turned, on either side, by its part on the other too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .acoustic import HOP_S, log_softmax
from .line_spans import Spans
from .sung_chain import Spelled, followed_alone

_STRETCHES = 5
"""Of about as many lines each."""
_LEAST_FRAMES = 300
"""Six seconds of phones that are known: from fewer nothing is learned."""
_STEADY = 600.0
"""How many frames weigh as much as the wish to leave all as it is: chosen, as the number of stretches, on the
songs of `tests/benchmarks/alignment.py`, with lines planted at other places than there."""
_STEPS = 25
_UNKNOWN = -1

Scores = NDArray[np.float32]


def heard_again(
    heard: Scores, spelled: Spelled, placed: Sequence[Spans | None], likelihoods: Scores
) -> Scores:
    """The phones of a song, heard by what lines that were found teach of its voice.

    Args:
        heard: logarithms of probabilities, ``(frames, classes)``, as from `acoustic.log_probabilities`.
        spelled: the phones of the words of the lines.
        placed: where the lines are, None for one that is not there.
        likelihoods: as from `alignment.fits`.

    Returns:
        The like of `heard`; `heard` itself where too little was found to learn from.
    """
    known = _known(heard, spelled, placed, likelihoods)
    middles = np.sort([float(spans_s.mean()) for spans_s in placed if spans_s is not None])
    if len(middles) < _STRETCHES:
        return heard
    ends = [(before[-1] + after[0]) / 2 for before, after in pairwise(np.array_split(middles, _STRETCHES))]
    stretch = np.searchsorted(ends, np.arange(len(heard)) * HOP_S)
    turned = heard.copy()
    for number in range(_STRETCHES):
        here, learn = stretch == number, (stretch != number) & (known != _UNKNOWN)
        if learn.sum() >= _LEAST_FRAMES:
            turned[here] += (heard[here] - heard[learn].mean(axis=0)) @ _turn(heard[learn], known[learn])
    return log_softmax(turned)


def _known(
    heard: Scores, spelled: Spelled, placed: Sequence[Spans | None], likelihoods: Scores
) -> NDArray[np.int64]:
    """Which class is sung in each frame, as far as the lines tell; outside them only what is none is sure."""
    known = np.where(heard.argmax(axis=1) == 0, 0, _UNKNOWN)
    for line, spans_s in zip(spelled, placed, strict=True):
        if spans_s is not None:
            part, way = followed_alone(line, spans_s, likelihoods)
            known[part] = np.where(way.kinds < heard.shape[1], way.kinds, _UNKNOWN)
    return known


def _turn(scores: Scores, known: NDArray[np.int64]) -> Scores:
    """What times the scores, about their mean, must be added to them that they tell what is known.

    Multinomial logistic regression on top of the scores, with a ridge. How frequent each class is among
    what is known is learned beside it, and left out: it is the lyrics', not the voice's.
    """
    base = scores.astype(np.float64)
    about = base - base.mean(axis=0)
    count, classes = base.shape
    told = np.eye(classes)[known]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        turn, offset = values[:-classes].reshape(classes, classes), values[-classes:]
        found = log_softmax(base + about @ turn + offset)
        missed = np.exp(found) - told
        slope = np.concatenate([(about.T @ missed + _STEADY * turn).ravel(), missed.sum(axis=0) + offset])
        size = _STEADY * float((turn**2).sum()) + float((offset**2).sum())
        return size / 2 - float(found[np.arange(count), known].sum()), slope

    start = np.zeros(classes * (classes + 1))
    made = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return made.x[:-classes].reshape(classes, classes).astype(np.float32)
