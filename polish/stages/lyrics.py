"""What is sung, and when: recognised, or aligned when the words are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, cast

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..declared import File
from ..errors import StageFailed
from ..models import engines
from ..models.engines import Transcriber
from ..models.words import known_lines
from ..song import Lyrics as Words
from ..song import Song
from ..units import clock
from .base import Context, Stage
from .separate import Separate

_GHOST_DB = 30.0
"""A stem whose loud moments are this far under the mix's holds no voice."""
_TOLD = 5
"""So many gaps, or lines not found or in doubt, are told one by one."""


class Lyrics(Stage):
    """Find the words and their times, or the times of known words.

    The voice is listened to on its own stem (separated for this alone when there are no stems),
    because a recogniser that hears the whole mix invents text where nobody sings. Known lines that
    are nowhere in the song are reported as unmatched and get no times; a line that may not be sung
    where it stands is marked as doubtful; singing that none of them accounts for is reported as gaps.
    """

    name = "lyrics"
    reads = ("mix",)
    uses = ("stems",)
    writes = ("lyrics",)
    version = 10
    kind = "transcriber"

    from_: str = Field(default="vocals", alias="from", description="The stem the voice is on.")
    text: Annotated[str, File("text")] | None = Field(
        default=None,
        description="The words, one line a line; [verse] tags are kept. Then only times are found.",
    )
    engine_: str = Field(default="auto", alias="engine", description="The engine, or auto.")
    language: str | None = Field(
        default=None, description="Code of the language, as in en; found out when not given."
    )

    def engine(self) -> str:
        return self.engine_

    def run(self, song: Song, context: Context = Context()) -> Song:
        return self.heard(song, context)[0]

    def heard(self, song: Song, context: Context = Context()) -> tuple[Song, Sound]:
        """The song with its lyrics, and the voice they were heard in."""
        assert song.mix is not None
        choice = engines.choose(self.kind, self.engine_, offline=context.offline)
        engine = cast(Transcriber, choice.make())
        text = None if self.text is None else context.text(self.text)
        voice = self._voice(song, song.mix, context)
        if not sings(voice, song.mix):
            found = Words(
                language=self.language, engine=engine.name,
                unmatched=tuple(line.text for line in known_lines(text or "")),
            )  # fmt: skip
        elif text is not None:
            found = engine.align(voice, text, language=self.language, progress=context.progress)
        else:
            found = engine.transcribe(voice, language=self.language, progress=context.progress)
        for notice in _notices(found, text):
            context.notice(notice)
        done = song.having(lyrics=found).noting(
            self.step(context), engine=found.engine or choice.name, why=choice.why, lines=len(found.lines),
            unmatched=len(found.unmatched), doubtful=len(found.doubtful), gaps=len(found.gaps),
            language=found.language,
        )  # fmt: skip
        return done, voice

    def _voice(self, song: Song, mix: Sound, context: Context) -> Sound:
        """The stem to listen to; made for this step alone when there are no stems."""
        if song.stems and self.from_ not in song.stems:
            raise StageFailed(
                f"there is no stem {self.from_!r}", where=self.step(context),
                hint=f"from: one of {', '.join(song.stems)}",
            )  # fmt: skip
        if song.stems:
            return song.stems[self.from_]
        if self.from_ != "vocals" or mix.channels > 2:
            context.notice(
                "lyrics are looked for in the whole mix: a `separate` step before makes them surer"
            )
            return mix
        alone = replace(context, progress=lambda share: context.progress(0.5 * share))
        return Separate(stems=["vocals"]).run(song, alone).stems["vocals"]


def sings(voice: Sound, mix: Sound) -> bool:
    """Whether there is a voice at all; without one, separation leaves a ghost of the band in its stem."""
    return not voice.silent and _loud_db(voice) > _loud_db(mix) - _GHOST_DB


def _loud_db(sound: Sound) -> float:
    """The level of the sound's loud moments in the range of voices."""
    from ..dsp.voice import level_db

    levels_db = level_db(sound.samples, sound.rate_hz)
    return float(np.percentile(levels_db, 95)) if levels_db.size else -120.0


def _notices(found: Words, text: str | None) -> Iterator[str]:
    """What a person should know of what was found."""
    if text is not None and not found.lines and not found.unmatched:
        yield "the lyrics have no words in them"
    elif not found.lines and not found.gaps:
        yield "no singing found"
    elif not found.lines:
        yield "none of the lyrics were found in the song: are they those of another song?"
    elif len(found.unmatched) > len(found.lines):
        yield (
            f"{len(found.unmatched)} of {len(found.lines) + len(found.unmatched)} lines were not found: "
            "is this a part of the song, or are they the lyrics of another one?"
        )
    elif found.unmatched:
        yield f"not found in the song: {_named([f'«{line}»' for line in found.unmatched])}"
    if found.doubtful:
        count = len(found.doubtful)
        told = _named([f"«{line.text}» at {clock(line.start_s)}" for line in found.doubtful])
        what = "a line" if count == 1 else f"{count} lines"
        yield f"{what} may be sung elsewhere, or not at all; listen there: {told}"
    if found.lines and found.gaps:
        spans = [f"{clock(gap.start_s)}–{clock(gap.end_s)}" for gap in found.gaps]
        yield f"more is sung than the lyrics say, at {_named(spans)}"


def _named(each: Sequence[str]) -> str:
    """The first few of some things, and how many more there are."""
    more = f" and {len(each) - _TOLD} more" if len(each) > _TOLD else ""
    return ", ".join(each[:_TOLD]) + more
