"""Names of parts from known lyrics: which parts are the ``[verse]`` and ``[chorus]`` of the text.

The tags come in order and their parts too, so the one row is laid over the other (dynamic
programming): each tag takes one or more parts in a row, parts between may stay without words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .naming import LABELS, Name, Part

_SAME = {
    "refrain": "chorus", "hook": "chorus", "drop": "chorus", "solo": "instrumental", "break": "instrumental",
    "interlude": "instrumental", "inst": "instrumental", "ending": "outro", "end": "outro",
    "start": "intro", "opening": "intro",
}  # fmt: skip
_UNSUNG = ("intro", "instrumental", "outro", "silence")
_TAKEN = 0.85
"""How sure a name is that the lyrics gave."""
_LEFT_OUT = 2.0
_LENGTH_WEIGHT = 1.0
_MOST_PARTS = 6


@dataclass(frozen=True)
class Tag:
    """A tag of the lyrics: its label, and how many words stand under it."""

    label: str
    words: int


def label_of(tag: str) -> str:
    """A tag as we spell it: ``Pre-Chorus 2`` is ``prechorus``, ``hook`` is ``chorus``."""
    plain = re.sub(r"[^a-z]", "", re.split(r"[\d:|,;(]", tag.lower())[0])
    if plain in _SAME:
        return _SAME[plain]
    return next((label for label in sorted(LABELS, key=len, reverse=True) if plain.startswith(label)), plain)


def tagged(parts: Sequence[Part], heard: Sequence[Name], tags: Sequence[Tag]) -> list[Name]:
    """Names with the tags laid over the parts.

    Args:
        heard: the names that the sound alone suggests (`naming.names`), one a part.
        tags: in the order of the lyrics; those without words (``[instrumental]``) count too.
    """
    sung_s = sum(part.length_s for part, name in zip(parts, heard, strict=True) if name.label not in _UNSUNG)
    words = sum(tag.words for tag in tags)
    if not tags or not parts or words == 0:
        return list(heard)
    fit = _Fit(parts, heard, (sung_s or parts[-1].end_s) / words)
    count, given = len(parts), len(tags)
    best = [[-math.inf] * (given + 1) for _ in range(count + 1)]
    came: dict[tuple[int, int], tuple[int, int]] = {}
    best[0][0] = 0.0
    for part in range(count + 1):
        for tag in range(given + 1):
            for ahead, used, gain in fit.moves(part, tag, tags):
                score = best[part][tag] + gain
                if score > best[ahead][used]:
                    best[ahead][used], came[ahead, used] = score, (part, tag)
    out = list(heard)
    place = (count, given)
    while place != (0, 0):
        before = came[place]
        if place[1] > before[1]:
            out[before[0] : place[0]] = [Name(tags[before[1]].label, _TAKEN)] * (place[0] - before[0])
        elif place[0] > before[0]:
            out[before[0]] = fit.wordless(before[0])
        place = before
    return out


@dataclass(frozen=True)
class _Fit:
    """How well tags fit parts."""

    parts: Sequence[Part]
    heard: Sequence[Name]
    word_s: float

    def moves(self, part: int, tag: int, tags: Sequence[Tag]) -> list[tuple[int, int, float]]:
        """What may come next: parts and tags used up after it, and what speaks for it."""
        found: list[tuple[int, int, float]] = []
        if part < len(self.parts):
            found.append((part + 1, tag, self._without_words(part)))
        if tag < len(tags):
            found.append((part, tag + 1, -_LEFT_OUT))
            for end in range(part + 1, min(part + _MOST_PARTS, len(self.parts)) + 1):
                found.append((end, tag + 1, self._with(part, end, tags[tag])))
        return found

    def wordless(self, part: int) -> Name:
        """The name of a part that got no tag."""
        name = self.heard[part]
        if name.label in _UNSUNG:
            return name
        label = "intro" if part == 0 else "outro" if part == len(self.parts) - 1 else "instrumental"
        return Name(label, 0.5)

    def _without_words(self, part: int) -> float:
        name = self.heard[part]
        return name.confidence if name.label in _UNSUNG else -2 * name.confidence

    def _with(self, first: int, end: int, tag: Tag) -> float:
        """Parts `first` to `end` as one tag: the sound's own names, and a fitting length."""
        agrees = 0.0
        for name in self.heard[first:end]:
            agrees += name.confidence if name.label == tag.label else -name.confidence / 2
            if name.label in _UNSUNG and tag.words:
                agrees -= name.confidence
        length_s = self.parts[end - 1].end_s - self.parts[first].start_s
        if tag.words == 0:
            return agrees
        return agrees - _LENGTH_WEIGHT * math.log2(length_s / (tag.words * self.word_s)) ** 2
