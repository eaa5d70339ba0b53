"""From the tokens a Whisper network says of a window to lines of words with times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..song import Line, Word
from .hearing import Heard
from .whisper_network import FRAME_S, Network
from .words import split_words, syllables

_OPENING = "\"'“‘¿¡([{«„-—"
_BESIDE_S = 0.15
"""A word this far from any singing is invented."""
_HURRIED_S = 0.05
"""Nobody sings a line of syllables shorter than this; Whisper's repeated lines have none."""
_LEAD_S = 0.02
"""What an energy detector misses of a word's beginning: a consonant."""


def segments(tokens: Sequence[int], tokenizer: Any) -> list[list[int]]:
    """The text tokens between one timestamp and the next."""
    parts: list[list[int]] = [[]]
    for token in tokens:
        if token >= tokenizer.timestamp_begin:
            parts.append([])
        elif token < tokenizer.eot:
            parts[-1].append(token)
    return [part for part in parts if part]


def said_until_s(tokens: Sequence[int], tokenizer: Any, seconds: float) -> float:
    """How far into its window the network got: it ends with two timestamps when more follows."""
    stamps = [token - tokenizer.timestamp_begin for token in tokens[-2:]]
    if len(stamps) == 2 and min(stamps) >= 0:
        return min(stamps[1] * FRAME_S, seconds)
    return seconds


def lines_of(
    network: Network, window: Any, tokens: Sequence[int], *, span_s: tuple[float, float], language: str
) -> Iterator[Line]:
    """The lines said of a window that lies at `span_s` in the song."""
    start_s, end_s = span_s
    tokenizer = network.tokenizer(language)
    parts = segments(tokens, tokenizer)
    said = [token for part in parts for token in part]
    if not said:
        return
    times_s, _ = network.follow(window, said, end_s - start_s, language)
    times_s = (start_s + times_s).clip(max=end_s)
    at = 0
    for part in parts:
        words: list[Word] = []
        opening = ""
        for text, pieces in zip(*tokenizer.split_to_word_tokens(part), strict=True):
            first, at = at, at + len(pieces)
            bare, begin_s, stop_s = text.strip(), float(times_s[first]), float(times_s[at])
            if bare and all(letter in _OPENING for letter in bare) and text.startswith(" "):
                opening += bare
            elif not any(letter.isalnum() for letter in bare) and words:
                words[-1] = words[-1].model_copy(update={"text": words[-1].text + bare, "end_s": stop_s})
            elif bare:
                words.append(Word(start_s=begin_s, end_s=stop_s, text=opening + bare))
                opening = ""
        if any(letter.isalnum() for word in words for letter in word.text):
            text = tokenizer.decode(part).strip()
            yield Line(start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=tuple(words))


def without_inventions(lines: Sequence[Line], heard: Heard) -> Iterator[Line]:
    """Lines as they are sung: words where nobody sings are left out, as are lines nobody has time for.

    A line again and again is often a chorus, and stays; one that Whisper repeats because it is
    lost takes next to no time.
    """
    for line in lines:
        words = [
            sung(word, heard)
            for word in line.words
            if heard.sung_s(word.start_s - _BESIDE_S, word.end_s + _BESIDE_S) > 0
        ]
        counts = [syllables(part) for word in words for part in split_words(word.text)]
        if not words or words[-1].end_s - words[0].start_s < _HURRIED_S * sum(counts):
            continue
        text = line.text if len(words) == len(line.words) else " ".join(word.text for word in words)
        yield Line(start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=tuple(words))


def sung(word: Word, heard: Heard) -> Word:
    """A word without the silence at its ends, its times in whole milliseconds."""
    start_s, end_s = heard.within(word.start_s, word.end_s, _LEAD_S)
    return Word(start_s=round(start_s, 3), end_s=round(end_s, 3), text=word.text)
