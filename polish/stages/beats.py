"""The beat: tempo, beats, downbeats, metre and key."""

from __future__ import annotations

from typing import cast

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..dsp import chroma
from ..dsp.onsets import one_channel
from ..models import engines
from ..models.engines import BeatTracker
from ..song import Beats as Grid
from ..song import Song
from .base import Context, Stage


class Beats(Stage):
    """Find tempo, beats, downbeats, metre and key.

    A song without a steady beat (a pad, noise, speech, two seconds of sound) gets no grid: what
    comes after then works in seconds.
    """

    name = "beats"
    reads = ("mix",)
    writes = ("beats",)
    kind = "beat_tracker"
    version = 10

    engine_: str = Field(default="auto", alias="engine", description="The engine, or auto.")

    def engine(self) -> str:
        return self.engine_

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        choice = engines.choose(self.kind, self.engine_, offline=context.offline)
        grid = cast(BeatTracker, choice.make()).track(song.mix)
        context.progress(1.0)
        if grid.tempo_bpm is None:
            context.notice("no steady beat: sections and fades go by seconds, not by bars")
        return song.having(beats=grid).noting(
            self.step(context), engine=choice.name, why=choice.why, tempo_bpm=grid.tempo_bpm,
            tempo_drift_pct=drift_pct(grid), beats_per_bar=grid.beats_per_bar, key=grid.key,
            tuning_cents=tuning_cents(song.mix), confidence=grid.confidence,
            beats=len(grid.beats_s), bars=len(grid.downbeats_s),
        )  # fmt: skip


def with_beats(song: Song) -> Song:
    """The song with its beats; where nobody found them before, the built-in engine does.

    What a step finds then depends on nothing but its song and settings; `beats` as a step of its own
    takes the better engine.
    """
    if song.beats is not None or song.mix is None:
        return song
    tracker = cast(BeatTracker, engines.choose(Beats.kind, "builtin").make())
    return song.having(beats=tracker.track(song.mix))


def tuning_cents(mix: Sound) -> float | None:
    """How far the song is tuned from A = 440 Hz, −50 to 50 cents; None where no pitch is heard.

    The mode of the pitches of the spectrum's peaks (`librosa.estimate_tuning`), over at most a
    minute from the middle, where they gather at all.
    """
    from ..compiled import alone

    middle_s = mix.duration_s / 2
    mono = one_channel(mix.cut(middle_s - 30, middle_s + 30))
    if mono.frames < 4096 or mono.silent or chroma.chroma(mono).tuning_cents is None:
        return None
    with alone():
        import librosa

        tuning_bins = float(librosa.estimate_tuning(y=mono.samples[0], sr=mono.rate_hz))
    return round(100 * tuning_bins, 1) + 0.0


def drift_pct(grid: Grid) -> float | None:
    """How far the tempo wanders, in percent: between its 5th and 95th percentile over 8 beats.

    None with fewer than 17 beats.
    """
    times = np.array(grid.beats_s)
    if times.size < 17:
        return None
    spans = times[8:] - times[:-8]
    low, high = np.percentile(spans, [5, 95])
    return round(float(100 * (high - low) / np.median(spans)), 2)
