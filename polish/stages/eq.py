"""The stage `eq`: an equaliser set by hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from ..audio import Sound
from ..units import DB, HZ
from .tool import Tool, through

_GAIN = DB.between(-24, 24)
_AUDIBLE = HZ.between(20, 20_000)
_TILT_HZ, _TILT_Q = 630.0, 0.35
"""A tilt is a low and a high shelf that meet here, so gentle that they make one slope."""


class Eq(Tool):
    """Equalises the mix or stems as you say: cuts, shelves, peaks and a tilt.

    Filters of pedalboard, one after the other; nothing is measured. A filter at
    or above half the sample rate is left out.
    """

    name: ClassVar[str] = "eq"

    low_cut: Annotated[float, HZ.between(0, 2000)] = Field(
        default=0.0, description="Turns down what is below, by 6 dB there and 12 dB an octave; 0 leaves it."
    )
    high_cut: Annotated[float, HZ.between(0, 20_000)] = Field(
        default=0.0, description="Turns down what is above, by 6 dB there and 12 dB an octave; 0 leaves it."
    )
    low_shelf: Annotated[float, _GAIN] = Field(
        default=0.0, description="Gain of all that is below low_shelf_at."
    )
    low_shelf_at: Annotated[float, _AUDIBLE] = Field(
        default=120.0, description="Where half of low_shelf is reached."
    )
    high_shelf: Annotated[float, _GAIN] = Field(
        default=0.0, description="Gain of all that is above high_shelf_at."
    )
    high_shelf_at: Annotated[float, _AUDIBLE] = Field(
        default=8000.0, description="Where half of high_shelf is reached."
    )
    peaks: dict[str, Annotated[float, _GAIN]] = Field(
        default_factory=dict, description="Gain of bells by their frequency, as in {300 Hz: -2 dB}."
    )
    q: float = Field(default=1.0, ge=0.1, le=30, description="Width of the bells: centre over bandwidth.")
    tilt: Annotated[float, DB.between(-12, 12)] = Field(
        default=0.0,
        description="Lifts the top by half of it and lowers the bottom by half; under 0 the other way.",
    )

    @field_validator("peaks")
    @classmethod
    def _frequencies(cls, given: Mapping[str, float]) -> dict[str, float]:
        for written in given:
            _AUDIBLE.parse(written)
        return dict(given)

    def worked(self, sound: Sound) -> tuple[Sound, dict[str, Any]]:
        filters = [one for one in self._filters() if one[1] < 0.49 * sound.rate_hz]
        if not filters:
            return sound, {"filters": []}
        done = through(sound, partial(self._board, filters))
        said = [
            {"kind": kind, "where_hz": hz, **({"gain_db": gain} if gain is not None else {})}
            for kind, hz, gain in filters
        ]
        return done, {"filters": said, **_curve(partial(self._board, filters), sound.rate_hz)}

    def _filters(self) -> list[tuple[str, float, float | None]]:
        """Kind, frequency and gain of every filter that does something."""
        found: list[tuple[str, float, float | None]] = []
        if self.low_cut:
            found.append(("low cut", self.low_cut, None))
        if self.high_cut:
            found.append(("high cut", self.high_cut, None))
        gained = [("low shelf", self.low_shelf_at, self.low_shelf)]
        gained += [("peak", _AUDIBLE.parse(written), gain) for written, gain in self.peaks.items()]
        gained += [("high shelf", self.high_shelf_at, self.high_shelf)]
        gained += [("tilt, low", _TILT_HZ, -self.tilt / 2), ("tilt, high", _TILT_HZ, self.tilt / 2)]
        return found + [one for one in gained if one[2]]

    def _board(self, filters: list[tuple[str, float, float | None]]) -> Any:
        import pedalboard as pb

        made = {
            "low cut": lambda hz, _: [pb.HighpassFilter(hz), pb.HighpassFilter(hz)],
            "high cut": lambda hz, _: [pb.LowpassFilter(hz), pb.LowpassFilter(hz)],
            "low shelf": lambda hz, gain: [pb.LowShelfFilter(hz, gain)],
            "high shelf": lambda hz, gain: [pb.HighShelfFilter(hz, gain)],
            "peak": lambda hz, gain: [pb.PeakFilter(hz, gain, self.q)],
            "tilt, low": lambda hz, gain: [pb.LowShelfFilter(hz, gain, _TILT_Q)],
            "tilt, high": lambda hz, gain: [pb.HighShelfFilter(hz, gain, _TILT_Q)],
        }
        return pb.Pedalboard([plugin for kind, hz, gain in filters for plugin in made[kind](hz, gain)])


def _curve(board: Any, rate_hz: int) -> dict[str, list[float]]:
    """What the filters do to the spectrum, third octave by third octave, from their impulse response."""
    size = 1 << 15
    impulse = np.zeros((1, size), np.float32)
    impulse[0, 0] = 1
    response = np.abs(np.fft.rfft(board().process(impulse, rate_hz, reset=True)[0]))
    hz = 1000 * 10 ** (np.arange(-17, 14) / 10)
    hz = hz[hz < 0.49 * rate_hz]
    gain_db = 20 * np.log10(
        np.maximum(np.interp(hz, np.arange(response.size) * rate_hz / size, response), 1e-4)
    )
    return {
        "curve_hz": [round(float(at), 1) for at in hz],
        "curve_db": [round(float(db), 1) for db in gain_db],
    }
