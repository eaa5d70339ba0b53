"""The journal of a folder: what was done there, one JSON object a line, only ever added to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..files import writing_errors


class Journal:
    """One folder's journal.

    A line that a killed run left unfinished is passed over, and the next begins on a line
    of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> list[dict[str, Any]]:
        """All whole records, oldest first."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        found = []
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                found.append(record)
        return found

    def note(self, event: str, **facts: Any) -> None:
        """Add a record.

        Raises:
            OutputError: it cannot be written.
        """
        line = json.dumps({"event": event, **facts}).encode() + b"\n"
        with writing_errors(self.path), open(self.path, "ab+") as file:
            if file.tell() and _last_byte(file) != b"\n":
                line = b"\n" + line
            file.write(line)


def _last_byte(file: Any) -> bytes:
    file.seek(-1, 2)
    return file.read(1)
