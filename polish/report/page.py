"""The page: facts in, HTML out. Nothing in it is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..units import clock
from .done import said
from .mending import mended
from .players import encoded, services
from .repairs import DRAWN, worked
from .similarity import picture
from .timeline import timeline
from .tone import tone

FIGURES = (
    ("integrated_lufs", "Integrated loudness", "LUFS"),
    ("loudness_range_lu", "Loudness range", "LU"),
    ("short_term_max_lufs", "Loudest 3 s", "LUFS"),
    ("true_peak_dbtp", "True peak", "dBTP"),
    ("plr_db", "Peak to loudness", "dB"),
    ("correlation", "Left/right correlation", ""),
    ("bandwidth_hz", "Bandwidth", "Hz"),
    ("duration_s", "Duration", "s"),
    ("sample_rate_hz", "Sample rate", "Hz"),
    ("channels", "Channels", ""),
)
"""The rows of the before/after table: key of a measurement, words, unit."""
_UNITS = {
    "_lufs": "LUFS", "_lu": "LU", "_dbfs": "dBFS", "_dbtp": "dBTP", "_db": "dB", "_hz": "Hz", "_s": "s",
    "_percent": "%", "_pct": "%", "_bpm": "BPM",
}  # fmt: skip
"""By the end of a measurement's name, which is then not said twice."""
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")


def page(facts: Mapping[str, Any]) -> str:
    """The report of one song as one HTML page.

    Args:
        facts: what a run found out and did, as in ``facts.json``. ``listen``, when there,
            names the files to play by their label, relative to the page.
    """
    curves = facts.get("series") or {}
    before = curves.get("before")
    name, after = next(iter((curves.get("after") or {}).items()), (None, None))
    first = before or after
    masters = facts.get("masters") or []
    done = worked(facts)
    return _template().render(
        facts=facts,
        masters=masters,
        timeline=timeline(facts, first, after if before else None) if first else "",
        tone=tone(first, after if before else None) if first else "",
        similarity=picture(alike, facts.get("sections") or []) if (alike := curves.get("similarity")) else "",
        after_name=name if before else None,
        rows=_rows(facts),
        mended=[mended(finding, facts.get("steps") or []) for finding in facts.get("findings") or []],
        worked=done,
        drawn=any(one.spectrum or one.gains for one in done),
        services={master["id"]: found for master in masters if (found := services(master))},
        encoded=encoded(facts.get("deliveries") or []),
    )


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """The before/after table: words, unit, a cell a column."""
    columns = [facts.get("before") or {}]
    columns += [master.get("measured") or {} for master in facts.get("masters") or []]
    return [(words, unit, [_number(c.get(key), unit) for c in columns]) for key, words, unit in FIGURES]


def _number(value: Any, unit: str = "") -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return _signed(str(value))
    if unit == "Hz" or float(value).is_integer():
        return _signed(f"{value:,.0f}".replace(",", "\u202f"))
    return _signed(f"{value:.2f}" if abs(value) < 1000 else f"{value:.0f}")


def _signed(written: str) -> str:
    """With a minus before numbers that is as long as a plus."""
    return _MINUS.sub("−", written)


def _span(finding: Mapping[str, Any]) -> str:
    """From when to when; one moment where both read the same."""
    start, end = clock(finding["start_s"]), clock(finding["end_s"])
    return start if start == end else f"{start}–{end}"


def _named(key: str, value: Any) -> tuple[str, str]:
    """A measurement's name without its unit, and its value with it."""
    ends = [end for end in _UNITS if key.endswith(end)]
    if not ends or isinstance(value, (str, bool)):
        return key.replace("_", " "), _number(value)
    return key.removesuffix(ends[0]).replace("_", " "), f"{_number(value)} {_UNITS[ends[0]]}"


def _size(count: int) -> str:
    """Bytes in the unit that shows them."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{max(count, 100) / 1e3:.1f} kB"


def _told(value: Any) -> str:
    """A measurement in a few words: numbers rounded, lists counted when long."""
    if isinstance(value, Mapping):
        told = (_one_told(str(key), each) for key, each in value.items() if key not in DRAWN)
        return ", ".join(told) or "nothing"
    if isinstance(value, (list, tuple)):
        return "; ".join(_told(v) for v in value[:6]) + (" …" if len(value) > 6 else "") if value else "none"
    return _number(value)


def _one_told(key: str, value: Any) -> str:
    return " ".join(_named(key, value) if _plain(value) else (key.replace("_", " "), _told(value)))


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float, str, bool))


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("polish.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    environment.filters |= {"clock": clock, "number": _number, "told": _told, "said": said, "span": _span}
    environment.filters |= {"signed": _signed, "size": _size}
    environment.globals["named"] = _named
    environment.tests["plain"] = _plain
    return environment.get_template("page.html.j2")
