"""Small stages, engines and plans, with which the run room is tested apart from the others."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from polish.declared import File
from polish.deliver.base import Delivered, Delivery
from polish.errors import EngineUnable, ModelUnavailable, StageFailed
from polish.files import whole_file, write_text
from polish.models.engines import Choice
from polish.song import Beats, Finding, Master, Section, Song
from polish.stages.base import Context, Stage

calls: Counter[str] = Counter()
"""How often each step has really run in this process."""


class Counted(Stage):
    """Counts its runs; sleeps when ``POLISH_TEST_SLOW`` says how many seconds."""

    name: ClassVar[str] = "counted"

    def run(self, song: Song, context: Context = Context()) -> Song:
        calls[self.step(context)] += 1
        time.sleep(float(os.environ.get("POLISH_TEST_SLOW", "0")))
        context.progress(0.5)
        return self.work(song, context)

    def work(self, song: Song, context: Context) -> Song:
        return song


class Split(Counted):
    """A mix into two stems that sum to it."""

    name: ClassVar[str] = "split"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("stems",)
    share: float = 0.25

    def work(self, song: Song, context: Context) -> Song:
        part = song.mix.with_samples(song.mix.samples * np.float32(self.share))
        rest = song.mix.with_samples(song.mix.samples - part.samples)
        context.notice(f"split at {self.share:g}")
        return song.having(stems={"vocals": part, "other": rest}).noting(
            self.step(context), share_percent=np.float32(100 * self.share), stems=("vocals", "other")
        )


class Find(Counted):
    """One finding, two sections and a beat."""

    name: ClassVar[str] = "find"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("findings", "sections", "beats")

    def work(self, song: Song, context: Context) -> Song:
        end_s = song.mix.duration_s
        finding = Finding(kind="hum", start_s=0, end_s=end_s, severity="info", value=50.0, unit="Hz",
                          message="a hum", mend="clean")  # fmt: skip
        sections = tuple(Section(start_s=t, end_s=end_s, group="A", label="verse") for t in (0.0, end_s / 2))
        return song.having(findings=(finding,), sections=sections, beats=Beats(tempo_bpm=120.0))


class Gain(Counted):
    """The mix, louder or softer."""

    name: ClassVar[str] = "gain"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    uses: ClassVar[tuple[str, ...]] = ("beats",)
    writes: ClassVar[tuple[str, ...]] = ("mix",)
    by: float = 2.0
    like: Annotated[str | None, File("text")] = None

    def work(self, song: Song, context: Context) -> Song:
        if self.like:
            context.notice(context.text(self.like))
        return song.having(mix=song.mix.with_samples(song.mix.samples * np.float32(self.by)))


class Finish(Counted):
    """A master: the mix at a peak."""

    name: ClassVar[str] = "finish"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("masters",)
    peak: float = 0.9

    def work(self, song: Song, context: Context) -> Song:
        top = float(np.max(np.abs(song.mix.samples), initial=0.0)) or 1.0
        sound = song.mix.with_samples(song.mix.samples * np.float32(self.peak / top))
        made = Master(sound, {"target": {"peak": self.peak}, "reached": True, "reason": None})
        return song.having(masters={**song.masters, self.step(context): made})


class Make(Counted):
    """A song out of nothing but its prompt."""

    name: ClassVar[str] = "make"
    writes: ClassVar[tuple[str, ...]] = ("draft", "mix")
    prompt: str = "a slow song"

    def work(self, song: Song, context: Context) -> Song:
        import sounds

        sound = sounds.noise(0.5, seed=context.seed)
        return song.having(draft=sound, mix=sound)


class Wrong(Counted):
    """Does what a stage must not do."""

    name: ClassVar[str] = "wrong"
    reads: ClassVar[tuple[str, ...]] = ("mix",)
    writes: ClassVar[tuple[str, ...]] = ("mix",)
    may_write: ClassVar[tuple[str, ...]] = ("stems",)
    how: Literal[
        "nan", "inf", "fact", "undeclared", "length", "fails", "model", "unable", "crashes", "none"
    ] = "nan"

    def work(self, song: Song, context: Context) -> Song:
        samples = song.mix.samples.copy()
        if self.how in ("nan", "inf"):
            samples[-1, -1] = float(self.how)
            return song.having(mix=song.mix.with_samples(samples))
        if self.how == "fact":
            return song.noting(self.step(context), level_db=float("nan"))
        if self.how == "undeclared":
            return song.having(beats=Beats(tempo_bpm=90.0))
        if self.how == "length":
            return song.having(mix=song.mix.with_samples(samples[:, :-1]), stems={"vocals": song.mix})
        if self.how == "none":
            return song.having(mix=None)
        if self.how == "model":
            raise ModelUnavailable("its weights are not here", where="model", hint="polish models fetch it")
        if self.how == "unable":
            raise EngineUnable("it is not made for that", hint="polish models fetch it")
        if self.how == "fails":
            raise StageFailed("there is nothing to work on", hint="another song")
        raise ZeroDivisionError("a bug")


class Files(Delivery):
    """Masters and stems as raw samples."""

    name: ClassVar[str] = "files"
    reads: ClassVar[tuple[str, ...]] = ("masters",)
    uses: ClassVar[tuple[str, ...]] = ("stems",)
    suffix: str = ".raw"

    def write(self, song: Song, folder: Path) -> Delivered:
        calls["files"] += 1
        written = []
        names = {f"{name}{self.suffix}": made.sound for name, made in song.masters.items()}
        names |= {f"stems/{name}{self.suffix}": stem for name, stem in song.stems.items()}
        for name, sound in names.items():
            with whole_file(folder / name) as part:
                time.sleep(float(os.environ.get("POLISH_TEST_SLOW", "0")) / 4)
                part.write_bytes(sound.samples.tobytes())
            written.append(folder / name)
        return Delivered(tuple(written), {"count": len(written)}, ("raw samples",))


class Words(Delivery):
    """A text with the tempo."""

    name: ClassVar[str] = "words"
    reads: ClassVar[tuple[str, ...]] = ("beats",)

    def write(self, song: Song, folder: Path) -> Delivered:
        calls["words"] += 1
        return Delivered((write_text(folder / f"{song.title}.txt", f"{song.beats.tempo_bpm}\n"),))


@dataclass(frozen=True)
class Step:
    id: str
    stage: Stage
    optional: bool = False
    where: str = "fake.yaml:1:1"
    origins: Mapping[str, str] = field(default_factory=dict)
    choice: Choice | None = None
    skipped: str | None = None


@dataclass(frozen=True)
class Planned:
    id: str
    delivery: Delivery
    where: str = "fake.yaml:1:1"
    origins: Mapping[str, str] = field(default_factory=dict)
    skipped: str | None = None


@dataclass(frozen=True)
class Plan:
    steps: tuple[Step, ...]
    deliveries: tuple[Planned, ...] = ()
    about: str = "a plan made by hand"
    name: str = "fake"
    source: str = "fake.yaml"
    digest: str = "0" * 64


def plan(*stages: Stage | Step, deliver: tuple[Delivery, ...] = (), **facts: Any) -> Plan:
    """A plan of stages, each under its own name."""
    steps = tuple(each if isinstance(each, Step) else Step(each.name, each) for each in stages)
    return Plan(steps, tuple(Planned(each.name, each) for each in deliver), **facts)


def usual(peak: float = 0.9) -> Plan:
    """Split, find, gain, finish, and all of it delivered."""
    return plan(Split(), Find(), Gain(), Finish(peak=peak), deliver=(Files(), Words()))
