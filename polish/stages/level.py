"""Loudness between the sections of one song: verses a little under choruses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..dsp import filters, ride
from ..song import Beats, Section, Song
from ..units import LU
from . import bus
from .base import Context, Stage

if TYPE_CHECKING:
    import pyloudnorm

UNDER: Mapping[str, float] = {
    "chorus": 0.0, "refrain": 0.0, "hook": 0.0, "drop": 0.0, "verse": 1.0,
}  # fmt: skip
"""How far below a chorus a section of that name stands in the arc, as a share of the range.

Only what has a plain place in the arc is here: an intro, a bridge or an outro may be the
loudest or the quietest part of a song, so those keep their level.
"""

FURTHEST_DB = 3.0
_LOST_LU = 0.05
"""How much nearer together the loudest and the quietest section may come."""
_ROUNDS = 3
_LEAST_DB = 0.25
"""A ride smaller than this is not heard as an arc, and is left out."""
_SHORTEST_S = 0.4
"""One gating block of BS.1770; a shorter section has no loudness."""
_RAMP_S = 1.0


class Level(Stage):
    """Rides the loudness between sections, so that verses sit under choruses.

    The loudness of every section is measured first (ITU-R BS.1770, gated). Where a verse is
    less than `range` under the choruses, half of what is missing is taken from the verse and
    half is given to the chorus, at most 3 dB either way; where the song has its arc already,
    or a larger one, nothing is done. The gain moves over the bar before a section begins. Mix
    and stems get the same ride, so that stems still sum to the mix. The loudest and the quietest
    section stay as far apart as they were: where a verse is the loudest, choruses rise to where it
    was, and where 3 dB are too little for that, nothing is done. Where choruses are muddier or
    harsher than verses, the song as a whole gets so by riding them up: that is taken back from all.
    """

    name = "level"
    reads = ("mix", "sections")
    uses = ("stems", "beats")
    writes = ("mix",)
    may_write = ("stems",)
    version = 3

    range: Annotated[float, LU.between(0, 6)] = Field(
        default=2.0,
        description="How far verses should sit under choruses at least; 0 leaves the song as it is.",
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        loudness = section_loudness_lufs(song.mix, song.sections)
        context.progress(0.5)
        gains_db, why = arc(song.sections, loudness, self.range)
        facts: dict[str, Any] = {"reason": why, "sections": _table(song.sections, loudness, gains_db)}
        if not any(gains_db):
            return song.noting(self.step(context), **facts, ride=[])
        points, mix = self._ride(song, gains_db)
        for _ in range(_ROUNDS):
            # What the way from gain to gain takes of a section is known only now.
            now = section_loudness_lufs(mix, song.sections)
            if _lost_lu(song.sections, loudness, now) <= _LOST_LU:
                break
            gains_db = _apart(song.sections, loudness, now, gains_db)
            points, mix = self._ride(song, gains_db)
        facts["sections"] = _table(song.sections, loudness, gains_db)
        # Verses count less in the whole than they did: what that brings goes from all of the song.
        sos, facts["tone"] = bus.taking_back(mix, [song.mix])
        mix = _filtered(mix, sos)
        stems = {name: _filtered(_ridden(stem, points), sos) for name, stem in song.stems.items()}
        facts["ride"] = [{"at_s": round(at, 3), "gain_db": gain} for at, gain in points]
        return song.having(mix=mix, stems=stems).noting(self.step(context), **facts)

    def _ride(self, song: Song, gains_db: Sequence[float]) -> tuple[list[tuple[float, float]], Sound]:
        assert song.mix is not None
        points = ride_points(song.sections, gains_db, song.beats, song.mix.duration_s)
        return points, _ridden(song.mix, points)


def section_loudness_lufs(sound: Sound, sections: Sequence[Section]) -> list[float | None]:
    """Integrated loudness of every section; ``None`` for one that is silent or under 0.4 s.

    pyloudnorm with the filters of De Man 2018, which are those of BS.1770 at any rate.
    """
    import pyloudnorm

    meter = pyloudnorm.Meter(sound.rate_hz, filter_class="DeMan")
    return [_loudness(meter, sound.cut(section.start_s, section.end_s)) for section in sections]


def _loudness(meter: pyloudnorm.Meter, part: Sound) -> float | None:
    if part.duration_s < _SHORTEST_S or part.silent:
        return None
    samples = part.samples
    if samples.shape[0] == 6:  # L R C LFE Ls Rs; BS.1770 leaves the LFE out
        samples = samples[[0, 1, 2, 4, 5]]
    elif samples.shape[0] > 5:  # no layout is known: all channels count alike
        samples = samples.mean(axis=0, keepdims=True)
    lufs = float(meter.integrated_loudness(np.ascontiguousarray(samples.T, dtype=np.float64)))
    return round(lufs, 2) if np.isfinite(lufs) else None


def arc(
    sections: Sequence[Section], loudness_lufs: Sequence[float | None], range_lu: float
) -> tuple[list[float], str]:
    """The gain of every section in dB, and in a sentence why.

    A verse that is less than `range_lu` under the choruses (power mean, by duration) goes down
    by half of what is missing, a chorus less than that above the verses goes up by half; other
    sections and silent ones stay. Choruses go up and verses down by more where the loudest and the
    quietest section came nearer together otherwise.
    """
    none = [0.0] * len(sections)
    if range_lu == 0:
        return none, "range is 0: the song keeps its own arc"
    if len(sections) < 2:
        return none, "one section has no arc"
    places = [
        None if level is None else UNDER.get(section.label)
        for section, level in zip(sections, loudness_lufs, strict=True)
    ]
    means = [_mean_lufs(sections, loudness_lufs, places, share) for share in (0.0, 1.0)]
    top, bottom = means
    if top is None or bottom is None:
        return none, "there are no verses and choruses to put in relation"
    gains = []
    for place, level in zip(places, loudness_lufs, strict=True):
        if place is None or level is None:
            gains.append(0.0)
            continue
        under = top - level if place else level - bottom
        change = min(max(range_lu - under, 0.0) / 2, FURTHEST_DB)
        gains.append(0.0 if change < _LEAST_DB else round(-change if place else change, 2))
    if not any(gains):
        return none, f"verses sit {top - bottom:.1f} LU under choruses already"
    gains = _apart(sections, loudness_lufs, _with(loudness_lufs, gains), gains)
    if _lost_lu(sections, loudness_lufs, _with(loudness_lufs, gains)) > _LOST_LU:
        return none, (
            f"verses sit {bottom - top:.1f} LU over choruses: a ride of {FURTHEST_DB:g} dB "
            "would only bring the sections nearer together"
        )
    return gains, f"verses sat {top - bottom:.1f} LU under choruses, {range_lu:g} LU are wanted"


def _apart(
    sections: Sequence[Section],
    was_lufs: Sequence[float | None],
    now_lufs: Sequence[float | None],
    gains_db: Sequence[float],
) -> list[float]:
    """Gains with which some chorus is as loud as the loudest section was, and some verse as quiet as the
    quietest, where with the given ones neither is; as far as a ride goes."""
    was, now = _inner(sections, was_lufs), _inner(sections, now_lufs)
    places = {at: UNDER.get(sections[at].label) for at in now}
    up = max(was.values()) - max(level for at, level in now.items() if places[at] == 0)
    down = min(level for at, level in now.items() if places[at] == 1) - min(was.values())
    moves = {
        0.0: up if max(now.values()) < max(was.values()) else 0.0,
        1.0: -down if min(now.values()) > min(was.values()) else 0.0,
    }
    return [
        round(float(np.clip(gain + moves.get(places.get(at, np.nan), 0.0), -FURTHEST_DB, FURTHEST_DB)), 2)
        for at, gain in enumerate(gains_db)
    ]


def _inner(sections: Sequence[Section], loudness_lufs: Sequence[float | None]) -> dict[int, float]:
    """Loudness by place, of the sections that have one; an intro or outro fades by nature."""
    return {
        at: level
        for at, level in enumerate(loudness_lufs)
        if level is not None and sections[at].label not in ("intro", "outro")
    }


def _lost_lu(
    sections: Sequence[Section], was_lufs: Sequence[float | None], now_lufs: Sequence[float | None]
) -> float:
    """By how much the loudest and the quietest section are nearer together."""
    was, now = (_inner(sections, levels).values() for levels in (was_lufs, now_lufs))
    return max(was, default=0.0) - min(was, default=0.0) - max(now, default=0.0) + min(now, default=0.0)


def _with(loudness_lufs: Sequence[float | None], gains_db: Sequence[float]) -> list[float | None]:
    return [
        None if level is None else level + gain for level, gain in zip(loudness_lufs, gains_db, strict=True)
    ]


def _mean_lufs(
    sections: Sequence[Section],
    loudness_lufs: Sequence[float | None],
    places: Sequence[float | None],
    share: float,
) -> float | None:
    chosen = [
        (section.end_s - section.start_s, level)
        for section, level, place in zip(sections, loudness_lufs, places, strict=True)
        if place == share and level is not None
    ]
    total_s = sum(seconds for seconds, _ in chosen)
    if total_s <= 0:
        return None
    return float(10 * np.log10(sum(seconds * 10 ** (level / 10) for seconds, level in chosen) / total_s))


def ride_points(
    sections: Sequence[Section], gains_db: Sequence[float], beats: Beats | None, duration_s: float
) -> list[tuple[float, float]]:
    """``(time_s, gain_db)`` for `polish.dsp.ride`: each section's gain, reached as it begins.

    The way from one gain to the next takes the bar before the boundary, which is moved to the
    nearest downbeat when that is less than half a bar off; without beats it takes 1 s. It
    never takes more than half of a section.
    """
    points: list[tuple[float, float]] = [(0.0, gains_db[0])]
    for before, after, gain_before, gain in zip(sections, sections[1:], gains_db, gains_db[1:], strict=False):
        if gain == gain_before:
            continue
        at, ramp_s = _bar_line(after.start_s, beats)
        ramp_s = min(ramp_s, (before.end_s - before.start_s) / 2)
        start = max(at - ramp_s, points[-1][0])
        points += [(start, gain_before), (max(at, start), gain)]
    points.append((max(duration_s, points[-1][0]), points[-1][1]))
    return points


def _bar_line(at_s: float, beats: Beats | None) -> tuple[float, float]:
    """The bar line a boundary belongs to, and how long the bar before it is."""
    if beats is None or len(beats.downbeats_s) < 2:
        return at_s, _RAMP_S
    lines = np.array(beats.downbeats_s)
    bar_s = float(np.median(np.diff(lines)))
    nearest = float(lines[np.argmin(np.abs(lines - at_s))])
    return (nearest if abs(nearest - at_s) < bar_s / 2 else at_s), bar_s


def _ridden(sound: Sound, points: Sequence[tuple[float, float]]) -> Sound:
    return sound.with_samples(ride.ride(sound.samples, sound.rate_hz, points))


def _filtered(sound: Sound, sos: filters.Sos | None) -> Sound:
    return sound if sos is None else sound.with_samples(filters.apply(sound.samples, sos))


def _table(
    sections: Sequence[Section], loudness_lufs: Sequence[float | None], gains_db: Sequence[float]
) -> list[dict[str, Any]]:
    return [
        {"start_s": section.start_s, "label": section.label, "group": section.group,
         "loudness_lufs": level, "gain_db": gain}
        for section, level, gain in zip(sections, loudness_lufs, gains_db, strict=True)
    ]  # fmt: skip
