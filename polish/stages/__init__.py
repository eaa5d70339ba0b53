"""The stages by name: ours, and those that other packages bring through ``polish.stages``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .album import Album as Album
    from .arrange import Arrange as Arrange
    from .base import Stage
    from .beats import Beats as Beats
    from .check import Check as Check
    from .clean import Clean as Clean
    from .compress import Compress as Compress
    from .eq import Eq as Eq
    from .gate import Gate as Gate
    from .generate import Generate as Generate
    from .level import Level as Level
    from .lyrics import Lyrics as Lyrics
    from .master import Master as Master
    from .match import Match as Match
    from .mix import Mix as Mix
    from .saturate import Saturate as Saturate
    from .sections import Sections as Sections
    from .separate import Separate as Separate

ORDER = (
    "generate", "check", "beats", "sections", "lyrics", "separate", "clean",
    "arrange", "level", "eq", "gate", "compress", "saturate", "mix", "match", "master", "album",
)  # fmt: skip
"""Our own stages, one file each, in the order a song usually meets them."""


@cache
def names() -> tuple[str, ...]:
    """All stages that a recipe can name."""
    foreign = sorted(point.name for point in entry_points(group="polish.stages"))
    return (*ORDER, *(name for name in foreign if name not in ORDER))


@cache
def find(name: str) -> type[Stage]:
    """The stage class of that name.

    Raises:
        KeyError: no stage has that name.
    """
    if name in ORDER:
        return getattr(import_module(f".{name}", __name__), name.capitalize())
    for point in entry_points(group="polish.stages", name=name):
        return point.load()
    raise KeyError(name)


def __getattr__(name: str) -> Any:
    """``polish.stages.Master`` imports its file when it is first asked for."""
    if name.lower() in ORDER and name == name.capitalize():
        return find(name.lower())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a notebook completes ``polish.stages.`` with."""
    return [*(name.capitalize() for name in ORDER), "ORDER", "find", "names"]
