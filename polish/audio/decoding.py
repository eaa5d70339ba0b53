"""Decoding sound block by block: libsndfile first, the bundled ffmpeg for what it does not know.

Whoever takes the blocks to their end has the whole file: what is cut short or no number is
refused there, with what the header promises held against what came.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ..units import clock
from . import ffmpeg, headers, layouts, mp4, mpeg, sniff

_BLOCK_FRAMES = 1 << 18
_RATES_HZ = (8_000, 192_000)
_MOST_CHANNELS = 64
Block = NDArray[np.float32]
"""``(frames, channels)``, as decoders give them."""


@dataclass(frozen=True)
class Source:
    """A file on its way in.

    Attributes:
        speakers: which loudspeakers the channels are for, as WAV's channel mask has it; `None`
            where the file does not say.
        expected: how many frames there will probably be, 0 where that is not known before.
        blocks: one after another. The last step raises `BadInput` when there was nothing, fewer
            frames than the header promises, or NaN or infinity among them.
    """

    rate_hz: int
    channels: int
    speakers: int | None
    expected: int
    blocks: Iterator[Block]


@dataclass(frozen=True)
class Promise:
    """How many frames a header promises (`None`: it does not say), and how many of them may be
    missing before a file counts as cut short: the rounding of headers that count in time or in
    codec frames."""

    frames: int | None
    slack: int = 0


@contextmanager
def decoding(path: Path) -> Iterator[Source]:
    """Open any sound file that `read` takes, to be decoded once, from its beginning to its end.

    Raises:
        BadInput: see `read`; some of it on entering, the rest from `Source.blocks`.
    """
    kind = examine(path)
    promise, tidy = None, True
    if kind == "mp3":  # ffmpeg for those with something between their frames
        with open(path, "rb") as raw:
            frames = mpeg.walk(raw)
        if frames.cut_short and frames.promised is not None:
            raise _cut_short(path, frames.promised, frames.there, frames.rate_hz)
        promise, tidy = Promise(frames.promised, 2 * 1152), frames.tidy
    with ExitStack() as stack:
        source = None
        if kind in sniff.BY_LIBSNDFILE and tidy:
            source = stack.enter_context(_by_libsndfile(path, kind, promise))
        yield source or stack.enter_context(_by_ffmpeg(path, kind, promise))


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


@contextmanager
def _by_libsndfile(path: Path, kind: str, promise: Promise | None) -> Iterator[Source | None]:
    """`None` when libsndfile does not know the codec, or orders the channels its own way."""
    with open(path, "rb") as raw:
        promised, speakers = headers.promised_frames(raw, kind), layouts.of_wav(raw, kind)
    with opened(path) as file:
        if file is None or (kind == "ogg" and file.channels > 2):
            yield None  # libsndfile leaves 5.1 in Vorbis' order, ffmpeg brings it into WAV's
            return
        _check_form(path, file.samplerate, file.channels)
        expected = file.frames if kind != "ogg" else 0
        blocks = _checked(
            path, file.samplerate, _sndfile_blocks(path, file, promised), lambda: promise or Promise(promised)
        )
        expected = min(expected, promised or expected)
        yield Source(file.samplerate, file.channels, speakers, expected, blocks)


def _sndfile_blocks(path: Path, file: Any, promised: int | None) -> Iterator[Block]:
    import soundfile

    try:
        yield from _all_blocks(file)
    except soundfile.LibsndfileError as error:
        raise _damaged(path, promised, error) from error


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


def _all_blocks(file: Any, frames: int = _BLOCK_FRAMES) -> Iterator[NDArray[np.float32]]:
    while (block := file.read(frames, dtype="float32", always_2d=True)).shape[0]:
        yield block


def _damaged(path: Path, promised: int | None, error: Any) -> BadInput:
    """What to say of a file that libsndfile opens and cannot read to its end."""
    if promised is not None:
        with opened(path) as file:
            rate_hz, readable = file.samplerate, 0
            with suppress(type(error)):
                for block in _all_blocks(file, 1024):
                    readable += block.shape[0]
        return _cut_short(path, promised, readable, rate_hz, "cut short or damaged")
    what = error.error_string.removeprefix("Error : ").strip().rstrip(".")
    return BadInput(f"is damaged: {what}", where=path, hint="download or export it again")


@contextmanager
def _by_ffmpeg(path: Path, kind: str, promise: Promise | None) -> Iterator[Source]:
    promised_s = None
    if kind == "mp4":
        with open(path, "rb") as raw:
            promised_s = mp4.promised_s(raw)

    def stated() -> Promise:
        seconds, notes = promised_s, stream.notes.all()
        if kind == "webm" and ffmpeg.sound_only(notes):
            seconds = ffmpeg.duration_s(notes)
        return Promise(None if seconds is None else round(seconds * rate_hz), round(0.1 * rate_hz))

    try:
        with ffmpeg.decoding(path) as stream:
            rate_hz = stream.rate_hz
            _check_form(path, rate_hz, stream.channels)
            blocks = _checked(path, rate_hz, stream.blocks, lambda: promise or stated())
            expected = round((promised_s or 0) * rate_hz)
            yield Source(rate_hz, stream.channels, stream.speakers, expected, blocks)
    except ffmpeg.FfmpegFailed as error:
        raise undecodable(path, kind, error) from error


def _checked(
    path: Path, rate_hz: int, blocks: Iterator[Block], promise: Callable[[], Promise]
) -> Iterator[Block]:
    """The blocks, and at their end what is wrong with the whole of them."""
    frames = bad = first = 0
    for block in blocks:
        fine = np.isfinite(block)
        if not fine.all():
            first = first if bad else frames + int(np.argmin(fine.all(axis=1)))
            bad += int(fine.size - np.count_nonzero(fine))
        frames += block.shape[0]
        if not bad:
            yield block
    if frames == 0:
        raise BadInput(
            "there is no sound in it: a header, and no samples", where=path, hint="export it again"
        )
    promised = promise()
    if promised.frames is not None and frames < promised.frames - promised.slack:
        raise _cut_short(path, promised.frames, frames, rate_hz)
    if bad:
        samples_are = "1 sample is" if bad == 1 else f"{bad} samples are"
        raise BadInput(
            f"{samples_are} not a number (NaN or infinite), the first at {clock(first / rate_hz)}",
            where=path,
            hint="export it again from the program that made it",
        )


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


def _cut_short(path: Path, promised: int, there: int, rate_hz: int, what: str = "cut short") -> BadInput:
    lengths = f"{_length(promised, rate_hz)}, but only {_length(there, rate_hz)} are there"
    return BadInput(f"{what}: its header promises {lengths}", where=path, hint="download or export it again")


def _length(frames: int, rate_hz: int) -> str:
    return f"{clock(frames / rate_hz)} ({frames} frames)"
