"""The lyrics over the spectrogram of the voice: whether words stand where they are sung."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..audio.sound import Sound
from ..models.acoustic import HOP_S, Features, features
from ..song import Line, Lyrics
from . import svg
from .picture import alone, moved

_ROW_S = 10.0
_TITLE, _VOICE, _STEP, _STEPS, _GAP = 34, 96, 13, 3, 16
"""Words stand under the voice, on one of so many heights, so that neighbours do not overlap."""
_ROW = _VOICE + _STEP * _STEPS + _GAP
_COLOUR = (28, 32, 36)
_RANGE = 11.0
"""Natural logarithm of the power range that is drawn, below the loudest cell: 48 dB."""
_SHADES = 15
"""So few take half the bytes, and look the same."""


def sung(voice: Sound, lyrics: Lyrics, title: str) -> str:
    """Rows of ten seconds as a whole SVG document.

    Under the spectrogram of the voice (64 bands of equal mel, 60 to 7600 Hz) stands each word where
    it begins, with a question mark before a line in doubt; gaps are shaded, lines that were not found
    stand below.
    """
    heard = features(voice)
    count = max(1, int(np.ceil(voice.duration_s / _ROW_S)))
    parts: list[str] = [svg.label(_heading(lyrics, title), svg.LEFT, 16, "start", "heading")]
    for number in range(count):
        parts.append(moved(list(_row(heard, lyrics, number * _ROW_S)), _TITLE + number * _ROW))
    y = _TITLE + count * _ROW
    for number, text in enumerate(lyrics.unmatched):
        parts.append(svg.label(f"not found: {text}", svg.LEFT, y + 15 * (number + 1), "start"))
    return alone(parts, y + 15 * len(lyrics.unmatched) + _GAP)


def _heading(lyrics: Lyrics, title: str) -> str:
    known = len(lyrics.lines) + len(lyrics.unmatched)
    return f"{title} · {len(lyrics.lines)} of {known} lines · {lyrics.language or 'no language'}"


def _row(heard: Features, lyrics: Lyrics, start_s: float) -> Iterator[str]:
    """The ten seconds from `start_s` on."""
    end_s = start_s + _ROW_S
    part = heard[round(start_s / HOP_S) : round(end_s / HOP_S)]
    if len(part):
        level = np.round(_SHADES * np.clip((part - heard.max()) / _RANGE + 1, 0, 1)) / _SHADES
        yield svg.tag(
            "image", x=svg.LEFT, y=0, width=svg.PLOT * len(part) * HOP_S / _ROW_S, height=_VOICE,
            preserveAspectRatio="none", href=svg.pixels((255 * level.T[::-1]).astype(np.uint8), _COLOUR),
        )  # fmt: skip
    for gap in lyrics.gaps:
        left, right = (_x(min(max(at_s, start_s), end_s), start_s) for at_s in (gap.start_s, gap.end_s))
        if right > left:
            yield svg.box("gap", left, 0, right - left, _VOICE, "sung, but not in the lyrics")
    for number, line in enumerate(lyrics.lines):
        yield from _line(line, number, start_s)
    for seconds in range(int(start_s), int(end_s) + 1):
        yield svg.line("bar", _x(seconds, start_s), 0, _x(seconds, start_s), _VOICE)
    minutes, seconds = divmod(int(start_s), 60)
    yield svg.label(f"{minutes}:{seconds:02d}", svg.LEFT - 6, _VOICE / 2 + 4, "end")


def _line(line: Line, number: int, start_s: float) -> Iterator[str]:
    colour = number % 4
    for place, word in enumerate(line.words):
        if start_s <= word.start_s < start_s + _ROW_S:
            x, y = _x(word.start_s, start_s), _VOICE + _STEP * (place % _STEPS + 1)
            yield svg.line(f"line h{colour}", x, 0 if place == 0 else 0.6 * _VOICE, x, y)
            mark = "? " if line.doubtful and place == 0 else ""
            yield svg.label(mark + word.text, x + 2, y, "start", f"h{colour}")
    if line.words and start_s <= line.end_s < start_s + _ROW_S:
        x = _x(line.end_s, start_s)
        yield svg.line(f"line h{colour} ends", x, 0.6 * _VOICE, x, _VOICE)


def _x(seconds: float, start_s: float) -> float:
    return svg.LEFT + svg.PLOT * (seconds - start_s) / _ROW_S
