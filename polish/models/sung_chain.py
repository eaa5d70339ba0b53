"""Lyrics as the chain of sounds that singing them goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..dsp.chains import Chain, best_path, best_stretch, worth
from .acoustic import HOP_S
from .phones import CLASSES, VOWELS

Spelled = Sequence[Sequence[Sequence[str]]]
"""The phones of the words of the lines."""
ELSE = len(CLASSES)
"""The column of what may sound between lines."""
LEFT_OUT, _PAUSE_IN_LINE = 20.0, 1.0
"""What a line costs that is passed over, in logarithms of likelihood, and a breath within a line."""
_STAY = {"vowel": -0.05, "other": -0.7, "pause": -0.1}
_LEAST_FRAMES = 2


@dataclass
class SungChain:
    """The states that lyrics are sung through, as they are written down one after another.

    Between lines anything may be heard, between words a breath; a line may be passed over.

    Attributes:
        word: to which word each state belongs, counted from the first; −1: to none.
    """

    kind: list[int] = field(default_factory=list)
    word: list[int] = field(default_factory=list)
    stay: list[float] = field(default_factory=list)
    enter: list[float] = field(default_factory=list)
    jump_from: list[int] = field(default_factory=list)
    jump: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Spelled) -> SungChain:
        chain = cls()
        chain._add(ELSE, stay=0.0)
        number = 0
        for line in lines:
            before = len(chain.kind) - 1
            for place, word in enumerate(line):
                last = -1
                if place:  # the breath may be taken or not
                    last = len(chain.kind) - 1
                    chain._add(0, stay=_STAY["pause"], enter=-_PAUSE_IN_LINE)
                chain._word(word, number, past_pause=last)
                number += 1
            chain._add(ELSE, stay=0.0, jump_from=before, jump=-LEFT_OUT)
        return chain

    def followed(self, likelihoods: NDArray[np.float32]) -> Followed:
        """The best way through the chain.

        Args:
            likelihoods: logarithms, ``(frames, ELSE + 1)``.

        Raises:
            ValueError: there are fewer frames than lines.
        """
        kinds = np.array(self.kind)
        path = best_path(likelihoods, self._chain())
        return Followed(np.array(self.word)[path], kinds[path])

    def worth(self, likelihoods: NDArray[np.float32]) -> NDArray[np.float64]:
        """How much worse all that is heard fits when a line is not there, ``(lines,)``; see `chains.worth`.

        Args:
            likelihoods: as for `followed`.
        """
        return worth(likelihoods, self._chain(), np.flatnonzero(np.array(self.kind) == ELSE))

    def stretch(self, likelihoods: NDArray[np.float32], left_out: float = LEFT_OUT) -> tuple[float, slice]:
        """How well the best stretch of the lines fits all that is heard, and which lines it is.

        A part of a song has a part of its lyrics: lines before the stretch and after it cost nothing.

        Args:
            likelihoods: as for `followed`.
            left_out: what a line costs that is passed over within the stretch.

        Returns:
            The logarithm of the likelihood, less what was passed over; the numbers of the lines.
        """
        chain, stations = self._chain(), np.flatnonzero(np.array(self.kind) == ELSE)
        jump = chain.jump.copy()
        jump[stations[1:]] = -left_out
        fit, first, last = best_stretch(likelihoods, replace(chain, jump=jump), stations)
        return fit, slice(*np.searchsorted(stations, (first, last)).tolist())

    def _chain(self) -> Chain:
        return Chain(
            np.array(self.kind), np.array(self.stay), np.array(self.enter), np.array(self.jump_from),
            np.array(self.jump),
        )  # fmt: skip

    def _word(self, phones: Sequence[str], number: int, past_pause: int) -> None:
        for name in phones:
            stay = _STAY["vowel" if name in VOWELS else "other"]
            for _ in range(_LEAST_FRAMES):
                self._add(CLASSES.index(name), word=number, stay=stay, jump_from=past_pause)
                past_pause = -1

    def _add(
        self, kind: int, *, stay: float, word: int = -1, enter: float = 0.0, jump_from: int = -1,
        jump: float = 0.0,
    ) -> None:  # fmt: skip
        self.kind.append(kind)
        self.word.append(word)
        self.stay.append(stay)
        self.enter.append(enter)
        self.jump_from.append(jump_from)
        self.jump.append(jump)


def followed_alone(
    line: Sequence[Sequence[str]], spans_s: NDArray[np.float64], likelihoods: NDArray[np.float32]
) -> tuple[slice, Followed]:
    """The frames in which a line lies, with one more on either side, and the best way through it there.

    Args:
        line: the phones of its words.
        spans_s: start and end of each word in s, ``(words, 2)``.
        likelihoods: logarithms, ``(frames, ELSE + 1)``.
    """
    chain = SungChain.of([line])
    chain.jump[-1] = -np.inf  # it is there
    part = slice(max(0, round(spans_s[0, 0] / HOP_S) - 1), round(spans_s[-1, 1] / HOP_S) + 1)
    return part, chain.followed(likelihoods[part])


@dataclass(frozen=True)
class Followed:
    """A way through a chain.

    Attributes:
        words: the word each frame belongs to, counted from the first; −1: none; ``(frames,)``.
        kinds: the class that is sung there, or `ELSE`.
    """

    words: NDArray[np.int64]
    kinds: NDArray[np.int64]
