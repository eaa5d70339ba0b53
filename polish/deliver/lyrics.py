"""The lyrics with their times, in the formats that players and editors read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from .. import audio, files
from ..song import Lyrics as Words
from ..song import Song
from . import karaoke_text, timed_text
from .base import Delivered, Delivery, file_name


class Lyrics(Delivery):
    """The lyrics with their times, one file a format, named after the song."""

    name: ClassVar[str] = "lyrics"
    reads: ClassVar[tuple[str, ...]] = ("lyrics",)

    formats: tuple[Literal["lrc", "elrc", "srt", "vtt", "ass", "ttml", "txt", "json", "audacity"], ...] = (
        Field(
            default=("lrc", "srt"),
            min_length=1,
            description="lrc for music players, elrc with the times of words, srt and vtt for video, ass for "
            "karaoke on video, ttml for broadcast, txt for the words alone, json for programs, audacity for "
            "labels of words.",
        )
    )
    embed: bool = Field(
        default=False,
        description="Also put them into the tags of the song's MP3, FLAC and M4A delivered before.",
    )
    doubtful: Literal["keep", "leave out"] = Field(
        default="keep",
        description="What becomes of lines that may not be sung where they stand. Kept, json says "
        "`doubtful` of them, vtt has a note before them and ass names them, all off the screen.",
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``TITLE.lrc`` and so on; nothing for a song without words.

        Raises:
            OutputError: a file cannot be written.
        """
        lyrics = song.lyrics or Words()
        doubtful = lyrics.doubtful
        if self.doubtful == "leave out":
            sure = tuple(line for line in lyrics.lines if not line.doubtful)
            lyrics = lyrics.model_copy(update={"lines": sure})
        facts = {
            "lines": len(lyrics.lines),
            "words": sum(len(line.words) or len(line.text.split()) for line in lyrics.lines),
            "unmatched_lines": len(lyrics.unmatched),
            "doubtful_lines": len(doubtful),
            "language": lyrics.language,
        }
        if not lyrics.lines:
            return Delivered((), facts, ("no words with times were found, so there are no lyrics files",))
        name = file_name(song.title)
        paths = tuple(
            files.write_text(
                folder / f"{name}{_ENDINGS.get(format, f'.{format}')}", _text(format, lyrics, song)
            )
            for format in dict.fromkeys(self.formats)
        )
        if not self.embed:
            return Delivered(paths, facts)
        into = [path for path in sorted(folder.glob("*")) if _is_of(path, name)]
        for path in into:
            lines = [(line.start_s, timed_text.one_line(line.text)) for line in lyrics.lines]
            audio.write_lyrics(path, lines, _text("lrc", lyrics, song), lyrics.language)
        none = () if into else ("there is no MP3, FLAC or M4A of the song to put the lyrics into",)
        return Delivered(paths, {**facts, "embedded_in": [path.name for path in into]}, none)


_ENDINGS = {"elrc": " (words).lrc", "audacity": " (labels).txt"}


def _is_of(path: Path, name: str) -> bool:
    """Whether a file is a master of the song: its title, perhaps with a mark in brackets."""
    return path.suffix in audio.HOLDS_LYRICS and (path.stem == name or path.stem.startswith(f"{name} ("))


def _text(format: str, lyrics: Words, song: Song) -> str:
    if format in ("lrc", "elrc"):
        head = timed_text.lrc_head(song.title, song.tags)
        return head + (timed_text.lrc(lyrics) if format == "lrc" else karaoke_text.enhanced_lrc(lyrics))
    if format == "json":
        return (
            json.dumps(lyrics.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
    return (timed_text.WRITERS | karaoke_text.WRITERS)[format](lyrics)
