"""A video to sing along to: the words on a still picture, lit as they are sung."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from .. import audio
from ..declared import File, StepId
from ..errors import OutputError
from ..song import Song
from .base import Delivered, Delivery, file_name
from .karaoke_text import ass


class Video(Delivery):
    """A karaoke video: a master with its words on a still picture, lit as they are sung."""

    name: ClassVar[str] = "video"
    reads: ClassVar[tuple[str, ...]] = ("masters", "lyrics")

    of: Annotated[str | None, StepId("masters")] = Field(
        default=None, description="The id of the `master` step to hear; the last one when it is left out."
    )
    cover: Annotated[str, File("picture")] | None = Field(
        default=None, description="The picture behind the words, any PNG or JPEG; black when it is left out."
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``TITLE (karaoke).mp4``: 1280 × 720, H.264 and AAC; nothing for a song without words.

        Raises:
            OutputError: no such master, the cover is no picture, or the file cannot be written.
        """
        name = self.of or next(reversed(song.masters), None)
        if name is None or name not in song.masters:
            raise OutputError(
                f"there is no master {name!r}" if name else "there is no master", where="deliver"
            )
        if song.lyrics is None or not song.lyrics.lines:
            return Delivered((), {}, ("no words with times were found, so there is no karaoke video",))
        path = folder / f"{file_name(song.title)} (karaoke).mp4"
        sound = song.masters[name].sound
        missing = audio.lyric_video(path, sound, ass(song.lyrics), Path(self.cover) if self.cover else None)
        told = (f"no font of this machine has {' '.join(missing)}: the video lacks them",) if missing else ()
        return Delivered((path,), {"of": name, "file": path.name, "lines": len(song.lyrics.lines)}, told)
