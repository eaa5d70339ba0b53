"""One picture of what is known of a song: parts, beats, waveform, energy, findings, likeness.

An SVG that stands alone, with the colours of the report's page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from ..song import Song
from ..units import clock
from . import svg
from .series import curves
from .similarity import likeness, similarity
from .timeline import drawn

_TITLE, _GAP, _ROW, _MARGIN = 34, 30, 18, 14
_MOST_FINDINGS = 24


def picture(song: Song, title: str) -> str:
    """The picture of a song as a whole SVG document."""
    sound = song.draft or song.mix
    assert sound is not None
    facts = {
        "beats": song.beats.model_dump(mode="json") if song.beats else None,
        "sections": [section.model_dump(mode="json") for section in song.sections],
        "findings": [finding.model_dump(mode="json") for finding in song.findings],
    }
    parts: list[str] = [svg.label(_heading(song, title), svg.LEFT, 16, "start", "heading")]
    timeline, height = drawn(facts, curves(sound), None)
    parts.append(moved(timeline, _TITLE))
    y = _TITLE + height
    rows = _rows(facts["findings"])
    parts.append(moved(rows, y + _GAP))
    y += _GAP + _ROW * len(rows) // 2
    if (known := likeness(song)) is not None:
        square, height = similarity(known, facts["sections"])
        parts.append(moved(square, y + _GAP))
        y += _GAP + height
    return alone(parts, y + _MARGIN)


def alone(parts: Sequence[str], height: float) -> str:
    """Parts of a picture as an SVG document that stands by itself, with a margin around it."""
    return str(
        svg.tag(
            "svg", svg.tag("style", Markup(_style())),
            svg.tag("rect", class_="paper", x=-_MARGIN, y=-_MARGIN, width=svg.WIDTH + 2 * _MARGIN,
                    height=height + 2 * _MARGIN),
            *parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"{-_MARGIN} {-_MARGIN} {svg.WIDTH + 2 * _MARGIN} {height + _MARGIN:.0f}",
            width=svg.WIDTH + 2 * _MARGIN, height=round(height + _MARGIN),
        )
    )  # fmt: skip


def _heading(song: Song, title: str) -> str:
    beats = song.beats
    if beats is None or beats.tempo_bpm is None:
        return f"{title} · no steady beat"
    metre = f"{beats.beats_per_bar} beats a bar" if beats.beats_per_bar else "no bars"
    grid = f"{beats.tempo_bpm:.1f} BPM, {metre}, confidence {beats.confidence:.2f}"
    return f"{title} · {grid} · {beats.key or 'no key'}"


def _rows(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """A dot and a sentence a finding."""
    parts: list[str] = []
    for number, finding in enumerate(findings[:_MOST_FINDINGS]):
        y = number * _ROW
        where = f"{clock(finding['start_s'])}–{clock(finding['end_s'])}"
        parts.append(svg.box(f"finding {finding['severity']}", svg.LEFT, y, 9, 9, finding["kind"]))
        parts.append(svg.label(f"{where}  {finding['message']}", svg.LEFT + 16, y + 9, "start"))
    return parts


def moved(parts: Sequence[str], y: float) -> Markup:
    return svg.tag("g", *parts, transform=f"translate(0 {y:.1f})")


@cache
def _style() -> str:
    """The page's style for pictures, its variables filled in: not everything that draws SVG knows them."""
    text = files(__package__).joinpath("pictures.css").read_text("utf-8")
    colours = dict(re.findall(r"--(\w+): (#\w+);", text))
    plain = re.sub(r":root \{.*?\}\n", "", text, flags=re.S)
    plain = re.sub(r"var\(--(\w+)\)", lambda name: colours[name[1]], plain)
    return (
        plain + f".paper {{ fill: {colours['card']}; }} .playhead {{ opacity: 0; }} "
        f"text.heading {{ font-size: 14px; fill: {colours['ink']}; }}"
    )
