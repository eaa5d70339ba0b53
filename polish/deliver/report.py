"""The report: its page is rendered from the facts at the end of a run; here are its listening copies."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np

from .. import audio
from ..audio import Sound
from ..song import Song
from ..units import decibels
from .base import Delivered, Delivery, file_name

_HEADROOM_DB = 0.5
"""What MP3 may add to a sample peak without clipping, near enough for listening."""


class Report(Delivery):
    """One page that shows the song before and after, with copies of both to listen to."""

    name: ClassVar[str] = "report"
    uses: ClassVar[tuple[str, ...]] = ("draft", "mix", "masters")

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``listen/draft.mp3`` and ``listen/master.mp3`` (or ``mix.mp3``), equally loud.

        Louder sounds better, so all copies have one loudness: the highest that each reaches
        without clipping. Facts: ``listen``, the file by its label; ``listen_gain_db``.

        Raises:
            OutputError: a file cannot be written.
        """
        sounds = _to_compare(song)
        gains_db = _gains_db(sounds)
        paths = {label: folder / "listen" / f"{file_name(label)}.mp3" for label in sounds}

        def copy(label: str) -> Path:
            return audio.preview(paths[label], sounds[label], gain_db=gains_db[label])

        with ThreadPoolExecutor(2) as pool:
            written = tuple(pool.map(copy, sounds))
        facts = {
            "listen": {label: f"listen/{path.name}" for label, path in paths.items()},
            "listen_gain_db": {label: round(gain_db, 2) for label, gain_db in gains_db.items()},
        }
        return Delivered(written, facts)


def _to_compare(song: Song) -> dict[str, Sound]:
    """The draft and what became of it: the masters, or the mix where there is none and it differs."""
    sounds = {"draft": song.draft} if song.draft else {}
    masters = {name if len(song.masters) > 1 else "master": made.sound for name, made in song.masters.items()}
    if masters:
        return {
            **sounds,
            **{name if name not in sounds else f"master {name}": s for name, s in masters.items()},
        }
    if song.mix is not None and not (song.draft and np.array_equal(song.mix.samples, song.draft.samples)):
        sounds["mix"] = song.mix
    return sounds


def _gains_db(sounds: dict[str, Sound]) -> dict[str, float]:
    """Gains in dB that make all equally loud, as loud as fits; silence and what is too short to
    have a loudness is only kept from clipping."""
    from ..dsp.loudness import integrated_lufs

    room_db = {name: _room_db(sound) for name, sound in sounds.items()}
    lufs = {name: integrated_lufs(sound.samples, sound.rate_hz) for name, sound in sounds.items()}
    loudest = min((lufs[name] + room_db[name] for name in sounds if lufs[name] is not None), default=0.0)
    return {
        name: min(0.0, room_db[name]) if (own := lufs[name]) is None else loudest - own for name in sounds
    }


def _room_db(sound: Sound) -> float:
    """How much louder a sound can be made before it clips; without bound for silence."""
    peak_dbfs = decibels(audio.peak(sound))
    return math.inf if peak_dbfs is None else -_HEADROOM_DB - peak_dbfs
