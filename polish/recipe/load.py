"""A name or a path to a recipe, with everything it extends."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecipeError
from . import library
from .extends import patched
from .nodes import Text, parse
from .outline import Item, Outline, outline
from .sets import Set, read_sets
from .source import Mistakes, Spot, mistake

LONGEST_CHAIN = 8
"""How many recipes may extend one another."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """A recipe as it is written, with what it extends; its settings are not checked yet.

    Attributes:
        name: ``streaming``, the file's name without its suffix.
        source: the file's name, without folders.
        about: its own sentence, else that of the recipe it extends.
        steps, deliver: the entries; `deliver` is `None` when no such list is written.
        sets: what the command line changes.
        place: where the recipe begins.
    """

    name: str
    source: str
    about: str
    steps: tuple[Item, ...]
    deliver: tuple[Item, ...] | None
    sets: tuple[Set, ...]
    place: Spot


def load(recipe: str | os.PathLike[str], *, sets: Iterable[str] = ()) -> Recipe:
    """Read a shipped recipe by name, or a recipe file.

    Args:
        recipe: ``streaming``, or a path.
        sets: changes as on the command line, ``stream.ceiling=-2dBTP``.

    Raises:
        RecipeError: it cannot be read, is not a recipe, or extends what is not.
        UsageError: a change is not written ``KEY=VALUE``.
    """
    path, shown = library.find(recipe, Path())
    chain = _chain(path, shown)
    about = ""
    steps: tuple[Item, ...] = ()
    deliver: tuple[Item, ...] | None = None
    mistakes = Mistakes()
    for written in reversed(chain):
        about = written.about or about
        steps = patched(steps, written.steps, mistakes)
        deliver = deliver if written.deliver is None else patched(deliver or (), written.deliver, mistakes)
        mistakes.stop()
    source = chain[0].source.name
    return Recipe(Path(source).stem, source, about, steps, deliver, read_sets(sets), chain[0].place)


def shipped() -> dict[str, str]:
    """The shipped recipes: name to the sentence they say about themselves."""
    return {name: load(name).about for name in library.names()}


def _chain(path: Path, shown: str) -> list[Outline]:
    """The recipe, what it extends, what that extends, and so on."""
    chain: list[Outline] = []
    seen: list[Path] = []
    while True:
        source = library.read(path, shown)
        found = outline(source, parse(source))
        chain.append(found)
        seen.append(path.resolve())
        if found.extends is None:
            return chain
        path, shown = _base(found.extends, found)
        if path.resolve() in seen or len(chain) == LONGEST_CHAIN:
            raise _endless(found.extends, [*(each.source.shown for each in chain), shown])


def _endless(link: Text, files: list[str]) -> RecipeError:
    if len(files) > LONGEST_CHAIN:
        return mistake(
            link.place, f"more than {LONGEST_CHAIN} recipes extend one another: {' → '.join(files)}"
        )
    circle = " → ".join(files)
    return mistake(link.place, f"`extends` goes in a circle: {circle}", "take one of these `extends` out")


def _base(link: Text, child: Outline) -> tuple[Path, str]:
    """The file a recipe extends: a shipped one, or a path that starts at the recipe's folder."""
    written = link.value or ""
    try:
        path, shown = library.find(written, child.source.folder)
    except RecipeError as error:
        raise mistake(link.place, error.what, error.hint) from None
    if path.parent != library.folder():
        shown = os.path.normpath(Path(child.source.shown).parent / os.path.expanduser(shown))
    if not os.path.isfile(path):
        hint = "a shipped name, or a path that starts at this file's folder"
        raise mistake(link.place, f"no such file: {shown}", hint)
    return path, shown
