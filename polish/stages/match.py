"""The stage `match`: tonal balance towards a reference track or a named curve."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..audio import Sound
from ..declared import File
from ..dsp.loudness import integrated_lufs
from ..dsp.spectrum import third_octave_levels_db
from ..dsp.tonal import filtered, linear_phase_filter, matching_gains_db
from ..errors import BadInput
from ..song import Song
from ..units import DB, PERCENT, amplitude
from .base import Context, Stage

_SHORTEST_REFERENCE_S = 1.0

CURVES: dict[str, tuple[tuple[float, float], ...]] = {
    "streaming": (
        (20, -26), (25, -18), (31.5, -11), (40, -6), (50, -2.5), (63, -0.5), (80, 0), (100, 0),
        (4000, -10.6), (8000, -14.5), (12500, -18), (16000, -22), (20000, -30),
    ),
    "pink": ((20, 0), (20000, 0)),
}  # fmt: skip
"""Levels of third-octave bands in dB by frequency in Hz, straight lines over log frequency between.

``streaming`` is the average of popular records: 5 dB per octave of power density between
100 Hz and 4 kHz, falling off at both ends (P. Pestana, Z. Ma, J. Reiss, A. Barbosa & D. Black,
"Spectral Characteristics of Popular Commercial Recordings 1950-2010", AES 135, 2013), rounded.
``pink`` falls by 3 dB per octave throughout.
"""


class Match(Stage):
    """Bring the tonal balance of the mix towards a reference track or a curve.

    The average spectra are compared in third octaves; a linear-phase filter goes a stated share
    of the way, within limits, and the loudness stays what it was.
    """

    name: ClassVar[str] = "match"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("mix",)

    reference: Annotated[str, File("sound")] | None = Field(
        None, description="A track whose balance is taken; of any rate and channel count."
    )
    curve: Literal["streaming", "pink"] = Field(
        "streaming", description="The balance to take where there is no reference."
    )
    amount: Annotated[float, PERCENT] = Field(50.0, description="How much of the way to go.")
    limit: Annotated[float, DB.between(0, 12)] = Field(6.0, description="The most gain or cut of any band.")

    @model_validator(mode="before")
    @classmethod
    def _one_balance(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("reference") and given.get("curve"):
            raise ValueError("reference and curve are both given: take one of them")
        return given

    def run(self, song: Song, context: Context = Context()) -> Song:
        mix, step = song.mix, self.step(context)
        if mix.silent:
            context.notice("the mix is silent: there is nothing to match")
            return song.noting(step, bands_hz=[], gains_db=[], makeup_db=0.0)
        hz, own_db = third_octave_levels_db(mix.samples, mix.rate_hz)
        context.progress(0.3)
        wanted_db = self._wanted_db(hz, context)
        context.progress(0.5)
        gains_db = matching_gains_db(
            mix.rate_hz, hz, own_db, wanted_db, share=self.amount / 100, limit_db=self.limit
        )
        matched, makeup_db = _matched(mix, hz, gains_db)
        return song.having(mix=matched).noting(
            step,
            bands_hz=[round(float(at), 1) for at in hz],
            gains_db=[round(float(gain), 2) for gain in gains_db],
            makeup_db=makeup_db,
        )

    def _wanted_db(self, hz: NDArray[np.float64], context: Context) -> NDArray[np.float64]:
        """Band levels to match, ``(bands,)``; very low above where the reference ends."""
        if self.reference is None:
            points_hz, levels_db = zip(*CURVES[self.curve], strict=True)
            return np.interp(np.log(hz), np.log(points_hz), levels_db)
        sound = context.sound(self.reference)
        if sound.silent:
            raise BadInput("the reference is silent", where=self.reference, hint="give a track with sound")
        if sound.duration_s < _SHORTEST_REFERENCE_S:
            raise BadInput(
                "the reference is shorter than a second", where=self.reference, hint="give a whole track"
            )
        at_hz, levels_db = third_octave_levels_db(sound.samples, sound.rate_hz)
        return np.interp(hz, at_hz, levels_db, right=-np.inf)


def _matched(mix: Sound, hz: NDArray[np.float64], gains_db: NDArray[np.float64]) -> tuple[Sound, float]:
    """The mix with these gains, at the loudness it had, and the gain that put it there."""
    if not gains_db.any():
        return mix, 0.0
    impulse = linear_phase_filter(mix.rate_hz, hz, gains_db)
    samples = filtered(mix.samples, impulse)
    before, after = (integrated_lufs(s, mix.rate_hz) for s in (mix.samples, samples))
    if before is None or after is None:
        return mix.with_samples(samples), 0.0
    samples *= np.float32(amplitude(before - after))
    return mix.with_samples(samples), before - after
