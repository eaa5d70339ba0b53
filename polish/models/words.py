"""Known lyrics: lines, tags and syllables."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_TAG = re.compile(r"\[([^\]\d][^\]]*)\]|\(((?:verse|chorus|bridge|intro|outro)[^)]*)\)", re.IGNORECASE)
_TIME = re.compile(r"[\[<]\d{1,3}:\d{2}(?:[.:]\d{1,3})?[\]>]")
_METADATA = re.compile(r"\[(?:ar|ti|al|au|by|la|re|ve|length|offset):[^\]]*\]", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?<=[.!?…;])\s+|(?<=[。！？；])\s*|(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af][.!?;])"
)
_VOWELS = re.compile(r"[aeiouyæœøıаеёиоуыэюяіїєαεηιουω]+")
_LONG_LINE_WORDS = 12


@dataclass(frozen=True)
class KnownLine:
    """A line of known lyrics.

    Attributes:
        section: the tag it stands under, lower case: ``verse``; None before the first tag.
        words: as written, with their punctuation.
        syllables: how many syllables each word has, at least one.
    """

    text: str
    section: str | None
    words: tuple[str, ...]
    syllables: tuple[int, ...]


def known_lines(text: str) -> list[KnownLine]:
    """Read lyrics as generators write them.

    ``[verse]`` tags may stand on a line of their own or inside the text; times of an LRC file
    are dropped; a line of many sentences (lyrics given as one paragraph) is cut at their ends.
    """
    lines: list[KnownLine] = []
    section: str | None = None
    for row in _METADATA.sub("", _TIME.sub("", text)).splitlines():
        position = 0
        for tag in _TAG.finditer(row):
            lines += _lines(row[position : tag.start()], section)
            section = re.sub(r"[\s\d:.-]+$", "", (tag[1] or tag[2]).strip().lower()) or None
            position = tag.end()
        lines += _lines(row[position:], section)
    return lines


def _lines(row: str, section: str | None) -> list[KnownLine]:
    row = " ".join(row.split())
    pieces = _SENTENCE.split(row) if len(split_words(row)) > _LONG_LINE_WORDS else [row]
    lines = []
    for piece in pieces:
        words = split_words(piece)
        if words:
            lines.append(KnownLine(piece.strip(), section, words, tuple(syllables(word) for word in words)))
    return lines


def split_words(line: str) -> tuple[str, ...]:
    """Words of a line: parted by spaces, and by characters in scripts written without spaces."""
    words: list[str] = []
    for piece in line.split():
        if any(_ideographic(letter) for letter in piece):
            words += _characters(piece)
        elif any(letter.isalnum() for letter in piece):
            words.append(piece)
        elif words:  # a dash that stands alone belongs to the word before it
            words[-1] += " " + piece
    return tuple(words)


def _characters(piece: str) -> list[str]:
    """One word a character, but for words in other letters among them; punctuation and small kana stay with
    the character before."""
    words: list[str] = []
    for letter in piece:
        begins = not words or _ideographic(letter) or _ideographic(words[-1][0])
        if begins and letter.isalnum() and letter not in "ゃゅょャュョっッー":
            words.append(letter)
        elif words:
            words[-1] += letter
    return words


def syllables(word: str) -> int:
    """Syllables of a word: groups of vowels, one a character in scripts written without spaces.

    A bare e at the end of a word is silent in English and French, an accented one is not.
    """
    letters = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))
    characters = sum(_ideographic(letter) for letter in letters)
    if characters:
        return characters
    groups = len(_VOWELS.findall(letters))
    bare = word.lower().rstrip(".,;:!?'\"…)")
    if groups > 1 and bare.endswith("e") and not bare.endswith(("le", "ee")):
        groups -= 1
    return max(1, groups)


def _ideographic(letter: str) -> bool:
    return "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af"
