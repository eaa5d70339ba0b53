"""One song: a recipe carried out, with a cache, a journal and events.

`polish.run` is this room and, called, the function in it: ``polish.run("streaming", "draft.mp3")``.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .carry import Done, carry
from .events import Event
from .runner import Result, run

__all__ = ["Done", "Event", "Result", "carry", "run"]


class _Room(ModuleType):
    """A package that can be called. Importing it puts it where `polish.run` would be the function."""

    __call__ = staticmethod(run)


sys.modules[__name__].__class__ = _Room
