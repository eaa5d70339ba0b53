"""The lyrics with their times, in the formats that players and editors read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from .. import files
from ..song import Lyrics as Words
from ..song import Song
from . import timed_text
from .base import Delivered, Delivery, file_name


class Lyrics(Delivery):
    """The lyrics with their times, one file a format, named after the song."""

    name: ClassVar[str] = "lyrics"
    reads: ClassVar[tuple[str, ...]] = ("lyrics",)

    formats: tuple[Literal["lrc", "srt", "vtt", "txt", "json"], ...] = Field(
        ("lrc", "srt"),
        min_length=1,
        description="lrc for music players, srt and vtt for video, txt for the words alone, json for "
        "programs, with the times of words.",
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``TITLE.lrc`` and so on; nothing for a song without words.

        Raises:
            OutputError: a file cannot be written.
        """
        lyrics = song.lyrics or Words()
        facts = {
            "lines": len(lyrics.lines),
            "words": sum(len(line.words) or len(line.text.split()) for line in lyrics.lines),
            "unmatched_lines": len(lyrics.unmatched),
            "language": lyrics.language,
        }
        if not lyrics.lines:
            return Delivered((), facts, ("no words with times were found, so there are no lyrics files",))
        paths = tuple(
            files.write_text(folder / f"{file_name(song.title)}.{format}", _text(format, lyrics, song))
            for format in dict.fromkeys(self.formats)
        )
        return Delivered(paths, facts)


def _text(format: str, lyrics: Words, song: Song) -> str:
    if format == "lrc":
        return timed_text.lrc(lyrics, song.title, song.tags)
    if format == "json":
        return (
            json.dumps(lyrics.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
    return timed_text.WRITERS[format](lyrics)
