"""Lyrics in the tags of a sound file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from .. import files

HOLDS_LYRICS = (".mp3", ".flac", ".m4a")
_MILLISECONDS, _LYRICS = 2, 1  # ID3v2.4 frames, 4.9: time stamp format, content type


def write_lyrics(
    path: Path, lines: Sequence[tuple[float, str]], lrc: str, language: str | None = None
) -> Path:
    """Put timed lyrics into the tags of an MP3, FLAC or M4A file; its sound stays as it is.

    MP3 gets them with times (ID3v2.4 ``SYLT``) and without (``USLT``); FLAC (``LYRICS``) and M4A
    (``©lyr``) get the LRC text, which is what players look for there.

    Args:
        lines: time in s and text.
        language: two-letter code; ID3 has three letters, and ``und`` for what it is not told.

    Raises:
        OutputError: the file cannot be written.
    """
    from mutagen.flac import FLAC
    from mutagen.id3 import ID3, SYLT, USLT, Encoding, ID3NoHeaderError
    from mutagen.mp4 import MP4

    with files.whole_file(path) as part:
        shutil.copyfile(path, part)
        if path.suffix == ".flac":
            flac = FLAC(part)
            flac["LYRICS"] = lrc
            flac.save()
        elif path.suffix == ".m4a":
            mp4 = MP4(part)
            mp4["\xa9lyr"] = lrc
            mp4.save()
        else:
            try:
                tags = ID3(part)
            except ID3NoHeaderError:
                tags = ID3()
            code = _THREE_LETTERS.get(language or "", "und")
            tags.setall(
                "USLT",
                [USLT(encoding=Encoding.UTF8, lang=code, desc="", text="\n".join(t for _, t in lines))],
            )
            timed = [(text, round(start_s * 1000)) for start_s, text in lines]
            tags.setall(
                "SYLT",
                [SYLT(encoding=Encoding.UTF8, lang=code, format=_MILLISECONDS, type=_LYRICS, text=timed)],
            )
            tags.save(part, v2_version=4)
    return path


_THREE_LETTERS = {
    "ar": "ara", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "he": "heb", "hi": "hin", "it": "ita",
    "ja": "jpn", "ko": "kor", "nl": "nld", "pl": "pol", "pt": "por", "ru": "rus", "sv": "swe", "tr": "tur",
    "uk": "ukr", "zh": "zho",
}  # fmt: skip
"""ISO 639-2 for the ISO 639-1 codes that are sung most."""
