"""The built-in transcriber: times of known words, without an acoustic model.

It knows when the voice sounds (`polish.dsp.voice`) and how many syllables each line has. A
dynamic programme lays the lines over the voice's activity, so that lines take time in
proportion to their syllables, begin after pauses, and leave out singing that no line
accounts for. A line that fits nowhere is reported as unmatched and gets no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..dsp import voice as voices
from ..errors import StageFailed
from ..song import Line, Lyrics, Word
from .engines import Progress, Transcriber
from .words import KnownLine, known_lines

LONGEST_LINE_S = 20.0
SYLLABLE_S = (0.09, 0.9)
"""Nobody sings faster or, on average over a song, slower."""
_UNEVEN = 4.0  # cost of a line that takes e times its share
_LINE_LEFT_OUT = 5.0
_SYLLABLE_UNSUNG = 0.12  # cost of leaving out the activity of one syllable
_NO_PAUSE = 1.5  # cost of a boundary in the middle of singing


class BuiltinAligner(Transcriber):
    """Alignment of known lyrics to where the voice is active."""

    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        raise StageFailed(
            "the built-in engine finds times of known words; it does not recognise words",
            hint="give the words with `text`, or fetch a model: polish models fetch whisper-turbo",
        )

    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        lines = known_lines(text)
        activity = voices.activity(voice.samples, voice.rate_hz)
        progress(0.5)
        placed = place(lines, activity)
        timed = [_timed(line, at, activity) for line, at in zip(lines, placed, strict=True) if at]
        unmatched = [line.text for line, at in zip(lines, placed, strict=True) if not at]
        progress(1.0)
        return Lyrics(language=language, lines=tuple(timed), unmatched=tuple(unmatched), engine=self.name)


def place(lines: list[KnownLine], activity: voices.Voice) -> list[tuple[float, float] | None]:
    """Start and end of each line in s; None for a line that fits nowhere."""
    if not lines or not activity.active.any():
        return [None for _ in lines]
    grid = _Grid.of(activity)
    syllables = np.array([sum(line.syllables) for line in lines], float)
    even_s = float(np.clip(grid.active_s[-1] / syllables.sum(), *SYLLABLE_S))
    paces_s = [pace for factor in (0.6, 0.8, 1.0) if SYLLABLE_S[0] <= (pace := factor * even_s)] or [even_s]
    best = min((_lay(grid, syllables, pace_s) for pace_s in paces_s), key=lambda result: result[0])
    return [
        None if at is None else (float(grid.times_s[at[0]]), float(grid.times_s[at[1]])) for at in best[1]
    ]


@dataclass(frozen=True)
class _Grid:
    """Where lines may begin and end.

    Attributes:
        times_s: rising, ``(n,)``.
        active_s: how long the voice has been active before each, ``(n,)``.
        breaks: cost of a boundary there, 0 at a pause, ``(n,)``.
    """

    times_s: NDArray[np.float64]
    active_s: NDArray[np.float64]
    breaks: NDArray[np.float64]

    @classmethod
    def of(cls, activity: voices.Voice) -> _Grid:
        """Both ends of every stretch of activity, and the dips inside the long ones."""
        marks: dict[int, float] = {}
        hops = np.round(activity.spans_s / voices.HOP_S).astype(int)
        for first, last in hops:
            marks |= _dips(activity.level_db, first, last)
        for (_, end), (start, _) in pairwise(hops):
            cost = _NO_PAUSE * np.exp(-(start - end) * voices.HOP_S / 0.3)
            marks[end] = marks[start] = float(cost)
        marks[hops[0, 0]] = marks[hops[-1, 1]] = 0.0
        at = np.array(sorted(marks))
        active_s = np.concatenate([[0.0], np.cumsum(activity.active)]) * voices.HOP_S
        return cls(
            at * voices.HOP_S, active_s[np.minimum(at, active_s.size - 1)], np.array([marks[i] for i in at])
        )


def _dips(level_db: NDArray[np.float64], first: int, last: int) -> dict[int, float]:
    """Quiet moments inside a stretch, at most about three a second, and their cost."""
    reach = round(0.15 / voices.HOP_S)
    costs: dict[int, float] = {}
    for at in range(first + 2 * reach, last - 2 * reach):
        around = level_db[at - reach : at + reach + 1]
        if level_db[at] == around.min():
            depth_db = float(min(around[:reach].max(), around[reach + 1 :].max()) - level_db[at])
            if depth_db > 3.0:
                costs[at] = _NO_PAUSE * float(np.exp(-depth_db / 12.0))
    return costs


def _lay(
    grid: _Grid, syllables: NDArray[np.float64], pace_s: float
) -> tuple[float, list[tuple[int, int] | None]]:
    """Lay the lines on the grid at `pace_s` a syllable; the cost, and each line's two marks.

    ``settled[j]`` is the least cost of all lines so far when they end at mark j or before;
    leaving out activity costs by its length, so the best earlier end is a running minimum.
    """
    count = grid.times_s.size
    skip = grid.active_s / pace_s * _SYLLABLE_UNSUNG
    settled = skip.copy()
    came: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]] = []
    reach = np.searchsorted(grid.times_s, grid.times_s + LONGEST_LINE_S, side="right")
    for wanted in syllables:
        ended = np.full(count, np.inf)
        begun = np.zeros(count, np.intp)
        for start in range(count - 1):
            ends = slice(start + 1, int(reach[start]))
            taken = grid.active_s[ends] - grid.active_s[start]
            shares = np.log(np.maximum(taken, 1e-3) / (wanted * pace_s))
            cost = settled[start] + _UNEVEN * shares**2 + grid.breaks[start] + grid.breaks[ends]
            better = cost < ended[ends]
            ended[ends] = np.where(better, cost, ended[ends])
            begun[ends] = np.where(better, start, begun[ends])
        ahead = ended - skip
        best_end = _running_argmin(ahead)
        with_line = ahead[best_end] + skip
        without = settled + _LINE_LEFT_OUT
        left_out = without <= with_line
        came.append((best_end, begun, left_out))
        settled = np.where(left_out, without, with_line)
    return float(settled[-1]), _trace(came, count - 1)


def _trace(
    came: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]], at: int
) -> list[tuple[int, int] | None]:
    placed: list[tuple[int, int] | None] = []
    for best_end, begun, left_out in reversed(came):
        if left_out[at]:
            placed.append(None)
            continue
        end = int(best_end[at])
        at = int(begun[end])
        placed.append((at, end))
    return placed[::-1]


def _running_argmin(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the least of ``values[: i + 1]`` stands, for every i."""
    least = np.minimum.accumulate(values)
    fresh = np.concatenate([[True], least[1:] < least[:-1]])
    return np.maximum.accumulate(np.where(fresh, np.arange(values.size), 0))


def _timed(line: KnownLine, at: tuple[float, float], activity: voices.Voice) -> Line:
    """The words of a line over the activity between its ends, in proportion to their syllables."""
    first, last = (round(time_s / voices.HOP_S) for time_s in at)
    sung = np.concatenate([[0.0], np.cumsum(activity.active[first:last])])
    shares = np.concatenate([[0.0], np.cumsum(line.syllables)]) / sum(line.syllables)
    marks_s = at[0] + np.interp(shares * sung[-1], sung, np.arange(sung.size)) * voices.HOP_S
    words = tuple(
        Word(start_s=round(float(start), 3), end_s=round(float(end), 3), text=text)
        for text, start, end in zip(line.words, marks_s[:-1], marks_s[1:], strict=True)
    )
    return Line(
        start_s=words[0].start_s, end_s=words[-1].end_s, text=line.text, words=words, section=line.section
    )
