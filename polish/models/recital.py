"""Known lyrics laid over what a recogniser heard, and their words forced through its decoder."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..dsp.voice import HOP_S
from ..song import Gap, Line, Word
from . import alignment
from .acoustic import hearings
from .heard_words import sung
from .hearing import RATE_HZ, TOGETHER_S, WINDOW_S, Heard
from .matching import matched
from .whisper_network import Network
from .words import KnownLine, split_words

_SHARE, _SHARE_ALONE = 0.4, 0.6
"""How much of a line's letters must be heard for it to be there: among others, and by itself."""
_OWN_SONG = 0.3
"""How much of what is heard must be in the lyrics for them to be this song's."""
_SYLLABLE_S = 0.12
_SLOW_S = 1.0
_EDGE_S = 0.1
"""How far a heard line's ends may be off: what sounds there belongs to it."""
_WINDOW_LETTERS = 300
_IMPROBABLE = 0.01
"""A line not heard before, whose tokens are on average less probable than this, is not there."""


@dataclass(frozen=True)
class Placed:
    """A known line and about where it is sung.

    Attributes:
        number: which of the known lines it is.
        heard: whether words of it were heard; else it is only supposed to be there.
    """

    number: int
    line: KnownLine
    start_s: float
    end_s: float
    heard: bool


def place(
    known: Sequence[KnownLine], said: Sequence[Line], heard: Heard, language: str | None = None
) -> list[Placed]:
    """Where known lines are, from what a recogniser said.

    A line of which enough was heard is there. In a song whose lyrics these are, a line between
    two such lines is there too, when enough singing is left between them. When nothing at all
    was heard, the built-in aligner places the lines.
    """
    if not said:
        spots = alignment.place(known, hearings(Sound(heard.mono[None], RATE_HZ)), language)
        return [
            Placed(n, known[n], float(words_s[0, 0]), float(words_s[-1, 1]), False)
            for n, words_s in enumerate(spots.spans_s)
            if words_s is not None
        ]
    sure = _heard_lines(known, said)
    if not sure:
        return []
    placed: list[Placed] = []
    bounds = [(-1, 0.0), *((each.number, each.end_s) for each in sure)]
    followers = [*((each.number, each.start_s) for each in sure), (len(known), heard.duration_s)]
    own = _explained(sure, said) >= _OWN_SONG
    for (before, end_s), (after, start_s), anchor in zip(bounds, followers, [*sure, None], strict=True):
        if own:
            placed += _between(known, range(before + 1, after), end_s, start_s, heard)
        if anchor:
            placed.append(anchor)
    return placed


def _heard_lines(known: Sequence[KnownLine], said: Sequence[Line]) -> list[Placed]:
    words = [(number, plain(word)) for number, line in enumerate(known) for word in line.words]
    spoken = list(_spoken(said))
    pairs: dict[int, list[tuple[int, int]]] = {}
    for at, to in matched([word for _, word in words], [word for word, _, _ in spoken]):
        pairs.setdefault(words[at][0], []).append((at, to))
    total = sum(len(word) for word, _, _ in spoken)
    explained = sum(len(words[at][1]) for found in pairs.values() for at, _ in found)
    share = _SHARE if explained >= _OWN_SONG * total else _SHARE_ALONE
    placed = []
    for number, found in sorted(pairs.items()):
        line = known[number]
        longest_s = max(4.0, _SLOW_S * sum(line.syllables))
        middle_s = float(np.median([spoken[to][1] for _, to in found]))
        near = [(at, to) for at, to in found if abs(spoken[to][1] - middle_s) <= longest_s / 2]
        letters = sum(len(plain(word)) for word in line.words)
        if near and sum(len(words[at][1]) for at, _ in near) >= share * letters:
            placed.append(Placed(number, line, spoken[near[0][1]][1], spoken[near[-1][1]][2], True))
    return placed


def _spoken(said: Sequence[Line]) -> Iterator[tuple[str, float, float]]:
    """Heard words, parted like known ones, with their times."""
    for word in (word for line in said for word in line.words):
        parts = split_words(word.text)
        marks = np.linspace(word.start_s, word.end_s, len(parts) + 1)
        for part, start_s, end_s in zip(parts, marks[:-1], marks[1:], strict=True):
            yield plain(part), float(start_s), float(end_s)


def _explained(sure: Sequence[Placed], said: Sequence[Line]) -> float:
    """How much of the time with words lies in lines that are known."""
    total_s = sum(line.end_s - line.start_s for line in said)
    return sum(each.end_s - each.start_s for each in sure) / total_s if total_s else 0.0


def _between(
    known: Sequence[KnownLine], numbers: range, start_s: float, end_s: float, heard: Heard
) -> Iterator[Placed]:
    """Lines that must be sung between two times, by their syllables over the singing there."""
    counts = np.array([sum(known[number].syllables) for number in numbers])
    first, last = round((start_s + _EDGE_S) / HOP_S), round((end_s - _EDGE_S) / HOP_S)
    sung_s = np.concatenate([[0.0], np.cumsum(heard.activity.active[first : max(first, last)])]) * HOP_S
    if not counts.size or sung_s[-1] < _SYLLABLE_S * counts.sum():
        return
    shares = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    marks = (first + np.searchsorted(sung_s, shares * sung_s[-1])) * HOP_S
    for number, begin, end in zip(numbers, marks[:-1], marks[1:], strict=True):
        yield Placed(number, known[number], *heard.within(float(begin), float(end), 0.0), False)


def gaps(said: Sequence[Line], lines: Sequence[Line]) -> tuple[Gap, ...]:
    """Where words were heard in which there is no word of the lines."""
    found: list[Gap] = []
    marks = sorted(word.start_s for line in lines for word in line.words)
    for each in said:
        nearest = np.searchsorted(marks, each.start_s - _EDGE_S)
        if nearest < np.searchsorted(marks, each.end_s):
            continue
        before = found[-1] if found else None
        if before and nearest == np.searchsorted(marks, before.end_s):
            found[-1] = Gap(start_s=before.start_s, end_s=each.end_s)
        else:
            found.append(Gap(start_s=each.start_s, end_s=each.end_s))
    return tuple(found)


def windows(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Lines in groups that a window and a decoder hold, parted at long pauses."""
    groups: list[list[Placed]] = []
    letters = 0
    for each in placed:
        letters += len(each.line.text)
        fits = (
            bool(groups)
            and each.end_s - groups[-1][0].start_s <= WINDOW_S - 2.0
            and each.start_s - groups[-1][-1].end_s < TOGETHER_S
        )
        if fits and letters <= _WINDOW_LETTERS:
            groups[-1].append(each)
        else:
            groups.append([each])
            letters = len(each.line.text)
    return groups


def forced(
    network: Network, window: Any, lines: Sequence[Placed], heard: Heard, *, span_s: tuple[float, float],
    language: str | None,
) -> dict[int, Line]:  # fmt: skip
    """Lines by number, with the times at which the decoder, made to say them, looks at their words.

    How probable their tokens are is their confidence; lines that were not heard before are in doubt.

    Whisper parts text in its own way; both spell the same, so a letter of the one is the same
    letter of the other.
    """
    tokenizer = network.tokenizer(language)
    tokens = tokenizer.encode(" " + " ".join(each.line.text for each in lines))[:220]
    times_s, probable = network.follow(window, tokens, span_s[1] - span_s[0], language)
    letters_s, likely = _by_letter(tokenizer, tokens, (span_s[0] + times_s).clip(max=span_s[1]), probable)
    found: dict[int, Line] = {}
    at = 0
    for each in lines:
        first = at
        words: list[Word] = []
        for text in each.line.words:
            begin, at = at, at + len("".join(text.split()))
            if at < letters_s.size:
                word = Word(start_s=float(letters_s[begin]), end_s=float(letters_s[at]), text=text)
                words.append(sung(word, heard))
        if len(words) == len(each.line.words) and (each.heard or likely[first:at].mean() >= _IMPROBABLE):
            found[each.number] = Line(
                start_s=words[0].start_s, end_s=words[-1].end_s, text=each.line.text, words=tuple(words),
                section=each.line.section, confidence=round(float(likely[first:at].mean()), 2),
                doubtful=not each.heard,
            )  # fmt: skip
    return found


def _by_letter(
    tokenizer: Any, tokens: Sequence[int], times_s: NDArray[np.float64], probable: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each letter begins and the last ends, ``(letters + 1,)``, and how probable each was."""
    marks: list[float] = []
    likely: list[float] = []
    at = 0
    for text, pieces in zip(*tokenizer.split_to_word_tokens(list(tokens)), strict=True):
        first, at = at, at + len(pieces)
        spelt = len("".join(text.split()))
        marks += list(np.linspace(times_s[first], times_s[at], spelt, endpoint=False))
        likely += [float(probable[first:at].mean())] * spelt
    return np.array([*marks, float(times_s[-1])]), np.array(likely)


def plain(word: str) -> str:
    """A word as it is compared: lower case, letters and digits only, without accents."""
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
