"""Where things stand in a recipe, and mistakes that show it.

A mistake names file, line and column, and shows the line with a caret::

    my.yaml:12:7: `master` has no setting `cieling`, did you mean `ceiling`?
      12 |       cieling: -1 dBTP
         |       ^^^^^^^
      try: one of loudness, ceiling
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from unicodedata import east_asian_width

from ..errors import RecipeError
from .words import printable

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # YAML 1.1, section 5.4
_WIDEST = 100
_MOST = 5
_FAR_TOO_MANY = 50


@dataclass(frozen=True, eq=False)
class Source:
    """The text of a recipe.

    Attributes:
        shown: how messages name it: the path as it was given, ``streaming.yaml`` for a shipped one.
        folder: where relative paths in it start.
    """

    shown: str
    folder: Path
    text: str

    @property
    def name(self) -> str:
        """The file's name without folders; this may go into results, `shown` may not."""
        return Path(self.shown).name

    @cached_property
    def lines(self) -> list[str]:
        return _BREAKS.split(self.text)


@dataclass(frozen=True, eq=False)
class Place:
    """A stretch of one line; `line` and `column` count from 1."""

    source: Source
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.source.shown}:{self.line}:{self.column}"

    @property
    def origin(self) -> str:
        """Where a value comes from, for plans and reports: ``streaming.yaml:12``."""
        return f"{self.source.name}:{self.line}"

    @property
    def folder(self) -> Path:
        """Where a relative path that is written here starts."""
        return self.source.folder

    def said(self, beside: Spot) -> str:
        """The place in a sentence about `beside`: ``line 9``, or ``base.yaml:9`` in another file."""
        same = isinstance(beside, Place) and beside.source is self.source
        return f"line {self.line}" if same else self.origin


@dataclass(frozen=True)
class Option:
    """A place on the command line: the key of a ``--set``."""

    key: str
    line: int = field(default=0, init=False)

    def __str__(self) -> str:
        return f"--set {printable(self.key)}"

    @property
    def origin(self) -> str:
        return "--set"

    @property
    def folder(self) -> Path:
        return Path.cwd()

    def said(self, beside: Spot) -> str:
        return str(self)


Spot = Place | Option


class Mistakes(list[RecipeError]):
    """Mistakes as they are found, none of which follows from another."""

    def add(self, place: Spot, what: str, hint: str | None = None, also: Sequence[Spot] = ()) -> None:
        """Note a mistake at `place`; `also` are places to show with it.

        Raises:
            RecipeError: there are so many that more would help nobody.
        """
        self.append(mistake(place, what, hint, also))
        if len(self) == _FAR_TOO_MANY:
            self.stop()

    def stop(self) -> None:
        """Raise what was found: the first mistake, with the next few behind it.

        Raises:
            RecipeError: there are mistakes.
        """
        if not self:
            return
        first, *others = self
        shown = others[: _MOST - 1]
        if left := len(others) - len(shown):
            shown.append(RecipeError(f"and {left} more mistake{'s' * (left > 1)}"))
        place = {"where": first.where, "hint": first.hint, "excerpt": first.excerpt}
        raise RecipeError(first.what, **place, more=shown)


def mistake(place: Spot, what: str, hint: str | None = None, also: Sequence[Spot] = ()) -> RecipeError:
    """A mistake at `place`, with its line shown."""
    return RecipeError(what, where=place, hint=hint, excerpt=_excerpt([*also, place]))


def _excerpt(spots: Sequence[Spot]) -> str | None:
    """The lines of some places in one file, each with carets, in the order of the file."""
    places = [spot for spot in spots if isinstance(spot, Place)]
    by_line: dict[int, list[Place]] = {}
    for place in sorted(places, key=lambda p: (p.line, p.column)):
        if place.source is places[-1].source:
            by_line.setdefault(place.line, []).append(place)
    digits = max((len(str(line)) for line in by_line), default=0)
    rows = []
    for number, marked in by_line.items():
        text, start = _window(marked[-1])
        carets = _carets(text, [(p.column - 1 - start, p.length) for p in marked])
        rows += [f"  {number:>{digits}} | {text}".rstrip(), f"  {' ' * digits} | {carets}"]
    return "\n".join(rows) or None


def _window(place: Place) -> tuple[str, int]:
    """The line with its invisible characters as blanks, cut around the place when it is long; its start."""
    lines = place.source.lines
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    line = "".join(c if c.isprintable() else " " for c in line).rstrip()
    if len(line) <= _WIDEST:
        return line, 0
    start = max(0, place.column - 1 - _WIDEST // 2)
    head, tail = "…" * (start > 0), "…" * (start + _WIDEST < len(line))
    return head + line[start : start + _WIDEST] + tail, start - len(head)


def _carets(text: str, stretches: Sequence[tuple[int, int]]) -> str:
    row = ""
    for first, length in stretches:
        if first >= 0:
            row = row.ljust(_columns(text[:first])) + "^" * max(1, _columns(text[first : first + length]))
    return row


def _columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)
