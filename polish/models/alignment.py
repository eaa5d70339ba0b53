"""The built-in transcriber: when known words are sung, to the phone.

A small network hears which classes of phones are sung (`acoustic`), the words say which ones
to expect (`phones`), and the best way of the one through the other gives the times: forced
alignment, as in Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 1989. Between lines
anything may be heard. A line may be passed over, at a cost, and one that does not sound like
what is heard where it was put is taken out again; both are unmatched and get no time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..errors import StageFailed
from ..song import Line, Lyrics, Word
from .acoustic import HOP_S, frequencies, log_probabilities
from .engines import Progress, Transcriber
from .phones import language_of, phones
from .sung_chain import ELSE, Followed, Spelled, SungChain, nonsense
from .words import KnownLine, known_lines

_PRIOR = 0.6
"""How far a class that is frequent anyway counts for less."""
_ANY = 0.2
"""Between lines: a pause, or with this likelihood anything else."""
_UNLIKE = -2.4
"""Mean log-probability of its phones under which a line is not what is heard."""
_LINES_TO_JUDGE, _BETTER_THAN_NONSENSE = 4, 0.085
"""From so many lines on, by how much in each frame words must fit better than nonsense does."""


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
    language = language or language_of(_words_of(lines))
    spelled = [[phones(word, language) for word in line.words] for line in lines]
    if not lines or len(heard) <= len(lines):  # each line passed over takes a frame
        return [None for _ in lines]
    likelihoods = np.empty((len(heard), ELSE + 1), np.float32)
    likelihoods[:, :ELSE] = heard - _PRIOR * np.log(frequencies())
    likelihoods[:, ELSE] = np.logaddexp(likelihoods[:, 0], np.log(_ANY))
    found = SungChain.of(spelled).followed(likelihoods)
    if not _of_this_song(spelled, found, likelihoods):
        return [None for _ in lines]
    placed: list[NDArray[np.float64] | None] = []
    number = 0
    for line in lines:
        inside = np.flatnonzero((found.words >= number) & (found.words < number + len(line.words)))
        if inside.size and float(np.mean(heard[inside, found.kinds[inside]])) > _UNLIKE:
            frames = [np.flatnonzero(found.words == number + k) for k in range(len(line.words))]
            spans = [(each[0], each[-1] + 1) for each in frames]
            placed.append(np.array(spans) * HOP_S)
        else:
            placed.append(None)
        number += len(line.words)
    return placed


def _of_this_song(spelled: Spelled, found: Followed, likelihoods: NDArray[np.float32]) -> bool:
    """Whether the words explain what is heard better than nonsense made of the same sounds does.

    Anything can be laid over a song somehow, but only its own words fit it well. Too few lines
    to judge by are taken at their word.
    """
    if len(spelled) < _LINES_TO_JUDGE:
        return True
    others = [SungChain.of(each).followed(likelihoods).fit for each in nonsense(spelled)]
    better = found.fit - (np.mean(others) + np.max(others)) / 2
    return bool(better > _BETTER_THAN_NONSENSE * max(1, int(np.sum(found.words >= 0))))


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
