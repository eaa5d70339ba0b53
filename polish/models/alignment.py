"""The built-in transcriber: when known words are sung, to the phone.

A small network hears which classes of phones are sung (`acoustic`), the words say which ones
to expect (`phones`), and the best way of the one through the other gives the times: forced
alignment, as in Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 1989. Between lines
anything may be heard. A line without which the others fit what is heard nearly as well is not
taken as sung: the voice between them would hold any other line as well. The lines that are taken
tell how this voice sounds (`own_voice`), and with that all is looked for again. Lines that are
not taken in the end, or hardly heard where they would be, or hardly better than other words would be,
are unmatched and get no time; some that do are in doubt (`sureness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..audio.sound import Sound
from ..errors import EngineUnable
from ..song import Gap, Line, Lyrics, Word
from .acoustic import HOP_S, Hearings, Scores, agreed, frequencies, hearings
from .engines import Progress, Transcriber
from .line_spans import Spans, bounded, relieved
from .own_voice import heard_again
from .own_words import own_part
from .phones import language_of, phones
from .sung_chain import ELSE, Spelled, SungChain
from .sureness import DOUBTFUL, UNHEARD, clearness, sureness
from .words import KnownLine, known_lines

_PRIOR = 0.6
"""How far a class that is frequent anyway counts for less."""
_ANY = 0.2
"""Between lines: a pause, or with this likelihood anything else."""
_ANY_LESS = 2.65
"""When times are looked for, what sounds between lines is less likely by no more than this, in a frame, than
the best that could be heard there: the times of the songs timed by hand in `tests/benchmarks/alignment.py`
are the same from 2.4 to 3.6, and worse at 2.2."""
_UNLIKE = -2.6
"""Mean log-probability of its phones under which a line is not what is heard."""
_LEAST_WORTH, _SHARE_OF_USUAL = 8.0, 0.1
"""By how much all must fit better with a line than without it for the line to be there: in logarithms of
likelihood, and against what is usual for the lines of this song. A line that is sure elsewhere in the song
need only fit better at all: choruses come again, a line of another song does not. The two numbers were
chosen on the songs, not on the planted lines, of `tests/benchmarks/alignment.py`."""
_TIMES_AGAIN = 2
"""How often all is looked for again with what the lines that were found tell of the voice."""
_CLEAR = -2.83
"""Lines that are heard less clearly than this teach nothing of the voice, and have no time. Chosen on the
same songs, with lines planted at other places."""
_SOUNDS_A_FRAME = 2.0
"""Words of more phones than this are not a song's but a book's, or so much longer than what is heard of
it that most were not found anyway; the way through them would take minutes."""
_MOST, _SUNG_OVER_S, _CHANGES, _LEAST_SUNG = 0.75, 1.0, 2.5, 0.03
"""Sung is where more of the networks than this hear phones, for most of so long, and so many of them; and
where so much of a song is. Fewer do where instruments play: those that know people's voices are misled."""
_BESIDE_S, _SHORTEST_GAP_S = 0.3, 2.0
"""What is that near to a line belongs to it, and what is shorter than a gap is a cry or a breath."""


class BuiltinAligner(Transcriber):
    """Alignment of known lyrics to the phones that are heard."""

    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        if not is_sung(hearings(voice)).any():
            return Lyrics(language=language, engine=self.name)
        raise EngineUnable(
            "the built-in engine finds times of known words; it does not recognise words",
            hint="give the words with `text`, or fetch a model: polish models fetch whisper-turbo",
        )

    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        lines = known_lines(text)
        language = language or language_of(_words_of(lines))
        each = hearings(voice)
        progress(0.6)
        placed = place(lines, each, language)
        progress(1.0)
        timed = tuple(
            _timed(line, at, float(sure))
            for line, at, sure in zip(lines, placed.spans_s, placed.sure, strict=True)
            if at is not None
        )
        return Lyrics(
            language=language, engine=self.name, lines=timed, gaps=gaps(each, timed) if lines else (),
            unmatched=tuple(line.text for line, at in zip(lines, placed.spans_s, strict=True) if at is None),
        )  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """Where the lines of known lyrics are in a song.

    Attributes:
        spans_s: start and end of each word of each line in s, ``(words, 2)``; None for a line that is not
            heard.
        sure: how sure each line is, 0 to 1, ``(lines,)``; NaN for one that is not heard.
    """

    spans_s: list[Spans | None]
    sure: NDArray[np.float64]


def place(lines: Sequence[KnownLine], each: Hearings, language: str | None = None) -> Placed:
    """Where known lines are.

    Args:
        each: as from `hearings`.
        language: its code; None: the one the words are most likely in.

    Raises:
        UsageError: nothing is known of how the language is pronounced.
    """
    language = language or language_of(_words_of(lines))
    spelled = [[phones(word, language) for word in line.words] for line in lines]
    sounds = sum(len(word) for line in spelled for word in line)
    nothing = Placed([None for _ in lines], np.full(len(lines), np.nan))
    frames = each.shape[1]
    if not lines or frames <= len(lines) or sounds > _SOUNDS_A_FRAME * frames:
        return nothing  # even a line passed over takes a frame
    heard = agreed(each)
    likelihoods = fits(heard)
    numbers = range(len(lines))[own_part(spelled, likelihoods)]
    if not any(spelled[number] for number in numbers):
        return nothing
    found = _found(lines, spelled, numbers, heard, likelihoods)
    clear = clearness(spelled, found, heard, likelihoods)
    for _ in range(_TIMES_AGAIN):
        heard = heard_again(each, heard, spelled, _only(clear >= _CLEAR, found), likelihoods)
        likelihoods = fits(heard)
        found = _found(lines, spelled, numbers, heard, likelihoods)
        clear = clearness(spelled, found, heard, likelihoods)
    sure = sureness(clear, spelled, found, heard, likelihoods)
    there = _or_elsewhere(spelled, sure >= UNHEARD, clear >= _CLEAR)
    return Placed(_only(there, found), np.where(there, sure, np.nan))


def _found(
    lines: Sequence[KnownLine], spelled: Spelled, numbers: Sequence[int], heard: Scores, likelihoods: Scores
) -> list[Spans | None]:
    """Where the lines of some numbers are in what is heard, None for all others."""
    asked = [spelled[number] for number in numbers]
    worth = SungChain.of(asked).worth(likelihoods)
    there = [numbers[place] for place in _sung_here(asked, worth)]
    between = likelihoods.copy()
    between[:, ELSE] = np.maximum(between[:, ELSE], between[:, :ELSE].max(axis=1) - _ANY_LESS)
    placed = _spans_s(spelled, there, heard, between)
    again = relieved(lines, spelled, placed, between)
    if again is not None:
        placed = _spans_s(spelled, there, heard, again)
    return bounded(lines, spelled, placed, likelihoods)


def _only(chosen: NDArray[np.bool_], placed: Sequence[Spans | None]) -> list[Spans | None]:
    """Where the chosen lines are, None for all others."""
    return [at if each else None for at, each in zip(placed, chosen, strict=True)]


def fits(heard: Scores) -> NDArray[np.float32]:
    """How well each class fits each frame, and in the last column what may sound between lines.

    Logarithms of likelihoods, ``(frames, ELSE + 1)``, for `SungChain`.

    Args:
        heard: as from `agreed`.
    """
    likelihoods = np.empty((len(heard), ELSE + 1), np.float32)
    likelihoods[:, :ELSE] = heard - _PRIOR * np.log(frequencies())
    likelihoods[:, ELSE] = np.logaddexp(likelihoods[:, 0], np.log(_ANY))
    return likelihoods


def _spans_s(
    spelled: Spelled, there: Sequence[int], heard: Scores, likelihoods: NDArray[np.float32]
) -> list[Spans | None]:
    """Start and end of the words of the lines that are there, None for the others."""
    placed: list[Spans | None] = [None for _ in spelled]
    if not there:
        return placed
    found = SungChain.of([spelled[number] for number in there]).followed(likelihoods)
    word = 0
    for number in there:
        line = spelled[number]
        inside = np.flatnonzero((found.words >= word) & (found.words < word + len(line)))
        if inside.size and float(np.mean(heard[inside, found.kinds[inside]])) > _UNLIKE:
            frames = [np.flatnonzero(found.words == word + k) for k in range(len(line))]
            placed[number] = np.array([(each[0], each[-1] + 1) for each in frames]) * HOP_S
        word += len(line)
    return placed


def _sung_here(spelled: Spelled, worth: NDArray[np.float64]) -> list[int]:
    """The numbers of the lines that are there, by what each is worth to the fit of all."""
    if not (worth > 0).any():
        return []
    least = max(_LEAST_WORTH, _SHARE_OF_USUAL * float(np.median(worth[worth > 0])))
    return np.flatnonzero(_or_elsewhere(spelled, worth >= least, worth >= 0)).tolist()


def _or_elsewhere(spelled: Spelled, sure: NDArray[np.bool_], likely: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which lines are sure, or likely and the same as one that is sure: choruses come again."""
    sounds = [tuple(map(tuple, line)) for line in spelled]
    known = {line for line, each in zip(sounds, sure, strict=True) if each}
    return sure | (likely & np.array([line in known for line in sounds]))


def is_sung(each: Hearings) -> NDArray[np.bool_]:
    """Whether somebody sings, ``(frames,)``; nowhere in a song of which next to nothing sounds like it.

    What instruments leave in the stem of a voice now and then sounds like a phone; only a voice
    has one after the other.

    Args:
        each: as from `hearings`.
    """
    around = round(_SUNG_OVER_S / HOP_S)
    phone = (each.argmax(axis=2) != 0).mean(axis=0) > _MOST
    kinds = np.where(phone, agreed(each)[:, 1:].argmax(axis=1) + 1, 0)
    voiced = ndimage.uniform_filter1d(phone.astype(np.float32), around)
    changes = ndimage.uniform_filter1d(np.diff(kinds, prepend=0).astype(bool).astype(np.float32), around)
    sung = (voiced > 0.5) & (changes * around > _CHANGES)
    return sung if sung.mean() >= _LEAST_SUNG else np.zeros_like(sung)


def gaps(each: Hearings, lines: Sequence[Line]) -> tuple[Gap, ...]:
    """Where somebody sings for a while what none of the lines accounts for.

    Args:
        each: as from `hearings`.
    """
    sung = is_sung(each)
    for line in lines:
        first, last = line.start_s - _BESIDE_S, line.end_s + _BESIDE_S
        sung[max(0, round(first / HOP_S)) : round(last / HOP_S)] = False
    change = np.diff(np.concatenate([[0], sung.astype(np.int8), [0]]))
    spans_s = np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1) * HOP_S
    return tuple(
        Gap(start_s=round(float(start_s), 3), end_s=round(float(end_s), 3))
        for start_s, end_s in spans_s
        if end_s - start_s >= _SHORTEST_GAP_S or not lines
    )


def _words_of(lines: Sequence[KnownLine]) -> str:
    return "\n".join(line.text for line in lines)


def _timed(line: KnownLine, spans_s: NDArray[np.float64], sure: float) -> Line:
    words = tuple(
        Word(start_s=round(float(start), 3), end_s=round(float(end), 3), text=text)
        for text, (start, end) in zip(line.words, spans_s, strict=True)
    )
    return Line(
        start_s=words[0].start_s, end_s=words[-1].end_s, text=line.text, words=words, section=line.section,
        confidence=round(sure, 2), doubtful=sure < DOUBTFUL,
    )  # fmt: skip
