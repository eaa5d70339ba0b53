"""A song from words, from a melody, or as the continuation of a sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self, cast

from pydantic import Field, model_validator

from ..audio import Sound
from ..declared import File
from ..errors import BadInput, ModelUnavailable, StageFailed
from ..models import engines
from ..models.engines import Choice, Generator, Take
from ..song import Song
from ..units import SECONDS
from .base import Context, Stage
from .scoring import score

_MELODIC = "musicgen-melody"


@dataclass(frozen=True, eq=False)
class ScoredTake:
    """A take with its score.

    Attributes:
        score: 0 to 1; parts: what it is the weighted mean of, see `scoring.score`.
        seed: the seed it was made from.
    """

    take: Take
    score: float
    parts: Mapping[str, float]
    seed: int


class Generate(Stage):
    """Make the song: several takes from a prompt, a melody or a beginning, of which the best goes on.

    The built-in composer also hands over its true stems, beats, sections and words. What is
    made is the draft, too.
    """

    name = "generate"
    writes = ("draft", "mix")
    may_write = ("stems", "beats", "sections", "lyrics")
    kind = "generator"

    prompt: str = Field(default="", max_length=2000, description="What it should sound like, in words.")
    melody: Annotated[str, File("sound")] | None = Field(
        default=None, description="A sound whose melody the song follows: one voice or instrument at a time."
    )
    continue_from: Annotated[str, File("sound")] | None = Field(
        default=None, description="A sound the song begins with and goes on from."
    )
    seconds: Annotated[float, SECONDS.between(5, 600)] = Field(
        default=60, description="The length of the whole, with the sound it goes on from."
    )
    takes: int = Field(default=1, ge=1, le=8, description="How many takes are made; the best is kept.")
    engine_: str = Field(default="auto", alias="engine", description="The engine, or auto.")

    @model_validator(mode="after")
    def _something_to_go_by(self) -> Self:
        if self.melody and self.continue_from:
            raise ValueError("melody and continue_from do not go together: give one of them")
        if not (self.prompt.strip() or self.melody or self.continue_from):
            raise ValueError("there is nothing to go by: give a prompt, a melody or a sound to continue")
        return self

    def engine(self) -> str:
        """The engine asked for; of several models, a melody needs the one that follows melodies."""
        if self.engine_ != "auto" or not self.melody:
            return self.engine_
        try:
            return engines.choose(self.kind, _MELODIC, offline=True).name
        except ModelUnavailable:
            return "builtin"

    def run(self, song: Song, context: Context = Context()) -> Song:
        choice = engines.choose(self.kind, self.engine(), offline=context.offline)
        best, rows = _best(self, choice, context)
        take = best.take
        return song.having(
            draft=take.mix, mix=take.mix, stems=take.stems or {}, beats=take.beats,
            sections=take.sections, lyrics=take.lyrics,
        ).noting(
            self.step(context), engine=choice.name, why=choice.why, takes=rows, seed=best.seed,
            made=dict(take.facts),
        )  # fmt: skip


def takes(settings: Generate, context: Context = Context()) -> list[ScoredTake]:
    """All takes, the best first; those after it keep their mix only, so that many fit in memory.

    Take number n is made from the context's seed plus n. Equal scores stay in order of seed.

    Raises:
        BadInput: the melody has no notes, or the sound to continue is as long as the whole.
        ModelUnavailable: the engine asked for has no weights here.
        StageFailed: the engine cannot do what is asked.
    """
    choice = engines.choose(settings.kind, settings.engine(), offline=context.offline)
    made: list[ScoredTake] = []
    for scored in _made(settings, choice, context):
        made = sorted([*made, scored], key=lambda each: (-each.score, each.seed))
        made[1:] = [replace(each, take=replace(each.take, stems=None)) for each in made[1:]]
    return made


def _best(settings: Generate, choice: Choice, context: Context) -> tuple[ScoredTake, list[dict[str, Any]]]:
    """The best take, and what is to be noted of each; only one or two are in memory at a time."""
    best: ScoredTake | None = None
    rows: list[dict[str, Any]] = []
    for scored in _made(settings, choice, context):
        rows.append({"seed": scored.seed, "score": scored.score, "parts": dict(scored.parts)})
        if best is None or scored.score > best.score:
            best = scored
    assert best is not None
    return best, sorted(rows, key=lambda row: (-row["score"], row["seed"]))


def _made(settings: Generate, choice: Choice, context: Context) -> Iterator[ScoredTake]:
    """The takes, one after the other."""
    step = settings.step(context)
    melody = _given(settings.melody, context)
    start = _given(settings.continue_from, context)
    if start is not None and start.duration_s > settings.seconds - 1:
        raise BadInput(
            f"it lasts {start.duration_s:.1f} s, and the song is to last {settings.seconds:.1f} s in all",
            where=settings.continue_from, hint="raise `seconds`: it counts from the beginning",
        )  # fmt: skip
    engine = cast(Generator, choice.make())
    for number in range(settings.takes):

        def progress(share: float, number: int = number) -> None:
            context.progress((number + share) / settings.takes)

        seed = context.seed + number
        try:
            take = engine.generate(
                settings.prompt, seconds=settings.seconds, seed=seed, melody=melody, start=start,
                progress=progress,
            )  # fmt: skip
        except BadInput as error:
            raise BadInput(error.what, where=settings.melody or step, hint=error.hint) from error
        except StageFailed as error:
            raise StageFailed(error.what, where=error.where or step, hint=error.hint) from error
        total, parts = score(take.mix)
        progress(1.0)
        yield ScoredTake(take, total, parts, seed)


def _given(path: str | None, context: Context) -> Sound | None:
    """The sound a setting names.

    Raises:
        BadInput: it cannot be read, or there is nothing in it.
    """
    if path is None:
        return None
    sound = context.sound(path)
    if sound.silent:
        raise BadInput("it is silent", where=path)
    return sound
