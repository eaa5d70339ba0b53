"""What listeners get: what services do to a master, and what encoding did to the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SCALE_DB = 6.0
"""The gain that fills a bar, at least: one of 0.5 dB must not look like much."""

Facts = Mapping[str, Any]


class Turned(NamedTuple):
    """A line of the table of services: `left` and `width` of its bar are in %, the middle is 0 dB."""

    service: str
    does: str
    gain_db: float
    left: float
    width: float
    plays_at_lufs: float
    note: str
    official: bool


def services(master: Facts) -> list[Turned]:
    """What each service will do to a master; nothing for one without loudness."""
    entries = master.get("services") or []
    scale_db = max([_SCALE_DB, *(abs(entry["gain_db"]) for entry in entries)])
    return [_turned(entry, scale_db) for entry in entries]


def _turned(entry: Facts, scale_db: float) -> Turned:
    gain_db = entry["gain_db"]
    width = 50 * abs(gain_db) / scale_db
    does = "leaves it" if gain_db == 0 else f"turns it {'up' if gain_db > 0 else 'down'}"
    return Turned(
        entry["service"], does, gain_db, 50 - (width if gain_db < 0 else 0), width, entry["plays_at_lufs"],
        _note(entry), entry["official"],
    )  # fmt: skip


def _note(entry: Facts) -> str:
    if entry["limited_db"]:
        return f"its limiter takes {entry['limited_db']:.1f} dB off the peaks"
    return (
        f"plays at {entry['loudness_lufs']:g} LUFS, but {entry['why']}".replace("-", "−")
        if entry["why"]
        else ""
    )


class Encoded(NamedTuple):
    """A line of the table of files: peaks in dBTP, None for silence."""

    file: str
    format: str
    before_dbtp: float | None
    lowered_db: float
    loudness_lufs: float | None
    true_peak_dbtp: float | None


def encoded(deliveries: Sequence[Facts]) -> list[Encoded]:
    """The files that were decoded again, with what that took."""
    found = [delivery.get("facts") or {} for delivery in deliveries]
    return [_encoded(facts, facts["codec"], facts["measured"]) for facts in found if facts.get("codec")]


def _encoded(facts: Facts, codec: Facts, measured: Facts) -> Encoded:
    return Encoded(
        facts["file"], facts["format"], codec["true_peak_before_dbtp"], codec["lowered_db"],
        measured["integrated_lufs"], measured["true_peak_dbtp"],
    )  # fmt: skip
