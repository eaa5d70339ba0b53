"""What earlier runs have left in a folder: of this song, of this recipe, of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..song import Song
from . import hashing, slots
from .deliveries import Desk
from .journal import Journal


@dataclass(frozen=True)
class Origin:
    """What a run starts from.

    Attributes:
        draft: the hash of what came in; empty for a song that a recipe makes up.
        recipe: its name.
    """

    draft: str
    recipe: str

    @classmethod
    def of(cls, song: Song, recipe: str) -> Origin:
        content = slots.content(song, ("draft", "mix", "stems"))
        return cls(hashing.of_value(content) if content else "", recipe)


@dataclass(frozen=True)
class Earlier:
    """Records of earlier deliveries.

    Attributes:
        foreign: of another draft, and still as they were written.
        same: of this draft and recipe. What a run of the same recipe no longer makes is removed.
        others: names of the files that other recipes made of this draft; they stay.
        bytes: what lies in the folder and will be written over.
    """

    foreign: tuple[Mapping[str, Any], ...]
    same: tuple[Mapping[str, Any], ...]
    others: frozenset[str]
    bytes: int


def earlier(journal: Journal, origin: Origin, desk: Desk) -> Earlier:
    """Read a folder's journal."""
    foreign: dict[str, Mapping[str, Any]] = {}
    same: dict[str, Mapping[str, Any]] = {}
    others: dict[str, Mapping[str, Any]] = {}
    group = others
    for record in journal.records():
        if record.get("event") == "run":
            if record.get("draft") != origin.draft:
                group = foreign
            else:
                group = same if record.get("recipe") == origin.recipe else others
        elif record.get("event") == "delivered" and isinstance(record.get("files"), list):
            for file in record["files"]:
                for known in (foreign, same, others):
                    known.pop(file["name"], None)
                group[file["name"]] = file
    still = [file for file in foreign.values() if desk.unchanged([file])]
    present = [file for file in (*same.values(), *others.values()) if (desk.folder / file["name"]).exists()]
    return Earlier(
        tuple({"files": [file]} for file in still),
        tuple({"files": [file]} for file in same.values()),
        frozenset(others),
        sum(file["bytes"] for file in present),
    )
