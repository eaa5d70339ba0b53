"""Who mends what was found: the step that would, and whether it did in this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .done import said

_REPAIRS = {"sub_rumble": "rumble", "click": "joins", "dc_offset": "offset"}
"""Findings whose repair has another name."""


class Mended(NamedTuple):
    """The step, as a recipe names it, and a word where it did not mend: both may be empty."""

    step: str
    aside: str


def mended(finding: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Mended:
    """What became of a finding.

    Args:
        finding: of ``facts.json``; its ``mend`` is a stage, with settings where those do it.
        steps: those of ``facts.json``.
    """
    wanted = finding.get("mend")
    if not wanted:
        return Mended("", "")
    name = str(wanted).partition(":")[0]
    own = [step for step in steps if step.get("stage") == name]
    if not own:
        return Mended(str(wanted), "not in this recipe")
    if all(step.get("status") == "skipped" for step in own):
        return Mended(name, "skipped")
    return Mended(name, "" if any(_did(name, finding, step) for step in own) else "left it")


def _did(name: str, finding: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    known = step.get("measurements") or {}
    if name == "clean":
        kind = str(finding.get("kind"))
        entries = [entry for stem in (known.get("stems") or {}).values() for entry in stem]
        return any(entry.get("repair") == _REPAIRS.get(kind, kind) for entry in entries)
    return name != "level" or bool(said(step))
