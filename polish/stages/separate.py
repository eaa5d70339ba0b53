"""The mix into stems that sum to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..dsp.residual import residual_dbfs, share_residual
from ..errors import BadInput, ModelUnavailable, UsageError
from ..models import engines, store
from ..models.engines import Choice, Separator
from ..song import Song
from .base import Context, Stage


class Separate(Stage):
    """Separate the mix into stems that sum to it.

    Whatever the engine leaves over is shared out among the stems in proportion to their power
    at each moment, so that they null against the mix at −120 dBFS or below. When only some
    stems are asked for, each is as the engine made it; with the vocals alone comes
    `accompaniment`, the mix less the vocals.
    """

    name = "separate"
    reads = ("mix",)
    uses = ("stems",)
    writes = ("stems",)
    kind = "separator"

    model: str = Field("auto", description="The engine: htdemucs, htdemucs_ft …, builtin, or auto.")
    stems: list[str] = Field(
        [], description="Only these stems; vocals alone brings the accompaniment with it. None: all."
    )
    replace: bool = Field(False, description="Separate again when there are stems already.")

    def engine(self) -> str:
        return self.model

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        step, mix = self.step(context), song.mix
        if song.stems and not self.replace:
            return song.noting(
                step, engine=None, why="the stems that were there are kept", **_facts(mix, song.stems)
            )
        if mix.channels > 2:
            raise BadInput(
                f"{mix.channels} channels: stems are separated from mono or stereo", where=step,
                hint="fold it down to stereo first, as in: ffmpeg -i FILE -ac 2 stereo.wav",
            )  # fmt: skip
        choice = _ready(engines.choose(self.kind, self.model, offline=context.offline), self.model, context)
        if self.model == "auto":
            context.notice(choice.why)
        engine = cast(Separator, choice.make())
        made = self._separated(engine, mix, context)
        whole = "accompaniment" in made or tuple(made) == engine.stems
        facts = _facts(mix, made, whole=whole)
        return song.having(stems=made).noting(step, engine=choice.name, why=choice.why, **facts)

    def _separated(self, engine: Separator, mix: Sound, context: Context) -> dict[str, Sound]:
        names = engine.stems
        if unknown := [name for name in self.stems if name not in names]:
            raise UsageError(
                f"{engine.name} makes {', '.join(names)}; there is no stem {unknown[0]!r}",
                where=self.step(context), hint="guitar and piano come from model: htdemucs_6s",
            )  # fmt: skip
        wanted = tuple(name for name in names if not self.stems or name in self.stems)
        if mix.silent:
            made = dict.fromkeys(wanted, mix)
        else:
            found = engine.separate(mix, seed=context.seed, progress=context.progress, stems=wanted)
            made = {name: found.stems[name] for name in wanted}
        if wanted == ("vocals",):
            rest = np.subtract(mix.samples, made["vocals"].samples)
            return {**made, "accompaniment": mix.with_samples(rest)}
        if wanted != names:
            return made
        whole = share_residual(mix.samples, {name: stem.samples for name, stem in made.items()}, mix.rate_hz)
        return {name: mix.with_samples(samples) for name, samples in whole.items()}


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


def _facts(mix: Sound, stems: Mapping[str, Sound], *, whole: bool = True) -> dict[str, object]:
    """How far the stems miss the mix (None: not at all, or only some were made), and their energy shares."""
    energies = {name: _energy(stem) for name, stem in stems.items()}
    total = sum(energies.values())
    samples = {name: stem.samples for name, stem in stems.items()}
    left_dbfs = residual_dbfs(mix.samples, samples) if whole else None
    shares = {name: round(energy / total, 4) if total else None for name, energy in energies.items()}
    return {"residual_dbfs": None if left_dbfs is None else round(left_dbfs, 1), "energy_share": shares}


def _energy(sound: Sound) -> float:
    """The sum of all squared samples."""
    block = 1 << 20
    starts = range(0, sound.frames, block)
    parts = (row for at in starts for row in sound.samples[:, at : at + block])
    return math.fsum(float(np.vdot(part, part)) for part in parts)
