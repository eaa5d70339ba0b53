"""Words to sing: a small dictionary with sounds, and lines that fit a number of syllables.

Sounds are written as in the CMU pronouncing dictionary (ARPAbet without stress).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

_SPELT = {
    "noun": """
        night:N AY T|light:L AY T|fire:F AY - ER|sky:S K AY|heart:HH AA R T|street:S T R IY T
        river:R IH - V ER|city:S IH - T IY|window:W IH N - D OW|summer:S AH - M ER|ocean:OW - SH AH N
        silence:S AY - L AH N S|shadow:SH AE - D OW|story:S T AO - R IY|morning:M AO R - N IH NG|home:HH OW M
        road:R OW D|rain:R EY N|sun:S AH N|moon:M UW N|star:S T AA R|dream:D R IY M|time:T AY M|song:S AO NG
        wind:W IH N D|water:W AO - T ER|mountain:M AW N - T AH N|mirror:M IH - R ER|garden:G AA R - D AH N
        radio:R EY - D IY - OW|memory:M EH - M ER - IY|thunder:TH AH N - D ER|name:N EY M|sea:S IY
        way:W EY|day:D EY|room:R UW M|flame:F L EY M|stone:S T OW N|bird:B ER D""",
    "adjective": """
        cold:K OW L D|golden:G OW L - D AH N|silver:S IH L - V ER|broken:B R OW - K AH N
        blue:B L UW|slow:S L OW|quiet:K W AY - AH T|long:L AO NG|lonely:L OW N - L IY|little:L IH - T AH L
        open:OW - P AH N|bright:B R AY T|distant:D IH S - T AH N T|empty:EH M P - T IY|hidden:HH IH - D AH N
        new:N UW""",
    "verb": """
        follow:F AA - L OW|remember:R IH - M EH M - B ER|carry:K EH - R IY|see:S IY|hear:HH IY R
        feel:F IY L|find:F AY N D|hold:HH OW L D|know:N OW|leave:L IY V|believe:B IH - L IY V
        need:N IY D|call:K AO L|chase:CH EY S|lose:L UW Z|keep:K IY P|love:L AH V|wake:W EY K|miss:M IH S
        want:W AA N T
        paint:P EY N T|break:B R EY K""",
    "moves": """falls:F AO L Z|shines:SH AY N Z|sleeps:S L IY P S|burns:B ER N Z|wanders:W AA N - D ER Z
        rises:R AY - Z IH Z|calls:K AO L Z|waits:W EY T S|whispers:W IH S - P ER Z|sings:S IH NG Z
        turns:T ER N Z|dances:D AE N - S IH Z|fades:F EY D Z""",
    "who": "I:AY|you:Y UW|we:W IY|they:DH EY",
    "the": "the:DH AH|my:M AY|your:Y AO R|our:AW - ER|every:EH V - R IY|this:DH IH S|a:AH",
    "where": """in:IH N|under:AH N - D ER|over:OW - V ER|beside:B IH - S AY D|into:IH N - T UW
        through:TH R UW|behind:B IH - HH AY N D|with:W IH TH|across:AH - K R AO S""",
    "when": """again:AH - G EH N|tonight:T AH - N AY T|forever:F ER - EH - V ER|now:N AW|alone:AH - L OW N
        away:AH - W EY|tomorrow:T AH - M AA - R OW|slowly:S L OW - L IY|together:T AH - G EH - DH ER""",
    "and": "and:AE N D|but:B AH T|so:S OW|when:W EH N|oh:OW|if:IH F",
}
_LINES = (
    "who verb the noun", "the noun moves", "the adjective noun moves", "who verb the noun where the noun",
    "and who verb the noun", "the noun moves when", "where the adjective noun",
    "who verb the adjective noun when",
    "and the noun moves where the noun", "verb the noun", "verb the noun when", "when", "who verb",
    "and who verb the adjective noun where the noun", "the noun", "the noun moves and who verb the noun",
    "where the noun who verb the noun", "the adjective noun moves where the adjective noun",
)  # fmt: skip


@dataclass(frozen=True)
class Syllable:
    """A syllable: the sounds before its vowel, the vowel, and the sounds after it."""

    before: tuple[str, ...]
    vowel: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Sung:
    """A word with its syllables."""

    text: str
    syllables: tuple[Syllable, ...]


_AN = Sung("an", (Syllable((), "AE", ("N",)),))
VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "UW"])


@cache
def _dictionary() -> dict[str, tuple[Sung, ...]]:
    return {
        kind: tuple(_word(entry) for entry in spelt.replace("\n", "|").split("|") if entry.strip())
        for kind, spelt in _SPELT.items()
    }


def _word(entry: str) -> Sung:
    text, _, sounds = entry.strip().partition(":")
    syllables = []
    for part in sounds.split(" - "):
        phones = part.split()
        at = next(n for n, phone in enumerate(phones) if phone in VOWELS)
        syllables.append(Syllable(tuple(phones[:at]), phones[at], tuple(phones[at + 1 :])))
    return Sung(text, tuple(syllables))


def line(rng: np.random.Generator, syllables: int) -> tuple[Sung, ...]:
    """A line of exactly `syllables` syllables (at least 1)."""
    words = _dictionary()
    fallback: tuple[Sung, ...] = ()
    for _ in range(60):
        pattern = _LINES[int(rng.integers(len(_LINES)))].split()
        chosen = tuple(words[kind][int(rng.integers(len(words[kind])))] for kind in pattern)
        count = _count(chosen)
        if count == syllables and len({w.text for w in chosen}) == len(chosen):
            return _with_articles(chosen)
        if _count(fallback) < count < syllables:
            fallback = chosen
    missing = syllables - _count(fallback)
    tail = []
    while missing > 0:
        fits = [w for w in (*words["when"], *words["and"][4:5]) if len(w.syllables) <= missing]
        tail.append(fits[int(rng.integers(len(fits)))])
        missing -= len(tail[-1].syllables)
    return _with_articles((*fallback, *tail))


def _with_articles(words: tuple[Sung, ...]) -> tuple[Sung, ...]:
    """The same words, with ``an`` for ``a`` before a vowel."""
    following = (*words[1:], None)
    return tuple(
        _AN if word.text == "a" and after and not after.syllables[0].before else word
        for word, after in zip(words, following, strict=True)
    )


def _count(words: tuple[Sung, ...]) -> int:
    return sum(len(word.syllables) for word in words)
