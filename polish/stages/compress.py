"""The stage `compress`: a compressor set by hand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ..audio import Sound
from ..units import DB, SECONDS, amplitude
from .tool import Tool, turned_down


class Compress(Tool):
    """Compresses the mix or stems as you say.

    The compressor of pedalboard, keyed by the loudest channel: all channels get one gain, so
    that nothing moves sideways.
    """

    name: ClassVar[str] = "compress"

    threshold: Annotated[float, DB.between(-60, 0)] = Field(
        default=-18.0, description="Above that level, against full scale, it turns down."
    )
    ratio: float = Field(default=2.0, ge=1, le=20, description="How many dB more in make one dB more out.")
    attack: Annotated[float, SECONDS.between(0.0001, 0.5)] = Field(
        default=0.01, description="How quickly it turns down."
    )
    release: Annotated[float, SECONDS.between(0.01, 3)] = Field(
        default=0.12, description="How quickly it comes back."
    )
    makeup: Annotated[float, DB.between(0, 24)] = Field(default=0.0, description="Gain after it.")

    def worked(self, sound: Sound) -> tuple[Sound, dict[str, Any]]:
        import pedalboard

        if self.ratio == 1 and self.makeup == 0:
            return sound, {"deepest_db": 0.0}
        compressor = pedalboard.Compressor(
            self.threshold, self.ratio, 1000 * self.attack, 1000 * self.release
        )
        return turned_down(sound, compressor, makeup=amplitude(self.makeup))
