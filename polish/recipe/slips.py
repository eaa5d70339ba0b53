"""What PyYAML says about broken YAML, said so that a musician can mend it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from ..errors import RecipeError
from .source import Place, Source, mistake


@dataclass(frozen=True)
class _Slip:
    """A pattern in what PyYAML says; the mistake in our words; what to try; whether it is shown where
    the unfinished thing began, not where the reader stumbled."""

    pattern: str
    what: str
    hint: str
    at_start: bool = False


_SLIPS = (
    _Slip(
        r"'\\t' that cannot start any token", "a tab where only spaces may stand", "indent with spaces"
    ),
    _Slip("character '(.)' that cannot start", r"a value cannot begin with \1", "put the text in quotes"),
    _Slip(
        "mapping values are not allowed here",
        "a colon where no `name: value` pair can begin",
        "check the indentation, and put text with a colon in quotes",
    ),
    _Slip(
        "sequence entries are not allowed here",
        "a list that begins behind other text",
        "begin each item on a line of its own, or write `[a, b]`",
    ),
    _Slip(
        "could not find expected ':'", "a `name: value` pair without its colon", "write `name: value`",
        at_start=True,
    ),
    _Slip(r"expected ',' or '\]'", "a list that is not closed", "close it with `]`", at_start=True),
    _Slip(r"expected ',' or '\}'", "a group that is not closed", "close it with `}`", at_start=True),
    _Slip("unexpected end of stream", "a text that is not closed", "close the quotes", at_start=True),
    _Slip(
        "expected <block end>|expected the node content|expected '<document start>'",
        "this does not line up with the lines above",
        "indent the entries of one list or group alike",
    ),
    _Slip(
        "expected alphabetic or numeric character",
        "a value cannot begin with &, * or %", "put the text in quotes",
    ),
    _Slip("undefined tag handle", "a recipe has no tags (`!name`)", "write the plain value"),
    _Slip("another document", "a second document begins here", "take out the `---`: one file, one recipe"),
    _Slip("unknown escape character", "an escape that YAML does not know", r"write \\ for \, or use '…'"),
)  # fmt: skip

_LEFT_OVER = _Slip("", "something is left over behind a value", "check its quotes, brackets and commas")
_NO_SPACE = _Slip("", "no space behind the colon", "write `name: value`")
_NO_COLON = _Slip("", "a `name: value` pair without its colon", "write `name: value`")


def explained(source: Source, error: yaml.YAMLError) -> RecipeError:
    """The recipe mistake behind an error that PyYAML raised."""
    if isinstance(error, ReaderError):
        return _unreadable(source, error)
    if not isinstance(error, yaml.MarkedYAMLError):
        return mistake(Place(source, 1, 1), f"not YAML: {error}")
    stumbled = _place(source, error.problem_mark or error.context_mark)
    problem = error.problem or ""
    for slip in _SLIPS:
        if found := re.search(slip.pattern, problem):
            place, better = _look_closer(slip, stumbled)
            if slip.at_start and error.context_mark:
                place = _place(source, error.context_mark)
            return mistake(place, found.expand(better.what), better.hint)
    return mistake(stumbled, f"not YAML: {problem}")


def _place(source: Source, mark: yaml.Mark | None) -> Place:
    return Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)


def _unreadable(source: Source, error: ReaderError) -> RecipeError:
    before = source.text[: error.position]
    line = before.count("\n") + 1
    place = Place(source, line, len(before) - before.rfind("\n"))
    code = ord(error.character) if isinstance(error.character, str) else error.character
    return mistake(place, f"an invisible control character (U+{code:04X})", "delete it")


def _look_closer(slip: _Slip, place: Place) -> tuple[Place, _Slip]:
    """The reader often stumbles behind the mistake: look at the lines before for the usual ones."""
    lines = place.source.lines
    before = lines[place.line - 1][: place.column - 1] if place.line <= len(lines) else ""
    if slip.pattern.startswith("expected <block end>") and before.strip(" -?"):
        return place, _LEFT_OVER
    if slip.pattern.startswith("mapping values") and place.line > 1:
        indent = len(before) - len(before.lstrip())
        above = lines[place.line - 2]
        if found := re.fullmatch(r"\s*(?:- )?([\w-]+):\S.*", above):
            return Place(place.source, place.line - 1, found.end(1) + 1), _NO_SPACE
        if found := re.fullmatch(rf"\s{{{indent}}}([\w-]+)\s*", above):
            return Place(place.source, place.line - 1, indent + 1, len(found[1])), _NO_COLON
    return place, slip
