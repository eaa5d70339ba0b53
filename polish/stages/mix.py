"""From stems to a mix: the draft's own balance, corrected only where it measures wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from .. import audio, presets
from ..audio import Sound
from ..dsp import balance, bands, stereo
from ..errors import StageFailed
from ..song import Song
from ..units import DB, HZ, LU, PERCENT, SECONDS, amplitude
from . import bus, room, space
from .base import Context, Stage

_SIDE_TOO_HIGH_DB = -10.0
"""Side over mid below `mono_below`: up to there a mono loudspeaker loses less than half a dB."""
Style = Literal["pop", "rock", "electronic", "hiphop", "acoustic"]
_HIGH_HZ = 4000.0
_FURTHEST_DB = 12.0
"""How far `balance` moves a stem at most."""
_TOUCH_DB = 1.0
"""Gains up to that are a touch: they say nothing of the tone that is wanted."""
_TEMPO_BPM = 120.0
"""Taken for the echo where no tempo is known."""


class Mix(Stage):
    """Mixes the stems: their own balance, small corrections where it measures wrong, and yours.

    As separated, stems carry the draft's balance; that is where this starts. `gains`, `balance`,
    `mute`, `pan`, `width`, `reverb` and `delay` are done as asked. The rest is measured first and
    scaled by `amount`: a lead far outside the usual balance is brought toward it, presence bands
    in which the rest covers the lead are ducked while it sounds, a bass gives way to the kick it
    covers, a low end that is wide is made narrower, peaks that stand far over the body are held
    by a gentle bus compressor; the average spectrum is kept through all this, and mud or harshness
    that it brought is taken back. With `amount: 0 %` and nothing asked for, the mix is the sum of
    the stems.
    """

    name = "mix"
    reads = ("stems",)
    uses = ("beats", "mix")
    writes = ("mix",)
    version = 5

    amount: Annotated[float, PERCENT] = Field(
        default=50.0,
        description="How much of the measured corrections is done; 0 leaves the stems' own balance.",
    )
    style: Style | None = Field(
        default=None,
        description="A style that fills settings which are not given; see what it does in the report.",
    )
    gains: dict[str, Annotated[float, DB.between(-24, 24)]] = Field(
        default_factory=dict, description="Gain by stem, on top of the draft's own balance."
    )
    balance: dict[str, Annotated[float, LU.between(-40, 0)]] = Field(
        default_factory=dict,
        description="Loudness by stem that is wanted against the whole; others keep the draft's balance.",
    )
    mute: list[str] = Field(default=[], description="Stems that are left out, as in vocals for karaoke.")
    pan: dict[str, Annotated[float, PERCENT.between(-100, 100)]] = Field(
        default_factory=dict, description="Place by stem, −100 % left to 100 % right, at constant power."
    )
    reverb: dict[str, Annotated[float, DB.between(-60, 0)]] = Field(
        default_factory=dict, description="Level by stem at which it is sent into one shared room."
    )
    delay: dict[str, Annotated[float, DB.between(-60, 0)]] = Field(
        default_factory=dict, description="Level by stem at which it is sent into one shared echo."
    )
    delay_time: Annotated[float, SECONDS.between(0, space.LONGEST_S)] = Field(
        default=0.0, description="Time between echoes; 0 takes three sixteenths of the song's tempo."
    )
    lead: str = Field(default="vocals", description="The stem that the others make room for.")
    width: Annotated[float, PERCENT.between(0, 200)] = Field(
        default=100.0, description="Width of the whole: 0 % is mono, 100 % as it is."
    )
    width_high: Annotated[float, PERCENT.between(0, 200)] = Field(
        default=100.0, description="Width above 4 kHz, on top of width."
    )
    mono_below: Annotated[float, HZ.between(0, 300)] = Field(
        default=100.0, description="Where a low end that is too wide is made narrower; 0 leaves it."
    )
    duck: Annotated[float, DB.between(0, 6)] = Field(
        default=2.0, description="The most a bass gives way where it covers the kick; 0 leaves it."
    )
    glue: Annotated[float, DB.between(0, 4)] = Field(
        default=1.5, description="The most the bus compressor takes from the loudest parts; 0 leaves it out."
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        styled, filled = self._styled(song.stems)
        styled._check(song.stems, context)
        done, facts = styled._mixed(song, context)
        return song.having(mix=done).noting(self.step(context), style=self.style, style_fills=filled, **facts)

    def _styled(self, stems: Mapping[str, Sound]) -> tuple[Mix, dict[str, Any]]:
        """The settings with those of the style that were not given, and which these are."""
        if self.style is None:
            return self, {}
        wanted = presets.styles()[self.style]["mix"]
        filled = {
            setting: {
                name: value[kind] for name in stems if (kind := presets.kind_of(name)) in value
            } if isinstance(value, Mapping) else value
            for setting, value in wanted.items()
            if setting not in self.model_fields_set
        }  # fmt: skip
        return type(self)(
            **{**{name: getattr(self, name) for name in self.model_fields_set}, **filled}
        ), filled

    def _mixed(self, song: Song, context: Context) -> tuple[Sound, dict[str, Any]]:
        gains, facts = self._gains(song.stems)
        stems = self._placed(song.stems, gains, context)
        facts |= {
            "gains_db": {name: gains.get(name, 0.0) for name in stems},
            "pan_percent": dict(self.pan),
            "reverb_db": dict(self.reverb),
            "delay_db": dict(self.delay),
        }
        touched = bool(self.mute) or any(abs(gain) > _TOUCH_DB for gain in gains.values())
        plain = audio.add(list((stems if touched else song.stems).values()))
        if self.amount and len(stems) > 1:
            powers = {name: bands.measure(stem.samples, stem.rate_hz) for name, stem in stems.items()}
            stems, made = room.made(
                stems, powers, lead=self.lead, share=self.amount / 100, duck_db=self.duck, level=not gains
            )
            facts |= made
        context.progress(0.6)
        mix = audio.add(list(stems.values()))
        if self.reverb:
            mix = audio.add([mix, space.room(space.at_levels(stems, self.reverb))])
        if self.delay:
            facts["delay_s"] = self._delay_s(song)
            mix = audio.add([mix, space.echo(space.at_levels(stems, self.delay), facts["delay_s"])])
        mix, facts["bus"] = self._bus(mix)
        if self.amount:
            if not (self.reverb or self.delay or self.width != 100 or self.width_high != 100):
                mix, facts["average_kept"] = bus.rebalanced(plain, mix)
            before = [song.mix] if song.mix and not touched and song.mix.frames == mix.frames else []
            mix, facts["tone"] = bus.toned(mix, [plain, *before])
        context.progress(1.0)
        return mix, facts

    def _gains(self, stems: Mapping[str, Sound]) -> tuple[dict[str, float], dict[str, Any]]:
        """Gain by stem, from the wanted relations and from what was given, and what was measured."""
        if not self.balance:
            return dict(self.gains), {}
        levels = {
            name: level
            for name, stem in stems.items()
            if (level := balance.level_lu(bands.measure(stem.samples, stem.rate_hz))) is not None
        }
        wanted = {name: over for name, over in self.balance.items() if name in levels}
        moved = balance.relation_gains_db(levels, wanted, _FURTHEST_DB)
        whole = 10 * np.log10(sum(10 ** (level / 10) for level in levels.values()))
        facts = {"under_whole_lu": {name: round(float(level - whole), 2) for name, level in levels.items()}}
        return {name: moved.get(name, 0) + self.gains.get(name, 0) for name in {**moved, **self.gains}}, facts

    def _delay_s(self, song: Song) -> float:
        if self.delay_time:
            return self.delay_time
        tempo_bpm = song.beats.tempo_bpm if song.beats else None
        return round(min(0.75 * 60 / (tempo_bpm or _TEMPO_BPM), space.LONGEST_S), 4)

    def _check(self, stems: Mapping[str, Sound], context: Context) -> None:
        asked = {name: getattr(self, name) for name in ("gains", "balance", "mute", "pan", "reverb", "delay")}
        asked["lead"] = [self.lead] if self.lead != "vocals" else []
        for setting, names in asked.items():
            for name in names:
                if name not in stems:
                    raise StageFailed(
                        f"{setting} names the stem {name!r}, which this song has not",
                        where=self.step(context),
                        hint=f"one of {', '.join(stems)}",
                    )

    def _placed(
        self, stems: Mapping[str, Sound], gains: Mapping[str, float], context: Context
    ) -> dict[str, Sound]:
        """The stems at the gains and places that were asked for; others as they came."""
        placed = {}
        for name, stem in stems.items():
            gain = 0.0 if name in self.mute else amplitude(gains.get(name, 0.0))
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

    def _bus(self, mix: Sound) -> tuple[Sound, dict[str, Any]]:
        """The whole after width, mono low end and glue, and what was measured for that."""
        share = self.amount / 100
        facts: dict[str, Any] = {"width_percent": self.width if mix.channels == 2 else None}
        if mix.channels == 2:
            if self.width != 100:
                mix = mix.with_samples(stereo.widened(mix.samples, self.width / 100))
            mix, facts["low_end"] = self._narrowed(mix, share)
            if self.width_high != 100 and mix.rate_hz > 2.2 * _HIGH_HZ:
                mix = mix.with_samples(
                    stereo.widened_above(mix.samples, mix.rate_hz, _HIGH_HZ, self.width_high / 100)
                )
        facts["width_high_percent"] = self.width_high if mix.channels == 2 else None
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
