"""The built-in transcriber: when known words are sung, to the phone.

A small network hears which classes of phones are sung (`acoustic`), the words say which ones
to expect (`phones`), and the best way of the one through the other gives the times: forced
alignment, as in Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 1989. Between lines
anything may be heard. A line may be passed over, at a cost, and one that does not sound like
what is heard where it was put is taken out again; both are unmatched and get no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..dsp.chains import Chain, best_path
from ..errors import StageFailed
from ..song import Line, Lyrics, Word
from .acoustic import HOP_S, frequencies, log_probabilities
from .engines import Progress, Transcriber
from .phones import CLASSES, VOWELS, language_of, phones
from .words import KnownLine, known_lines

_PRIOR = 0.6
"""How far a class that is frequent anyway counts for less."""
_ELSE, _ANY = len(CLASSES), 0.2
"""Between lines: a pause, or with this likelihood anything else."""
_LINE_LEFT_OUT, _PAUSE_IN_LINE = 80.0, 1.0
_STAY = {"vowel": -0.05, "other": -0.7, "pause": -0.1}
_LEAST_FRAMES = 2
_UNLIKE = -2.1
"""Mean log-probability of its phones under which a line is not what is heard."""


class BuiltinAligner(Transcriber):
    """Alignment of known lyrics to the phones that are heard."""

    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        raise StageFailed(
            "the built-in engine finds times of known words; it does not recognise words",
            hint="give the words with `text`, or fetch a model: polish models fetch whisper-turbo",
        )

    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        lines = known_lines(text)
        language = language or language_of(_words_of(lines))
        heard = log_probabilities(voice)
        progress(0.6)
        placed = place(lines, heard, language)
        progress(1.0)
        return Lyrics(
            language=language, engine=self.name,
            lines=tuple(_timed(line, at) for line, at in zip(lines, placed, strict=True) if at is not None),
            unmatched=tuple(line.text for line, at in zip(lines, placed, strict=True) if at is None),
        )  # fmt: skip


def place(
    lines: Sequence[KnownLine], heard: NDArray[np.float32], language: str | None = None
) -> list[NDArray[np.float64] | None]:
    """Start and end of each word of each line in s, ``(words, 2)``; None for a line that is not heard.

    Args:
        heard: as from `log_probabilities`.
        language: its code; None: the one the words are most likely in.

    Raises:
        UsageError: nothing is known of how the language is pronounced.
    """
    score = _Score.of(lines, language or language_of(_words_of(lines)))
    if not lines or len(heard) <= len(lines):  # each line passed over takes a frame
        return [None for _ in lines]
    likelihoods = np.empty((len(heard), len(CLASSES) + 1), np.float32)
    likelihoods[:, :_ELSE] = heard - _PRIOR * np.log(frequencies())
    likelihoods[:, _ELSE] = np.logaddexp(likelihoods[:, 0], np.log(_ANY))
    path = best_path(likelihoods, score.chain())
    words = np.array(score.word)[path]
    kinds = np.array(score.kind)[path]
    placed: list[NDArray[np.float64] | None] = []
    number = 0
    for line in lines:
        inside = np.flatnonzero((words >= number) & (words < number + len(line.words)))
        if inside.size and float(np.mean(heard[inside, kinds[inside]])) > _UNLIKE:
            spans = [np.flatnonzero(words == number + k)[[0, -1]] + (0, 1) for k in range(len(line.words))]
            placed.append(np.array(spans) * HOP_S)
        else:
            placed.append(None)
        number += len(line.words)
    return placed


@dataclass
class _Score:
    """The states that lyrics are sung through, as they are written down one after another.

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
    def of(cls, lines: Sequence[KnownLine], language: str) -> _Score:
        score = cls()
        score._add(_ELSE, stay=0.0)
        number = 0
        for line in lines:
            before = len(score.kind) - 1
            for place, word in enumerate(line.words):
                if place:  # a breath between words may be taken or not
                    last = len(score.kind) - 1
                    score._add(0, stay=_STAY["pause"], enter=-_PAUSE_IN_LINE)
                    score._word(word, number, language, past_pause=last)
                else:
                    score._word(word, number, language)
                number += 1
            score._add(_ELSE, stay=0.0, jump_from=before, jump=-_LINE_LEFT_OUT)
        return score

    def chain(self) -> Chain:
        return Chain(
            np.array(self.kind), np.array(self.stay), np.array(self.enter), np.array(self.jump_from),
            np.array(self.jump),
        )  # fmt: skip

    def _word(self, word: str, number: int, language: str, past_pause: int = -1) -> None:
        for name in phones(word, language):
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


def _words_of(lines: Sequence[KnownLine]) -> str:
    return "\n".join(line.text for line in lines)


def _timed(line: KnownLine, spans_s: NDArray[np.float64]) -> Line:
    words = tuple(
        Word(start_s=round(float(start), 3), end_s=round(float(end), 3), text=text)
        for text, (start, end) in zip(line.words, spans_s, strict=True)
    )
    return Line(
        start_s=words[0].start_s, end_s=words[-1].end_s, text=line.text, words=words, section=line.section
    )
