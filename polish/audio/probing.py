"""The facts of a sound file's header, without decoding it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from . import ffmpeg, headers, mp4, mpeg, sniff
from .decoding import examine, opened, undecodable

_BITS = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32,
}  # fmt: skip
_CODECS = {
    "FLOAT": "32-float",
    "DOUBLE": "64-float",
    "MPEG_LAYER_III": "mp3",
    "VORBIS": "vorbis",
    "OPUS": "opus",
}
_STREAM = re.compile(r"(?P<codec>\w+).*?, (?P<rate>\d+) Hz, (?P<layout>[^,]+)")
_LAYOUTS = {"mono": 1, "stereo": 2, "quad": 4, "hexagonal": 6, "octagonal": 8}


@dataclass(frozen=True)
class Probe:
    """What a header says. Frames and duration are `None` where it does not say.

    Attributes:
        format: the container: ``wav``, ``aiff``, ``flac``, ``mp3``, ``ogg``, ``mp4``, ``webm`` …
        codec: ``16-bit``, ``24-bit``, ``32-float``, ``mp3``, ``vorbis``, ``opus``, ``aac`` …
        bits: a sample, `None` for lossy codecs.
    """

    format: str
    codec: str
    bits: int | None
    rate_hz: int
    channels: int
    frames: int | None
    duration_s: float | None


def probe(path: str | Path) -> Probe:
    """The facts of a sound file's header, cheaply: nothing is decoded.

    Raises:
        BadInput: missing, unreadable, or not a sound file.
    """
    path = Path(path)
    kind = examine(path)
    if kind in sniff.BY_LIBSNDFILE:
        with open(path, "rb") as raw:
            frames = mpeg.walk(raw) if kind == "mp3" else None
            promised = frames.promised if frames else headers.promised_frames(raw, kind)
        if frames and not frames.tidy:
            return _by_ffmpeg(path, kind)
        with opened(path) as file:
            if file is not None:
                return _facts(
                    kind, file.subtype, file.samplerate, file.channels, promised or file.frames or None
                )
    return _by_ffmpeg(path, kind)


def _facts(kind: str, subtype: str, rate_hz: int, channels: int, frames: int | None) -> Probe:
    bits = _BITS.get(subtype)
    codec = _CODECS.get(subtype) or (f"{bits}-bit" if bits else subtype.lower())
    return Probe(kind, codec, bits, rate_hz, channels, frames, frames and frames / rate_hz)


def _by_ffmpeg(path: Path, kind: str) -> Probe:
    try:
        notes = ffmpeg.describe(path)
    except ffmpeg.FfmpegFailed as error:
        raise undecodable(path, kind, error) from error
    found = _STREAM.match(ffmpeg.sound_stream(notes))
    if found is None:
        raise BadInput("its header does not describe its sound", where=path)
    rate_hz = int(found["rate"])
    seconds = ffmpeg.duration_s(notes)
    if kind == "mp4":
        with open(path, "rb") as raw:
            seconds = mp4.promised_s(raw) or seconds
    frames = None if seconds is None else round(seconds * rate_hz)
    container = kind or notes.partition("Input #0, ")[2].partition(",")[0]
    return Probe(container, found["codec"], None, rate_hz, _channels(found["layout"]), frames, seconds)


def _channels(layout: str) -> int:
    """``5.1(side)`` is 6, ``3 channels`` is 3."""
    name = layout.strip().split("(")[0]
    if name in _LAYOUTS:
        return _LAYOUTS[name]
    if counted := re.match(r"(\d+) channels", name):
        return int(counted[1])
    return sum(int(part) for part in re.findall(r"\d+", name)) or 1
