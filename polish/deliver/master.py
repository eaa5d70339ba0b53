"""The master as a file, measured as it lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from .. import audio
from ..audio import Format, Sound
from ..declared import StepId
from ..errors import OutputError
from ..song import Master as Made
from ..song import Song
from ..units import DBTP, amplitude, decibels, number
from .base import Delivered, Delivery, file_name
from .fitting import Fitted, fit

CEILING_DBTP = 0.0
"""What a decoded lossy file may not exceed where no ceiling is given: above it a player's converter clips."""


class Master(Delivery):
    """A master as one sound file, whose loudness and true peak are measured in the file itself."""

    name: ClassVar[str] = "master"
    reads: ClassVar[tuple[str, ...]] = ("masters",)

    of: Annotated[str | None, StepId("masters")] = Field(
        default=None, description="The id of the `master` step to deliver; the last one when it is left out."
    )
    format: Format = Field(
        default=Format("wav", "24-bit"),
        description="The kind of file: wav or flac with 16-bit, 24-bit (wav also 32-float); mp3, m4a, ogg or "
        "opus with a bit rate, as in mp3 320k.",
    )
    dither: Literal["tpdf", "shaped", "none"] = Field(
        default="tpdf",
        description="Noise added where bits are lost, in wav and flac with 16-bit or 24-bit: triangular "
        "(tpdf), the same moved to where it is heard least (shaped, for 16-bit), or none.",
    )
    ceiling: Annotated[float, DBTP.between(-20, 0)] | None = Field(
        default=None,
        description="The highest true peak of the file as a player decodes it; where it would be higher, "
        "the file is lowered by just enough. None: 0 dBTP for mp3, m4a, ogg and opus.",
    )
    replaygain: bool = Field(
        default=False,
        description="Write ReplayGain 2.0 tags (R128 gains in opus), with the gain of the album where the "
        "step `album` made the master; for flac, mp3, m4a, ogg and opus.",
    )

    @model_validator(mode="after")
    def _tags_have_a_place(self) -> Master:
        if self.replaygain and self.format.kind == "wav":
            raise ValueError("wav has no place for ReplayGain: take flac, mp3, m4a, ogg or opus")
        return self

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``TITLE.wav``, or ``TITLE (id).wav`` where there are several masters.

        A lossy file is decoded again: where its true peak is above the ceiling, it is encoded
        anew, lower by just enough. A lossless one is lowered where its samples would not fit,
        and for a ceiling that is asked for. The facts have under ``codec`` what was found.

        Raises:
            OutputError: no such master, or the file cannot be written.
        """
        name = self.of or next(reversed(song.masters), None)
        if name is None or name not in song.masters:
            raise OutputError(
                f"there is no master {name!r}" if name else "there is no master", where="deliver"
            )
        path = folder / (self._file_name(song, name) + self.format.suffix)
        done = self.put(song.masters[name], path, tags=song.tags)
        return replace(done, facts={"of": name, **done.facts})

    def put(self, made: Made, path: Path, *, tags: Mapping[str, str]) -> Delivered:
        """Write one master to a path that ends as its format does; see `write`.

        Raises:
            OutputError: it cannot be written.
        """
        sound = audio.resample(made.sound, self.format.rate_for(made.sound.rate_hz))

        def write(lower: Sound) -> None:
            audio.write(path, lower, self.format, tags=tags, dither=self.dither)

        fitted = fit(path, sound, write, ceiling_dbtp=self._ceiling(), gain_db=self._fitting_gain_db(sound))
        facts: dict[str, Any] = {
            "file": path.name,
            "format": str(self.format),
            "gain_db": round(fitted.gain_db, 2) + 0.0,
            "measured": _measured(fitted.back),
        }
        facts["codec"] = self._codec(fitted, facts["measured"], made.sound)
        notices = self._notices(made.sound, sound, fitted, path)
        if self.replaygain:
            facts["replaygain"] = _with_gains(path, facts["measured"], made)
            if not facts["replaygain"]:
                notices.append(f"{path.name} has no loudness, and so no ReplayGain")
        return Delivered((path,), facts, tuple(notices))

    def _file_name(self, song: Song, name: str) -> str:
        marks = [name] if len(song.masters) > 1 else []
        if self.format != Format.parse(self.format.kind):
            marks.append(self.format.detail)
        return file_name(" ".join([song.title, *(f"({mark})" for mark in marks)]))

    def _ceiling(self) -> float | None:
        return CEILING_DBTP if self.ceiling is None and self.format.lossy else self.ceiling

    def _fitting_gain_db(self, sound: Sound) -> float:
        """The gain in dB, 0 or less, at which no sample is above full scale in an integer file."""
        highest = audio.peak(sound)
        return 0.0 if self.format.floating or highest <= 1 else -(decibels(highest) or 0.0) - 0.0001

    def _codec(self, fitted: Fitted, measured: dict[str, Any], original: Sound) -> dict[str, Any] | None:
        """What encoding does to the peaks, and what keeping them under the ceiling takes."""
        ceiling_dbtp = self._ceiling()
        if ceiling_dbtp is None:
            return None
        lost_lu = None
        if fitted.gain_db and measured["integrated_lufs"] is not None:
            from ..dsp.loudness import integrated_lufs

            whole_lufs = integrated_lufs(original.samples, original.rate_hz)
            lost_lu = whole_lufs and round(whole_lufs - measured["integrated_lufs"], 2)
        return {
            "ceiling_dbtp": ceiling_dbtp, "true_peak_before_dbtp": fitted.first_dbtp,
            "lowered_db": round(fitted.lowered_db, 2), "loudness_lost_lu": lost_lu,
            "writes": fitted.writes,
        }  # fmt: skip

    def _notices(self, original: Sound, sound: Sound, fitted: Fitted, path: Path) -> list[str]:
        told = []
        if sound.rate_hz != original.rate_hz:
            kind, rate_hz = self.format.kind, original.rate_hz
            told.append(f"{kind} does not hold {rate_hz} Hz: {path.name} is at {sound.rate_hz} Hz")
        ceiling_dbtp = self._ceiling()
        under = f"{number(ceiling_dbtp or 0.0)} dBTP".replace("-", "−")
        over_db = -fitted.gain_db - fitted.lowered_db
        if over_db > 0:
            why = "it would be above full scale"
            told.append(f"{path.name} is lower by {over_db:.2f} dB than the master: {why}")
        if fitted.lowered_db > 0:
            what = "its decoded true peak" if self.format.lossy else "its true peak"
            why = f"{what} would be {fitted.first_dbtp:+.2f} dBTP, above {under}".replace(" -", " −")
            told.append(f"{path.name} is lower by {fitted.lowered_db:.2f} dB than the master: {why}")
        peak_dbtp = fitted.true_peak_dbtp
        if ceiling_dbtp is not None and peak_dbtp is not None and peak_dbtp > ceiling_dbtp:
            told.append(f"{path.name} still decodes to {peak_dbtp:+.2f} dBTP, above {under}")
        return told


def _measured(sound: Sound) -> dict[str, Any]:
    from ..dsp.measure import measure

    return measure(sound.samples, sound.rate_hz)


def _with_gains(path: Path, measured: dict[str, Any], made: Made) -> dict[str, str]:
    """Tag the file with its gains; what was written, nothing for a file without loudness."""
    from ..audio.gains import Level, put_gains

    def level(lufs: float, peak_dbtp: float) -> Level:
        return Level(lufs, amplitude(peak_dbtp))

    if measured["integrated_lufs"] is None:
        return {}
    album = made.facts.get("album") or {}
    together = album.get("loudness_lufs")
    return put_gains(
        path,
        level(measured["integrated_lufs"], measured["true_peak_dbtp"]),
        None if together is None else level(together, album["true_peak_dbtp"]),
    )
