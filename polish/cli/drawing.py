"""Pictures into files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import UsageError
from .console import say

_NAMED = 8
"""So many letters without a font are named."""


def drawing_into(path: str) -> Callable[[str], None]:
    """What writes an SVG document into a file of that name, as the picture its ending says.

    Raises:
        UsageError: the name is no picture's; so it is refused before the work.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".svg", ".png"):
        raise UsageError(f"a picture's name ends in .svg or .png, not {suffix or 'in nothing'}", where=path)

    def write(document: str) -> None:
        from ..files import whole_file
        from ..report import raster

        drawn = raster.png(document) if suffix == ".png" else document.encode()
        if suffix == ".png" and (missing := raster.unseen(document)):
            letters = " ".join(missing[:_NAMED]) + (" …" if len(missing) > _NAMED else "")
            say(f"note: no font of this machine has {letters}: the PNG lacks them, an .svg keeps them")
        with whole_file(Path(path)) as part:
            part.write_bytes(drawn)

    return write
