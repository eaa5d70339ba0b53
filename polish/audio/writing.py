"""Writing sound: encoded beside the target, read back, compared, and only then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, OutputError
from ..files import whole_file
from ..units import decibels
from . import ffmpeg, quantise, wav
from .convert import peak, resample
from .formats import Format
from .reading import read
from .sound import Samples, Sound
from .tags import put_tags, riff_chunks

_ENCODERS = {
    "mp3": ["-c:a", "libmp3lame", "-f", "mp3"],
    "m4a": ["-c:a", "aac", "-f", "ipod"],
    "ogg": ["-c:a", "libvorbis", "-f", "ogg"],
    "opus": ["-c:a", "libopus", "-f", "opus"],
}
_SLACK_FRAMES = 2 * 2048


def write(
    path: str | Path, sound: Sound, format: str | Format = "wav 24-bit", *,
    tags: Mapping[str, str] | None = None, seed: int = 0,
) -> Path:  # fmt: skip
    """Write a sound as a whole file that was read back and compared.

    The same sound, format, tags and seed give the same bytes. Lossless files hold exactly
    what was meant at their depth; 16 bits are dithered (`polish.audio.quantise`). A codec
    that does not know the sound's rate gets it resampled to `Format.rate_for`.

    Args:
        path: the target; its folder is made when needed.
        sound: what to write; beyond full scale only for ``wav 32-float``.
        tags: title, artist, … (see `polish.audio.tags`).
        seed: of the dither.

    Raises:
        OutputError: no space, no permission, peaks above full scale, more channels than the
            format has, or what was written reads back differently.
    """
    path, format = Path(path), Format.parse(format)
    if sound.frames == 0:
        raise OutputError("there is no sound to write", where=path)
    if sound.channels > format.most_channels:
        raise OutputError(
            f"{format.kind} holds at most {format.most_channels} channels, this sound has {sound.channels}",
            where=path, hint="choose another format, such as wav 24-bit",
        )  # fmt: skip
    if not format.floating:
        _refuse_overs(path, sound, format)
    sound = resample(sound, format.rate_for(sound.rate_hz))
    with whole_file(path) as part:
        if format.lossy:
            _encode(part, path, sound, format)
            put_tags(part, tags or {})
            _compare_roughly(part, path, sound)
        else:
            _write_lossless(part, sound, format, tags or {}, seed)
            if format.kind == "flac":
                put_tags(part, tags or {})
            _compare_exactly(part, path, sound, format, seed)
    return path


def _refuse_overs(path: Path, sound: Sound, format: Format) -> None:
    highest = peak(sound)
    if not highest <= 1.0:
        raise OutputError(
            f"its peak of {decibels(highest):+.2f} dBFS is above full scale, which {format} cannot hold",
            where=path,
            hint="lower the gain, or choose wav 32-float",
        )


def _write_lossless(part: Path, sound: Sound, format: Format, tags: Mapping[str, str], seed: int) -> None:
    assert format.bits is not None
    if format.kind == "flac":
        _write_flac(part, sound, format.bits, seed)
        return
    head = wav.header(
        sound.frames, sound.channels, sound.rate_hz, format.bits,
        floating=format.floating, extra=riff_chunks(tags),
    )  # fmt: skip
    with open(part, "wb") as file:
        file.write(head)
        wav.write_samples(file, _meant(sound, format, seed), format.bits)


def _meant(sound: Sound, format: Format, seed: int) -> Iterator[NDArray[np.int32] | NDArray[np.float32]]:
    """The values the file is to hold, interleaved, block by block."""
    if not format.floating:
        assert format.bits is not None
        return quantise.blocks(sound.samples, format.bits, seed=seed)
    return _floats(sound.samples)


def _floats(samples: Samples) -> Iterator[NDArray[np.float32]]:
    for start in range(0, samples.shape[1], quantise.BLOCK_FRAMES):
        yield np.ascontiguousarray(samples[:, start : start + quantise.BLOCK_FRAMES].T)


def _write_flac(part: Path, sound: Sound, bits: int, seed: int) -> None:
    import soundfile

    with soundfile.SoundFile(
        part, "w", sound.rate_hz, sound.channels, subtype=f"PCM_{bits}", format="FLAC"
    ) as file:
        for block in quantise.blocks(sound.samples, bits, seed=seed):
            file.write(block << (32 - bits))


def _compare_exactly(part: Path, path: Path, sound: Sound, format: Format, seed: int) -> None:
    import soundfile

    kind, shift = ("float32", 0) if format.floating else ("int32", 32 - (format.bits or 32))
    try:
        with soundfile.SoundFile(part) as file:
            same = (file.samplerate, file.channels, file.frames) == (
                sound.rate_hz,
                sound.channels,
                sound.frames,
            )
            same = same and all(
                np.array_equal(
                    file.read(len(meant), dtype=kind, always_2d=True), meant << shift if shift else meant
                )
                for meant in _meant(sound, format, seed)
            )
    except soundfile.LibsndfileError as error:
        raise OutputError(f"cannot be read back: {error.error_string}", where=path) from error
    if not same:
        raise OutputError("what was written reads back differently", where=path, hint="check the disk")


def _encode(part: Path, path: Path, sound: Sound, format: Format) -> None:
    kbps = format.bitrate_for(sound.rate_hz, sound.channels)
    options = [*_ENCODERS[format.kind], "-b:a", f"{kbps}k"]
    try:
        ffmpeg.encode(_floats(sound.samples), sound.rate_hz, sound.channels, part, options)
    except ffmpeg.FfmpegFailed as error:
        if os.strerror(errno.ENOSPC) in error.what:
            raise OSError(errno.ENOSPC, error.what) from error
        form = f"{sound.channels} channels at {sound.rate_hz} Hz"
        raise OutputError(
            f"{form} cannot be written as {format}: {error.what}",
            where=path,
            hint="choose another bit rate or format",
        ) from error


def _compare_roughly(part: Path, path: Path, sound: Sound) -> None:
    try:
        back = read(part)
    except BadInput as error:
        raise OutputError(f"cannot be read back: {error.what}", where=path) from error
    frames = sound.frames * back.rate_hz / sound.rate_hz
    if (
        back.channels != sound.channels
        or back.rate_hz != sound.rate_hz
        or abs(back.frames - frames) > _SLACK_FRAMES
    ):
        raise OutputError(
            f"reads back as {back.frames} frames, {back.channels} channels at {back.rate_hz} Hz instead of "
            f"{sound.frames}, {sound.channels} at {sound.rate_hz} Hz",
            where=path,
        )
