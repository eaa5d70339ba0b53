"""What a stage has returned, held against what it declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..audio import Sound
from ..errors import StageFailed
from ..song import Master, Song
from ..stages.base import Stage
from . import hashing, slots

_BLOCK_FRAMES = 1 << 18
_OF_SOUND = ("draft", "mix", "stems", "masters")


def changes(
    stage: Stage, step: str, view: Song, returned: Song, keep: Callable[[Sound], Sound]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The slots a stage may write as it has left them, and what it measured.

    Args:
        step: the id it ran under.
        view: the song it was given.
        keep: puts a sound on disk.

    Raises:
        StageFailed: a sound or a fact holds NaN, or a sound that must be there is missing.
        RuntimeError: it changed what it does not declare: a bug in the stage.
    """
    written = tuple(dict.fromkeys((*stage.writes, *stage.may_write)))
    for slot in (*(set(slots.SLOTS) - {*written, "measurements"}), "title", "tags"):
        if getattr(returned, slot) != getattr(view, slot):
            raise RuntimeError(f"stage {stage.name} changed {slot!r}, which it does not declare to write")
    noted = {who: found for who, found in returned.measurements.items() if who not in view.measurements}
    if noted.keys() - {step}:
        raise RuntimeError(f"stage {stage.name} noted measurements under another step: {sorted(noted)}")
    filled = returned.filled()
    if absent := [slot for slot in stage.writes if slot in _OF_SOUND and slot not in filled]:
        raise StageFailed(f"returned no {' and no '.join(absent)}", where=step)
    for name, sound in slots.sounds(returned, written):
        if not _finite(sound):
            raise StageFailed(f"returned NaN or infinite samples in {name}", where=step)
    try:
        facts = hashing.plain(noted.get(step, {}))
        masters = {
            name: Master(made.sound, hashing.plain(made.facts)) for name, made in returned.masters.items()
        }
    except ValueError:
        raise StageFailed("returned NaN or infinity among its measurements", where=step) from None
    kept = slots.replaced(returned.having(masters=masters), keep)
    return {slot: getattr(kept, slot) for slot in written}, facts


def _finite(sound: Sound) -> bool:
    return all(
        bool(np.isfinite(channel[first : first + _BLOCK_FRAMES]).all())
        for channel in sound.samples
        for first in range(0, sound.frames, _BLOCK_FRAMES)
    )


def agree(song: Song, step: str) -> None:
    """See that mix and stems have one rate, length and channel count.

    Raises:
        StageFailed: they have not.
    """
    if song.mix is None:
        return
    for name, stem in song.stems.items():
        if _form(stem) != _form(song.mix):
            raise StageFailed(
                f"left a mix and stems that do not fit together: the mix has {_form(song.mix)}, "
                f"{name} has {_form(stem)}",
                where=step,
            )


def _form(sound: Sound) -> str:
    return f"{sound.rate_hz} Hz, {sound.channels} channels and {sound.frames} frames"
