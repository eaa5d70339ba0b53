"""Two texts laid side by side: which words of the one are which of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.6
_STEM = 4
"""Words with this many letters in common at their beginning or end are alike, as forms of one word."""
_LONGEST = 8


def matched(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of positions, both rising, whose words are the same or alike and have the most letters.

    The longest common subsequence (Wagner & Fischer 1974), weighted by likeness and length.
    """
    if not ours or not theirs:
        return []
    if len(ours) > len(theirs):  # each round takes one word of the one and all of the other
        return [(at, to) for to, at in matched(theirs, ours)]
    likeness = _Likeness(theirs)
    best = np.zeros(len(theirs) + 1, np.float32)
    paired = np.zeros((len(ours), len(theirs)), bool)
    skipped = np.zeros((len(ours), len(theirs)), bool)
    for row, word in enumerate(ours):
        with_pair = best[:-1] + likeness.to(word)
        reached = np.maximum(with_pair, best[1:])
        now = np.maximum.accumulate(reached)
        before = np.concatenate([[np.float32(0)], now[:-1]])
        skipped[row] = best[1:] >= now
        paired[row] = (with_pair >= now) & (with_pair > best[1:]) & (with_pair > before)
        best = np.concatenate([[np.float32(0)], now])
    pairs = []
    row, column = len(ours) - 1, len(theirs) - 1
    while row >= 0 and column >= 0:
        if paired[row, column]:
            pairs.append((row, column))
            row, column = row - 1, column - 1
        elif skipped[row, column]:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


class _Likeness:
    """How alike words are to those of a text; each word is compared once."""

    def __init__(self, theirs: Sequence[str]) -> None:
        self.theirs = np.array(theirs)
        self.starts = np.array([word[:_STEM] if len(word) > _STEM else "" for word in theirs])
        self.ends = np.array([word[-_STEM:] if len(word) > _STEM else "" for word in theirs])
        self.known: dict[str, NDArray[np.float32]] = {}

    def to(self, word: str) -> NDArray[np.float32]:
        if word not in self.known:
            alike = (self.starts == word[:_STEM]) | (self.ends == word[-_STEM:])
            alike &= len(word) > _STEM
            score = np.where(self.theirs == word, 1.0, np.where(alike, _ALIKE, 0.0))
            self.known[word] = (score * min(len(word), _LONGEST)).astype(np.float32)
        return self.known[word]
