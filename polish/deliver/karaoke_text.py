"""Lyrics with the times of words: enhanced LRC, ASS with karaoke, TTML, Audacity labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from ..song import Line, Lyrics
from .timed_text import clock, lrc_time, one_line

_SOON_S = 2.5
"""A line of karaoke is on the screen this long before it is sung, when there is room for it."""
_STAYS_S = 0.4
_ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: 1280
PlayResY: 720
WrapStyle: 0
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Upper,Sans,56,&H0033CCFF,&H00FFFFFF,&H00202020,&H80000000,1,0,0,0,100,100,0,0,1,3,0,2,60,60,330,1
Style: Lower,Sans,56,&H0033CCFF,&H00FFFFFF,&H00202020,&H80000000,1,0,0,0,100,100,0,0,1,3,0,2,60,60,150,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True)
class Piece:
    """A word with what stands between it and the next, so that pieces spell their line."""

    start_s: float
    end_s: float
    text: str


def pieces(line: Line) -> list[Piece]:
    """The words of a line as they stand in it; the whole line when its words are not known."""
    text = one_line(line.text)
    starts: list[int] = []
    at = 0
    for word in line.words:
        found = text.find(one_line(word.text), at)
        if found < 0:  # the words are not those of the line: they are shown by themselves
            return [Piece(w.start_s, w.end_s, one_line(w.text) + " ") for w in line.words]
        starts.append(found)
        at = found + len(one_line(word.text))
    if not starts:
        return [Piece(line.start_s, line.end_s, text)]
    ends = [*starts[1:], len(text)]
    starts[0] = 0
    return [
        Piece(word.start_s, word.end_s, text[first:last])
        for word, first, last in zip(line.words, starts, ends, strict=True)
    ]


def enhanced_lrc(lyrics: Lyrics) -> str:
    """LRC with ``<mm:ss.xx>`` before each word and at the end of the line (A2 extension)."""
    rows = []
    for line in lyrics.lines:
        words = "".join(f"<{lrc_time(piece.start_s)}>{piece.text}" for piece in pieces(line))
        rows.append(f"[{lrc_time(line.start_s)}]{words.rstrip()}<{lrc_time(line.end_s)}>")
    return "\n".join(rows) + "\n"


def ass(lyrics: Lyrics) -> str:
    """Advanced SubStation Alpha: two lines in turn on the screen, each word filled (``\\kf``) as it is sung.

    Times are hundredths of a second; lengths are differences of rounded times, so that they do
    not drift. Lines in doubt say so in the name field, which editors show and players do not.
    """
    rows = []
    freed_s = [0.0, 0.0]
    for number, line in enumerate(lyrics.lines):
        row = number % 2
        shown_s = max(min(freed_s[row], line.start_s), line.start_s - _SOON_S, 0.0)
        following = lyrics.lines[number + 2].start_s if number + 2 < len(lyrics.lines) else line.end_s + 10
        gone_s = max(min(line.end_s + _STAYS_S, following), line.end_s)
        freed_s[row] = gone_s
        words = "".join(_filled(line, shown_s)).rstrip()
        style, name = ("Upper", "Lower")[row], "in doubt" if line.doubtful else ""
        rows.append(f"Dialogue: 0,{_ass_time(shown_s)},{_ass_time(gone_s)},{style},{name},0,0,0,,{words}")
    return _ASS_HEAD + "\n".join(rows) + "\n"


def _filled(line: Line, shown_s: float) -> Iterator[str]:
    plain = str.maketrans({"{": "(", "}": ")", "\\": "/"})  # what would be read as commands
    at = round(shown_s * 100)
    for piece in pieces(line):
        start, end = round(piece.start_s * 100), round(piece.end_s * 100)
        if start > at:
            yield rf"{{\k{start - at}}}"
        yield rf"{{\kf{max(end - max(start, at), 0)}}}{piece.text.translate(plain)}"
        at = max(at, end)


def ttml(lyrics: Lyrics) -> str:
    """Timed Text Markup Language (W3C TTML2): a ``p`` a line, a ``span`` a word, whose times count
    from the start of its line (clause 12.2.1: a parent's begin is the child's zero)."""
    language = quoteattr(lyrics.language or "")
    rows = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<tt xmlns="http://www.w3.org/ns/ttml" xml:lang={language}>',
        "<head/>",
        "<body><div>",
    ]
    for line in lyrics.lines:
        start, end = round(line.start_s * 1000), round(line.end_s * 1000)
        words = "".join(
            f'<span begin="{_after(piece.start_s, start)}" end="{_after(piece.end_s, start)}">'
            f"{escape(piece.text.rstrip())}</span>{' ' if piece.text[-1:] == ' ' else ''}"
            for piece in pieces(line)
        ).rstrip()
        rows.append(f'<p begin="{clock(start)}" end="{clock(max(end, start + 1))}">{words}</p>')
    return "\n".join([*rows, "</div></body>", "</tt>"]) + "\n"


def audacity(lyrics: Lyrics) -> str:
    """Audacity's label track, a label a word: start, end and text, between tabs."""
    words = (piece for line in lyrics.lines for piece in pieces(line))
    return "".join(f"{word.start_s:.6f}\t{word.end_s:.6f}\t{word.text.strip()}\n" for word in words)


def _after(time_s: float, start_ms: int) -> str:
    return clock(max(round(time_s * 1000) - start_ms, 0))


def _ass_time(seconds: float) -> str:
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"


WRITERS: dict[str, Callable[[Lyrics], str]] = {"ass": ass, "ttml": ttml, "audacity": audacity}
"""The formats that need nothing but the lyrics."""
