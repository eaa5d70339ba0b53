"""Labels as text, out and in: Audacity's label track, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..errors import BadInput

_HEAD = ("kind", "start_s", "end_s", "label")


@dataclass(frozen=True)
class Label:
    """A named stretch of the song, or a point where start and end are the same."""

    kind: str
    start_s: float
    end_s: float
    label: str


def audacity(some: Sequence[Label]) -> str:
    """Audacity's label track: start, end and text, between tabs."""
    return "".join(f"{a.start_s:.6f}\t{a.end_s:.6f}\t{' '.join(a.label.split())}\n" for a in some)


def comma_separated(some: Sequence[Label]) -> str:
    """RFC 4180, but with plain line feeds."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_HEAD)
    table.writerows((a.kind, f"{a.start_s:.6f}", f"{a.end_s:.6f}", a.label) for a in some)
    return text.getvalue()


def objects(some: Sequence[Label]) -> str:
    """A JSON list of objects with the fields of `Label`."""
    return json.dumps([asdict(label) for label in some], indent=2, ensure_ascii=False)


def read(text: str, where: str) -> list[Label]:
    """Labels of any of the three, told by how the text begins; in order of their start.

    Args:
        where: the file's name, for errors. In an Audacity track every label is of kind ``sections``.

    Raises:
        BadInput: not labels, or a time that is none.
    """
    start = text.lstrip()[:1]
    if start in ("[", "{"):
        found = _from_json(text, where)
    elif text.lstrip().lower().startswith(_HEAD[0]):
        rows = csv.DictReader(io.StringIO(text.lstrip()), restval="")
        found = [_label(row, f"{where}:{rows.line_num}") for row in rows]
    else:
        found = [
            _track_line(line, f"{where}:{number}")
            for number, line in enumerate(text.splitlines(), 1)
            # Lines that begin with a backslash are the frequencies of a spectral selection.
            if line.strip() and not line.startswith("\\")
        ]
    return sorted(found, key=lambda label: label.start_s)


def _from_json(text: str, where: str) -> list[Label]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise BadInput(f"not JSON: {error}", where=where) from error
    rows = rows.get("sections", rows) if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput("not a list of labels", where=where, hint="as `polish sections --json` prints them")
    return [_label(row, f"{where}, label {number}") for number, row in enumerate(rows, 1)]


def _label(row: dict[str, object], where: str) -> Label:
    """A row with at least ``start_s`` and ``label``; a ``group`` is part of the name."""
    start = _time(row.get("start_s"), where)
    end = start if row.get("end_s") in (None, "") else _time(row["end_s"], where)
    words = [str(row.get(key) or "").strip() for key in ("label", "group")]
    kind = str(row.get("kind") or "sections")
    return _checked(Label(kind, start, end, " ".join(word for word in words if word)), where)


def _track_line(line: str, where: str) -> Label:
    start, _, rest = line.partition("\t")
    end, _, name = rest.partition("\t")
    return _checked(Label("sections", _time(start, where), _time(end, where), name.strip()), where)


def _time(value: object, where: str) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise BadInput(
            f"not a time in seconds: {value!r}", where=where, hint="start, end and name, between tabs"
        )
    return seconds


def _checked(label: Label, where: str) -> Label:
    if label.end_s < label.start_s:
        raise BadInput("a label ends before it starts", where=where)
    return label
