"""From stems to a mix: the draft's own balance, corrected only where it measures wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from .. import audio
from ..audio import Sound
from ..dsp import balance, bands, dynamic_eq, stereo
from ..errors import StageFailed
from ..song import Song
from ..units import DB, HZ, PERCENT, amplitude
from . import bus
from .base import Context, Stage

LEAD_TOO_LOW_LU, LEAD_TOO_HIGH_LU = -12.0, 12.0
"""How far a lead may be under or over what plays with it before it counts as a fault. Wide on
purpose: within that the balance is taste, and the draft's stays."""
FURTHEST_LEAD_DB = 2.0
_KEEP_WHOLE = frozenset({"drums", "bass", "percussion"})
"""Stems in which no room is made for the lead: they carry the beat and have little presence."""
_SIDE_TOO_HIGH_DB = -10.0
"""Side over mid below `mono_below`: up to there a mono loudspeaker loses less than half a dB."""


class Mix(Stage):
    """Mixes the stems: their own balance, small corrections where it measures wrong, and yours.

    As separated, stems carry the draft's balance; that is where this starts. `gains`, `pan`,
    `width` and `reverb` are done as asked. The rest is measured first and scaled by `amount`:
    a lead far outside the usual balance is brought toward it, presence bands in which the rest
    covers the lead are ducked while it sounds, a low end that is wide is made narrower, peaks
    that stand far over the body are held by a gentle bus compressor. With `amount: 0 %` and
    nothing asked for, the mix is the sum of the stems.
    """

    name = "mix"
    reads = ("stems",)
    writes = ("mix",)

    amount: Annotated[float, PERCENT] = Field(
        50.0, description="How much of the measured corrections is done; 0 leaves the stems' own balance."
    )
    gains: dict[str, Annotated[float, DB.between(-24, 24)]] = Field(
        default_factory=dict, description="Gain by stem, on top of the draft's own balance."
    )
    mute: list[str] = Field([], description="Stems that are left out, as in vocals for karaoke.")
    pan: dict[str, Annotated[float, PERCENT.between(-100, 100)]] = Field(
        default_factory=dict, description="Place by stem, −100 % left to 100 % right, at constant power."
    )
    reverb: dict[str, Annotated[float, DB.between(-60, 0)]] = Field(
        default_factory=dict, description="Level by stem at which it is sent into one shared room."
    )
    lead: str = Field("vocals", description="The stem that the others make room for.")
    width: Annotated[float, PERCENT.between(0, 200)] = Field(
        100.0, description="Width of the whole: 0 % is mono, 100 % as it is."
    )
    mono_below: Annotated[float, HZ.between(0, 300)] = Field(
        100.0, description="Where a low end that is too wide is made narrower; 0 leaves it."
    )
    glue: Annotated[float, DB.between(0, 4)] = Field(
        1.5, description="The most the bus compressor takes from the loudest parts; 0 leaves it out."
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        self._check(song.stems, context)
        stems = self._placed(song.stems, context)
        facts: dict[str, Any] = {
            "gains_db": {name: self.gains.get(name, 0.0) for name in stems},
            "pan_percent": dict(self.pan),
            "reverb_db": dict(self.reverb),
        }
        stems, facts["lead"] = self._made_room(stems)
        context.progress(0.6)
        mix = audio.add(list(stems.values()))
        if self.reverb:
            sent = {name: (stems[name], amplitude(send)) for name, send in self.reverb.items()}
            mix = audio.add([mix, bus.room(list(sent.values()))])
        mix, facts["bus"] = self._bus(mix)
        context.progress(1.0)
        return song.having(mix=mix).noting(self.step(context), **facts)

    def _check(self, stems: Mapping[str, Sound], context: Context) -> None:
        named = (("gains", self.gains), ("mute", self.mute), ("pan", self.pan), ("reverb", self.reverb))
        for setting, names in named:
            for name in names:
                if name not in stems:
                    raise StageFailed(
                        f"{setting} names the stem {name!r}, which this song has not",
                        where=self.step(context),
                        hint=f"one of {', '.join(stems)}",
                    )
        if self.lead != "vocals" and self.lead not in stems:
            raise StageFailed(
                f"the lead is to be {self.lead!r}, which this song has not",
                where=self.step(context),
                hint=f"one of {', '.join(stems)}",
            )

    def _placed(self, stems: Mapping[str, Sound], context: Context) -> dict[str, Sound]:
        """The stems at the gains and places that were asked for; others as they came."""
        placed = {}
        for name, stem in stems.items():
            gain = 0.0 if name in self.mute else amplitude(self.gains.get(name, 0.0))
            left, right = stereo.pan_gains(self.pan.get(name, 0.0) / 100)
            if stem.channels != 2:
                left = right = 1.0
                if self.pan.get(name):
                    context.notice(f"{name} is not panned: that takes two channels, it has {stem.channels}")
            factors = np.array([left, right] if stem.channels == 2 else [1.0] * stem.channels) * gain
            same = bool(np.all(factors == 1))
            placed[name] = (
                stem if same else stem.with_samples(stem.samples * factors.astype(np.float32)[:, None])
            )
        return placed

    def _made_room(self, stems: dict[str, Sound]) -> tuple[dict[str, Sound], dict[str, Any] | None]:
        """The stems after the lead got its level and its room, and what was measured for that."""
        share = self.amount / 100
        if share == 0 or self.lead not in stems or len(stems) < 2:
            return stems, None
        powers = {name: bands.measure(stem.samples, stem.rate_hz) for name, stem in stems.items()}
        rest = {name: found for name, found in powers.items() if name != self.lead}
        over = balance.lead_over_rest_lu(powers[self.lead], list(rest.values()))
        if over is None:
            return stems, None
        gain = 0.0 if self.gains else _toward(over, LEAD_TOO_LOW_LU, LEAD_TOO_HIGH_LU) * share
        covering = {name: found for name, found in rest.items() if name not in _KEEP_WHOLE}
        masked = balance.masking(powers[self.lead], list(rest.values()), share)
        bells = [entry.bell for entry in masked if entry.bell is not None]
        done = dict(stems)
        if abs(gain) >= 0.1:
            lead = stems[self.lead]
            done[self.lead] = lead.with_samples(lead.samples * np.float32(amplitude(gain)))
        for name in covering if bells else ():
            stem = done[name]
            done[name] = stem.with_samples(dynamic_eq.act(stem.samples, stem.rate_hz, bells))
        return done, {
            "stem": self.lead,
            "over_rest_lu": round(over, 2),
            "gain_db": round(gain, 2) if abs(gain) >= 0.1 else 0.0,
            "ducked": list(covering) if bells else [],
            "presence": [_shown(entry) for entry in masked],
        }

    def _bus(self, mix: Sound) -> tuple[Sound, dict[str, Any]]:
        """The whole after width, mono low end and glue, and what was measured for that."""
        share = self.amount / 100
        facts: dict[str, Any] = {"width_percent": self.width if mix.channels == 2 else None}
        if mix.channels == 2:
            if self.width != 100:
                mix = mix.with_samples(stereo.widened(mix.samples, self.width / 100))
            mix, facts["low_end"] = self._narrowed(mix, share)
        if share and self.glue:
            mix, facts["glue"] = bus.glued(mix, self.glue * share)
        return mix, facts

    def _narrowed(self, mix: Sound, share: float) -> tuple[Sound, dict[str, Any] | None]:
        if not share or not self.mono_below or self.mono_below >= mix.rate_hz / 2:
            return mix, None
        over = stereo.side_to_mid_db(mix.samples, mix.rate_hz, 20.0, self.mono_below)
        if over is None:
            return mix, None
        cut = min(0.0, _SIDE_TOO_HIGH_DB - over) * share
        facts = {
            "below_hz": self.mono_below,
            "side_over_mid_db": round(over, 2),
            "side_gain_db": round(cut, 2),
        }
        if cut > -0.1:
            return mix, {**facts, "side_gain_db": 0.0}
        narrow = stereo.narrowed_below(mix.samples, mix.rate_hz, self.mono_below, amplitude(cut))
        return mix.with_samples(narrow), facts


def _toward(value: float, low: float, high: float) -> float:
    """The step that brings a value into a range, at most `FURTHEST_LEAD_DB`."""
    step = low - value if value < low else high - value if value > high else 0.0
    return float(np.clip(step, -FURTHEST_LEAD_DB, FURTHEST_LEAD_DB))


def _shown(entry: balance.Masking) -> dict[str, Any]:
    return {
        "where_hz": [entry.low_hz, entry.high_hz],
        "rest_over_lead_db": round(entry.rest_over_lead_db, 2),
        "change_db": round(entry.bell.deepest_db, 2) if entry.bell else 0.0,
    }
