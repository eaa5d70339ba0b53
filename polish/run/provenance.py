"""``provenance.json``: what made the files, out of what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .. import __version__
from ..models.engines import Choice
from ..song import Song
from . import engines, hashing
from .carry import Done
from .facts import Outcome, settings

_SAYS = ("website", "encodedby", "comment", "publisher", "copyright", "composer")
_GENERATORS = re.compile(
    r"\b(suno|udio|mureka|riffusion|stable audio|musicgen|ace-?step|yue|diffrhythm|lyria|eleven ?labs|"
    r"minimax|boomy|aiva|soundraw|beatoven|loudly|soundful)\b",
    re.IGNORECASE,
)


def provenance(outcome: Outcome) -> dict[str, Any]:
    """What ``provenance.json`` says.

    ``samples_sha256`` is the SHA-256 of the draft as decoded: float32, little-endian, one
    channel after the other.
    """
    return {
        "polish": __version__,
        "recipe": {"name": outcome.plan.name, "digest": outcome.plan.digest},
        "seed": outcome.seed,
        "draft": _draft(outcome.song),
        "generated_with": generated_with(outcome.song.tags, outcome.done),
        "engines": [
            _engine(step.id, step.choice) for step in outcome.done if step.choice and step.status == "done"
        ],
        "steps": [
            {"id": step.id, "stage": step.stage.name, "version": step.stage.version, "status": step.status,
             "settings": settings(step.stage)}
            for step in outcome.done
        ],
        "files": list(outcome.files),
    }  # fmt: skip


def _draft(song: Song) -> dict[str, Any] | None:
    if song.draft is None:
        return None
    return {
        "samples_sha256": hashing.of_sound(song.draft), "sample_rate_hz": song.draft.rate_hz,
        "channels": song.draft.channels, "frames": song.draft.frames, "tags": dict(song.tags),
    }  # fmt: skip


def _engine(step: str, choice: Choice) -> dict[str, Any]:
    return {
        "step": step, "kind": choice.kind, "engine": choice.name, "weights": engines.weights(choice),
        "licences": engines.licences(choice),
    }  # fmt: skip


def generated_with(tags: Mapping[str, str], done: Sequence[Done]) -> str | None:
    """The generator: ours, when this run made the song, else the one the draft's tags name."""
    for step in done:
        if step.choice and step.choice.kind == "generator" and step.status == "done":
            return f"polish {__version__}, {step.choice.name}"
    said = " ".join(tags.get(name, "") for name in _SAYS)
    found = _GENERATORS.search(said)
    return found.group(0) if found else None
