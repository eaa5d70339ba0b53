"""Songs with their lyrics and their separated voices, for what measures known lyrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from polish import audio
from polish.audio import Sound
from polish.dsp.voice import activity
from polish.models.acoustic import RATE_HZ, Hearings, hearings
from polish.models.alignment import Placed
from polish.models.separation import BuiltinSeparator
from polish.models.words import KnownLine, known_lines


@dataclass(frozen=True, eq=False)
class Given:
    """A song and its lyrics.

    Attributes:
        voice: separated, in one channel at the rate that `hearings` hears it at.
        heard: as from `hearings`.
        sung_s: the first and the last moment of voice.
    """

    name: str
    voice: Sound
    heard: Hearings
    sung_s: tuple[float, float]
    lines: list[KnownLine]

    @property
    def words(self) -> set[str]:
        return {line.text for line in self.lines}


def given(song: Path, text: Path, kept: Path | None) -> Given:
    """A song and its lyrics; its voice is separated, or read from the folder `kept` where it lies since."""
    name = song.parent.name if song.stem == "song" else song.stem
    known = kept and kept / f"{name}.npz"
    if known and known.exists():
        loaded = np.load(known)
        mono, sung_s = loaded["voice"], loaded["sung_s"]
    else:
        separated = BuiltinSeparator("builtin").separate(
            audio.read(song), seed=0, progress=lambda _: None, stems=("vocals",)
        )
        vocals = separated.stems["vocals"]
        spans_s = activity(vocals.samples, vocals.rate_hz).spans_s
        mono = soxr.resample(vocals.samples.mean(0), vocals.rate_hz, RATE_HZ).astype(np.float32)
        sung_s = np.array([spans_s[0, 0], spans_s[-1, 1]])
        if known:
            np.savez(known, voice=mono, sung_s=sung_s)
    voice = Sound(mono[None], RATE_HZ)
    lines = known_lines(text.read_text(encoding="utf-8"))
    return Given(name, voice, hearings(voice), (float(sung_s[0]), float(sung_s[1])), lines)


def untimed(placed: Placed) -> int:
    """How many lines have no times."""
    return sum(each is None for each in placed.spans_s)
