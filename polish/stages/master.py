"""The stage `master`: loudness to a target, under a true-peak ceiling."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from ..dsp.landing import Allowance, Cost, Landed, Source, land
from ..dsp.limiter import HAIR_DB, find_peaks, reduction_db, turn_down
from ..dsp.measure import measure
from ..song import Master as Mastered
from ..song import Song
from ..units import DB, DBTP, LUFS, PERCENT, amplitude
from .arc import KEPT_LU, Kept, kept
from .base import Context, Stage
from .premaster import Premaster, prepared, untouched, without_brought
from .targets import TARGETS, TargetName, filled_in
from .tool import course

RANGE_LOSS_LU = 2.0
"""How much loudness range `protect` gives away."""
SUSTAINED_DB = 3.0
"""How much reduction `protect` allows, averaged over the 3 s where it is largest."""
BUSY_DB, BUSY_PERCENT = 3.0, 2.0
"""Limiting from which on its balance is looked at; less does not move a third octave by 0.05 dB."""
_REACHED_LU = 0.1


class Master(Stage):
    """Bring the mix to a loudness target under a true-peak ceiling.

    A static gain comes first; a look-ahead true-peak limiter takes only what then still lies
    over the ceiling. Tone and glue come before them where the mix measures a need: bands that
    stand out from released records, a crest factor above theirs. Where the song's sections are known
    and limiting brings them nearer together, they are ridden apart before it by what it takes. Loudness
    is ITU-R BS.1770-5, the range EBU Tech 3342, and both are measured on the result. The master is added to
    `masters` under the step's id, with the facts ``target``, ``reached``, ``reason``,
    ``before``, ``after``, ``gain_db``, ``limiting``, ``tone``, ``glue`` and ``arc``.
    """

    name: ClassVar[str] = "master"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    uses: ClassVar[tuple[str, ...]] = ("sections", "beats")
    writes: ClassVar[tuple[str, ...]] = ("masters",)
    version: ClassVar[int] = 5

    loudness: Annotated[float, LUFS.between(-40, -5)] = Field(
        default=-14.0, description="Integrated loudness to reach; a target sets it too, and this wins."
    )
    ceiling: Annotated[float, DBTP.between(-20, 0)] = Field(
        default=-1.0, description="The highest true peak; a target sets it too, and this wins."
    )
    target: TargetName | None = Field(
        default=None, description="A service, broadcaster or medium by name, for its loudness and ceiling."
    )
    dynamics: Literal["protect", "reach"] = Field(
        default="protect",
        description="Where the loudness would cost more than 2 LU of loudness range, 3 dB of limiting "
        "for 3 s on end, or 0.3 LU between sections: stay quieter and say so, or reach it anyway.",
    )
    link: Annotated[float, PERCENT] = Field(
        default=100.0,
        description="How far the limiter turns all channels down alike: 100 % keeps the image, "
        "less lets one side stay louder while the other is limited.",
    )
    tone: Annotated[float, DB.between(0, 3)] = Field(
        default=2.0,
        description="The most gain or cut of bands that lie more than 7 dB from where records have them, or "
        "are muddy or harsh beyond the middle of records; 0 for none.",
    )
    glue: Annotated[float, DB.between(0, 3)] = Field(
        default=2.0,
        description="The most that a bus compressor may take where the crest factor is above that of "
        "records (17 dB); 0 for none.",
    )
    arc: Annotated[float, DB.between(0, 3)] = Field(
        default=3.0,
        description="The most that sections are ridden before limiting, so that they stand over each other "
        "as they did; 0 for none.",
    )

    @model_validator(mode="before")
    @classmethod
    def _figures_of_the_target(cls, given: Any) -> Any:
        return filled_in(given)

    def run(self, song: Song, context: Context = Context()) -> Song:
        mix = song.mix
        before = untouched(mix).measured
        context.progress(0.2)
        start = prepared(mix, tone_db=self.tone, glue_db=self.glue)
        context.progress(0.5)
        if start.source.measured["integrated_lufs"] is None:
            arc, reason = Kept(self._under_the_ceiling(start.source)), _why_no_loudness(start.source)
        else:
            start, arc = self._landed(song, before, start)
            reason = self._why_not_reached(arc)
        landed = arc.landed
        done = {
            "reached": reason is None,
            "reason": reason,
            "gain_db": landed.gain_db,
            "limiting": _limiting(landed) | _history(landed, mix.duration_s) | start.brought,
            "tone": start.tone,
            "glue": start.glue,
            "arc": arc.facts,
            "offset_removed_dbfs": start.offset_dbfs,
        }
        target = {"loudness_lufs": self.loudness, "ceiling_dbtp": self.ceiling, "name": self.target}
        facts = {"target": target, "before": before, "after": landed.after, **done}
        told = (self._beside_the_target(), *_treatment(start), _ridden(arc), _with_choices(reason, arc))
        for sentence in told:
            if sentence:
                context.notice(sentence)
        step = self.step(context)
        masters = {**song.masters, step: Mastered(mix.with_samples(landed.samples), facts)}
        return song.having(masters=masters).noting(step, **done)

    def _landed(self, song: Song, before: dict[str, Any], start: Premaster) -> tuple[Premaster, Kept]:
        """The mix at its loudness, without the mud and harshness and with the arc that limiting takes."""

        def landed(source: Source, most_lufs: float = np.inf) -> Landed:
            return self._limited(before, source, min(self.loudness, most_lufs))

        first = landed(start.source)
        if _busy(first) and (calmer := without_brought(song.mix, start, first.samples)):
            start, first = calmer, landed(calmer.source)
        protect = self.dynamics == "protect"
        return start, kept(start.source, first, song, landed, most_db=self.arc, protect=protect)

    def _limited(self, before: dict[str, Any], source: Source, lufs: float) -> Landed:
        """Landed, with no more taken than is allowed of what the mix had before tone, glue and rides."""
        taken_lu = (before["loudness_range_lu"] or 0.0) - (source.measured["loudness_range_lu"] or 0.0)
        allowed = Allowance(RANGE_LOSS_LU - taken_lu, SUSTAINED_DB) if self.dynamics == "protect" else None
        landed = land(source, lufs, self.ceiling, allowed=allowed, link=self.link / 100)
        if landed.cost is None or landed.cost.range_loss_lu is None:
            return landed
        return replace(landed, cost=Cost(landed.cost.range_loss_lu + taken_lu, None))

    def _under_the_ceiling(self, source: Source) -> Landed:
        """Only the ceiling is kept, where loudness cannot be measured."""
        peaks = find_peaks(source.samples, source.rate_hz, above=amplitude(self.ceiling))
        if peaks.peaks.max(initial=0.0) <= amplitude(self.ceiling):
            return Landed(source.samples, source.measured, 0.0, np.zeros((1, 1)))
        reduction = reduction_db(peaks, amplitude(self.ceiling - HAIR_DB), link=self.link / 100)
        samples = turn_down(source.samples, reduction, peaks.length)
        return Landed(samples, measure(samples, source.rate_hz), 0.0, reduction)

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

    def _why_not_reached(self, arc: Kept) -> str | None:
        cost, reached_lufs = arc.landed.cost, arc.landed.after["integrated_lufs"]
        if abs(reached_lufs - self.loudness) <= _REACHED_LU:
            return None
        target, reached = _written(self.loudness), _written(round(reached_lufs, 1))
        if arc.cost_lu is not None:
            without = f"without bringing sections {_over(arc.cost_lu, KEPT_LU)} LU nearer together"
        elif cost is None:
            without = f"under a ceiling of {_written(self.ceiling)} dBTP"
        elif cost.range_loss_lu is not None:
            without = f"without taking {_over(cost.range_loss_lu, RANGE_LOSS_LU)} LU of dynamics"
        else:
            without = (
                f"without {_over(cost.sustained_db or 0.0, SUSTAINED_DB)} dB of limiting for seconds on end"
            )
        return f"{target} LUFS not reachable {without}; reached {reached} LUFS"


def _written(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _over(value: float, allowed: float) -> str:
    """With one digit, or with the two that it takes to see that it is more than is allowed."""
    return f"{value:.1f}" if round(value, 1) > allowed else f"{value:.2f}"


def _with_choices(reason: str | None, arc: Kept) -> str | None:
    """The reason with the way there is to have it otherwise."""
    held_back = reason and (arc.landed.cost or arc.cost_lu)
    return f"{reason} (`dynamics: protect`; `reach` goes on)" if held_back else reason


def _treatment(start: Premaster) -> list[str]:
    """What was done to the mix before its loudness, in words."""
    told = []
    if start.tone:
        gains = dict(zip(start.tone["bands_hz"], start.tone["gains_db"], strict=True))
        at_hz = max(gains, key=lambda hz: abs(gains[hz]))
        told.append(
            f"tone: bands lie up to {start.tone['furthest_db']:.1f} dB from where records have them; "
            f"brought back by up to {_written(gains[at_hz])} dB (at {at_hz:.0f} Hz)"
        )
    if start.glue:
        told.append(
            f"glue: the crest factor is {start.glue['crest_db']:.1f} dB, above that of records; "
            f"compressed by up to {start.glue['reduction_db']:.1f} dB"
        )
    return told


def _ridden(arc: Kept) -> str | None:
    """The ride before the limiter in words."""
    gains = [round(gain, 1) + 0.0 for _, gain in arc.ride]
    if not any(gains):
        return None
    still = f"; {arc.lost_lu:.1f} LU are lost all the same" if arc.lost_lu > KEPT_LU else ""
    return (
        f"arc: limiting takes more of some sections than of others; rides of {_written(min(gains))} to "
        f"+{_written(max(gains))} dB before it hand that back{still}"
    )


def _why_no_loudness(source: Source) -> str:
    if not source.samples.any():
        return "silent: no loudness to reach"
    if source.samples.shape[1] < 0.4 * source.rate_hz:
        return "shorter than 400 ms: no loudness to reach, only the ceiling is kept"
    return "quieter than −70 LUFS throughout: no loudness to reach, only the ceiling is kept"


def _busy(landed: Landed) -> bool:
    """Whether the limiter works so much that it shifts the balance of the song."""
    work = _limiting(landed)
    return work["max_reduction_db"] > BUSY_DB and work["time_percent"] > BUSY_PERCENT


def _limiting(landed: Landed) -> dict[str, float]:
    """How much and how often the limiter worked; time is counted from 0.1 dB on."""
    reduction = landed.reduction_db
    busy = float(np.mean(reduction.max(axis=0) > 0.1)) if reduction.size else 0.0
    return {"max_reduction_db": float(reduction.max(initial=0.0)), "time_percent": 100 * busy}


def _history(landed: Landed, duration_s: float) -> dict[str, Any]:
    """What the limiter took over time; nothing where it did not work."""
    deepest = landed.reduction_db.max(axis=0, initial=0.0)
    return course(-deepest, duration_s / deepest.size) if deepest.any() else {}
