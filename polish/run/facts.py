"""``facts.json``: all that is known of a song, and what was done to it.

It holds no clock, no host and no path of this machine: the same draft, recipe and seed give
the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .. import __version__
from ..song import Song
from ..stages.playback import playback
from . import engines, hashing, slots
from .cache import Cache
from .carry import Done
from .deliveries import Written


def settings(declared: Any) -> dict[str, Any]:
    """Settings as JSON, files by their name alone."""
    return declared.resolved() | {name: PurePath(path).name for name, path in declared.files().items()}


@dataclass(frozen=True)
class Outcome:
    """A run at its end: what it went by, what came of each step and of each delivery.

    Attributes:
        files: name, bytes and SHA-256 of each file delivered.
    """

    plan: Any
    song: Song
    done: Sequence[Done]
    written: Sequence[Written]
    files: Sequence[Mapping[str, Any]]
    seed: int


def facts(outcome: Outcome, cache: Cache) -> dict[str, Any]:
    """What ``facts.json`` says; keys end in their unit, what does not exist is null."""
    plan, song, done, written = outcome.plan, outcome.song, outcome.done, outcome.written
    main = song.mix or song.draft
    heard = {name: value for each in written for name, value in (each.facts.get("listen") or {}).items()}
    return {
        "polish": __version__,
        "title": song.title,
        "duration_s": main and main.duration_s,
        "sample_rate_hz": main and main.rate_hz,
        "channels": main and main.channels,
        "tags": dict(song.tags),
        "recipe": {
            "name": plan.name,
            "about": plan.about,
            "digest": plan.digest,
            "steps": [_planned(step) for step in plan.steps],
        },
        "steps": [_step(each, song) for each in done],
        "findings": slots.encode(song, "findings"),
        "beats": slots.encode(song, "beats"),
        "sections": slots.encode(song, "sections"),
        "lyrics": slots.encode(song, "lyrics"),
        "before": _before(song, cache),
        "masters": [_master(name, song, written) for name in song.masters],
        "deliveries": [_delivery(each) for each in written],
        "files": list(outcome.files),
        "listen": heard,
        "notices": [*(f"draft: {notice}" for notice in song.notices), *notices(done, written)],
        "series": _curves(song, cache),
    }


def _planned(step: Any) -> dict[str, Any]:
    """A step as the recipe has it, with where each value comes from."""
    origins = {name: _bare(str(origin)) for name, origin in step.origins.items()}
    return {"id": step.id, "stage": step.stage.name, "settings": settings(step.stage), "origins": origins}


def _bare(place: str) -> str:
    """A place in a recipe without the folders before the file's name."""
    return re.sub(r"\S*[/\\]", "", place)


def notices(done: Sequence[Done], written: Sequence[Written]) -> list[str]:
    """What the user should read, each with the step it comes from."""
    told = []
    for step in done:
        told += [f"{step.id}: {notice}" for notice in step.notices]
        if step.status == "skipped":
            told.append(f"{step.id}: skipped: {step.reason}")
        elif step.choice:
            told += [
                f"{step.id}: the licence of {each['model']} ({each['licence']}) forbids selling what it makes"
                for each in engines.licences(step.choice)
                if not each["sells"]
            ]
    for delivery in written:
        told += [f"{delivery.id}: {notice}" for notice in delivery.notices]
        if delivery.status == "skipped":
            told.append(f"{delivery.id}: not delivered: {delivery.reason}")
    return told


def _step(done: Done, song: Song) -> dict[str, Any]:
    return {
        "id": done.id, "stage": done.stage.name, "version": done.stage.version,
        "engine": done.choice and done.choice.name, "why": done.choice and done.choice.why,
        "status": done.status, "reason": done.reason, "measurements": song.measurements.get(done.id, {}),
    }  # fmt: skip


def _before(song: Song, cache: Cache) -> dict[str, Any] | None:
    if (draft := song.draft) is None:
        return None

    def measured() -> dict[str, Any]:
        from ..dsp.measure import measure

        cache.check(Song(draft=draft))
        return measure(draft.samples, draft.rate_hz)

    return cache.worked_out("measure", slots.written(draft), measured)


def _curves(song: Song, cache: Cache) -> dict[str, Any]:
    """What the report draws; the draft's part is worked out once, however often its masters change."""
    ends = Song(masters=song.masters) if song.masters or song.mix is song.draft else Song(mix=song.mix)

    def drawn(part: Song) -> dict[str, Any]:
        def draw() -> dict[str, Any]:
            from ..report import series

            return series(cache.check(part))

        return cache.worked_out("series", slots.content(part, ("draft", "mix", "masters")), draw)

    def likeness() -> dict[str, Any] | None:
        from ..report import likeness

        return likeness(song)

    return {
        "before": drawn(Song(draft=song.draft))["before"],
        "after": drawn(ends)["after"],
        "similarity": cache.worked_out(
            "likeness", slots.content(song, ("draft", "beats", "sections")), likeness
        ),
    }


def _master(name: str, song: Song, written: Sequence[Written]) -> dict[str, Any]:
    """A master's facts, with the file it was delivered in and what was read back from that."""
    known = hashing.plain(song.masters[name].facts)
    told = (each.facts for each in written if each.facts.get("of") == name)
    delivered = next((facts for facts in told if facts.get("measured")), {})
    measured = delivered.get("measured") or known.get("after") or {}
    services = playback(measured.get("integrated_lufs"), measured.get("true_peak_dbtp"))
    return {
        **known, "id": name, "file": delivered.get("file"), "measured": measured or None,
        "services": services,
    }  # fmt: skip


def _delivery(written: Written) -> dict[str, Any]:
    return {
        "id": written.id, "delivery": written.delivery.name, "settings": settings(written.delivery),
        "status": written.status, "reason": written.reason, "files": [file["name"] for file in written.files],
        "facts": written.facts,
    }  # fmt: skip
