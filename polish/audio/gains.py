"""Gains that players turn a file by: ReplayGain 2.0, and R128 tags in Opus.

ReplayGain (hydrogenaudio, "ReplayGain 2.0 specification") says by how many dB a track, or the
album it is on, must be turned to play at −18 LUFS, and its peak as an amplitude, so that a
player can stay under full scale. The peak here is the true peak. Opus has tags of its own
(RFC 7845, 5.2.1): the gain to −23 LUFS in 256ths of a dB, and no peak.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..files import whole_file

REFERENCE_LUFS = -18.0
R128_LUFS = -23.0
_Q7_8 = 256
_FREEFORM = "----:com.apple.iTunes:"
_GAIN_NAMES = ("replaygain_track_gain", "replaygain_track_peak", "replaygain_album_gain",
               "replaygain_album_peak", "r128_track_gain", "r128_album_gain")  # fmt: skip


@dataclass(frozen=True)
class Level:
    """How loud a track or an album is.

    Attributes:
        loudness_lufs: integrated loudness.
        peak: true peak as an amplitude.
    """

    loudness_lufs: float
    peak: float


def put_gains(path: Path, track: Level, album: Level | None = None) -> dict[str, str]:
    """Write gain tags into an MP3, M4A, FLAC, Ogg or Opus file, whole; the sound stays as it is.

    Args:
        track: as measured in the file itself.
        album: as measured over all tracks of the album; None for a track of its own.

    Returns:
        The tags as they were written, by their names in lower case.

    Raises:
        OutputError: they cannot be written there.
    """
    import mutagen
    from mutagen.id3 import TXXX
    from mutagen.mp4 import MP4
    from mutagen.oggopus import OggOpus

    try:
        with whole_file(path) as part:
            shutil.copyfile(path, part)
            file = mutagen.File(part)
            if file is None:
                raise OutputError("gains do not go into such a file", where=path)
            if file.tags is None:
                file.add_tags()
            texts = _r128(track, album) if isinstance(file, OggOpus) else _replaygain(track, album)
            for name, text in texts.items():
                if isinstance(file, MP4):
                    file.tags[_FREEFORM + name] = [text.encode()]
                elif path.suffix == ".mp3":
                    file.tags.add(TXXX(encoding=0, desc=name.upper(), text=[text]))
                else:
                    file.tags[name.upper()] = [text]
            file.save(padding=lambda _: 0)
    except mutagen.MutagenError as error:
        raise OutputError(f"its gains cannot be written: {error}", where=path) from error
    return texts


def read_gains(path: str | Path) -> dict[str, str]:
    """The gain tags of a file by their names in lower case; empty where it has none."""
    import mutagen

    try:
        tags = getattr(mutagen.File(path), "tags", None) or {}
    except (mutagen.MutagenError, OSError, ValueError):
        return {}
    found = {
        str(key).removeprefix("TXXX:").removeprefix(_FREEFORM).lower(): value for key, value in tags.items()
    }
    return {name: _text(found[name]) for name in _GAIN_NAMES if name in found}


def _text(value: Any) -> str:
    first = (getattr(value, "text", None) or value)[0]
    return bytes(first).decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _replaygain(track: Level, album: Level | None) -> dict[str, str]:
    levels = {"track": track} | ({"album": album} if album else {})
    texts = {}
    for of, level in levels.items():
        texts[f"replaygain_{of}_gain"] = f"{REFERENCE_LUFS - level.loudness_lufs:.2f} dB"
        texts[f"replaygain_{of}_peak"] = f"{level.peak:.6f}"
    return texts


def _r128(track: Level, album: Level | None) -> dict[str, str]:
    levels = {"track": track} | ({"album": album} if album else {})
    return {f"r128_{of}_gain": str(_in_q7_8(R128_LUFS - level.loudness_lufs)) for of, level in levels.items()}


def _in_q7_8(gain_db: float) -> int:
    """A gain in 256ths of a dB, within 16 bits (RFC 7845, 5.2.1)."""
    return max(-(1 << 15), min((1 << 15) - 1, round(gain_db * _Q7_8)))
