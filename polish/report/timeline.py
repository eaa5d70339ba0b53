"""The song over time: sections, beats, waveforms before and after, loudness, findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ..units import clock
from . import svg

_RIBBON, _BEATS, _WAVE, _LOUDNESS, _LANE, _LANES, _GAP = 22, 9, 84, 120, 12, 10, 14
_MOST_BEATS = 1200
_HALF_WINDOW_S = 1.5
"""Short-term loudness is drawn at the middle of its 3 s."""

Curves = Mapping[str, Any]


def timeline(facts: Mapping[str, Any], before: Curves, after: Curves | None) -> Markup:
    """All that has a time, on one axis.

    Args:
        facts: ``sections``, ``beats``, ``findings`` and ``masters`` of ``facts.json``.
        before, after: curves of `polish.report.series.curves`.
    """
    parts, height = drawn(facts, before, after)
    seconds = f"{_axis(before, after).length_s}"
    return svg.picture(
        "The song over time", height, parts, class_="timeline", data_seconds=seconds,
        data_left=svg.LEFT, data_plot=svg.PLOT,
    )  # fmt: skip


def drawn(facts: Mapping[str, Any], before: Curves, after: Curves | None) -> tuple[list[str], float]:
    """The parts of `timeline`, and its height."""
    named = [("before", before)] + ([("after", after)] if after else [])
    axis = _axis(before, after)
    parts: list[str] = []
    y = 0.0
    if facts.get("sections"):
        parts += _ribbon(facts["sections"], axis, y)
        y += _RIBBON + 4
    if grid := _beats(facts.get("beats"), axis, y):
        parts += grid
        y += _BEATS
    top = y
    for name, curves in named:
        parts += _wave(curves, name, axis, y, after is not None)
        y += _WAVE + 4
    parts += _bars(facts.get("beats"), axis, top, y - 4)
    parts += _loudness(named, _target(facts), axis, y + _GAP)
    y += _GAP + _LOUDNESS + _GAP
    findings, height = _findings(facts.get("findings") or [], axis, y)
    parts += findings
    y += height
    parts += _times(axis, y)
    parts.append(svg.line("playhead", svg.LEFT, 0, svg.LEFT, y))
    return parts, y + 24


def _axis(before: Curves, after: Curves | None) -> Axis:
    return Axis(max(before["duration_s"], after["duration_s"] if after else 0.0, 1e-3))


@dataclass(frozen=True)
class Axis:
    """Where a time stands on the picture."""

    length_s: float

    def x(self, seconds: float) -> float:
        return svg.LEFT + svg.PLOT * min(max(seconds / self.length_s, 0.0), 1.0)


def _target(facts: Mapping[str, Any]) -> float | None:
    masters = facts.get("masters") or [{}]
    return (masters[0].get("target") or {}).get("loudness_lufs")


def _ribbon(sections: Sequence[Mapping[str, Any]], axis: Axis, y: float) -> list[str]:
    groups = sorted({section["group"] for section in sections})
    parts: list[str] = []
    for section in sections:
        left, right = axis.x(section["start_s"]), axis.x(section["end_s"])
        span = f"{clock(section['start_s'])} to {clock(section['end_s'])}"
        words = f"{section['label']} ({section['group']}), {span}"
        css = f"group g{groups.index(section['group']) % 8}"
        parts.append(svg.box(css, left, y, max(right - left - 1, 1), _RIBBON, words))
        if right - left > 7 * len(section["label"]):
            parts.append(svg.label(section["label"], (left + right) / 2, y + 15, css="on-group"))
    return parts


def _wave(curves: Curves, name: str, axis: Axis, y: float, named: bool) -> list[str]:
    """Peaks pale and RMS dark, mirrored; full scale fills the height, what is beyond it is marked."""
    middle, half = y + _WAVE / 2, _WAVE / 2
    peaks = curves["waveform_peak"]
    xs = [axis.x((i + 0.5) / len(peaks) * curves["duration_s"]) for i in range(len(peaks))]

    def mirrored(values: Sequence[float]) -> str:
        points = [(x, half * min(value, 1.0)) for x, value in zip(xs, values, strict=True)]
        above = [(x, middle - height) for x, height in points]
        below = [(x, middle + height) for x, height in reversed(points)]
        return svg.joined(above + below)

    return [
        *([svg.label(name, svg.LEFT - 6, middle + 4, "end")] if named else []),
        svg.tag("polygon", class_=f"wave {name} pale", points=mirrored(peaks)),
        svg.tag("polygon", class_=f"wave {name}", points=mirrored(curves["waveform_rms"])),
        *(svg.line("over", x, y, x, y + 5) for x, peak in zip(xs, peaks, strict=True) if peak > 1.0),
    ]


def _bars(beats: Mapping[str, Any] | None, axis: Axis, top: float, bottom: float) -> list[str]:
    """A faint line at every bar, or every fourth or sixteenth when they would stand too close."""
    downbeats = (beats or {}).get("downbeats_s") or []
    step = next((n for n in (1, 4, 16, 64) if len(downbeats) < 140 * n), 256)
    return [svg.line("bar", axis.x(time_s), top, axis.x(time_s), bottom) for time_s in downbeats[::step]]


def _beats(beats: Mapping[str, Any] | None, axis: Axis, y: float) -> list[str]:
    """A stroke a beat, twice as high where a bar begins; nothing where they would run together."""
    times, downs = ((beats or {}).get(key) or [] for key in ("beats_s", "downbeats_s"))
    if not times or len(times) > _MOST_BEATS:
        return []
    low = y + _BEATS - 2
    strokes = [(time_s, 3.5) for time_s in times] + [(time_s, 7.0) for time_s in downs]
    way = " ".join(f"M{axis.x(time_s):.1f} {low:.1f}v{-height:g}" for time_s, height in strokes)
    return [svg.label("beats", svg.LEFT - 6, low, "end"), svg.tag("path", class_="beats", d=way)]


def _loudness(named: Sequence[tuple[str, Curves]], target: float | None, axis: Axis, y: float) -> list[str]:
    heard = [value for _, curves in named for value in curves["short_term_lufs"] if value is not None]
    if not heard:
        return [svg.label("no loudness to draw", svg.LEFT, y + 14, "start")]
    top = math.ceil((max(heard) + 1) / 6) * 6
    low = min(top - 12, max(top - 36, math.floor(min(heard) / 6) * 6))

    def at(value: float) -> float:
        return y + _LOUDNESS * (top - max(value, low)) / (top - low)

    parts: list[str] = [
        svg.level(value, at(value), "LUFS" if value == top else "") for value in range(low, top + 1, 6)
    ]
    if target is not None and low <= target <= top:
        right = svg.WIDTH - svg.RIGHT
        parts.append(svg.line("target", svg.LEFT, at(target), right, at(target), f"target {target:g} LUFS"))
    for name, curves in named:
        timed = [
            (axis.x(min(i * curves["hop_s"] + _HALF_WINDOW_S, curves["duration_s"])), value)
            for i, value in enumerate(curves["short_term_lufs"])
        ]
        for silent, run in groupby(timed, key=lambda point: point[1] is None):
            if not silent:
                parts.append(svg.path([(x, at(value)) for x, value in run], f"line {name}"))
    return parts


def _findings(findings: Sequence[Mapping[str, Any]], axis: Axis, y: float) -> tuple[list[str], float]:
    """Findings that stand at a place, stacked where they overlap, and the height they take."""
    lanes: list[float] = []
    parts: list[str] = []
    for finding in sorted(findings, key=lambda f: f["start_s"]):
        if finding["end_s"] - finding["start_s"] > 0.9 * axis.length_s:
            continue
        name = finding["kind"].replace("_", " ")
        left = axis.x(finding["start_s"])
        width = max(axis.x(finding["end_s"]) - left, 4.0)
        before = left + width + 6 * len(name) > svg.WIDTH
        reach = width if before else width + 4 + 6 * len(name)
        start = left - 4 - 6 * len(name) if before else left
        lane = next((i for i, end in enumerate(lanes) if end + 1 < start), len(lanes))
        lanes[lane : lane + 1] = [left + reach]
        if lane < _LANES:
            css, top = f"finding {finding['severity']}", y + lane * _LANE
            parts.append(svg.box(css, left, top, width, _LANE - 3, finding["message"]))
            place, anchor = (left - 4, "end") if before else (left + width + 4, "start")
            parts.append(svg.label(name, place, top + 8, anchor))
    if not parts:
        return [], 0
    return [svg.label("found", svg.LEFT - 6, y + 8, "end"), *parts], min(len(lanes), _LANES) * _LANE + 4


def _times(axis: Axis, y: float) -> list[str]:
    steps_s = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
    step_s = next((step for step in steps_s if axis.length_s / step <= 12), 1800)
    marks = range(0, int(axis.length_s - step_s / 4) + 1, step_s)
    return [
        svg.line("grid", axis.x(s), y, axis.x(s), y + 5)
        + svg.label(f"{s // 60}:{s % 60:02d}", axis.x(s), y + 18)
        for s in marks
    ]
