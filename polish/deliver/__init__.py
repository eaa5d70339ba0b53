"""What leaves: the deliveries by name, one file each."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Delivery

_CLASSES = {
    "master": "Master", "stems": "Stems", "lyrics": "Lyrics", "labels": "Labels", "video": "Video",
    "report": "Report",
}  # fmt: skip


def names() -> tuple[str, ...]:
    """All deliveries that a recipe can name."""
    return tuple(_CLASSES)


@cache
def find(name: str) -> type[Delivery]:
    """The delivery class of that name.

    Raises:
        KeyError: no delivery has that name.
    """
    class_name = _CLASSES[name]
    return getattr(import_module(f".{name}", __name__), class_name)
