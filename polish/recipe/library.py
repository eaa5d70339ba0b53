"""Where recipes are: shipped ones by name, others by path."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from ..errors import RecipeError
from .source import Place, Source, mistake
from .words import guess, printable, visible

LARGEST_BYTES = 256 * 1024
"""The size a recipe may have; a real one has one or two KiB."""

_SUFFIXES = (".yaml", ".yml")
_WRONG_FILE = "give a recipe first and the draft second: `polish run RECIPE DRAFT`"


@cache
def folder() -> Path:
    """The folder of shipped recipes: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


@cache
def names() -> tuple[str, ...]:
    """The names of the shipped recipes."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def find(name: str | os.PathLike[str], beside: Path) -> tuple[Path, str]:
    """The file of a recipe and how messages call it; a relative path starts at `beside`.

    What has a folder or a YAML suffix in it is a path; anything else is a shipped name, or,
    when there is none of that name, a file.

    Raises:
        RecipeError: there is no such recipe.
    """
    written = os.fspath(name)
    path = beside / os.path.expanduser(written)
    if Path(written).name == written and not written.endswith(_SUFFIXES):
        if written in names():
            return folder() / f"{written}.yaml", f"{written}.yaml"
        if not os.path.lexists(path):
            what = f"no recipe is called `{printable(written)}`{guess(written, names())}"
            hint = f"one of {', '.join(names())}, or the path of a recipe file"
            raise RecipeError(what, hint=hint)
    if os.path.isdir(path):
        raise RecipeError("a folder, not a recipe", where=visible(written), hint=_WRONG_FILE)
    return path, visible(written)


def read(path: Path, shown: str) -> Source:
    """Read the text of a recipe.

    Raises:
        RecipeError: it is missing, unreadable, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        hint = "check the path; `polish recipes` lists the shipped ones"
        raise RecipeError("no such file", where=shown, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"cannot be read: {reason}", where=shown) from error
    if len(data) > LARGEST_BYTES:
        what = f"larger than {LARGEST_BYTES // 1024} KiB, which no recipe needs"
        raise RecipeError(what, where=shown, hint=_WRONG_FILE)
    try:
        return Source(shown, path.parent, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _not_utf8(Source(shown, path.parent, data.decode("utf-8", "replace")), data, error) from None


def _not_utf8(source: Source, data: bytes, error: UnicodeDecodeError) -> RecipeError:
    if b"\0" in data[:64] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return RecipeError("not a text file", where=source.shown, hint=_WRONG_FILE)
    before = data[: error.start].decode("utf-8", "replace")
    line = before.count("\n") + 1
    place = Place(source, line, len(before) - before.rfind("\n"))
    return mistake(place, f"not UTF-8 text (byte 0x{data[error.start]:02X})", "save the file as UTF-8")
