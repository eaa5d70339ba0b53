"""About how much room results will take, before they are made."""

from __future__ import annotations

from typing import Any

from ..song import Song
from ..stages.separate import Separate

_TEXTS_BYTES = 16 << 20
"""Room for facts, report and the rest that is not sound."""
_LOSSY_SHARE = 0.1
_USUAL_STEMS = 4
"""As many as a stage makes that does not say so beforehand: so does the built-in composer."""


def needed_bytes(plan: Any, song: Song) -> int:
    """The room for every master and every stem that a plan delivers.

    Args:
        plan: a checked `polish.recipe.Plan`.
        song: the draft as it was read; one that is yet to be generated counts as nothing.
    """
    main = song.mix or song.draft
    nbytes = main.samples.nbytes if main else 0
    needed = float(_TEXTS_BYTES)
    for each in plan.deliveries:
        delivery = each.delivery
        count = 1 if "masters" in delivery.reads else 0
        if "stems" in delivery.reads:
            count += _stems(plan, song) + bool(getattr(delivery, "removed", False))
        format_ = getattr(delivery, "format", None)
        lossy = getattr(format_, "lossy", False)
        needed += count * nbytes * (_LOSSY_SHARE if lossy else (getattr(format_, "bits", None) or 24) / 32)
    return round(needed)


def _stems(plan: Any, song: Song) -> int:
    """How many stems there will be."""
    count = len(song.stems)
    for step in plan.steps:
        stage = step.stage
        if isinstance(stage, Separate) and step.choice and not step.skipped and (stage.replace or not count):
            count = len(stage.makes(choice=step.choice))
    return count or _USUAL_STEMS
