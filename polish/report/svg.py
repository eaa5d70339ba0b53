"""The little SVG the pictures need. Colours are CSS classes, so that the page decides them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

WIDTH, LEFT, RIGHT = 1000, 52, 8
"""Every picture is as wide as the page and leaves this much for the labels of its axis."""
PLOT = WIDTH - LEFT - RIGHT

Point = tuple[float, float]


def tag(name: str, *inside: str, **attributes: str | float) -> Markup:
    """An element: ``class_`` is class, underscores are hyphens, numbers get one decimal."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{''.join(map(escape, inside))}</{name}>")


def _shown(value: str | float) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, (int, float)) else value


def picture(title: str, height: float, parts: Iterable[str], **attributes: str | float) -> Markup:
    """A whole picture of the page's width."""
    box = f"0 0 {WIDTH} {height:.0f}"
    return tag("svg", tag("title", title), *parts, viewBox=box, role="img", **attributes)


def line(css: str, x1: float, y1: float, x2: float, y2: float, title: str = "") -> Markup:
    said = (tag("title", title),) if title else ()
    return tag("line", *said, class_=css, x1=x1, y1=y1, x2=x2, y2=y2)


def path(points: Sequence[Point], css: str) -> Markup:
    """A line through points; nothing for fewer than two."""
    return tag("polyline", class_=css, points=joined(points)) if len(points) > 1 else Markup("")


def joined(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def label(text: str, x: float, y: float, anchor: str = "middle", css: str = "tick") -> Markup:
    return tag("text", text, class_=css, x=x, y=y, text_anchor=anchor)


def box(css: str, x: float, y: float, width: float, height: float, title: str) -> Markup:
    """A rectangle that says `title` when the pointer rests on it."""
    return tag("rect", tag("title", title), class_=css, x=x, y=y, width=width, height=height, rx=2)


def level(value: float, y: float, unit: str = "") -> Markup:
    """A horizontal grid line with its value at the left."""
    text = f"{value:g} {unit}".strip().replace("-", "−")
    return line("grid", LEFT, y, WIDTH - RIGHT, y) + label(text, LEFT - 6, y + 4, "end")


def pixels(density: NDArray[np.uint8], colour: tuple[int, int, int]) -> str:
    """What an ``image`` refers to: a PNG of one colour, from 0, clear, to 255, ``(rows, columns)``."""
    cells = np.empty((*density.shape, 4), np.uint8)
    cells[..., :3], cells[..., 3] = colour, density
    lines = b"".join(b"\0" + row.tobytes() for row in cells)
    size = struct.pack(">IIBBBBB", density.shape[1], density.shape[0], 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
