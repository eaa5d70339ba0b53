"""The stage `saturate`: harmonics by driving a soft curve."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..units import DB, PERCENT, amplitude
from .tool import Tool, through


class Saturate(Tool):
    """Saturates the mix or stems as you say: a soft curve that adds odd harmonics.

    ``tanh(drive · x) / drive``, pedalboard's distortion at the level it came in: quiet passages
    stay as they are, peaks are rounded. It is not oversampled, so a bright sound with much
    drive aliases.
    """

    name: ClassVar[str] = "saturate"

    drive: Annotated[float, DB.between(0, 24)] = Field(
        default=6.0, description="How far into the curve the sound is driven; 0 leaves it nearly straight."
    )
    amount: Annotated[float, PERCENT] = Field(
        default=100.0, description="How much of the saturated sound there is; the rest is as it came."
    )

    def worked(self, sound: Sound) -> tuple[Sound, dict[str, Any]]:
        import pedalboard

        if self.amount == 0:
            return sound, {"change_db": None}
        driven = through(sound, lambda: pedalboard.Distortion(self.drive)).samples
        share, level = np.float32(self.amount / 100), np.float32(1 / amplitude(self.drive))
        change = (driven * level - sound.samples) * share
        power, added = (float(np.vdot(part, part)) for part in (sound.samples, change))
        facts = {"change_db": round(10 * np.log10(added / power), 1) if power > 0 and added > 0 else None}
        return sound.with_samples(sound.samples + change), facts
