"""The form of a song: which parts, how many bars each, and when its beats fall."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...song import Beats, Section

ENERGY = {
    "intro": 0.35, "verse": 0.55, "prechorus": 0.72, "chorus": 1.0,
    "bridge": 0.6, "instrumental": 0.8, "outro": 0.4,
}  # fmt: skip
"""How full and loud a part is, 0 to 1."""

_SHAPES = (
    (2, ("chorus",)),
    (5, ("verse", "chorus")),
    (9, ("intro", "verse", "chorus", "outro")),
    (16, ("intro", "verse", "chorus", "verse", "chorus", "outro")),
    (56, ("intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro")),
    (96, ("intro", "verse", "prechorus", "chorus", "verse", "prechorus", "chorus", "bridge", "chorus",
          "outro")),
)  # fmt: skip
"""Up to how many bars, which parts; longer songs repeat the middle (`_shape`)."""
_WEIGHTS = {
    "intro": 2, "verse": 4, "prechorus": 2, "chorus": 4, "bridge": 3, "instrumental": 4, "outro": 2,
}  # fmt: skip


_USUAL = {1: 0.5, 2: 0.0, 3: 0.6, 4: 0.0, 6: 0.3, 8: 0.0, 12: 0.2, 16: 0.0, 24: 0.3, 32: 0.1}
"""Lengths in bars of parts that come back, and how unusual each is."""


@dataclass(frozen=True)
class Part:
    """One part of the form.

    Attributes:
        label: ``intro``, ``verse`` …
        group: parts of one group are the same music.
        first: its first bar, counted from the song's first.
        bars: its length in bars.
        turn: 0 for the first part of its label, 1 for the second …
        energy: 0 to 1.
    """

    label: str
    group: str
    first: int
    bars: int
    turn: int
    energy: float


@dataclass(frozen=True)
class Grid:
    """Where bars and beats fall in time.

    Attributes:
        start_s: the time of the first downbeat.
        bpm: beats per minute.
        beats_per_bar: 3 or 4.
        swing: 0 for even off-beats, 1 for the triplet feel in which the second half of a
            beat starts after two thirds of it.
        swung: the length in beats of what is swung: 1 for eighths, 0.5 for sixteenths.
    """

    start_s: float
    bpm: float
    beats_per_bar: int
    swing: float = 0.0
    swung: float = 1.0

    @property
    def beat_s(self) -> float:
        return 60 / self.bpm

    @property
    def bar_s(self) -> float:
        return self.beats_per_bar * self.beat_s

    def at(self, bar: float, beat: float = 0.0) -> float:
        """The time in s of a position `beat` (in beats, any fraction) within `bar`, swung."""
        whole, inside = divmod(beat / self.swung, 1.0)
        middle = 0.5 + self.swing / 6
        bent = inside * 2 * middle if inside < 0.5 else middle + (inside - 0.5) * 2 * (1 - middle)
        return self.start_s + bar * self.bar_s + (whole + bent) * self.swung * self.beat_s


def parts(rng: np.random.Generator, bars: int, *, opening: bool = True) -> tuple[Part, ...]:
    """Parts that together fill `bars` bars; equal labels have equal lengths and groups.

    Without an `opening` there is no intro.
    """
    labels = tuple(label for label in _shape(rng, bars) if opening or label != "intro")
    lengths = _lengths(labels, bars)
    groups: dict[str, str] = {}
    done: dict[str, int] = {}
    made, first = [], 0
    for label in labels:
        group = groups.setdefault(label, "ABCDEFGHIJ"[len(groups)])
        turn = done.get(label, 0)
        done[label] = turn + 1
        lift = 0.04 * turn if label in ("verse", "chorus") else 0.0
        energy = min(1.12, ENERGY[label] + lift)
        made.append(Part(label, group, first, lengths[label], turn, energy))
        first += lengths[label]
    return tuple(made)


def _shape(rng: np.random.Generator, bars: int) -> tuple[str, ...]:
    for limit, shape in _SHAPES:
        if bars <= limit:
            return shape
    labels = ["intro"]
    cycle = ["verse", "prechorus", "chorus"]
    for turn in range(max(2, round(bars / 60))):
        labels += cycle
        if turn % 2 == 1:
            labels += ["instrumental" if rng.random() < 0.5 else "bridge", "chorus"]
    return (*labels, "outro")


def _lengths(labels: tuple[str, ...], bars: int) -> dict[str, int]:
    """Bars by label, so that the whole comes to `bars`.

    Of all ways in which the parts that come back have a usual length, the one nearest to the
    parts' shares of the song; what is over goes to those that come once.
    """
    count = {label: labels.count(label) for label in labels}
    share = bars / sum(_WEIGHTS[label] * n for label, n in count.items())
    wanted = {label: _WEIGHTS[label] * share for label in count}
    fixed = [label for label in count if count[label] > 1 or label in ("verse", "chorus")]
    free = [label for label in count if label not in fixed]
    best: tuple[float, dict[str, int]] | None = None
    near = [[size for size in _USUAL if 0.4 <= size / wanted[label] <= 2.5] or [1] for label in fixed]
    for sizes in product(*near):
        lengths = dict(zip(fixed, sizes, strict=True))
        spare = bars - sum(lengths[label] * count[label] for label in fixed)
        if spare < len(free) or (spare and not free):
            continue
        lengths |= _shared({label: wanted[label] for label in free}, spare)
        cost = sum(count[label] * _USUAL[lengths[label]] for label in fixed)
        cost += sum(n * abs(np.log2(lengths[label] / wanted[label])) for label, n in count.items())
        if best is None or cost < best[0]:
            best = (cost, lengths)
    if best is None:
        return _shared(wanted, bars)
    return {label: best[1][label] for label in count}


def _shared(wanted: dict[str, float], bars: int) -> dict[str, int]:
    """Whole bars near `wanted` that sum to `bars`, at least one each."""
    total, given = sum(wanted.values()), 0
    lengths: dict[str, int] = {}
    for n, (label, length) in enumerate(wanted.items(), start=1):
        after = len(wanted) - n
        most = bars - given - after
        lengths[label] = most if after == 0 else max(1, min(most, round(length * bars / total)))
        given += lengths[label]
    return lengths


def beats(grid: Grid, bars: int, key: str, *, end_s: float, engine: str) -> Beats:
    """The true beats: every beat of `bars` bars, and the downbeat of the final chord."""
    count = bars * grid.beats_per_bar + 1
    times = [round(grid.start_s + n * grid.beat_s, 6) for n in range(count)]
    times = [time for time in times if time < end_s]
    return Beats(
        tempo_bpm=round(grid.bpm, 4), beats_s=tuple(times), downbeats_s=tuple(times[:: grid.beats_per_bar]),
        beats_per_bar=grid.beats_per_bar, key=key, confidence=1.0, engine=engine,
    )  # fmt: skip


def sections(grid: Grid, form: tuple[Part, ...], end_s: float) -> tuple[Section, ...]:
    """The true sections; the first starts at 0 and the last ends with the sound."""
    edges = [0.0, *(round(grid.at(part.first), 6) for part in form[1:]), end_s]
    return tuple(
        Section(start_s=start, end_s=end, group=part.group, label=part.label, confidence=1.0)
        for part, start, end in zip(form, edges[:-1], edges[1:], strict=True)
        if end > start
    )
