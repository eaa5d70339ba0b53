"""Writing sound: encoded beside the target, read back, compared, and only then renamed."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, OutputError
from ..files import whole_file
from ..units import decibels
from . import ffmpeg, mpeg, quantise, wav
from .convert import peak, resample
from .formats import Format
from .reading import read
from .sound import Sound
from .tags import put_tags, riff_chunks

_ENCODERS = {
    "mp3": ["-c:a", "libmp3lame", "-f", "mp3"],
    "m4a": ["-c:a", "aac", "-f", "ipod"],
    "ogg": ["-c:a", "libvorbis", "-f", "ogg"],
    "opus": ["-c:a", "libopus", "-f", "opus"],
}
_SLACK_FRAMES = 2 * 2048
"""How far a lossy file may be from the length it was given: two long frames of a codec."""
_FULL_BYTES = 1 << 20


@dataclass(frozen=True)
class _Order:
    """What is to be written: the sound at the file's rate, and where it will lie."""

    path: Path
    sound: Sound
    format: Format
    tags: Mapping[str, str]
    dither: quantise.Dither
    seed: int

    def blocks(self) -> Iterator[NDArray[np.int32] | NDArray[np.float32]]:
        """The values the file is to hold, interleaved, block by block."""
        bits = self.format.bits
        if bits is not None and not self.format.floating:
            return quantise.blocks(self.sound, bits, dither=self.dither, seed=self.seed)
        return quantise.floats(self.sound.samples)


def write(
    path: str | Path, sound: Sound, format: str | Format = "wav 24-bit", *,
    tags: Mapping[str, str] | None = None, dither: quantise.Dither = "tpdf", seed: int = 0,
) -> Path:  # fmt: skip
    """Write a sound as a whole file that was read back and compared.

    The same sound, format, tags and seed give the same bytes. Lossless files hold exactly
    what was meant at their depth; where that loses bits, at 24 too, they are dithered
    (`polish.audio.quantise`). A codec that does not know the sound's rate gets it resampled to
    `Format.rate_for`.

    Args:
        path: the target; its folder is made when needed.
        sound: what to write; beyond full scale only for ``wav 32-float``.
        tags: title, artist, … (see `polish.audio.tags`).
        dither: ``tpdf``, ``shaped`` or ``none``, for integer formats; codecs are given floats.
        seed: of the dither.

    Raises:
        OutputError: no space, no permission, peaks above full scale, more channels than the
            format has, or what was written reads back differently.
        ValueError: a NaN or an infinity in the sound, or no such format.
    """
    path, format = Path(path), Format.parse(format)
    if sound.frames == 0:
        raise OutputError("there is no sound to write", where=path)
    if sound.channels > format.most_channels:
        raise OutputError(
            f"{format.kind} holds at most {format.most_channels} channels, this sound has {sound.channels}",
            where=path, hint="choose another format, such as wav 24-bit",
        )  # fmt: skip
    _refuse_unfit(path, sound, format)
    order = _Order(path, resample(sound, format.rate_for(sound.rate_hz)), format, tags or {}, dither, seed)
    with whole_file(path) as part:
        if format.lossy:
            _encode(part, order)
            _tag(part, order)
            _compare_roughly(part, order)
        else:
            if format.kind == "flac":
                _write_flac(part, order)
                _tag(part, order)
            else:
                _write_wav(part, order)
            _compare_exactly(part, order)
    return path


def _refuse_unfit(path: Path, sound: Sound, format: Format) -> None:
    highest = peak(sound)
    if not math.isfinite(highest):
        raise ValueError(f"samples for {path.name} are not all finite: what went wrong before?")
    if highest > 1.0 and not format.floating:
        raise OutputError(
            f"its peak of {decibels(highest):+.2f} dBFS is above full scale, which {format} cannot hold",
            where=path,
            hint="lower the gain, or choose wav 32-float",
        )


def _write_wav(part: Path, order: _Order) -> None:
    sound, bits = order.sound, order.format.bits or 0
    head = wav.header(
        sound.frames, sound.channels, sound.rate_hz, bits,
        floating=order.format.floating, extra=riff_chunks(order.tags),
    )  # fmt: skip
    with open(part, "wb") as file:
        file.write(head)
        wav.write_samples(file, order.blocks(), bits)


def _write_flac(part: Path, order: _Order) -> None:
    import soundfile

    bits = order.format.bits or 0
    try:
        with soundfile.SoundFile(
            part, "w", order.sound.rate_hz, order.sound.channels, subtype=f"PCM_{bits}", format="FLAC"
        ) as file:
            for block in order.blocks():
                file.write(block << (32 - bits))
    except soundfile.LibsndfileError as error:  # it does not say which system error it met
        if shutil.disk_usage(part.parent).free < _FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        why = error.error_string.strip() or "libsndfile met a system error"
        raise OutputError(f"cannot be written: {why}", where=order.path) from error


def _encode(part: Path, order: _Order) -> None:
    sound, format = order.sound, order.format
    kbps = format.bitrate_for(sound.rate_hz, sound.channels)
    options = [*_ENCODERS[format.kind], "-b:a", f"{kbps}k"]
    try:
        ffmpeg.encode(order.blocks(), sound.rate_hz, sound.channels, part, options)
    except ffmpeg.FfmpegFailed as error:
        if os.strerror(errno.ENOSPC) in error.what:
            raise OSError(errno.ENOSPC, error.what) from error
        form = f"{sound.channels} channels at {sound.rate_hz} Hz"
        raise OutputError(
            f"{form} cannot be written as {format}: {error.what}",
            where=order.path,
            hint="choose another bit rate or format",
        ) from error
    if format.kind == "mp3":
        mpeg.state_length(part, sound.frames)


def _tag(part: Path, order: _Order) -> None:
    from mutagen import MutagenError

    try:
        put_tags(part, order.tags)
    except MutagenError as error:
        raise OutputError(f"its tags cannot be written: {error}", where=order.path) from error


def _compare_exactly(part: Path, order: _Order) -> None:
    import soundfile

    sound, floating = order.sound, order.format.floating
    kind, shift = ("float32", 0) if floating else ("int32", 32 - (order.format.bits or 0))
    try:
        with soundfile.SoundFile(part) as file:
            same = (file.samplerate, file.channels, file.frames) == (
                sound.rate_hz,
                sound.channels,
                sound.frames,
            ) and all(
                np.array_equal(
                    file.read(len(meant), kind, always_2d=True), meant if floating else meant << shift
                )
                for meant in order.blocks()
            )
    except soundfile.LibsndfileError as error:
        raise OutputError(f"cannot be read back: {error.error_string}", where=order.path) from error
    if not same:
        raise OutputError("what was written reads back differently", where=order.path, hint="check the disk")


def _compare_roughly(part: Path, order: _Order) -> None:
    sound = order.sound
    try:
        back = read(part)
    except BadInput as error:
        raise OutputError(f"cannot be read back: {error.what}", where=order.path) from error
    same_form = (back.channels, back.rate_hz) == (sound.channels, sound.rate_hz)
    if not same_form or abs(back.frames - sound.frames) > _SLACK_FRAMES:
        raise OutputError(
            f"reads back as {back.frames} frames, {back.channels} channels at {back.rate_hz} Hz instead of "
            f"{sound.frames}, {sound.channels} at {sound.rate_hz} Hz",
            where=order.path,
        )
