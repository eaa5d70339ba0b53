"""What a stage is: its settings, the slots it reads and writes, and `run`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .. import audio, files
from ..audio import Sound
from ..declared import Declared
from ..song import Song


def _ignore(*_: Any) -> None:
    pass


def _read_sound(path: str) -> Sound:
    return audio.read(path)


def _read_text(path: str) -> str:
    return files.read_text(path)


@dataclass(frozen=True)
class Context:
    """What a stage may know of the run it is part of; the default serves plain Python use.

    Attributes:
        step: the id of the step, under which the stage notes its measurements.
        seed: the seed for everything random.
        offline: whether fetching is forbidden.
        progress: called with 0 to 1 as the work goes on.
        notice: called with a sentence the user should read; it also goes into the report.
        sound: reads the sound file that a setting marked `File("sound")` names.
        text: reads the text file that a setting marked `File("text")` names.
    """

    step: str = ""
    seed: int = 0
    offline: bool = True
    progress: Callable[[float], None] = field(default=_ignore, compare=False)
    notice: Callable[[str], None] = field(default=_ignore, compare=False)
    sound: Callable[[str], Sound] = field(default=_read_sound, compare=False)
    text: Callable[[str], str] = field(default=_read_text, compare=False)


class Stage(Declared):
    """Base of all stages. A stage is a frozen set of settings that can be run on a song.

    Class attributes, besides those of `Declared`:
        writes: slots that are filled after it has run.
        may_write: slots it also fills when it can.
        version: raised when the same settings give another result; part of the cache key.
        kind: the engine interface it needs (``separator`` …), empty for none. A stage with
            engines has a setting that names the engine, given by `engine`.
    """

    writes: ClassVar[tuple[str, ...]] = ()
    may_write: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    kind: ClassVar[str] = ""

    def engine(self) -> str:
        """The name of the engine the settings ask for, ``auto`` when they leave it open."""
        return "auto"

    @abstractmethod
    def run(self, song: Song, context: Context = Context()) -> Song:
        """Return the song with the slots in `writes` filled anew.

        What was measured and done goes into ``song.noting(self.step(context), …)``.

        Raises:
            StageFailed: the work cannot be done on this song.
            ModelUnavailable: the engine asked for has no weights here.
        """

    def step(self, context: Context) -> str:
        """The id to note measurements under: the step's, else the stage's own name."""
        return context.step or self.name
