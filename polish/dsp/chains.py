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


def best_stretch(
    scores: NDArray[np.float32], chain: Chain, ends: NDArray[np.int64]
) -> tuple[float, int, int]:
    """The score of the best way that begins in one of the states `ends` and stops in one, and these two.

    Args:
        scores, chain: as for `best_path`.
    """
    begun = np.full(chain.kind.size, -np.inf)
    begun[ends] = scores[0, chain.kind[ends]]
    best, came_from = _with_origins(
        scores[1:], begun, chain.kind, chain.stay, chain.enter, chain.jump_from, chain.jump
    )
    last = int(ends[np.argmax(best[ends])])
    return float(best[last]), int(came_from[last]), last


def worth(scores: NDArray[np.float32], chain: Chain, stations: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much worse the best way gets when it leaves out what lies between a station and the next.

    It may then go on from the one as if it were the other; all else may be passed through anew. What
    the best way leaves out by itself has a worth below 0, at least the jump it takes.

    Args:
        scores, chain: as for `best_path`.
        stations: states of one kind, rising, the first state and the last among them.

    Returns:
        ``(stations - 1,)``.

    Raises:
        ValueError: the states cannot be passed through in so few frames.
    """
    frames, states = scores.shape[0], chain.kind.size
    stride = max(1, int(np.sqrt(frames)))
    parts = chain.kind, chain.stay, chain.enter, chain.jump_from, chain.jump
    station_of = np.full(states, -1)
    station_of[stations] = np.arange(stations.size)
    begun = np.full(states, -np.inf)
    begun[0] = scores[0, chain.kind[0]]
    kept = [begun]
    at_stations = np.full((stride, stations.size), -np.inf)
    for first in range(0, frames - 1, stride):
        block = scores[first + 1 : first + 1 + stride]
        kept.append(_to_stations(block, kept[-1].copy(), at_stations, station_of, *parts))
    total = float(kept[-1][-1])
    if not np.isfinite(total):
        raise ValueError(f"{states} states cannot be passed through in {frames} frames")
    left = np.full(states, -np.inf)
    left[-1] = 0.0
    without = np.full(stations.size - 1, -np.inf)
    for index in range(len(kept) - 2, -1, -1):
        first = index * stride
        block = scores[first + 1 : first + 1 + stride]
        _to_stations(block, kept[index].copy(), at_stations, station_of, *parts)
        left = _from_stations(block, left, at_stations, without, station_of, *parts)
    straight = kept[0][stations[:-1]] + left[stations[1:]]
    return total - np.maximum(without, straight)


@njit(cache=True, nogil=True)
def _with_origins(scores, best, kind, stay, enter, jump_from, jump):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Go on from the scores `best` of the states through some frames; where the best way to each began."""
    came = np.arange(best.size)
    fresh, fresh_came = np.empty_like(best), np.empty_like(came)
    for frame in range(scores.shape[0]):
        for state in range(best.size):
            score, before = best[state] + stay[state], state
            if state > 0 and best[state - 1] + enter[state] > score:
                score, before = best[state - 1] + enter[state], state - 1
            if jump_from[state] >= 0 and best[jump_from[state]] + jump[state] > score:
                score, before = best[jump_from[state]] + jump[state], jump_from[state]
            fresh[state] = score + scores[frame, kind[state]]
            fresh_came[state] = came[before]
        best, fresh = fresh, best
        came, fresh_came = fresh_came, came
    return best.copy(), came.copy()


@njit(cache=True, nogil=True)
def _to_stations(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    scores, best, at_stations, station_of, kind, stay, enter, jump_from, jump
):
    """Go on from the scores `best` of the states through some frames; those at stations are noted."""
    fresh = np.empty_like(best)
    for frame in range(scores.shape[0]):
        for state in range(best.size):
            score = best[state] + stay[state]
            if state > 0:
                score = max(score, best[state - 1] + enter[state])
            if jump_from[state] >= 0:
                score = max(score, best[jump_from[state]] + jump[state])
            fresh[state] = score + scores[frame, kind[state]]
            if station_of[state] >= 0:
                at_stations[frame, station_of[state]] = fresh[state]
        best, fresh = fresh, best
    return best.copy()


@njit(cache=True, nogil=True)
def _from_stations(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    scores, left, at_stations, without, station_of, kind, stay, enter, jump_from, jump
):
    """Go back through some frames, with `left` what the states still gain after the last of them."""
    left = left.copy()
    fresh = np.empty_like(left)
    for frame in range(scores.shape[0] - 1, -1, -1):
        for state in range(left.size):
            station = station_of[state]
            if station > 0:
                score = at_stations[frame, station - 1] + left[state]
                without[station - 1] = max(without[station - 1], score)
        for state in range(left.size):
            fresh[state] = left[state] + stay[state] + scores[frame, kind[state]]
        for state in range(1, left.size):
            score = left[state] + scores[frame, kind[state]]
            fresh[state - 1] = max(fresh[state - 1], score + enter[state])
            if jump_from[state] >= 0:
                fresh[jump_from[state]] = max(fresh[jump_from[state]], score + jump[state])
        left, fresh = fresh, left
    return left.copy()


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
