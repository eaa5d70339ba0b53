"""The best way of a sound through a chain of states (Viterbi, 1967)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..compiled import njit

_STAY, _NEXT, _JUMP = 0, 1, 2


@dataclass(frozen=True)
class Chain:
    """States in the order in which they are passed through, all arrays ``(states,)``.

    Attributes:
        kind: which column of the scores a state is judged by.
        stay: what it adds to the score to stay there for another frame, at most 0.
        enter: what it adds to come from the state before, at most 0.
        jump_from: an earlier state from which this one can be reached too, −1 for none.
        jump: what that adds, at most 0.
    """

    kind: NDArray[np.int64]
    stay: NDArray[np.float64]
    enter: NDArray[np.float64]
    jump_from: NDArray[np.int64]
    jump: NDArray[np.float64]


def best_path(scores: NDArray[np.float32], chain: Chain) -> NDArray[np.int64]:
    """The states, frame by frame, of the way from the first to the last with the highest score.

    Memory grows with the states and the square root of the frames: of the forward pass only
    every so many frames are kept, and what lies between is done again on the way back.

    Args:
        scores: log-probabilities, ``(frames, kinds)``, at least one frame.

    Returns:
        ``(frames,)``, rising.

    Raises:
        ValueError: the states cannot be passed through in so few frames.
    """
    frames, states = scores.shape[0], chain.kind.size
    stride = max(1, int(np.sqrt(frames)))
    begun = np.full(states, -np.inf)
    begun[0] = scores[0, chain.kind[0]]
    kept = [begun]
    parts = chain.kind, chain.stay, chain.enter, chain.jump_from, chain.jump
    came = np.zeros((stride, states), np.int8)
    for first in range(0, frames - 1, stride):
        kept.append(_forward(scores[first + 1 : first + 1 + stride], kept[-1].copy(), came, *parts))
    if not np.isfinite(kept[-1][-1]):
        raise ValueError(f"{states} states cannot be passed through in {frames} frames")
    path = np.empty(frames, np.int64)
    path[-1] = at = states - 1
    for index in range(len(kept) - 2, -1, -1):
        first = index * stride
        part = scores[first + 1 : first + 1 + stride]
        _forward(part, kept[index].copy(), came, *parts)
        for frame in range(len(part) - 1, -1, -1):
            step = came[frame, at]
            at = at if step == _STAY else at - 1 if step == _NEXT else int(chain.jump_from[at])
            path[first + frame] = at
    return path


@njit(cache=True, nogil=True)
def _forward(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    scores, best, came, kind, stay, enter, jump_from, jump
):
    """Go on from the scores `best` of the states through some frames; how each was reached goes to `came`."""
    fresh = np.empty_like(best)
    for frame in range(scores.shape[0]):
        for state in range(best.size):
            score, step = best[state] + stay[state], _STAY
            if state > 0 and best[state - 1] + enter[state] > score:
                score, step = best[state - 1] + enter[state], _NEXT
            if jump_from[state] >= 0 and best[jump_from[state]] + jump[state] > score:
                score, step = best[jump_from[state]] + jump[state], _JUMP
            fresh[state] = score + scores[frame, kind[state]]
            came[frame, state] = step
        best, fresh = fresh, best
    return best.copy()
