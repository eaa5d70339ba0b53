"""A song as it reaches a step: the steps before it are carried out, nothing is delivered.

They go through the cache, so that the run that follows finds them done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import StageFailed
from ..song import Song
from . import engines
from .cache import Cache, Spoiled
from .carry import carry
from .events import Teller

_ATTEMPTS = 3


def arriving(
    plan: Any, draft: str | Path, step: str, *, offline: bool = False, fresh: bool = False, seed: int = 0
) -> Song:
    """The song as it comes to the step of that id.

    Raises:
        PolishError: the draft cannot be read, or a step before it failed.
    """
    before = plan.steps[: [each.id for each in plan.steps].index(step)]
    steps, whole = engines.fetched(before, Teller())
    for _ in range(_ATTEMPTS):
        cache = Cache(fresh=fresh)
        song = cache.opened(Song.read(draft))
        try:
            return carry(steps, song, cache, seed=seed, offline=offline or not whole)[0]
        except Spoiled:
            continue
    raise StageFailed("the cache gives back other bytes than were written", where=step, hint="--fresh")
