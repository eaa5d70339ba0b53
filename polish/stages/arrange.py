"""The ends of a song: silence trimmed, fades, and an ending that stops too suddenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..dsp import ride
from ..song import Beats, Line, Lyrics, Section, Song, Word
from ..units import BARS, SECONDS, decibels
from .base import Context, Stage

SILENCE_DBFS = -60.0
"""Sample peak under which the ends of a song count as silence."""
_KEPT_BEFORE_S, _KEPT_AFTER_S = 0.05, 0.25
"""Silence left by a trim, so that no attack and no reverb is cut."""
ABRUPT_DB = -20.0
"""A song whose last 50 ms of sound are less than 20 dB under the 3 s before stops, it does not end."""
_END_S, _BEFORE_S = 0.05, 3.0
_BAR_S = 2.0
"""The length of a bar where none is known: 4/4 at 120 BPM."""

Span = TypeVar("Span", Section, Line, Word)


class Arrange(Stage):
    """Tends to the ends of the song: trims silence, fades, mends an ending that breaks off.

    Mix and stems are treated alike. With known beats a fade-out begins at a bar line. When the
    start is trimmed, the times of beats, sections and lyrics move with it.
    """

    name = "arrange"
    reads = ("mix",)
    uses = ("stems", "beats", "sections", "lyrics")
    writes = ("mix",)
    may_write = ("stems", "beats", "sections", "lyrics")

    trim: bool = Field(default=False, description="Cut silence off both ends.")
    fade_in: Annotated[float, SECONDS.between(0, 60)] = Field(
        default=0.0, description="Fade up over this time."
    )
    fade_out: Annotated[float, SECONDS.between(0, 60)] = Field(
        default=0.0, description="Fade down over about this time, from a bar line on."
    )
    ending: Literal["fade", "keep"] = Field(
        default="fade",
        description="What to do about an ending that breaks off: fade over the last bars, or keep it.",
    )
    ending_bars: Annotated[float, BARS.between(0.5, 16)] = Field(
        default=2.0, description="How long the fade is that mends such an ending."
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        first, last = audible(song.mix) if self.trim else (0, song.mix.frames)
        facts: dict[str, Any] = {
            "trimmed_start_s": round(first / song.mix.rate_hz, 4),
            "trimmed_end_s": round((song.mix.frames - last) / song.mix.rate_hz, 4),
        }
        if (first, last) != (0, song.mix.frames):
            song = _trimmed(song, first, last)
            assert song.mix is not None
        drop = ending_drop_db(song.mix)
        facts["ending_drop_db"] = None if drop is None else round(drop, 1)
        fade_out = self._fade_out(song, abrupt=drop is not None and drop > ABRUPT_DB)
        facts["fade_in_s"] = self.fade_in
        facts["fade_out"] = fade_out and {
            "from_s": round(fade_out[0] / song.mix.rate_hz, 3),
            "to_s": round(fade_out[1] / song.mix.rate_hz, 3),
        }
        if self.fade_in or fade_out:
            fade_in = round(self.fade_in * song.mix.rate_hz)

            def faded(sound: Sound) -> Sound:
                return sound.with_samples(ride.fade(sound.samples, fade_in=fade_in, fade_out=fade_out))

            song = song.having(mix=faded(song.mix), stems={n: faded(s) for n, s in song.stems.items()})
        return song.noting(self.step(context), **facts)

    def _fade_out(self, song: Song, *, abrupt: bool) -> tuple[int, int] | None:
        """First and last frame of the fade-out: the one asked for, else the one that mends the ending."""
        assert song.mix is not None
        rate_hz, end_s = song.mix.rate_hz, song.mix.duration_s
        if self.fade_out:
            length_s = self.fade_out
        elif abrupt and self.ending == "fade":
            end_s = audible(song.mix)[1] / rate_hz
            length_s = self.ending_bars * _bar_s(song.beats)
        else:
            return None
        start_s = _bar_line(max(0.0, end_s - min(length_s, end_s)), end_s, song.beats)
        return round(start_s * rate_hz), round(end_s * rate_hz)


def audible(sound: Sound) -> tuple[int, int]:
    """First frame and end of what is louder than −60 dBFS, with a little silence around it.

    A sound that never is comes back whole: there is nothing to trim it to.
    """
    loud = _loud(sound)
    if loud is None:
        return 0, sound.frames
    before, after = round(_KEPT_BEFORE_S * sound.rate_hz), round(_KEPT_AFTER_S * sound.rate_hz)
    return max(0, loud[0] - before), min(sound.frames, loud[1] + after)


def ending_drop_db(sound: Sound) -> float | None:
    """Level of the last 50 ms of sound over the 3 s before them; ``None`` for a sound too short or silent.

    A chord that rings out or a fade gives −30 dB or less; a song cut off in full flight about 0.
    """
    loud = _loud(sound)
    short, long = round(_END_S * sound.rate_hz), round(_BEFORE_S * sound.rate_hz)
    if loud is None or loud[1] < long:
        return None
    turn = loud[1] - short
    last, body = (
        decibels(float(np.sqrt(np.mean(part.astype(np.float64) ** 2))))
        for part in (sound.samples[:, turn : loud[1]], sound.samples[:, max(0, turn - long) : turn])
    )
    return None if last is None or body is None else last - body


def _loud(sound: Sound) -> tuple[int, int] | None:
    """First frame louder than −60 dBFS in any channel, and one past the last; ``None`` without any."""
    loud = np.zeros(sound.frames, bool)
    for channel in sound.samples:
        loud |= np.abs(channel) > 10 ** (SILENCE_DBFS / 20)
    if not loud.any():
        return None
    return int(np.argmax(loud)), sound.frames - int(np.argmax(loud[::-1]))


def _bar_s(beats: Beats | None) -> float:
    if beats is None or len(beats.downbeats_s) < 2:
        return _BAR_S
    return float(np.median(np.diff(beats.downbeats_s)))


def _bar_line(at_s: float, end_s: float, beats: Beats | None) -> float:
    """The bar line nearest to a time, if it lies at least half a bar before the end; else the time."""
    if beats is None:
        return at_s
    lines = [line for line in beats.downbeats_s if line <= end_s - _bar_s(beats) / 2]
    nearest = min(lines, key=lambda line: abs(line - at_s), default=at_s)
    return nearest if abs(nearest - at_s) <= _bar_s(beats) / 2 else at_s


def _trimmed(song: Song, first: int, last: int) -> Song:
    """The song from frame `first` to `last`, with the times of what is known about it moved along."""
    assert song.mix is not None
    rate_hz = song.mix.rate_hz

    def cut(sound: Sound) -> Sound:
        return sound.with_samples(sound.samples[:, first:last])

    moved = _Move(first / rate_hz, (last - first) / rate_hz)
    return song.having(
        mix=cut(song.mix),
        stems={name: cut(stem) for name, stem in song.stems.items()},
        beats=song.beats and moved.beats(song.beats),
        sections=moved.sections(song.sections),
        lyrics=song.lyrics and moved.lyrics(song.lyrics),
    )


@dataclass(frozen=True)
class _Move:
    """Times after `start_s` was cut off and `length_s` is left."""

    start_s: float
    length_s: float

    def at(self, time_s: float) -> float:
        return min(max(time_s - self.start_s, 0.0), self.length_s)

    def holds(self, time_s: float) -> bool:
        return self.start_s <= time_s < self.start_s + self.length_s

    def beats(self, beats: Beats) -> Beats:
        return beats.model_copy(
            update={
                "beats_s": tuple(self.at(time) for time in beats.beats_s if self.holds(time)),
                "downbeats_s": tuple(self.at(time) for time in beats.downbeats_s if self.holds(time)),
            }
        )

    def sections(self, sections: Sequence[Section]) -> tuple[Section, ...]:
        moved = (self._span(section) for section in sections)
        return tuple(section for section in moved if section.end_s > section.start_s)

    def lyrics(self, lyrics: Lyrics) -> Lyrics:
        lines = (
            self._span(line).model_copy(update={"words": tuple(self._span(word) for word in line.words)})
            for line in lyrics.lines
        )
        return lyrics.model_copy(update={"lines": tuple(lines)})

    def _span(self, span: Span) -> Span:
        return span.model_copy(update={"start_s": self.at(span.start_s), "end_s": self.at(span.end_s)})
