"""The phones of a song heard as its own voice sings them.

The networks of `acoustic` were trained on voices that were made for it, and every real one differs. Known
lines that were found tell which phones are sung where; from that is learned how what the networks say must be
turned for this voice: a linear layer after the networks, as in Li & Sim, "Comparison of discriminative input
and output transformations for speaker adaptation in the hybrid NN/HMM systems", Interspeech 2010. A line that
is not the song's finds its place less easily then, and a line that is finds it more easily.

No stretch of the song teaches how it is heard itself: each is turned by what was learned from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .acoustic import HOP_S, Hearings, Scores, agreed, log_softmax
from .line_spans import Spans
from .sung_chain import Spelled, followed_alone

_STRETCHES = 5
"""Of about as many lines each."""
_LEAST_FRAMES = 300
"""Six seconds of phones that are known: from fewer nothing is learned."""
_STEADY = 1000.0
"""How many frames weigh as much as the wish to leave all as it is: chosen, as the number of stretches, on the
songs of `tests/benchmarks/alignment.py`, with lines planted at other places than there."""
_STEPS = 25
_UNKNOWN = -1


def heard_again(
    each: Hearings, heard: Scores, spelled: Spelled, placed: Sequence[Spans | None], likelihoods: Scores
) -> Scores:
    """The phones of a song, heard by what lines that were found teach of its voice.

    Args:
        each: as from `acoustic.hearings`.
        heard: what the lines were found with: what the networks agree on, or that heard again.
        spelled: the phones of the words of the lines.
        placed: where the lines are, None for one that is not there.
        likelihoods: as from `alignment.fits`, of `heard`.

    Returns:
        The like of `heard`; `heard` itself where too little was found to learn from.
    """
    stretch = _stretches(placed, len(heard))
    if stretch is None:
        return heard
    known = _known(heard, spelled, placed, likelihoods)
    scores, base = np.concatenate(list(each), axis=1), agreed(each)
    turned = base.copy()
    for number in range(_STRETCHES):
        here, learn = stretch == number, (stretch != number) & (known != _UNKNOWN)
        if learn.sum() >= _LEAST_FRAMES:
            mean = scores[learn].mean(axis=0)
            turned[here] += (scores[here] - mean) @ _turn(scores[learn] - mean, base[learn], known[learn])
    return log_softmax(turned)


def _stretches(placed: Sequence[Spans | None], frames: int) -> NDArray[np.int64] | None:
    """The number of the stretch in which each frame is, of stretches that begin and end between lines.

    None where there are too few lines.
    """
    lines = sorted((spans_s[0, 0], spans_s[-1, 1]) for spans_s in placed if spans_s is not None)
    if len(lines) < _STRETCHES:
        return None
    parts = np.array_split(np.array(lines), _STRETCHES)
    ends_s = [(before[-1, 1] + after[0, 0]) / 2 for before, after in pairwise(parts)]
    return np.searchsorted(ends_s, np.arange(frames) * HOP_S, side="right")


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


def _turn(about: Scores, heard: Scores, known: NDArray[np.int64]) -> Scores:
    """What times the scores `about` their mean must be added to what is heard that it tells what is known.

    Multinomial logistic regression with a ridge, ``(scores, classes)``. How frequent each class is among
    what is known is learned beside it, and left out: it is the lyrics', not the voice's.
    """
    count, classes = heard.shape
    told = np.eye(classes, dtype=np.float32)[known]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        turn, offset = values[:-classes].reshape(-1, classes), values[-classes:]
        found = log_softmax(heard + about @ turn.astype(np.float32) + offset.astype(np.float32))
        missed = np.exp(found) - told
        slope = np.concatenate([(about.T @ missed + _STEADY * turn).ravel(), missed.sum(axis=0) + offset])
        size = _STEADY * float((turn**2).sum()) + float((offset**2).sum())
        return size / 2 - float(found[np.arange(count), known].sum(dtype=np.float64)), slope

    start = np.zeros(classes * (about.shape[1] + 1))
    made = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return made.x[:-classes].reshape(-1, classes).astype(np.float32)
