"""Words for messages: quoted, listed, and the right one for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LONGEST = 60


def visible(text: str) -> str:
    """The text with line breaks, escapes and other invisible characters spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable(text: str) -> str:
    """The text, visible and not too long."""
    return visible(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def quote(text: str) -> str:
    """The text as a word of a recipe, between backticks."""
    return f"`{printable(text)}`"


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    *most, end = list(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant, or `None`. Case is forgiven."""
    by_lower = {option.lower(): option for option in options}
    close = get_close_matches(word[:_LONGEST].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def guess(word: str, options: Iterable[str]) -> str:
    """The end of a sentence that names a wrong word: ``, did you mean `check`?``, or nothing."""
    near = nearest(word, options)
    return f", did you mean {quote(near)}?" if near else ""


def one_of(options: Sequence[str]) -> str:
    """A hint that lists what there is."""
    return (
        f"one of {', '.join(options)}"
        if len(options) > 1
        else quote(options[0])
        if options
        else "none at all"
    )
