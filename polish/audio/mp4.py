"""How long the first sound track of an MP4 file says it is (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO


def promised_s(file: BinaryIO) -> float | None:
    """Seconds that the first sound track promises: its edit list, else its media header.

    `None` when there is no such track or it says nothing (fragmented files).
    """
    file.seek(0, 2)
    end = file.tell()
    try:
        for name, start, stop in _boxes(file, 0, end):
            if name == b"moov":
                return _movie(file, start, stop)
    except struct.error:
        pass
    return None


def has_index(file: BinaryIO) -> bool:
    """Whether the ``moov`` box is there, without which nothing can be found in an MP4 file."""
    file.seek(0, 2)
    try:
        return any(name == b"moov" for name, _, _ in _boxes(file, 0, file.tell()))
    except struct.error:
        return False


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two offsets: name, and where the content starts and stops (8.1, clause 4.2)."""
    while start + 8 <= stop:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        end = stop if size == 0 else start + size
        if end < content:
            return
        yield name, content, min(end, stop)
        start = end


def _movie(file: BinaryIO, start: int, stop: int) -> float | None:
    movie_scale = 0
    for name, first, last in _boxes(file, start, stop):
        if name == b"mvhd":
            movie_scale, _ = _times(file, first)
        elif name == b"trak":
            seconds = _track(file, first, last, movie_scale)
            if seconds is not None:
                return seconds or None
    return None


def _track(file: BinaryIO, start: int, stop: int, movie_scale: int) -> float | None:
    """Seconds of a sound track, `None` when the track holds something else."""
    edited = media_s = 0.0
    sound = False
    for name, first, last in _boxes(file, start, stop):
        if name == b"edts":
            edited = sum(_edits(file, first, last))
        elif name == b"mdia":
            for inner, begin, _ in _boxes(file, first, last):
                if inner == b"mdhd":
                    scale, ticks = _times(file, begin)
                    media_s = ticks / scale if scale else 0.0
                elif inner == b"hdlr":
                    file.seek(begin + 8)
                    sound = file.read(4) == b"soun"
    if not sound:
        return None
    return edited / movie_scale if edited and movie_scale else media_s


def _times(file: BinaryIO, start: int) -> tuple[int, int]:
    """Time scale and duration of a ``mvhd`` or ``mdhd`` box (8.2.2, 8.4.2)."""
    file.seek(start)
    version = file.read(4)[0]
    form = ">QQIQ" if version == 1 else ">IIII"
    _, _, scale, ticks = struct.unpack(form, file.read(struct.calcsize(form)))
    unknown = (1 << (64 if version == 1 else 32)) - 1
    return scale, 0 if ticks == unknown else ticks


def _edits(file: BinaryIO, start: int, stop: int) -> Iterator[int]:
    """Durations of the edits that show media, in the movie's time scale (8.6.6)."""
    for name, first, _ in _boxes(file, start, stop):
        if name != b"elst":
            continue
        file.seek(first)
        version, count = struct.unpack(">B3xI", file.read(8))
        form = ">Qqi" if version == 1 else ">Iii"
        for _ in range(min(count, 1000)):
            duration, media_time, _ = struct.unpack(form, file.read(struct.calcsize(form)))
            if media_time >= 0:
                yield duration
