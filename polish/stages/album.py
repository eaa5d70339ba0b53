"""The stage `album`: the gain that a set of tracks shares, so that they keep their relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from ..audio import Samples, Sound
from ..dsp.album import Shared, Track, shared_gain
from ..dsp.limiter import limit
from ..dsp.measure import measure
from ..song import Master as Mastered
from ..song import Song
from ..units import DB, DBTP, LUFS, amplitude, number
from .base import Context, Stage
from .targets import TargetName, filled_in

_REACHED_LU = 0.1
_HAIR_DB = 0.001


class Album(Stage):
    """Bring a set of tracks to a loudness with one gain for all of them.

    The loudness is that of the tracks one after the other (ITU-R BS.1770-5). `polish batch`
    measures all tracks first and tells each the gain; a track alone is an album of one. The
    master is added to `masters` under the step's id, with the facts of a `master` and, under
    ``album``, what the tracks measure together.
    """

    name: ClassVar[str] = "album"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("masters",)

    loudness: Annotated[float, LUFS.between(-40, -5)] = Field(
        default=-14.0, description="Loudness of the album to reach; a target sets it too, and this wins."
    )
    ceiling: Annotated[float, DBTP.between(-20, 0)] = Field(
        default=-1.0, description="The highest true peak of any track; a target sets it too, and this wins."
    )
    target: TargetName | None = Field(
        default=None, description="A service, broadcaster or medium by name, for its loudness and ceiling."
    )
    dynamics: Literal["protect", "reach"] = Field(
        default="protect",
        description="Where peaks leave too little room: turn the whole album up less and say so (protect), "
        "or limit the tracks that need it (reach).",
    )
    gain: Annotated[float, DB.between(-80, 80)] | None = Field(
        default=None,
        description="The gain of every track. None: found, by a batch for all its tracks together.",
    )
    album_loudness: Annotated[float, LUFS] | None = Field(
        default=None, description="What the tracks measure together with that gain; a batch fills it in."
    )
    album_peak: Annotated[float, DBTP] | None = Field(
        default=None, description="The highest true peak of all tracks with that gain; a batch fills it in."
    )

    @model_validator(mode="before")
    @classmethod
    def _figures_of_the_target(cls, given: Any) -> Any:
        return filled_in(given)

    def surveyed(self, mix: Sound) -> Track:
        """What the album needs to know of a track: as it is, or with `gain` where that is given."""
        samples = mix.samples if self.gain is None else self._with_gain(mix, self.gain)
        return Track.of(samples, mix.rate_hz)

    def run(self, song: Song, context: Context = Context()) -> Song:
        mix = song.mix
        before = measure(mix.samples, mix.rate_hz)
        context.progress(0.3)
        shared = self._shared(mix)
        samples = self._with_gain(mix, shared.gain_db)
        after = measure(samples, mix.rate_hz)
        if self.gain is not None and self.album_loudness is None:
            shared = Shared(self.gain, None, after["integrated_lufs"], after["true_peak_dbtp"])
        reason = self.why_not_reached(shared)
        if self.gain is None and reason:
            context.notice(reason)
        peak_dbtp = before["true_peak_dbtp"]
        over_db = 0.0 if peak_dbtp is None else peak_dbtp + shared.gain_db - after["true_peak_dbtp"]
        done = {
            "reached": reason is None,
            "reason": reason,
            "gain_db": shared.gain_db,
            "limiting": {"max_reduction_db": max(0.0, over_db) if over_db > _HAIR_DB else 0.0},
            "album": {"loudness_lufs": shared.loudness_lufs, "true_peak_dbtp": shared.true_peak_dbtp},
        }
        target = {"loudness_lufs": self.loudness, "ceiling_dbtp": self.ceiling, "name": self.target}
        facts = {"target": target, "before": before, "after": after, **done}
        step = self.step(context)
        masters = {**song.masters, step: Mastered(mix.with_samples(samples), facts)}
        return song.having(masters=masters).noting(step, **done)

    def why_not_reached(self, shared: Shared) -> str | None:
        """Why the tracks are not as loud together as was asked for, if they are not."""
        if shared.loudness_lufs is None:
            return "silent: no loudness to reach"
        if abs(shared.loudness_lufs - self.loudness) <= _REACHED_LU:
            return None
        wanted, reached = number(self.loudness), number(round(shared.loudness_lufs, 1))
        how = " without limiting" if self.dynamics == "protect" else ""
        told = f"{wanted} LUFS not reachable under {number(self.ceiling)} dBTP{how}; reached {reached} LUFS"
        return told.replace("-", "−")

    def _shared(self, mix: Sound) -> Shared:
        """The gain as it was given, or of an album of this track alone."""
        if self.gain is not None:
            return Shared(self.gain, None, self.album_loudness, self.album_peak)

        def measured(gain_db: float | None) -> Sequence[Track]:
            return [self.model_copy(update={"gain": gain_db}).surveyed(mix)]

        return shared_gain(measured, self.loudness, self.ceiling, limiting=self.dynamics == "reach")

    def _with_gain(self, mix: Sound, gain_db: float) -> Samples:
        """The mix with a gain, limited where peaks would then be over the ceiling."""
        louder = mix.samples if gain_db == 0 else mix.samples * np.float32(amplitude(gain_db))
        peak_dbtp = Track.of(louder, mix.rate_hz).true_peak_dbtp
        if peak_dbtp is None or peak_dbtp <= self.ceiling + _HAIR_DB:
            return louder
        return limit(mix.samples, mix.rate_hz, self.ceiling, gain_db=gain_db)
