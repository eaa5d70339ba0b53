"""How alike the bars of a song are: a square whose stripes off the diagonal are repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ..dsp import chroma, onsets, texture
from ..song import Song
from . import svg

CELLS = 128
"""The square has at most so many rows; longer songs have several bars a row."""
_SIDE, _RIBBON = 400, 14
_COLOUR = (15, 138, 109)


def likeness(song: Song) -> dict[str, Any] | None:
    """The likeness of every bar of the song as it came to every other, half harmony, half timbre.

    Returns:
        JSON values: ``edges_s`` of the rows, and ``rows``, a string of hexadecimal digits each (0
        least, f most alike). None for a song without parts, or with fewer than four bars.
    """
    sound = song.draft or song.mix
    if sound is None or not song.sections or sound.silent:
        return None
    downbeats_s = song.beats.downbeats_s if song.beats else ()
    edges_s = texture.bar_edges_s(downbeats_s, 0.0, sound.duration_s)
    if edges_s.size < 5:
        return None
    mono = onsets.one_channel(sound)
    bars = texture.bars(onsets.onsets(mono), chroma.chroma(mono), edges_s)
    step = -(-len(bars) // CELLS)
    mean = (_spread(_pooled(bars.harmony, step)) + _spread(_pooled(bars.alike, step))) / 2
    return {
        "edges_s": [round(float(edge), 2) for edge in np.append(edges_s[:-1:step], edges_s[-1])],
        "rows": ["".join(f"{level:x}" for level in row) for row in np.round(15 * mean).astype(int)],
    }


def _pooled(square: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    at = np.arange(0, len(square), step)
    counts = np.diff(np.append(at, len(square)))
    sums = np.add.reduceat(np.add.reduceat(square, at, axis=0), at, axis=1)
    return sums / np.outer(counts, counts)


def _spread(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between its usual and its highest values, 0 to 1."""
    low, high = np.percentile(square, [30, 98])
    return np.clip((square - low) / max(high - low, 1e-9), 0, 1)


def similarity(known: Mapping[str, Any], sections: Sequence[Mapping[str, Any]]) -> tuple[list[str], float]:
    """The square with the parts along its top and side, and its height.

    Args:
        known: what `likeness` gave. sections: as in ``facts.json``.
    """
    end_s = known["edges_s"][-1]
    left, top = svg.LEFT + _RIBBON + 4, _RIBBON + 4.0
    groups = sorted({section["group"] for section in sections})
    at = lambda seconds: _SIDE * min(seconds / end_s, 1.0)  # noqa: E731
    parts: list[str] = [
        svg.tag(
            "image", class_="alike", x=left, y=top, width=_SIDE, height=_SIDE,
            image_rendering="optimizeSpeed", href=_drawn(known["rows"], np.array(known["edges_s"])),
        )
    ]  # fmt: skip
    for section in sections:
        first, last = at(section["start_s"]), at(section["end_s"])
        css = f"group g{groups.index(section['group']) % 8}"
        words = f"{section['label']} ({section['group']})"
        size = max(last - first - 1, 1)
        parts.append(svg.box(css, left + first, 0, size, _RIBBON, words))
        parts.append(svg.box(css, svg.LEFT, top + first, _RIBBON, size, words))
        if section["start_s"] > 0:
            parts.append(svg.line("cut", left + first, top, left + first, top + _SIDE))
            parts.append(svg.line("cut", left, top + first, left + _SIDE, top + first))
        parts.append(svg.label(words, left + _SIDE + 8, top + (first + last) / 2 + 4, "start"))
    return parts, top + _SIDE + 6


def picture(known: Mapping[str, Any], sections: Sequence[Mapping[str, Any]]) -> Markup:
    """`similarity` as a picture of its own."""
    parts, height = similarity(known, sections)
    return svg.picture("How alike the bars are", height, parts)


def _drawn(rows: Sequence[str], edges_s: NDArray[np.float64]) -> str:
    """The square, the more alike the denser; columns as wide as they are long."""
    level = np.array([[int(digit, 16) for digit in row] for row in rows], np.uint8)
    middles = (np.arange(2 * CELLS) + 0.5) / (2 * CELLS) * edges_s[-1]
    place = np.clip(np.searchsorted(edges_s, middles, "right") - 1, 0, len(level) - 1)
    level = level[np.ix_(place, place)]
    return svg.pixels(level * 17, _COLOUR)
