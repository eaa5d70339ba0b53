"""Small MP3s to listen to, in a page or a message; not masters."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError
from ..files import whole_file
from ..units import amplitude
from . import ffmpeg, mpeg, quantise
from .convert import resample
from .formats import Format
from .sound import Sound

_ENCODER = ["-compression_level", "7", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]


def preview(path: str | Path, sound: Sound, *, gain_db: float = 0.0, kbps: int = 160) -> Path:
    """Write a listening copy of a sound: MP3, at most two channels and 48 kHz, the same bytes each time.

    Args:
        gain_db: applied first; what then still is above full scale is clipped.
        kbps: the bit rate in kbit/s.

    Raises:
        OutputError: no space, no permission.
    """
    made = _pydub()
    from pydub.exceptions import CouldntEncodeError

    path = Path(path)
    sound = resample(sound, Format("mp3", f"{kbps}k").rate_for(sound.rate_hz))
    louder = sound.with_samples(sound.samples * np.float32(amplitude(gain_db))) if gain_db else sound
    pcm = b"".join(block.astype("<i2").tobytes() for block in quantise.blocks(louder, 16))
    segment = made(data=pcm, sample_width=2, frame_rate=sound.rate_hz, channels=sound.channels)
    two = ["-ac", "2"] if sound.channels > 2 else []
    with whole_file(path) as part:
        try:
            segment.export(part, format="mp3", bitrate=f"{kbps}k", parameters=[*_ENCODER, *two]).close()
        except CouldntEncodeError as error:
            raise OutputError("the listening copy cannot be encoded", where=path) from error
        mpeg.state_length(part, sound.frames)
    return path


@cache
def _pydub() -> Any:
    """pydub's segment, with the bundled ffmpeg as its converter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for ffmpeg on the PATH, where none need be
        from pydub import AudioSegment
    AudioSegment.converter = ffmpeg.program()
    return AudioSegment
