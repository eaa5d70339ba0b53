"""SVG drawings as PNG, by resvg, with the letters that the fonts of this machine have."""

from __future__ import annotations

from functools import lru_cache
from xml.etree import ElementTree

from . import svg

_NO_LETTER = "\U0010fffd"
"""Which no font has a shape for."""
_FAMILIES = ("Arial", "Helvetica", "Segoe UI", "Liberation Sans", "DejaVu Sans", "Noto Sans", "FreeSans")


def png(document: str) -> bytes:
    """The SVG at twice its size."""
    return _drawn(document, _sans_serif(), zoom=2)


def unseen(document: str) -> tuple[str, ...]:
    """The letters of an SVG that no font of this machine has: a PNG of it lacks them.

    One letter of ASCII stands for all of these.
    """
    text = {letter for each in ElementTree.fromstring(document).iter() for letter in each.text or ""}
    plain = sorted(letter for letter in text if letter.isascii() and letter.isalpha())[:1]
    letters = [*plain, *sorted(letter for letter in text if not letter.isascii() and letter.isalnum())]
    nothing = _drawn_alone(_NO_LETTER)
    return tuple(letter for letter in letters if _drawn_alone(letter) == nothing)


def _drawn_alone(letter: str) -> bytes:
    return _drawn(_of_one(letter), _sans_serif())


@lru_cache(maxsize=1)
def _sans_serif() -> str | None:
    """A family without serifs that this machine has. resvg looks for Arial, and without it draws nothing."""
    nothing = _drawn(_of_one(_NO_LETTER), None)
    return next((family for family in _FAMILIES if _drawn(_of_one("x"), family) != nothing), None)


def _of_one(letter: str) -> str:
    text = svg.tag("text", letter, x=2, y=18, font_size=16, font_family="sans-serif")
    return str(svg.tag("svg", text, xmlns="http://www.w3.org/2000/svg", width=24, height=24))


def _drawn(document: str, family: str | None, *, zoom: float | None = None) -> bytes:
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=document, zoom=zoom, sans_serif_family=family))
