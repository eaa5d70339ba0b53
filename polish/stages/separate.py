"""The mix into stems that sum to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from pydantic import Field

from .. import audio
from ..audio import Sound
from ..dsp.residual import CLOSE_ENOUGH_DBFS, left_over, residual_dbfs, share_residual
from ..errors import BadInput, ModelUnavailable, UsageError
from ..models import engines, store
from ..models.engines import Choice, Separator
from ..song import Song
from .base import Context, Stage

_BLOCK_FRAMES = 1 << 20


class Separate(Stage):
    """Separate the mix into stems that sum to it.

    Whatever the engine leaves over is shared out among the stems in proportion to their power
    at each moment, so that they null against the mix at −120 dBFS or below; or it is kept as
    a stem of its own, `residual`, which makes them null as well. One stem alone brings
    `accompaniment` with it, the mix less that stem. When some but not all are asked for,
    each is as the engine made it, and there is nothing they could add up to.
    """

    name = "separate"
    reads = ("mix",)
    uses = ("stems",)
    writes = ("stems",)
    kind = "separator"
    version = 4

    model: str = Field(default="auto", description="The engine: htdemucs, htdemucs_ft …, builtin, or auto.")
    stems: list[str] = Field(
        default=[], description="Only these stems; one alone brings the accompaniment with it. None: all."
    )
    mode: Literal["auto", "exact", "fast"] = Field(
        default="auto",
        description="Every last bit of the network, or faster with a small error that is measured and "
        "stated; auto: fast where this machine gains by it.",
    )
    shifts: int = Field(
        default=0, ge=0, description="Demucs: the mean over so many passes, each shifted by a random time."
    )
    residual: Literal["share", "keep"] = Field(
        default="share",
        description="What the engine leaves over of the mix: shared out among the stems by their power, "
        "or kept as a stem named residual.",
    )
    replace: bool = Field(default=False, description="Separate again when there are stems already.")

    def engine(self) -> str:
        return self.model

    def makes(self, *, offline: bool = True, choice: Choice | None = None) -> tuple[str, ...]:
        """The names of the stems it will make, with the engine `choice` or the one that would do it now.

        Raises:
            UsageError: there is no such engine, or it makes no such stem.
            ModelUnavailable: the engine's weights are neither here nor to be fetched.
        """
        parts = self._parts(choice or engines.choose(self.kind, self.model, offline=offline))
        return (*parts.wanted, parts.rest) if parts.rest else parts.wanted

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        step, mix = self.step(context), song.mix
        if song.stems and not self.replace:
            facts = _facts(mix, song.stems)
            return song.noting(step, engine=None, why="the stems that were there are kept", **facts)
        if mix.channels > 2:
            raise BadInput(
                f"{mix.channels} channels: stems are separated from mono or stereo", where=step,
                hint="fold it down to stereo first, as in: ffmpeg -i FILE -ac 2 stereo.wav",
            )  # fmt: skip
        choice = engines.choose(self.kind, self.model, offline=context.offline)
        self._parts(choice)
        choice = _ready(choice, self.model, context)
        if self.model == "auto":
            context.notice(choice.why)
        parts = self._parts(choice)
        stems, how = self._separated(choice, parts, mix, context)
        made, facts = _adding_up(mix, stems, parts)
        told = _in_words({**how, **facts}, parts)
        return song.having(stems=made).noting(
            step, engine=choice.name, why=choice.why, how=told, **how, **facts
        )

    def _parts(self, choice: Choice) -> _Parts:
        every = cast(Separator, choice.make()).stems
        if unknown := [name for name in self.stems if name not in every]:
            raise UsageError(
                f"{choice.name} makes {', '.join(every)}; there is no stem {unknown[0]!r}",
                where="stems", hint="guitar and piano come from model: htdemucs_6s",
            )  # fmt: skip
        wanted = tuple(name for name in every if not self.stems or name in self.stems)
        if len(wanted) == 1:
            return _Parts(wanted, "accompaniment", every=False)
        kept = wanted == every and self.residual == "keep"
        return _Parts(wanted, "residual" if kept else None, every=wanted == every)

    def _separated(
        self, choice: Choice, parts: _Parts, mix: Sound, context: Context
    ) -> tuple[Mapping[str, Sound], dict[str, Any]]:
        """The engine's stems, and how it worked; silence needs no engine."""
        if mix.silent:
            return dict.fromkeys(parts.wanted, mix), {"mode": None, "snr_db": None, "shifts": None}
        engine = cast(Separator, choice.make())
        done = engine.separate(
            mix, seed=context.seed, progress=context.progress, stems=parts.wanted, shifts=self.shifts,
            mode=engine.best_mode if self.mode == "auto" else self.mode,
        )  # fmt: skip
        one_way = choice.name == "builtin"
        if one_way and self.mode != "auto":
            context.notice(f"the built-in engine works in one way only: mode {self.mode} changes nothing")
        elif self.mode == "fast" and done.mode == "exact":
            context.notice(f"{choice.name} has no faster way on this machine: it worked in mode exact")
        if self.shifts and not done.shifts:
            context.notice(f"shifts change nothing for the engine {choice.name}, which heard the mix once")
        how = {"mode": None if one_way else done.mode, "snr_db": _rounded(done.snr_db), "shifts": done.shifts}
        return {name: done.stems[name] for name in parts.wanted}, how


@dataclass(frozen=True)
class _Parts:
    """What is to be made of a mix.

    Attributes:
        wanted: the stems that the engine makes, in its order.
        rest: the name of the stem that the rest of the mix becomes; None for none.
        every: whether the engine makes no others.
    """

    wanted: tuple[str, ...]
    rest: str | None
    every: bool


def _adding_up(
    mix: Sound, stems: Mapping[str, Sound], parts: _Parts
) -> tuple[dict[str, Sound], dict[str, Any]]:
    """The engine's stems so that they add up to the mix, unless some are missing; and by how much they do.

    The fact ``left_over_dbfs`` is the peak of what all of an engine's stems left of the mix.
    """
    samples = {name: stem.samples for name, stem in stems.items()}
    left_over_dbfs = _missed_by(mix, stems) if parts.every else None
    if parts.rest:
        samples[parts.rest] = left_over(mix.samples, samples)
    elif parts.every:
        samples = share_residual(mix.samples, samples, mix.rate_hz)
    made = {name: Sound(each, mix.rate_hz) for name, each in samples.items()}
    facts = _facts(mix, made, whole=parts.every or parts.rest is not None)
    return made, {"left_over_dbfs": left_over_dbfs, **facts}


def _in_words(facts: Mapping[str, Any], parts: _Parts) -> str:
    """How the stems were made and how well they add up, for the terminal and the report."""
    words = []
    if facts["mode"]:
        snr_db = facts["snr_db"]
        words.append(f"mode {facts['mode']}" + ("" if snr_db is None else f", {snr_db:.0f} dB from exact"))
    if facts["shifts"]:
        words.append(f"mean of {facts['shifts']} shifted passes")
    if facts["left_over_dbfs"] is not None:
        fate = "kept as a stem" if parts.rest else "shared out among the stems"
        near = facts["left_over_dbfs"] <= CLOSE_ENOUGH_DBFS and not parts.rest
        left = f"the engine left {facts['left_over_dbfs']:.0f} dBFS of the mix over"
        words.append(left if near else f"{left}, {fate}")
    if not parts.every and not parts.rest:
        words.append("some stems of several: they do not add up to the mix")
    elif facts["residual_dbfs"] is None:
        words.append("the stems add up to the mix exactly")
    else:
        words.append(f"the stems miss the mix by {facts['residual_dbfs']:.0f} dBFS")
    return "; ".join(words)


def _ready(choice: Choice, asked: str, context: Context) -> Choice:
    """The choice with its weights here; `auto` falls back on the built-in engine."""
    if choice.state != "fetchable":
        return choice
    try:
        store.fetch(choice.name, context.progress)
    except ModelUnavailable as error:
        if asked != "auto":
            raise
        context.notice(error.what)
    return engines.choose(choice.kind, asked, offline=True)


def _facts(mix: Sound, stems: Mapping[str, Sound], *, whole: bool = True) -> dict[str, Any]:
    """How far the stems miss the mix (None: not at all, or only some were made), and their energy shares."""
    energies = {name: _energy(stem) for name, stem in stems.items()}
    total = sum(energies.values())
    shares = {name: round(energy / total, 4) if total else None for name, energy in energies.items()}
    return {"residual_dbfs": _missed_by(mix, stems) if whole else None, "energy_share": shares}


def _missed_by(mix: Sound, stems: Mapping[str, Sound]) -> float | None:
    return _rounded(residual_dbfs(mix.samples, {name: stem.samples for name, stem in stems.items()}))


def _rounded(decibels: float | None) -> float | None:
    return None if decibels is None or not math.isfinite(decibels) else round(decibels, 1)


def _energy(sound: Sound) -> float:
    """The sum of all squared samples."""
    parts = []
    for start in range(0, sound.frames, _BLOCK_FRAMES):
        block = sound.samples[:, start : start + _BLOCK_FRAMES]
        parts += [float(np.vdot(row, row)) for row in block]
        audio.rest(sound.samples)
    return math.fsum(parts)
