"""A small catalogue for the tests of recipes: stages and deliveries that are declared, and do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polish.declared import File, StepId
from polish.deliver.base import Delivered, Delivery
from polish.errors import ModelUnavailable
from polish.models.engines import Choice
from polish.recipe import Catalogue
from polish.song import Song
from polish.stages.base import Context, Stage
from polish.units import DB, DBTP, LU, LUFS, PERCENT, SECONDS


class Quiet(Stage):
    def run(self, song: Song, context: Context = Context()) -> Song:
        return song


class Generate(Quiet):
    """Music from words."""

    name: ClassVar[str] = "generate"
    writes = ("draft", "mix")
    may_write = ("stems",)
    kind = "generator"

    prompt: str = Field(min_length=1, description="What the music should be like.")
    melody: Annotated[str, File("sound")] | None = Field(None, description="A melody to follow.")
    seconds: Annotated[float, SECONDS.between(1, 600)] = Field(60, description="How long it lasts.")
    takes: int = Field(3, ge=1, le=16, description="How many takes the best is chosen from.")


class Check(Quiet):
    """Says what is wrong with the draft."""

    name: ClassVar[str] = "check"
    reads = ("mix",)
    writes = ("findings",)


class Sections(Quiet):
    """Finds the parts of the song."""

    name: ClassVar[str] = "sections"
    reads = ("mix",)
    writes = ("sections",)


class Lyrics(Quiet):
    """Finds the words and their times."""

    name: ClassVar[str] = "lyrics"
    reads = ("mix",)
    writes = ("lyrics",)
    kind = "transcriber"

    from_: Literal["vocals", "mix"] = Field("vocals", alias="from", description="Where the voice is.")
    language: str | None = Field(None, description="The language; none: found out.")
    engine_name: str = Field("auto", alias="engine", description="The engine that listens.")

    def engine(self) -> str:
        return self.engine_name


class Separate(Quiet):
    """Takes the mix apart into stems."""

    name: ClassVar[str] = "separate"
    reads = ("mix",)
    writes = ("stems",)
    kind = "separator"

    model: str = Field("auto", description="The engine.")
    stems: list[Literal["vocals", "drums", "bass", "other"]] = Field([], description="The wanted stems.")
    replace: bool = Field(False, description="Whether stems that are there already are made anew.")

    def engine(self) -> str:
        return self.model


class Space(BaseModel):
    """A room."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[float, PERCENT] = 20
    decay: Annotated[float, SECONDS.between(0, 20)] = 1.5


class Clean(Quiet):
    """Repairs each stem."""

    name: ClassVar[str] = "clean"
    reads = ("stems",)
    writes = ("stems",)

    amount: Annotated[float, PERCENT] = Field(100, description="How much of the repair is heard.")
    mud: bool | Annotated[float, PERCENT] = Field(True, description="How much mud is thinned out.")


class Level(Quiet):
    """Evens out the loudness between sections."""

    name: ClassVar[str] = "level"
    reads = ("mix", "sections")
    writes = ("mix",)

    range: Annotated[float, LU.between(0, 12)] = Field(2, description="How far sections may lie apart.")


class Mix(Quiet):
    """Brings the stems together."""

    name: ClassVar[str] = "mix"
    reads = ("stems",)
    uses = ("mix",)
    writes = ("mix",)

    gains: dict[str, Annotated[float, DB.between(-24, 24)]] = Field({}, description="A gain a stem.")
    space: Space | None = Field(None, description="The room the stems stand in.")
    title: str = Field("", description="A name for this mix.")


class Master(Quiet):
    """Brings the mix to a target loudness."""

    name: ClassVar[str] = "master"
    reads = ("mix",)
    writes = ("masters",)

    loudness: Annotated[float, LUFS.between(-40, -5)] | Literal["keep"] = Field(-14, description="Loudness.")
    ceiling: Annotated[float, DBTP.between(-12, 0)] = Field(-1, description="The highest true peak.")
    dynamics: Literal["protect", "reach"] = Field("protect", description="What comes first.")
    reference: Annotated[str, File("sound")] | None = Field(None, description="A song to sound like.")
    floor: Annotated[float, LUFS.between(-70, -5)] | None = Field(None, description="The lowest loudness.")

    @model_validator(mode="after")
    def _floor_below_loudness(self) -> Master:
        if self.floor is not None and self.loudness != "keep" and self.floor > self.loudness:
            raise ValueError("the floor lies above the loudness")
        return self


class Quick(Delivery):
    def write(self, song: Song, folder: Path) -> Delivered:
        return Delivered(())


class MasterFile(Quick):
    """A master as a file."""

    name: ClassVar[str] = "master"
    reads = ("masters",)

    of: Annotated[str, StepId("masters")] | None = Field(None, description="The id of the master step.")
    format: str = Field("wav 24-bit", description="The file format.")


class StemFiles(Quick):
    """The stems as files."""

    name: ClassVar[str] = "stems"
    reads = ("stems",)

    format: str = Field("wav 24-bit", description="The file format.")


class LyricsFiles(Quick):
    """The lyrics as files."""

    name: ClassVar[str] = "lyrics"
    reads = ("lyrics",)

    formats: list[Literal["lrc", "srt"]] = Field(["lrc"], description="The formats.")


class Report(Quick):
    """The report page."""

    name: ClassVar[str] = "report"


ENGINES = {
    "separator": ("htdemucs", "builtin"),
    "transcriber": ("whisper", "builtin"),
    "generator": ("musicgen", "builtin"),
}


def choose(kind: str, name: str = "auto", *, offline: bool = True) -> Choice:
    """Every built-in engine is here, and no weights are."""
    if name in ("auto", "builtin"):
        return Choice(kind, "builtin", "builtin", "built-in engine")
    raise ModelUnavailable(f"the weights of {name} are not here", hint=f"polish models fetch {name}")


_own = Catalogue.of(
    [Generate, Check, Sections, Lyrics, Separate, Clean, Level, Mix, Master],
    [MasterFile, StemFiles, LyricsFiles, Report],
)
SMALL = Catalogue(_own.stages, _own.deliveries, ENGINES.__getitem__, choose)
"""The catalogue."""
