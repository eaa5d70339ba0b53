"""Reading sound: libsndfile first, the bundled ffmpeg for what it does not know."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ..units import clock
from . import ffmpeg, headers, mp4, mpeg, sniff
from .scratching import rest, scratch
from .sound import Samples, Sound

_BLOCK_FRAMES = 1 << 18
_MOST_AHEAD = 1 << 28
"""Values set aside on a header's word; beyond this the array grows with what is really there."""
_RATES_HZ = (8_000, 192_000)
_MOST_CHANNELS = 64


@dataclass(frozen=True)
class Decoded:
    """A file on its way in.

    Attributes:
        promised: frames the header promises, `None` where it says nothing.
        slack: frames that may be missing before a file counts as cut short: the rounding of
            headers that count in time or in codec frames.
    """

    rate_hz: int
    samples: Samples
    promised: int | None
    slack: int = 0


def read(path: str | Path) -> Sound:
    """Read a sound file of any common format, at its own rate, length and channel count.

    WAV (8 to 32 bits, float, RF64), AIFF, FLAC, MP3, Ogg Vorbis, Opus, M4A/AAC, the sound of
    MP4 and WebM (the first sound stream) and whatever else ffmpeg reads. The format is told
    by content, not by name. Encoder delay is taken off where the file states it. Values
    beyond full scale are kept.

    Raises:
        BadInput: missing, a folder, unreadable, empty, no sound, cut short (fewer frames
            than the header promises), NaN or infinite samples, more than 64 channels, or a
            rate outside 8 to 192 kHz.
    """
    path = Path(path)
    kind = examine(path)
    decoded = _decode(path, kind)
    frames = decoded.samples.shape[1]
    if frames == 0:
        raise BadInput(
            "there is no sound in it: a header, and no samples", where=path, hint="export it again"
        )
    if decoded.promised is not None and frames < decoded.promised - decoded.slack:
        raise _cut_short(path, decoded.promised, frames, decoded.rate_hz)
    _refuse_nonsense(path, decoded.samples, decoded.rate_hz)
    return Sound(decoded.samples, decoded.rate_hz)


def examine(path: Path) -> str:
    """Open a file and tell its kind (see `sniff.kind`), empty when it may be anything.

    Raises:
        BadInput: it is missing, not a file, unreadable, empty, or plainly not sound.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise BadInput("is a folder, not a sound file", where=path, hint="name a file inside it")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput("is a device or a pipe, not a sound file", where=path)
        with open(path, "rb") as file:
            head = file.read(sniff.HEAD_BYTES)
    except FileNotFoundError:
        raise BadInput("there is no such file", where=path, hint="check the spelling of the path") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot be read: {why}", where=path, hint="check its permissions") from error
    if not head:
        raise BadInput("the file is empty", where=path, hint="download or export it again")
    kind = sniff.kind(head)
    if not kind and (looks := sniff.not_sound(head)):
        raise BadInput(f"is not a sound file: it looks like {looks}", where=path, hint="give a sound file")
    return kind


def _decode(path: Path, kind: str) -> Decoded:
    if kind == "mp3":
        return _mp3(path)
    if kind in sniff.BY_LIBSNDFILE and (decoded := _by_libsndfile(path, kind)) is not None:
        return decoded
    return _by_ffmpeg(path, kind)


def _mp3(path: Path) -> Decoded:
    """libsndfile for files whose frames follow each other, ffmpeg for those with something between."""
    with open(path, "rb") as raw:
        frames = mpeg.walk(raw)
    if frames.cut_short and frames.promised is not None:
        raise _cut_short(path, frames.promised, frames.there, frames.rate_hz)
    decoded = _by_libsndfile(path, "mp3") if frames.tidy else None
    return replace(decoded or _by_ffmpeg(path, "mp3"), promised=frames.promised, slack=2 * 1152)


def _by_libsndfile(path: Path, kind: str) -> Decoded | None:
    """`None` when libsndfile does not know the codec, or orders the channels its own way."""
    import soundfile

    with open(path, "rb") as raw:
        promised = headers.promised_frames(raw, kind)
    with opened(path) as file:
        if file is None or (kind == "ogg" and file.channels > 2):
            return None  # libsndfile leaves 5.1 in Vorbis' order, ffmpeg brings it into WAV's
        _check_form(path, file.samplerate, file.channels)
        expected = file.frames if kind != "ogg" else 0
        try:
            samples = _collect(_sndfile_blocks(file), file.channels, min(expected, promised or expected))
        except soundfile.LibsndfileError as error:
            raise _damaged(path, promised, error) from error
        return Decoded(file.samplerate, samples, promised)


def _damaged(path: Path, promised: int | None, error: Any) -> BadInput:
    """What to say of a file that libsndfile opens and cannot read to its end."""
    if promised is not None:
        with opened(path) as file:
            rate_hz, readable = file.samplerate, 0
            with suppress(type(error)):
                for block in _sndfile_blocks(file, 1024):
                    readable += block.shape[0]
        return _cut_short(path, promised, readable, rate_hz, "cut short or damaged")
    what = error.error_string.removeprefix("Error : ").strip().rstrip(".")
    return BadInput(f"is damaged: {what}", where=path, hint="download or export it again")


def _cut_short(path: Path, promised: int, there: int, rate_hz: int, what: str = "cut short") -> BadInput:
    lengths = f"{_length(promised, rate_hz)}, but only {_length(there, rate_hz)} are there"
    return BadInput(f"{what}: its header promises {lengths}", where=path, hint="download or export it again")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A `soundfile.SoundFile`, or `None` when libsndfile does not take it."""
    import soundfile

    with open(path, "rb") as raw:  # by descriptor: names need not be UTF-8, and endings mean nothing
        try:
            file = soundfile.SoundFile(raw.fileno(), closefd=False)
        except soundfile.LibsndfileError:
            yield None
            return
        with file:
            yield file


def _sndfile_blocks(file: Any, frames: int = _BLOCK_FRAMES) -> Iterator[NDArray[np.float32]]:
    while (block := file.read(frames, dtype="float32", always_2d=True)).shape[0]:
        yield block


def _by_ffmpeg(path: Path, kind: str) -> Decoded:
    promised_s = None
    if kind == "mp4":
        with open(path, "rb") as raw:
            promised_s = mp4.promised_s(raw)
    try:
        with ffmpeg.decoding(path) as stream:
            _check_form(path, stream.rate_hz, stream.channels)
            expected = round((promised_s or 0) * stream.rate_hz)
            samples = _collect(stream.blocks, stream.channels, expected)
            notes = stream.notes.all()
    except ffmpeg.FfmpegFailed as error:
        raise undecodable(path, kind, error) from error
    if kind == "webm" and ffmpeg.sound_only(notes):
        promised_s = ffmpeg.duration_s(notes)
    promised = None if promised_s is None else round(promised_s * stream.rate_hz)
    return Decoded(stream.rate_hz, samples, promised, slack=round(0.1 * stream.rate_hz))


def undecodable(path: Path, kind: str, error: ffmpeg.FfmpegFailed) -> BadInput:
    """What to say of a file that ffmpeg gives up on."""
    if kind == "mp4":
        with open(path, "rb") as raw:
            if not mp4.has_index(raw):
                what = "cut short: its index (the moov box), without which nothing can be found, is missing"
                return BadInput(what, where=path, hint="download or export it again")
    if not kind:
        return BadInput(
            f"is not a sound file that can be read ({error.what})",
            where=path,
            hint="give it as WAV, FLAC, MP3 or M4A",
        )
    return BadInput(
        f"there is no sound in it that can be decoded ({error.what})",
        where=path,
        hint="export it again, as WAV, FLAC, MP3 or M4A",
    )


def _check_form(path: Path, rate_hz: int, channels: int) -> None:
    low, high = _RATES_HZ
    if not low <= rate_hz <= high:
        raise BadInput(
            f"its rate of {rate_hz} Hz is outside {low} to {high} Hz",
            where=path,
            hint="resample it to 48000 Hz",
        )
    if channels > _MOST_CHANNELS:
        raise BadInput(f"has {channels} channels; at most {_MOST_CHANNELS} are read", where=path)


def _collect(blocks: Iterable[NDArray[np.float32]], channels: int, expected: int) -> Samples:
    """Blocks ``(frames, channels)`` into one contiguous array ``(channels, frames)``.

    Holds the sound once, not twice, when `expected` frames is right or a little too many; a
    long one on the disk.
    """
    room = max(1, min(expected + 4096, _MOST_AHEAD // channels)) if expected > 0 else 1 << 20
    samples = scratch((channels, room))
    frames = 0
    for block in blocks:
        end = frames + block.shape[0]
        if end > room:
            room = max(2 * room, end)
            larger = scratch((channels, room))
            for start in range(0, frames, _BLOCK_FRAMES):
                part = slice(start, min(start + _BLOCK_FRAMES, frames))
                larger[:, part] = samples[:, part]
                rest(larger, samples)
            samples = larger
        samples[:, frames:end] = block.T
        frames = end
        rest(samples)
    flat = samples.reshape(-1)
    for channel in range(1, channels):  # close the gaps in place: channels move towards the front
        for start in range(0, frames, _BLOCK_FRAMES):
            count = min(_BLOCK_FRAMES, frames - start)
            old, new = channel * room + start, channel * frames + start
            flat[new : new + count] = flat[old : old + count]
            rest(flat)
    return flat[: channels * frames].reshape(channels, frames)


def _refuse_nonsense(path: Path, samples: Samples, rate_hz: int) -> None:
    bad, first = 0, samples.shape[1]
    for start in range(0, samples.shape[1], _BLOCK_FRAMES):
        fine = np.isfinite(samples[:, start : start + _BLOCK_FRAMES])
        if not fine.all():
            bad += int(fine.size - np.count_nonzero(fine))
            first = min(first, start + int(np.argmin(fine.all(axis=0))))
        rest(samples)
    if bad:
        samples_are = "1 sample is" if bad == 1 else f"{bad} samples are"
        raise BadInput(
            f"{samples_are} not a number (NaN or infinite), the first at {clock(first / rate_hz)}",
            where=path,
            hint="export it again from the program that made it",
        )


def _length(frames: int, rate_hz: int) -> str:
    return f"{clock(frames / rate_hz)} ({frames} frames)"
