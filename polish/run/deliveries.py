"""What leaves: deliveries written into the folder, or left as they lie when nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from .. import __version__
from ..deliver.base import Delivery
from ..files import sha256, write_text
from ..song import Song
from . import hashing, slots
from .cache import Cache
from .events import Teller
from .journal import Journal


class Planned(Protocol):
    """A delivery as the recipe room plans it."""

    id: str
    delivery: Delivery
    skipped: str | None


@dataclass(frozen=True)
class Written:
    """What became of a delivery.

    Attributes:
        files: name relative to the folder, bytes and SHA-256 of each, in the order written.
        facts: what was measured in the written files.
    """

    id: str
    delivery: Delivery
    status: Literal["done", "skipped"]
    files: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    reason: str | None = None
    cached: bool = False


class Desk:
    """Writes into one folder and remembers in its journal what was written from what.

    Args:
        fresh: write everything again.
    """

    def __init__(self, folder: Path, journal: Journal, *, fresh: bool = False) -> None:
        self.folder = folder
        self.journal = journal
        self.known = {} if fresh else delivered(journal)

    def deliver(
        self, planned: Planned, song: Song, made: frozenset[str], cache: Cache, teller: Teller
    ) -> Written:
        """Write one delivery, or find it as an earlier run wrote it.

        Raises:
            OutputError: a file could not be written.
            Spoiled: see `Cache.check`.
        """
        delivery = planned.delivery
        if planned.skipped is not None:
            return Written(planned.id, delivery, "skipped", reason=planned.skipped)
        if absent := [slot for slot in delivery.reads if slot not in made]:
            reason = f"there are no {' and no '.join(absent)}"
            return Written(planned.id, delivery, "skipped", reason=reason)
        view = slots.view(song, delivery, title=song.title, tags=song.tags)
        key = hashing.of_value({
            "polish": __version__, "delivery": delivery.name, "id": planned.id,
            "settings": delivery.identity(), "slots": slots.content(view, slots.seen(delivery)),
            "title": song.title, "tags": dict(song.tags),
        })  # fmt: skip
        record, cached = self.known.get(key), True
        if record is None or not self.unchanged(record["files"]):
            cached = False
            done = delivery.write(cache.check(view), self.folder)
            record = {
                "files": [describe(file, self.folder) for file in done.files],
                "facts": hashing.plain(done.facts),
                "notices": list(done.notices),
            }
        self.journal.note("delivered", delivery=planned.id, key=key, cached=cached, **_kept(record))
        names = [file["name"] for file in record["files"]]
        teller.tell("delivered", planned.id, files=names, cached=cached)
        for notice in record["notices"]:
            teller.tell("notice", planned.id, message=notice)
        return Written(
            planned.id, delivery, "done", tuple(record["files"]), record["facts"], tuple(record["notices"]),
            cached=cached,
        )  # fmt: skip

    def write(self, name: str, text: Any, made_of: Any, teller: Teller) -> Mapping[str, Any]:
        """Write one text file of ours that follows from `made_of`, or find it as it was written.

        Args:
            text: a function that makes the text; not called when the file is there already.
        """
        key = hashing.of_value([__version__, name, made_of])
        record, cached = self.known.get(key), True
        if record is None or not self.unchanged(record["files"]):
            cached = False
            record = {"files": [describe(write_text(self.folder / name, text()), self.folder)]}
        self.journal.note("delivered", delivery=name, key=key, cached=cached, **_kept(record))
        teller.tell("delivered", name, files=[name], cached=cached)
        return record["files"][0]

    def json(self, name: str, value: Any, teller: Teller) -> Mapping[str, Any]:
        """Write a JSON file of ours, or find it as it was written."""
        # Bytes of a file name that are no text cannot be written as UTF-8.
        text = (as_json(value) + "\n").encode("utf-8", "replace").decode("utf-8")
        return self.write(name, lambda: text, value, teller)

    def unchanged(self, files: Iterable[Mapping[str, Any]]) -> bool:
        """Whether files on disk still are what was written."""
        return all(_unchanged(self.folder / file["name"], file) for file in files)

    def clear(self, records: Sequence[Mapping[str, Any]], keep: set[str]) -> list[str]:
        """Remove files of earlier runs that are not in `keep` and that nobody has changed since."""
        gone = []
        for name, file in {file["name"]: file for record in records for file in record["files"]}.items():
            path = self.folder / name
            if name not in keep and ".." not in path.parts and _unchanged(path, file):
                path.unlink()
                gone.append(name)
                with suppress(OSError):
                    path.parent.rmdir()
        if gone:
            self.journal.note("removed", files=gone)
        return gone


def delivered(journal: Journal) -> dict[str, dict[str, Any]]:
    """What the journal knows to have been delivered, by key."""
    return {
        record["key"]: _kept(record)
        for record in journal.records()
        if record.get("event") == "delivered" and "key" in record and isinstance(record.get("files"), list)
    }


def as_json(value: Any, indent: str = "") -> str:
    """JSON for people: an entry a line, but a list of numbers or words on one."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        lines = [
            f"{json.dumps(name, ensure_ascii=False)}: {as_json(each, inner)}" for name, each in value.items()
        ]
        return "{\n" + ",\n".join(inner + line for line in lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(each, (Mapping, list)) for each in value):
        return "[\n" + ",\n".join(inner + as_json(each, inner) for each in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "facts": {},
        "notices": [],
        **{k: record[k] for k in ("files", "facts", "notices") if k in record},
    }


def describe(file: Path, folder: Path) -> dict[str, Any]:
    """A file by its name in the folder, its size and its content."""
    name = file.relative_to(folder).as_posix()
    return {"name": name, "bytes": file.stat().st_size, "sha256": sha256(file)}


def _unchanged(path: Path, file: Mapping[str, Any]) -> bool:
    try:
        return path.stat().st_size == file["bytes"] and sha256(path) == file["sha256"]
    except OSError:
        return False
