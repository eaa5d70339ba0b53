"""The loop: a song along the steps of a plan, each from the cache where that has it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from ..errors import BadInput, EngineUnable, ModelUnavailable, OutputError, StageFailed
from ..models.engines import Choice
from ..song import Song
from ..stages.base import Context, Stage
from . import engines, hashing, slots
from .cache import Cache, Spoiled
from .events import Teller
from .journal import Journal
from .returned import agree, changes


class Step(Protocol):
    """A step as the recipe room plans it."""

    id: str
    stage: Stage
    optional: bool
    choice: Choice | None
    skipped: str | None


@dataclass(frozen=True)
class Done:
    """What became of a step.

    Attributes:
        choice: the engine that did it; None for a stage without.
        cached: whether it came out of the cache.
        reason: why it was skipped.
        notices: what the user should read.
        seconds: how long it took this time.
        key: the hash of all that went into it; empty for a step that was skipped.
    """

    id: str
    stage: Stage
    choice: Choice | None
    status: Literal["done", "skipped"]
    cached: bool = False
    reason: str | None = None
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    key: str = ""


def carry(steps: Iterable[Step], song: Song, cache: Cache, **terms: Any) -> tuple[Song, tuple[Done, ...]]:
    """Carry a song along steps.

    A step sees nothing but the slots its stage declares, and what it returns is taken from
    those it declares to write. Its sounds go to the disk and stay there as memory maps.

    Args:
        terms: ``seed``, ``offline``, ``teller`` and ``journal`` of `Carrier`.

    Raises:
        StageFailed: a step that is not optional failed, or returned what is no sound.
        ModelUnavailable: the weights of a step that is not optional are not here.
        Spoiled: a sound that an earlier run stored is not what it was; carry again.
    """
    return Carrier(cache, **terms).carry(steps, song)


@dataclass
class Carrier:
    """Carries songs on the terms of one run.

    Attributes:
        seed: for everything random.
        offline: whether stages may fetch nothing.
        teller: is told what happens.
        journal: where it is written down.
    """

    cache: Cache
    seed: int = 0
    offline: bool = True
    teller: Teller = field(default_factory=Teller)
    journal: Journal | None = None

    def carry(self, steps: Iterable[Step], song: Song) -> tuple[Song, tuple[Done, ...]]:
        """See `carry`."""
        song = self.cache.opened(song)
        made = song.filled()
        done: list[Done] = []
        for step in steps:
            song, result = self._timed(step, song, made)
            self.cache.objects.rest()
            done.append(result)
            if result.status == "done":
                made |= {*step.stage.writes, *song.filled()}
        return song, tuple(done)

    def _timed(self, step: Step, song: Song, made: frozenset[str]) -> tuple[Song, Done]:
        """One step with its line in the journal and its events."""
        started = time.monotonic()

        def note(status: str, **facts: Any) -> None:
            seconds = round(time.monotonic() - started, 3)
            if self.journal:
                self.journal.note(
                    "step", step=step.id, stage=step.stage.name, status=status, seconds=seconds, **facts
                )

        self.teller.tell("step_started", step.id, stage=step.stage.name)
        try:
            song, done = self._one(step, song, made)
        except Spoiled:
            raise
        except BaseException as error:
            if not (step.optional and isinstance(error, (StageFailed, ModelUnavailable))):
                with suppress(OutputError):  # a journal that cannot be written must not hide the failure
                    note("failed", reason=f"{type(error).__name__}: {error}")
                if type(error) is StageFailed:
                    raise StageFailed(error.what, where=step.id, hint=error.hint) from error
                raise
            done = Done(step.id, step.stage, step.choice, "skipped", reason=error.what)
        done = replace(done, seconds=round(time.monotonic() - started, 3))
        if done.status == "skipped":
            note("skipped", reason=done.reason)
            self.teller.tell("step_skipped", step.id, message=done.reason or "")
        else:
            note("cached" if done.cached else "done", key=done.key)
            self.teller.tell("step_done", step.id, 1.0, cached=done.cached)
        return song, done

    def _one(self, step: Step, song: Song, made: frozenset[str]) -> tuple[Song, Done]:
        """The song after one step, and what became of it."""
        if step.skipped is not None:
            return song, Done(step.id, step.stage, step.choice, "skipped", reason=step.skipped)
        if absent := [slot for slot in step.stage.reads if slot not in made]:
            raise StageFailed(f"needs {' and '.join(absent)}, which no step before it made", where=step.id)
        view = slots.view(song, step.stage)
        key = self._key(step, view)
        if (entry := self.cache.get(key)) is not None:
            if unable := entry.get("unable"):
                raise EngineUnable(**unable)
            for sentence in entry["notices"]:
                self.teller.tell("notice", step.id, message=sentence)
            filled, facts, notices, cached = entry["slots"], entry["facts"], entry["notices"], True
        else:
            try:
                filled, facts, notices = self._run(step, view)
            except EngineUnable as error:  # would only be found out again
                unable = {"what": error.what, "where": step.id, "hint": error.hint}
                self.cache.put(key, Song(), (), unable=unable)
                raise EngineUnable(**unable) from error
            cached = False
        song = _merged(song, step.id, filled, facts)
        agree(song, step.id)
        if not cached:
            self.cache.put(key, Song(**filled), tuple(filled), facts=facts, notices=notices)
        return song, Done(
            step.id, step.stage, step.choice, "done", cached=cached, notices=tuple(notices), key=key
        )

    def _key(self, step: Step, view: Song) -> str:
        stage, choice = step.stage, step.choice
        try:
            settings = stage.identity()
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=error.filename) from error
        return hashing.of_value({
            "step": step.id, "stage": stage.name, "version": stage.version, "settings": settings,
            "slots": slots.content(view, slots.seen(stage)), "seed": self.seed,
            "engine": choice and {"name": choice.name, "weights": engines.weights(choice)},
        })  # fmt: skip

    def _run(self, step: Step, view: Song) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """Run the stage: what it changed, measured and had to say."""
        notices: list[str] = []

        def notice(sentence: str) -> None:
            notices.append(sentence)
            self.teller.tell("notice", step.id, message=sentence)

        context = Context(
            step=step.id, seed=self.seed, offline=self.offline, notice=notice,
            progress=lambda fraction: self.teller.tell("step_progress", step.id, float(fraction)),
        )  # fmt: skip
        returned = step.stage.run(self.cache.check(view), context)
        return *changes(step.stage, step.id, view, returned, self.cache.keep), notices


def _merged(song: Song, step: str, changed: dict[str, Any], facts: dict[str, Any]) -> Song:
    """The song with what a step changed; masters join those of other steps."""
    if "masters" in changed:
        changed = {**changed, "masters": {**song.masters, **changed["masters"]}}
    song = song.having(**changed)
    return song.noting(step, **facts) if facts else song
