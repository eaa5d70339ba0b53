"""``facts.jsonl``: one row of facts a song, and what earlier batches have put there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..files import write_text, writing_errors

_FIGURES = ("integrated_lufs", "loudness_range_lu", "true_peak_dbtp")
_NEEDED = {"file", "status", "folder", "error", "exit_code", "seed"}
Row = Mapping[str, Any]


def done(job: Any, facts: Mapping[str, Any], digest: str, content: str) -> dict[str, Any]:
    """The row of a song that is done: the main figures of its ``facts.json``."""
    before = facts["before"] or {}
    beats = facts["beats"] or {}
    return {
        "file": job.name, "status": "done", "error": None, "exit_code": 0, "folder": job.title,
        "title": facts["title"], "duration_s": facts["duration_s"], "sample_rate_hz": facts["sample_rate_hz"],
        "channels": facts["channels"], "tempo_bpm": beats.get("tempo_bpm"), "key": beats.get("key"),
        "findings": len(facts["findings"]),
        "before": {name: before.get(name) for name in _FIGURES},
        "masters": [
            {"id": made["id"], "reached": made.get("reached"), "reason": made.get("reason"),
             **{name: (made["measured"] or {}).get(name) for name in _FIGURES}}
            for made in facts["masters"]
        ],
        "files": len(facts["files"]), "notices": facts["notices"],
        "digest": digest, "content_sha256": content, "seed": job.seed,
    }  # fmt: skip


def failed(job: Any, error: str, exit_code: int) -> dict[str, Any]:
    """The row of a song that failed: why, and the exit code `polish run` would have ended with."""
    return {
        "file": job.name, "status": "failed", "error": error, "exit_code": exit_code, "folder": job.title,
        "seed": job.seed,
    }  # fmt: skip


def line(row: Row) -> str:
    return json.dumps(row, allow_nan=False) + "\n"


class Rows:
    """The file of rows: while a batch is at work whole lines are added, at its end it is put in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Row] = {}
        """The last row of each song, by its file."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            text = ""
        for written in text.splitlines():
            try:
                row = json.loads(written)
            except ValueError:
                continue  # a line that a killed batch left unfinished
            if isinstance(row, dict) and row.keys() >= _NEEDED:
                self.known[row["file"]] = row

    def begin(self) -> None:
        """Rewrite the file with the rows that count: one a song, every line whole."""
        write_text(self.path, "".join(map(line, self.known.values())))

    def add(self, row: Row) -> None:
        """Add a row at the end.

        Raises:
            OutputError: it cannot be written.
        """
        self.known[row["file"]] = row
        with writing_errors(self.path), open(self.path, "a", encoding="utf-8") as file:
            file.write(line(row))

    def end(self, order: Iterable[str]) -> None:
        """Put the rows in the order of the songs; those of other batches come first."""
        order = list(order)
        others = [file for file in self.known if file not in set(order)]
        self.known = {file: self.known[file] for file in (*others, *order) if file in self.known}
        self.begin()
