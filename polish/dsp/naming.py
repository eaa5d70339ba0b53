"""What the parts of a song are: intro, verse, chorus …, from what is heard.

Rules of thumb of popular form. A chorus is loud and comes back; a verse comes back and is
quieter; what leads from verse to chorus each time is a prechorus; what comes once, after two
choruses, is a bridge; what has no voice between sung parts is instrumental; the ends are intro and outro when
they stand apart. Every name has a confidence, because these are habits and not laws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LABELS = ("intro", "verse", "prechorus", "chorus", "bridge", "instrumental", "outro", "silence")

_QUIET_VOICE, _FULL_VOICE = 0.4, 0.8
"""Share of the usual voice up to which a part counts as not sung, and from which on as sung throughout."""
_NEAR_LU = 1.0
_APART_LU = 2.0
_SHORT, _LONG, _LONG_TIMES = 0.7, 0.9, 2.0
"""Of the usual length; how many times as far apart an intro of more than `_LONG` must be."""
_TELLS_LU = 3.0
"""Between the quietest and the loudest group: from here on loudness tells what a chorus is; less, less."""
_ORDER_LU = 3.0
"""What it counts against a chorus, where loudness tells nothing, to come first or only once."""


@dataclass(frozen=True)
class Part:
    """A part of a song that has no name yet.

    Attributes:
        group: number of its group; parts of one group repeat each other.
        loudness_lufs: None for silence.
        voice: share of its time in which somebody sings, 0 to 1; None when not known.
    """

    start_s: float
    end_s: float
    group: int
    loudness_lufs: float | None
    voice: float | None = None

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Name:
    """A label and how sure it is, 0 to 1."""

    label: str
    confidence: float


def names(parts: Sequence[Part]) -> list[Name]:
    """A name for each part, in order."""
    form = _Form(parts)
    if len(form.heard) < 2:
        return [Name("silence", 1.0) if part.loudness_lufs is None else Name("verse", 0.1) for part in parts]
    chorus, lead = form.chorus()
    found = [form.name(index, chorus, lead) for index in range(len(parts))]
    # Two parts are no form yet.
    return found if len(form.heard) > 2 else [Name(one.label, one.confidence / 2) for one in found]


class _Form:
    """The parts with what is usual among them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.heard = [index for index, part in enumerate(parts) if part.loudness_lufs is not None]
        self.groups = sorted({parts[index].group for index in self.heard})
        self.usual_s = float(np.median([parts[index].length_s for index in self.heard] or [0.0]))
        voices = [voice for index in self.heard if (voice := parts[index].voice) is not None]
        self.sung = max(voices) if voices and max(voices) > 0.05 else None
        self.end_s = parts[-1].end_s if parts else 0.0
        levels = [self.level(group) for group in self.groups if len(self.groups) > 1]
        self.tells = min(float(np.ptp(levels)) / _TELLS_LU, 1.0) if levels else 1.0

    def of(self, group: int) -> list[int]:
        return [index for index in self.heard if self.parts[index].group == group]

    def visits(self, group: int) -> list[int]:
        """Parts of a group that do not follow another of the same group."""
        found = self.of(group)
        return [index for index in found if index - 1 not in found]

    def level(self, group: int) -> float:
        """Mean loudness of a group, by length."""
        found = [self.parts[index] for index in self.of(group)]
        power = [10 ** ((part.loudness_lufs or -70.0) / 10) * part.length_s for part in found]
        return float(10 * np.log10(sum(power) / sum(part.length_s for part in found)))

    def is_sung(self, index: int) -> bool:
        """Whether a part has voice; where nothing is known of voices, every part has."""
        voice = self.parts[index].voice
        return self.sung is None or voice is None or voice > _QUIET_VOICE * self.sung

    def is_surely_sung(self, index: int) -> bool:
        """Whether a part is known to have voice nearly all the time."""
        voice = self.parts[index].voice
        return self.sung is not None and voice is not None and voice > _FULL_VOICE * self.sung

    def chorus(self) -> tuple[int, float]:
        """The group that is most of a chorus, and by how much it leads, in LU."""
        scores = sorted(((self._chorus_score(group), -group) for group in self.groups), reverse=True)
        lead = scores[0][0] - scores[1][0] if len(scores) > 1 else 0.0
        return -scores[0][1], lead

    def _chorus_score(self, group: int) -> float:
        """Loudness, raised by every return; a part without voice or at an end only is hardly one.

        Where all parts are about as loud, a chorus is what returns after another part that returns.
        """
        own = self.of(group)
        score = self.level(group) + 1.5 * min(len(self.visits(group)) - 1, 2)
        ends = {self.heard[0], self.heard[-1]}
        inner = [index for index in self.heard if not ends.issuperset(self.of(self.parts[index].group))]
        score -= _ORDER_LU * (1 - self.tells) * (own[0] == min(inner, default=-1) or len(own) == 1)
        score -= 6.0 * (not any(self.is_sung(index) for index in own))
        return score - 6.0 * (own == [self.heard[0]] or own == [self.heard[-1]])

    def name(self, index: int, chorus: int, lead: float) -> Name:
        part = self.parts[index]
        if part.loudness_lufs is None:
            return Name("silence", 1.0)
        sure = float(np.clip(0.4 + 0.08 * lead, 0.3, 0.8))
        intro = self.heard[0] if self._stands_apart(self.heard[0], self.heard[0] + 1, chorus) else None
        if index == intro:
            return Name("intro", 0.7)
        if index == self.heard[-1] and self._stands_apart(index, index - 1, chorus):
            return Name("outro", 0.7)
        if not self.is_sung(index):
            return self._unsung(index)
        if part.group == chorus:
            return Name("chorus", sure)
        opens = intro is not None and part.group == self.parts[intro].group
        if opens and not self.is_surely_sung(index):
            return Name("instrumental", 0.4)
        if leading := self._leads_to(part.group, chorus, intro):
            return Name("prechorus", sure - 0.1) if index in leading else Name("bridge", 0.4)
        if len(self.visits(part.group)) > 1 or part.start_s < 0.4 * self.end_s:
            return Name("verse", sure)
        near = self.level(part.group) > self.level(chorus) - _NEAR_LU
        if near and lead < 3.0 and self.tells == 1.0:
            return Name("chorus", 0.3)
        before = sum(visit < index for visit in self.visits(chorus))
        if before and index == self.heard[-1]:
            # Songs end with a chorus, however quiet, rather than with a new verse.
            return Name("chorus", 0.3)
        return Name("bridge", 0.45) if before > 1 else Name("verse", 0.35)

    def _unsung(self, index: int) -> Name:
        """A part without voice: before the first sung part intro, after the last outro."""
        sung = [other for other in self.heard if self.is_sung(other)]
        label = "intro" if index < sung[0] else "outro" if index > sung[-1] else "instrumental"
        return Name(label, 0.6)

    def _stands_apart(self, index: int, neighbour: int, chorus: int) -> bool:
        """Whether a part at an end is another thing than what follows, or comes before."""
        part = self.parts[index]
        if not self.is_sung(index):
            return True
        if part.group == chorus or neighbour not in self.heard:
            return False
        if self.is_surely_sung(index) and part.length_s > _LONG * self.usual_s:
            return False
        at_ends = {self.heard[0], self.heard[-1]}.issuperset(self.of(part.group))
        if self.tells < 1.0 and at_ends and part.length_s <= self.usual_s:
            return True
        apart = (self.parts[neighbour].loudness_lufs or -70.0) - (part.loudness_lufs or -70.0)
        # What opens a song at its usual pace is its first verse, unless it is much quieter.
        opens = index < neighbour and part.length_s > _LONG * self.usual_s
        least = _APART_LU * (1 if at_ends else 2) * (_LONG_TIMES if opens else 1)
        return apart > least or (at_ends and part.length_s < _SHORT * self.usual_s)

    def _leads_to(self, group: int, chorus: int, intro: int | None) -> list[int]:
        """Parts of a group that comes back between another part that comes back and the chorus."""
        own = self.of(group)
        last = [index for index in own if index + 1 not in own]
        if any(index + 1 == len(self.parts) or self.parts[index + 1].group != chorus for index in last):
            return []
        visits = [index for index in self.visits(group) if index > self.heard[0]]
        leading = [index for index in visits if self.parts[index - 1].group != chorus]
        before = {self.parts[index - 1].group for index in leading}
        if len(leading) < 2 or len(before) != 1 or (intro is not None and self.parts[intro].group in before):
            return []
        if len(self.visits(before.pop())) < 2:
            return []
        # What comes between two choruses is another thing, however alike.
        between = [index for index in visits if index not in leading]
        ends = [min((one for one in last if one >= index), default=index) for index in between]
        other = {at for first, end in zip(between, ends, strict=True) for at in range(first, end + 1)}
        return [index for index in own if index not in other]
