"""The stage `master`: loudness to a target, under a true-peak ceiling."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from ..audio import Sound
from ..dsp.landing import Landed, land
from ..dsp.limiter import HAIR_DB, find_peaks, reduction_db, turn_down
from ..dsp.measure import dc_offset, measure
from ..song import Master as Mastered
from ..song import Song
from ..units import DBTP, LUFS, amplitude, decibels
from .base import Context, Stage
from .targets import TARGETS, TargetName

_RANGE_LOSS_LU = 2.0
"""How much loudness range `protect` gives away."""
_REACHED_LU = 0.1


class Master(Stage):
    """Bring the mix to a loudness target under a true-peak ceiling.

    A static gain comes first; a look-ahead true-peak limiter takes only what then still lies
    over the ceiling. Loudness is ITU-R BS.1770-5, the range EBU Tech 3342, and both are measured
    on the result. The master is added to `masters` under the step's id, with the facts
    ``target``, ``reached``, ``reason``, ``before``, ``after``, ``gain_db`` and ``limiting``.
    """

    name: ClassVar[str] = "master"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("masters",)

    loudness: Annotated[float, LUFS.between(-40, -5)] = Field(
        -14.0, description="Integrated loudness to reach; a target sets it too, and this wins."
    )
    ceiling: Annotated[float, DBTP.between(-20, 0)] = Field(
        -1.0, description="The highest true peak; a target sets it too, and this wins."
    )
    target: TargetName | None = Field(
        None, description="A service, broadcaster or medium by name, for its loudness and ceiling."
    )
    dynamics: Literal["protect", "reach"] = Field(
        "protect",
        description="Where the loudness would cost more than 2 LU of loudness range: "
        "stay quieter and say so (protect), or reach it all the same.",
    )

    @model_validator(mode="before")
    @classmethod
    def _figures_of_the_target(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("target") not in TARGETS:
            return given
        target = TARGETS[given["target"]]
        return {"loudness": target.loudness_lufs, "ceiling": target.ceiling_dbtp} | given

    def run(self, song: Song, context: Context = Context()) -> Song:
        before = measure(song.mix.samples, song.mix.rate_hz)
        context.progress(0.2)
        sound, offset = _without_offset(song.mix)
        clean = before if sound is song.mix else measure(sound.samples, sound.rate_hz)
        if clean["integrated_lufs"] is None:
            landed, reason = self._under_the_ceiling(sound), _why_no_loudness(sound)
        else:
            landed = land(
                sound.samples, sound.rate_hz, clean, self.loudness, self.ceiling,
                range_loss_lu=_RANGE_LOSS_LU if self.dynamics == "protect" else None,
            )  # fmt: skip
            reason = self._why_not_reached(landed)
        done = {
            "reached": reason is None,
            "reason": reason,
            "gain_db": landed.gain_db,
            "limiting": _limiting(landed),
            "offset_removed_dbfs": decibels(offset),
        }
        target = {"loudness_lufs": self.loudness, "ceiling_dbtp": self.ceiling, "name": self.target}
        facts = {"target": target, "before": before, "after": landed.after, **done}
        for sentence in filter(None, (self._beside_the_target(), reason)):
            context.notice(sentence)
        step = self.step(context)
        masters = {**song.masters, step: Mastered(sound.with_samples(landed.samples), facts)}
        return song.having(masters=masters).noting(step, **done)

    def _under_the_ceiling(self, sound: Sound) -> Landed:
        """Only the ceiling is kept, where loudness cannot be measured."""
        peaks = find_peaks(sound.samples, sound.rate_hz, above=amplitude(self.ceiling))
        reduction = reduction_db(peaks, amplitude(self.ceiling - HAIR_DB))
        if peaks.peaks.max(initial=0.0) <= amplitude(self.ceiling):
            reduction, samples = np.zeros_like(reduction), sound.samples
        else:
            samples = turn_down(sound.samples, reduction, peaks.length)
        return Landed(samples, measure(samples, sound.rate_hz), 0.0, reduction)

    def _beside_the_target(self) -> str | None:
        """A word about settings that win over the target's figures, so that none goes unheeded unseen."""
        if self.target is None:
            return None
        asks = TARGETS[self.target]
        if (self.loudness, self.ceiling) == (asks.loudness_lufs, asks.ceiling_dbtp):
            return None
        asked = f"{_written(asks.loudness_lufs)} LUFS and {_written(asks.ceiling_dbtp)} dBTP"
        given = f"{_written(self.loudness)} LUFS and {_written(self.ceiling)} dBTP"
        return f"{self.target} asks for {asked}; loudness or ceiling are given too and win: {given}"

    def _why_not_reached(self, landed: Landed) -> str | None:
        reached_lufs = landed.after["integrated_lufs"]
        if abs(reached_lufs - self.loudness) <= _REACHED_LU:
            return None
        target, reached = _written(self.loudness), _written(round(reached_lufs, 1))
        if landed.range_cost_lu is not None:
            without = f"without taking {landed.range_cost_lu:.1f} LU of dynamics"
        else:
            without = f"under a ceiling of {_written(self.ceiling)} dBTP"
        return f"{target} LUFS not reachable {without}; reached {reached} LUFS"


def _written(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _why_no_loudness(sound: Sound) -> str:
    if sound.silent:
        return "silent: no loudness to reach"
    if sound.duration_s < 0.4:
        return "shorter than 400 ms: no loudness to reach, only the ceiling is kept"
    return "quieter than −70 LUFS throughout: no loudness to reach, only the ceiling is kept"


def _limiting(landed: Landed) -> dict[str, float]:
    """How much and how often the limiter worked; time is counted from 0.1 dB on."""
    reduction = landed.reduction_db
    busy = float(np.mean(reduction > 0.1)) if reduction.size else 0.0
    return {"max_reduction_db": float(reduction.max(initial=0.0)), "time_percent": 100 * busy}


def _without_offset(sound: Sound) -> tuple[Sound, float]:
    """The sound without a constant offset, which only takes headroom; and how large the offset was."""
    offset = dc_offset(sound.samples, sound.rate_hz)
    if not offset.any():
        return sound, 0.0
    samples = np.subtract(sound.samples, offset[:, None].astype(np.float32))
    return sound.with_samples(samples), float(np.abs(offset).max())
