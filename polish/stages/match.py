"""The stage `match`: tonal balance towards a reference track or a named curve."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..audio import Samples, Sound
from ..declared import File
from ..dsp.loudness import integrated_lufs
from ..dsp.spectrum import third_octave_levels_db
from ..dsp.tonal import filtered, heard_in_both, linear_phase_filter, matching_gains_db
from ..errors import BadInput
from ..song import Song
from ..units import DB, PERCENT, amplitude
from .base import Context, Stage

_SHORTEST_REFERENCE_S = 1.0
_NOTHING_DB = 0.05
"""Gains that are all smaller are rounding: what they would do is not heard."""
_LEAST_SIDE_BANDS = 6

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
    version: ClassVar[int] = 2

    reference: Annotated[str, File("sound")] | None = Field(
        default=None, description="A track whose balance is taken; of any rate and channel count."
    )
    curve: Literal["streaming", "pink"] = Field(
        default="streaming", description="The balance to take where there is no reference."
    )
    amount: Annotated[float, PERCENT] = Field(default=50.0, description="How much of the way to go.")
    limit: Annotated[float, DB.between(0, 12)] = Field(
        default=6.0, description="The most gain or cut of any band."
    )
    mid_side: bool = Field(
        default=False,
        description="Match the middle and the sides each to the reference's, "
        "so that the width of each band goes with it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_balance(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("reference") and given.get("curve"):
            raise ValueError("reference and curve are both given: take one of them")
        return given

    @model_validator(mode="after")
    def _sides_of_something(self) -> Match:
        if self.mid_side and not self.reference:
            raise ValueError("a curve has no sides: mid_side needs a reference")
        return self

    def run(self, song: Song, context: Context = Context()) -> Song:
        mix, step = song.mix, self.step(context)
        reference = self._reference(context)
        if mix.silent:
            context.notice("the mix is silent: there is nothing to match")
            return song.noting(step, bands_hz=[], gains_db=[], makeup_db=0.0)
        context.progress(0.3)
        apart = self.mid_side and self._has_sides(mix, reference, context)
        hz, own_db = _levels_db(mix, apart)
        wanted_db = _curve_db(self.curve, hz) if reference is None else _reference_db(reference, hz, apart)
        context.progress(0.6)
        gains_db = matching_gains_db(
            mix.rate_hz, hz, own_db, wanted_db, share=self.amount / 100, limit_db=self.limit
        )
        if np.abs(gains_db).max(initial=0.0) < _NOTHING_DB:
            gains_db = np.zeros_like(gains_db)
        matched, makeup_db = _matched(mix, hz, gains_db)
        names = ("gains_db", "side_gains_db")
        found = {
            name: [round(float(gain), 2) for gain in part]
            for name, part in zip(names, gains_db, strict=False)
        }
        return song.having(mix=matched).noting(
            step, bands_hz=[round(float(at), 1) for at in hz], **found, makeup_db=makeup_db
        )

    def _reference(self, context: Context) -> Sound | None:
        """The reference; refused before anything is measured."""
        if self.reference is None:
            return None
        sound = context.sound(self.reference)
        if sound.silent:
            raise BadInput("the reference is silent", where=self.reference, hint="give a track with sound")
        if sound.duration_s < _SHORTEST_REFERENCE_S:
            raise BadInput(
                "the reference is shorter than a second", where=self.reference, hint="give a whole track"
            )
        return sound

    def _has_sides(self, mix: Sound, reference: Sound | None, context: Context) -> bool:
        """Whether both are stereo with something in their sides; says so where they are not."""
        for name, sound in (("mix", mix), ("reference", reference)):
            if sound is None or sound.channels != 2:
                why = f"the {name} has {sound.channels if sound else 0} channels"
            elif not _sides_are_heard(sound):
                why = f"the {name} has nothing in its sides"
            else:
                continue
            context.notice(f"{why}: middle and sides are matched as one")
            return False
        return True


def _levels_db(sound: Sound, apart: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Band levels ``(parts, bands)`` of the whole, or of middle and sides."""
    parts = [part[None] for part in _rotated(sound.samples)] if apart else [sound.samples]
    found = [third_octave_levels_db(part, sound.rate_hz) for part in parts]
    return found[0][0], np.stack([levels_db for _, levels_db in found])


def _sides_are_heard(sound: Sound) -> bool:
    _, levels_db = _levels_db(sound, True)
    return bool(heard_in_both(levels_db, levels_db)[1].sum() >= _LEAST_SIDE_BANDS)


def _curve_db(curve: str, hz: NDArray[np.float64]) -> NDArray[np.float64]:
    points_hz, levels_db = zip(*CURVES[curve], strict=True)
    return np.interp(np.log(hz), np.log(points_hz), levels_db)[None]


def _reference_db(reference: Sound, hz: NDArray[np.float64], apart: bool) -> NDArray[np.float64]:
    """Its levels at the bands of the mix; nothing above where its own rate ends."""
    at_hz, levels_db = _levels_db(reference, apart)
    return np.stack([np.interp(hz, at_hz, part, right=-np.inf) for part in levels_db])


def _rotated(samples: Samples) -> Samples:
    """Left and right to middle and side, and back: ``(l + r) / √2`` and ``(l - r) / √2``, one power."""
    half = np.float32(0.5**0.5)
    return np.stack([(samples[0] + samples[1]) * half, (samples[0] - samples[1]) * half])


def _matched(mix: Sound, hz: NDArray[np.float64], gains_db: NDArray[np.float64]) -> tuple[Sound, float]:
    """The mix with these gains, at the loudness it had, and the gain that put it there."""
    if not gains_db.any():
        return mix, 0.0
    filters = [linear_phase_filter(mix.rate_hz, hz, part) for part in gains_db]
    if len(filters) == 1:
        samples = filtered(mix.samples, filters[0])
    else:
        parts = [filtered(p[None], own) for p, own in zip(_rotated(mix.samples), filters, strict=True)]
        samples = _rotated(np.concatenate(parts))
    before, after = (integrated_lufs(s, mix.rate_hz) for s in (mix.samples, samples))
    if before is None or after is None:
        return mix.with_samples(samples), 0.0
    samples *= np.float32(amplitude(before - after))
    return mix.with_samples(samples), before - after
