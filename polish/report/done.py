"""What a step did, in a line: the repairs, rides and moves that were not nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..units import clock

_LEAST_DB = 0.05
_MOST = 8


def said(step: Mapping[str, Any]) -> str:
    """``mud in drums, bass; resonance in other``; empty for steps that say it themselves.

    Args:
        step: a step of ``facts.json``.
    """
    known = step.get("measurements") or {}
    tell = _TOLD.get(str(step.get("stage")))
    if tell is None or step.get("status") == "skipped":
        return ""
    lines = list(tell(known))
    return "; ".join(lines[:_MOST]) + (" …" if len(lines) > _MOST else "")


def _clean(known: Mapping[str, Any]) -> Iterator[str]:
    stems: dict[str, list[str]] = {}
    for name, entries in (known.get("stems") or {}).items():
        for entry in entries:
            where = stems.setdefault(str(entry.get("repair")), [])
            if name not in where:
                where.append(name)
    for repair, names in stems.items():
        yield f"{repair} ({', '.join(names)})" if ":" in repair else f"{repair} in {', '.join(names)}"


def _level(known: Mapping[str, Any]) -> Iterator[str]:
    for part in known.get("sections") or []:
        if moved := _decibels(part.get("gain_db")):
            yield f"{part.get('label')} at {clock(part['start_s'])} {moved}"
    yield from _taken_back(known)


def _mix(known: Mapping[str, Any]) -> Iterator[str]:
    for name, gain_db in (known.get("gains_db") or {}).items():
        if moved := _decibels(gain_db):
            yield f"{name} {moved}"
    lead = known.get("lead") or {}
    if moved := _decibels(lead.get("gain_db")):
        yield f"{lead.get('stem')} {moved} toward the usual balance"
    for band in lead.get("presence") or []:
        if moved := _decibels(band.get("change_db")):
            yield f"the rest {moved} at {_span(band.get('where_hz'))} where it covers {lead.get('stem')}"
    for pair in known.get("kick") or []:
        if moved := _decibels(pair.get("change_db")):
            yield f"{pair.get('bass')} {moved} where it covers the kick"
    bus = known.get("bus") or {}
    low = bus.get("low_end") or {}
    if moved := _decibels(low.get("side_gain_db")):
        yield f"sides {moved} below {low.get('below_hz'):g} Hz"
    if moved := _decibels((bus.get("glue") or {}).get("reduction_db")):
        yield f"peaks held by up to {moved.lstrip('+')}"
    yield from _taken_back(known)
    if not known.get("lead") and not any((known.get("gains_db") or {}).values()):
        yield "the sum of the stems"


def _taken_back(known: Mapping[str, Any]) -> Iterator[str]:
    for bell in known.get("tone") or []:
        if moved := _decibels(bell.get("gain_db")):
            yield f"{moved} of {bell.get('fault')} that this brought"


def _span(where_hz: Any) -> str:
    return "–".join(f"{hz:g}" for hz in where_hz or ()) + " Hz"


def _decibels(gain_db: Any) -> str:
    """With its sign, or empty where it is nothing."""
    if not isinstance(gain_db, (int, float)) or abs(gain_db) < _LEAST_DB:
        return ""
    return f"{gain_db:+.1f} dB".replace("-", "−")


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "clean": _clean, "level": _level, "mix": _mix,
}  # fmt: skip
