"""The master as a file, measured as it lies there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from .. import audio
from ..audio import Format, Sound
from ..declared import StepId
from ..errors import OutputError
from ..song import Song
from ..units import amplitude, decibels
from .base import Delivered, Delivery, file_name

CEILING_DBTP = 0.0
"""What a decoded file may not exceed: above it a player's converter clips."""
_MARGIN_DB = 0.02
_ATTEMPTS = 4


class Master(Delivery):
    """A master as one sound file, whose loudness and true peak are measured in the file itself."""

    name: ClassVar[str] = "master"
    reads: ClassVar[tuple[str, ...]] = ("masters",)

    of: Annotated[str | None, StepId("masters")] = Field(
        None, description="The id of the `master` step to deliver; the last one when it is left out."
    )
    format: Format = Field(
        Format("wav", "24-bit"),
        description="The kind of file: wav or flac with 16-bit, 24-bit (wav also 32-float); mp3, m4a, ogg or "
        "opus with a bit rate, as in mp3 320k.",
    )
    dither: Literal["tpdf", "shaped", "none"] = Field(
        "tpdf",
        description="Noise added where bits are lost, in wav and flac with 16-bit or 24-bit: triangular "
        "(tpdf), the same moved to where it is heard least (shaped, for 16-bit), or none.",
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``TITLE.wav``, or ``TITLE (id).wav`` where there are several masters.

        A lossy file is decoded again: where its true peak is above 0 dBTP, it is encoded
        anew, lower by just enough. A lossless one is lowered only where its samples would
        not fit.

        Raises:
            OutputError: no such master, or the file cannot be written.
        """
        name = self.of or next(reversed(song.masters), None)
        if name is None or name not in song.masters:
            raise OutputError(
                f"there is no master {name!r}" if name else "there is no master", where="deliver"
            )
        original = song.masters[name].sound
        sound = audio.resample(original, self.format.rate_for(original.rate_hz))
        path = folder / (self._file_name(song, name) + self.format.suffix)
        gain_db = self._fitting_gain_db(sound)
        for _ in range(_ATTEMPTS):
            audio.write(path, _lower(sound, gain_db), self.format, tags=song.tags, dither=self.dither)
            measured = _measured(path)
            over_db = (measured["true_peak_dbtp"] or -np.inf) - CEILING_DBTP
            if not self.format.lossy or over_db <= 0:
                break
            gain_db -= over_db + _MARGIN_DB
        facts: dict[str, Any] = {
            "of": name,
            "file": path.name,
            "format": str(self.format),
            "gain_db": round(gain_db, 2) + 0.0,
            "measured": measured,
        }
        return Delivered((path,), facts, tuple(self._notices(original, sound, gain_db, path, over_db)))

    def _file_name(self, song: Song, name: str) -> str:
        marks = [name] if len(song.masters) > 1 else []
        if self.format != Format.parse(self.format.kind):
            marks.append(self.format.detail)
        return file_name(" ".join([song.title, *(f"({mark})" for mark in marks)]))

    def _fitting_gain_db(self, sound: Sound) -> float:
        """The gain in dB, 0 or less, at which no sample is above full scale in an integer file."""
        highest = audio.peak(sound)
        return 0.0 if self.format.floating or highest <= 1 else -(decibels(highest) or 0.0) - 0.0001

    def _notices(
        self, original: Sound, sound: Sound, gain_db: float, path: Path, over_db: float
    ) -> list[str]:
        told = []
        if sound.rate_hz != original.rate_hz:
            kind, rate_hz = self.format.kind, original.rate_hz
            told.append(f"{kind} does not hold {rate_hz} Hz: {path.name} is at {sound.rate_hz} Hz")
        if gain_db < 0:
            why = (
                "its decoded true peak would be above 0 dBTP"
                if self.format.lossy
                else "it would be above full scale"
            )
            told.append(f"{path.name} is lower by {-gain_db:.2f} dB than the master: {why}")
        if self.format.lossy and over_db > 0:
            told.append(f"{path.name} still decodes to {over_db:+.2f} dBTP")
        return told


def _lower(sound: Sound, gain_db: float) -> Sound:
    return sound.with_samples(sound.samples * np.float32(amplitude(gain_db))) if gain_db else sound


def _measured(path: Path) -> dict[str, Any]:
    from ..dsp.measure import measure

    back = audio.read(path)
    return measure(back.samples, back.rate_hz)
