"""Where sounds are sent to from a mix: one room and one echo, shared by all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..audio import Sound
from ..units import amplitude

_PIECE = 1 << 18
_FEEDBACK = 0.3
LONGEST_S = 2.0


def room(sends: Sequence[tuple[Sound, float]]) -> Sound:
    """The sound of a mid-sized room into which sounds are sent, each at its amplitude; dry left out."""
    import pedalboard

    plugin = pedalboard.Reverb(room_size=0.5, damping=0.5, wet_level=1.0, dry_level=0.0, width=1.0)
    return _sent(sends, plugin)


def echo(sends: Sequence[tuple[Sound, float]], delay_s: float) -> Sound:
    """The echoes of sounds, each at its amplitude: 30 % of every echo comes again; dry left out."""
    import pedalboard

    return _sent(sends, pedalboard.Delay(delay_s, _FEEDBACK, mix=1.0))


def at_levels(stems: Mapping[str, Sound], levels_db: Mapping[str, float]) -> list[tuple[Sound, float]]:
    """Stems with the amplitudes at which they are sent."""
    return [(stems[name], amplitude(level_db)) for name, level_db in levels_db.items()]


def _sent(sends: Sequence[tuple[Sound, float]], plugin: Any) -> Sound:
    first = sends[0][0]
    out = np.empty(first.samples.shape, np.float32)
    for start in range(0, first.frames, _PIECE):
        part = slice(start, start + _PIECE)
        sent = sum(sound.samples[:, part] * np.float32(level) for sound, level in sends)
        out[:, part] = plugin.process(np.ascontiguousarray(sent), first.rate_hz, reset=False)
    return first.with_samples(out)
