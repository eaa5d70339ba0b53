"""The bundled ffmpeg: one process that decodes to, or encodes from, 32-bit float on a pipe."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import PolishError, UsageError
from . import layouts

BLOCK_FRAMES = 1 << 16
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,mp3,aac,flac,wav,w64,aiff,caf,au,asf,avi,flv,mpegts,mpeg,"
    "ape,wv,tta,tak,ac3,eac3,dts,amr,mpc,mpc8,loas"
)
"""Containers of sound only: playlists, which could name other files or hosts, are not opened."""
_DURATION = re.compile(r"^  Duration: (\d+):(\d+):(\d+\.\d+)", re.M)
_STREAM = re.compile(r"^  Stream #0:\d+\S*: (Audio|Video): (.*)$", re.M)


class FfmpegFailed(PolishError):
    """ffmpeg gave up; `what` is its last word. Callers turn it into an error of their own."""


@dataclass(frozen=True)
class Stream:
    """Decoded sound as it comes.

    Attributes:
        rate_hz, channels: of the stream.
        speakers: which loudspeakers the channels are for, as WAV's channel mask has it; `None`
            for one or two channels, and where ffmpeg does not know.
        blocks: float32 ``(frames, channels)``, one after another.
        notes: what ffmpeg said; complete when `blocks` is used up.
    """

    rate_hz: int
    channels: int
    speakers: int | None
    blocks: Iterator[NDArray[np.float32]]
    notes: Words


class Words:
    """Collects what a process writes to its standard error, on a thread of its own."""

    _KEPT = 1 << 17

    def __init__(self, pipe: IO[bytes]) -> None:
        self._text = b""
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while block := pipe.read(4096):
                if len(self._text) < self._KEPT:
                    self._text += block

    def all(self) -> str:
        self._thread.join()
        return self._text.decode("utf-8", "replace")


@cache
def program() -> str:
    """The path of the bundled ffmpeg (or the one that ``$IMAGEIO_FFMPEG_EXE`` names).

    Raises:
        UsageError: there is none for this machine.
    """
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UsageError(
            "no ffmpeg for this machine", hint="install one and set IMAGEIO_FFMPEG_EXE to its path"
        ) from error


@contextmanager
def decoding(path: Path) -> Iterator[Stream]:
    """Decode the first sound stream of a file at its own rate and channel count.

    Priming that the container states (edit lists, Opus pre-skip, LAME tags) is left out.

    Raises:
        FfmpegFailed: no sound stream, or nothing that could be decoded.
    """
    wav = ["-map", "0:a:0", "-map_metadata", "-1", "-fflags", "+bitexact", "-c:a", "pcm_f32le", "-f", "wav"]
    command = [*_reading("info", path), *wav, "pipe:1"]
    with _process(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        notes = Words(process.stderr)
        form = _wav_form(process.stdout)
        if form is None:
            raise FfmpegFailed(reason(notes.all()))
        rate_hz, channels, speakers = form
        yield Stream(rate_hz, channels, speakers, _floats(process.stdout, channels), notes)


def _wav_form(pipe: IO[bytes]) -> tuple[int, int, int | None] | None:
    """Rate, channels and channel mask of a WAV on a pipe, read up to its samples; `None` without any."""
    pipe.read(12)
    form = None
    while len(head := pipe.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return form
        content = pipe.read(size + size % 2)
        if name == b"fmt ":
            _, channels, rate_hz = struct.unpack_from("<HHI", content)
            form = rate_hz, channels, layouts.mask(content)
    return None


def _floats(pipe: IO[bytes], channels: int) -> Iterator[NDArray[np.float32]]:
    step = BLOCK_FRAMES * channels * 4
    while block := pipe.read(step):
        whole = len(block) // (4 * channels) * 4 * channels
        yield np.frombuffer(block[:whole], "<f4").reshape(-1, channels).astype(np.float32, copy=False)


def describe(path: Path) -> str:
    """What ffmpeg says about a file's streams, without decoding it.

    Raises:
        FfmpegFailed: it is nothing that ffmpeg reads, or holds no sound.
    """
    with _process(_reading("info", path)) as process:
        assert process.stderr is not None
        text = Words(process.stderr).all()
    if not any(kind == "Audio" for kind, _ in _STREAM.findall(text)):
        raise FfmpegFailed(reason(text))
    return text


def sound_stream(notes: str) -> str:
    """The description of the first sound stream: ``aac (LC) (mp4a …), 44100 Hz, stereo, fltp``."""
    return next((rest for kind, rest in _STREAM.findall(notes) if kind == "Audio"), "")


def sound_only(notes: str) -> bool:
    """Whether a file holds no pictures, so that its duration is its sound's."""
    return all(kind == "Audio" for kind, _ in _STREAM.findall(notes))


def duration_s(notes: str) -> float | None:
    """The duration ffmpeg states for the file, to 10 ms."""
    found = _DURATION.search(notes)
    return (
        None
        if found is None
        else sum(float(n) * k for n, k in zip(found.groups(), (3600, 60, 1), strict=True))
    )


def encode(
    blocks: Iterable[NDArray[np.float32]], rate_hz: int, channels: int, target: Path, options: list[str]
) -> None:
    """Encode float32 blocks ``(frames, channels)`` into `target`, the same bytes every time.

    Raises:
        FfmpegFailed: the encoder refuses these settings, or the disk is full.
    """
    command = [
        program(), "-hide_banner", "-loglevel", "error", "-y",
        "-f", "f32le", "-ar", str(rate_hz), "-ac", str(channels), "-i", "pipe:0",
        "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-threads", "1",
        *options, _url(target),
    ]  # fmt: skip
    with _process(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        notes = Words(process.stderr)
        try:
            with process.stdin as pipe:
                for block in blocks:
                    pipe.write(np.ascontiguousarray(block, "<f4").data)
        except BrokenPipeError:
            pass  # it has stopped; its last word says why
        if (status := process.wait()) != 0:
            ended = f"stopped by signal {-status}" if status < 0 else f"left with status {status}"
            raise FfmpegFailed(reason(notes.all()) or f"the encoder was {ended}")


def reason(notes: str) -> str:
    """The last thing ffmpeg complained about, in one line."""
    lines = [re.sub(r"^(\[[^\]]*\] ?)+", "", line).strip() for line in notes.splitlines()]
    telling = [line for line in lines if re.search(r"error|invalid|not |no |fail|unsupported", line, re.I)]
    first = next(iter(telling or [line for line in lines if line]), "")
    return first[:200].rstrip(".")


def _reading(level: str, path: Path) -> list[str]:
    return [
        program(), "-hide_banner", "-nostdin", "-loglevel", level, "-nostats", "-threads", "1",
        "-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS, "-i", _url(path), "-vn", "-sn", "-dn",
    ]  # fmt: skip


def _url(path: Path) -> str:
    """A path that ffmpeg takes for nothing else: no option, no protocol, no pattern."""
    return "file:" + os.path.abspath(path)


@contextmanager
def _process(
    command: list[str], *, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None and stdout == subprocess.PIPE:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        process.wait()
