"""The stage `gate`: a gate set by hand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ..audio import Sound
from ..units import DB, SECONDS
from .tool import Tool, turned_down


class Gate(Tool):
    """Turns the mix or stems down where they are quiet, as you say.

    The gate of pedalboard, keyed by the loudest channel. It knows nothing of tails and breaths:
    to take other stems out of a stem's pauses, `clean` looks before it acts.
    """

    name: ClassVar[str] = "gate"

    threshold: Annotated[float, DB.between(-90, 0)] = Field(
        default=-50.0, description="Below that level, against full scale, it turns down."
    )
    ratio: float = Field(default=4.0, ge=1, le=20, description="How many dB less out one dB less in makes.")
    attack: Annotated[float, SECONDS.between(0.0001, 0.5)] = Field(
        default=0.002, description="How quickly it opens."
    )
    release: Annotated[float, SECONDS.between(0.01, 3)] = Field(
        default=0.15, description="How quickly it closes."
    )

    def worked(self, sound: Sound) -> tuple[Sound, dict[str, Any]]:
        import pedalboard

        gate = pedalboard.NoiseGate(self.threshold, self.ratio, 1000 * self.attack, 1000 * self.release)
        return turned_down(sound, gate)
