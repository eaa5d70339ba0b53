"""What is sung, and when: recognised, or aligned when the words are known."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from ..audio import Sound
from ..declared import File
from ..errors import StageFailed
from ..models import engines
from ..models.engines import Transcriber
from ..song import Lyrics as Words
from ..song import Song
from .base import Context, Stage


class Lyrics(Stage):
    """Find the words and their times, or the times of known words.

    The voice is listened to on its own stem, because a recogniser that hears the whole mix
    invents text where nobody sings. Known lines that are nowhere in the song are reported as
    unmatched and get no times.
    """

    name = "lyrics"
    reads = ("mix",)
    uses = ("stems",)
    writes = ("lyrics",)
    kind = "transcriber"

    from_: str = Field("vocals", alias="from", description="The stem the voice is on.")
    text: Annotated[str, File("text")] | None = Field(
        None, description="The words, one line a line; [verse] tags are kept. Then only times are found."
    )
    engine_: str = Field("auto", alias="engine", description="The engine, or auto.")
    language: str | None = Field(
        None, description="Code of the language, as in en; found out when not given."
    )

    def engine(self) -> str:
        return self.engine_

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        choice = engines.choose(self.kind, self.engine_, offline=context.offline)
        engine = cast(Transcriber, choice.make())
        voice = self._voice(song, song.mix, context)
        if voice.silent:
            found = Words(language=self.language, engine=engine.name)
        elif self.text is not None:
            text = context.text(self.text)
            found = engine.align(voice, text, language=self.language, progress=context.progress)
        else:
            found = engine.transcribe(voice, language=self.language, progress=context.progress)
        if found.unmatched:
            context.notice(f"{len(found.unmatched)} lines of the lyrics were not found in the song")
        return song.having(lyrics=found).noting(
            self.step(context), engine=choice.name, why=choice.why, lines=len(found.lines),
            unmatched=len(found.unmatched), language=found.language,
        )  # fmt: skip

    def _voice(self, song: Song, mix: Sound, context: Context) -> Sound:
        """The stem to listen to; the whole mix when there are no stems."""
        if not song.stems:
            context.notice(
                "lyrics are looked for in the whole mix: a `separate` step before makes them surer"
            )
            return mix
        if self.from_ not in song.stems:
            raise StageFailed(
                f"there is no stem {self.from_!r}", where=self.step(context),
                hint=f"from: one of {', '.join(song.stems)}",
            )  # fmt: skip
        return song.stems[self.from_]
