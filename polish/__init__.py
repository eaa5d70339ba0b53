"""polish: from a music generator's raw draft to a release-ready record.

    import polish

    result = polish.run("streaming", "draft.mp3", out="polished")
    song = polish.Song.read("draft.mp3")
    song = polish.stages.Master(loudness=-14).run(song)

Names are imported when they are first used, so that ``import polish`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import audio, stages
    from .run import run
    from .song import Song

__version__ = "0.1.0"
__all__ = ["Song", "__version__", "audio", "run", "stages"]

_HOMES = {"Song": ".song", "run": ".run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    if name in ("audio", "stages"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
