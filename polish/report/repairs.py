"""What was done to sound: spectra of stems before and after with the applied curve, and gains over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..units import clock
from . import svg

_TICKS = {
    50: "50",
    100: "100",
    200: "200",
    500: "500",
    1000: "1 kHz",
    2000: "2 k",
    5000: "5 k",
    10_000: "10 k",
}
DRAWN = ("history_db", "hop_s", "curve_hz", "curve_db", "before_db", "after_db")
"""Measurements that are pictures here and not words elsewhere."""
_TOP, _LEVELS, _CURVE, _GAINS, _GAP = 8, 120, 64, 64, 22
_RANGE_DB, _LEAST_CURVE_DB, _MOST_CURVE_DB = 54, 3, 24
_LEAST_DRAWN_DB = 0.05
_SHORT = 4
_RIDE_POINTS = 240


@dataclass(frozen=True)
class Worked:
    """One sound that a step changed.

    Attributes:
        title: the step and the stem.
        words: what was done, a sentence an action.
        spectrum: before, after and the curve between them; empty when not known.
        gains: gain over time of what moves; empty when nothing does.
    """

    title: str
    words: list[str]
    spectrum: Markup
    gains: Markup


def worked(facts: Mapping[str, Any]) -> list[Worked]:
    """All that steps did to stems and mix and left pictures of, in the order of the steps."""
    found = []
    for step in facts.get("steps") or []:
        known = step.get("measurements") or {}
        curves = known.get("curves") or known.get("on") or {}
        stems = known.get("stems") if isinstance(known.get("stems"), Mapping) else {}
        for name in curves:
            actions = (stems or {}).get(name) or []
            found.append(
                Worked(
                    f"{step['id']}: {name}",
                    [_said(action) for action in actions],
                    _spectrum(curves[name]),
                    _history([*_moving(actions), *_moving(curves[name], step["id"])]),
                )
            )
        if of_all := _of_all(step["id"], known):
            found.append(of_all)
    return [one for one in found if one.words or one.spectrum or one.gains]


def _of_all(name: str, known: Mapping[str, Any]) -> Worked | None:
    """What a step did to the whole song: bands for its tone, rides, a bus compressor, a limiter."""
    tone, bus, arc = (known.get(key) for key in ("tone", "bus", "arc"))
    moving = [*_moving(bus or {}, "glue"), *_moving(known.get("glue") or {}, "glue")]
    moving += [("ride", _ride(ride)) for ride in (known.get("ride"), (arc or {}).get("ride")) if ride]
    moving += _moving(known.get("limiting") or {}, "limiter")
    bands = tone if isinstance(tone, Mapping) else known.get("average_kept") or {}
    curve = {"curve_hz": bands.get("bands_hz"), "curve_db": bands.get("gains_db")}
    spectrum = _spectrum(curve)
    if not spectrum and not moving:
        return None
    return Worked(f"{name}: the whole song", [], spectrum, _history(moving))


def _ride(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A ride given by its corners as a course over time."""
    hop_s = max(float(points[-1]["at_s"]), 1e-3) / _RIDE_POINTS
    history, at = [], 0
    for k in range(_RIDE_POINTS):
        now_s = (k + 0.5) * hop_s
        while at + 2 < len(points) and points[at + 1]["at_s"] <= now_s:
            at += 1
        one, other = points[at], points[min(at + 1, len(points) - 1)]
        along = (now_s - one["at_s"]) / max(other["at_s"] - one["at_s"], 1e-9)
        history.append(round(one["gain_db"] + along * (other["gain_db"] - one["gain_db"]), 2))
    return {"history_db": history, "hop_s": hop_s}


def _said(action: Mapping[str, Any]) -> str:
    """``mud at 321 Hz: −4.9 dB``."""
    where, change = action.get("where_hz"), action.get("change_db")
    at = "" if where is None else f" at {_hertz(where)}"
    by = "" if change is None else f": {change:+.1f} dB".replace("-", "−")
    count = (
        "" if "count" not in action else ", once" if action["count"] == 1 else f", {action['count']} times"
    )
    return f"{action['repair']}{at}{count}{by}"


def _hertz(where: Any) -> str:
    if isinstance(where, Sequence):
        shown = ", ".join(f"{hz:.0f}" for hz in where[:_SHORT])
        return f"{shown}{' …' if len(where) > _SHORT else ''} Hz"
    return f"{where:.0f} Hz"


def _moving(known: Any, name: str = "") -> list[tuple[str, Mapping[str, Any]]]:
    """Everything in measurements that has a course over time, with what it is called."""
    if isinstance(known, Mapping):
        own = [(str(known.get("repair") or name), known)] if known.get("history_db") else []
        return own + [one for key, value in known.items() for one in _moving(value, str(key))]
    if isinstance(known, Sequence) and not isinstance(known, str):
        return [one for value in known for one in _moving(value, name)]
    return []


def _x(hz: float) -> float:
    return svg.LEFT + svg.PLOT * math.log(max(hz, 20) / 20) / math.log(1050)


def _spectrum(curve: Mapping[str, Any]) -> Markup:
    """Levels before and after where they are known, and below them the curve that was applied."""
    hz, change = curve.get("curve_hz") or [], curve.get("curve_db") or []
    if not hz or max(abs(db) for db in change) < _LEAST_DRAWN_DB:
        return Markup("")
    before, after = curve.get("before_db") or [], curve.get("after_db") or []
    levels = _TOP + _LEVELS if before else 0
    parts = [svg.line("grid", _x(at), _TOP, _x(at), levels + _GAP + _CURVE) for at in _TICKS]
    parts += [svg.label(text, _x(at), levels + _GAP + _CURVE + 15) for at, text in _TICKS.items()]
    if before:
        top = math.ceil(max([*before, *after]) / 6) * 6

        def y(db: float) -> float:
            return _TOP + _LEVELS * (top - max(db, top - _RANGE_DB)) / _RANGE_DB

        ticks = range(top, top - _RANGE_DB, -18)
        parts += [svg.level(db, y(db), "dB" if db == top else "") for db in ticks]
        for name, values in (("before", before), ("after", after)):
            points = [(_x(at), y(db)) for at, db in zip(hz, values, strict=False)]
            parts.append(svg.path(points, f"line {name}"))
    parts += list(_bent(hz, change, levels + _GAP))
    return svg.picture("Spectrum and applied curve", levels + _GAP + _CURVE + 20, parts)


def _bent(hz: Sequence[float], change_db: Sequence[float], top: float) -> Iterator[Markup]:
    most = min(max(_LEAST_CURVE_DB, math.ceil(max(abs(db) for db in change_db))), _MOST_CURVE_DB)

    def y(db: float) -> float:
        return top + _CURVE * (most - min(max(db, -most), most)) / (2 * most)

    for db in (most, 0, -most):
        yield svg.level(db, y(db), "dB" if db == most else "")
    yield svg.path([(_x(at), y(db)) for at, db in zip(hz, change_db, strict=False)], "line applied")


def _history(moving: Sequence[tuple[str, Mapping[str, Any]]]) -> Markup:
    """Gains over the length of the song, one line each; nothing where nothing moves."""
    if not moving:
        return Markup("")
    seconds = max(one["hop_s"] * len(one["history_db"]) for _, one in moving)
    most = max(_LEAST_CURVE_DB, math.ceil(max(-min(one["history_db"]) for _, one in moving)))
    least = min(0, -math.ceil(max(max(one["history_db"]) for _, one in moving)))

    def y(db: float) -> float:
        return _TOP + _GAINS * (min(max(-db, least), most) - least) / (most - least)

    # From the highest gain down; a ride goes up as well.
    parts: list[str] = [
        svg.level(-db, y(-db), "dB" if db == least else "") for db in sorted({least, 0, most})
    ]
    parts.append(svg.label(f"to {clock(seconds)}", svg.LEFT + svg.PLOT, _TOP + _GAINS + 15, "end"))
    for number, (name, one) in enumerate(moving):
        points = [
            (svg.LEFT + svg.PLOT * (k + 0.5) * one["hop_s"] / seconds, y(db))
            for k, db in enumerate(one["history_db"])
        ]
        parts.append(svg.path(points, f"line h{number % 4}"))
        parts.append(
            svg.label(name, svg.LEFT + 90 * number + 4, _TOP + _GAINS + 15, "start", f"tick h{number % 4}")
        )
    return svg.picture("Gain over time", _TOP + _GAINS + 20, parts)
