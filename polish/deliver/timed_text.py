"""Lyrics with times as LRC, SubRip, WebVTT and plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..song import Line, Lyrics

_PAUSE_S = 4.0
"""A gap this long gets an empty line of its own in LRC, so that players stop showing the last."""


def lrc_head(title: str, tags: Mapping[str, str]) -> str:
    """The tags at the head of LRC, a line each."""
    heads = (("ti", tags.get("title") or title), ("ar", tags.get("artist")), ("al", tags.get("album")))
    return "".join(f"[{key}:{one_line(value)}]\n" for key, value in heads if value)


def lrc(lyrics: Lyrics) -> str:
    """LRC: ``[mm:ss.xx]`` before each line, hundredths of a second."""
    rows: list[str] = []
    for number, line in enumerate(lyrics.lines):
        rows.append(f"[{lrc_time(line.start_s)}]{one_line(line.text)}")
        following = lyrics.lines[number + 1].start_s if number + 1 < len(lyrics.lines) else None
        if following is None or following - line.end_s >= _PAUSE_S:
            rows.append(f"[{lrc_time(line.end_s)}]")
    return "\n".join(rows) + "\n"


def srt(lyrics: Lyrics) -> str:
    """SubRip: numbered blocks, ``hh:mm:ss,mmm``."""
    return "\n".join(
        f"{number}\n{_span(line, ',')}\n{one_line(line.text)}\n"
        for number, line in enumerate(lyrics.lines, 1)
    )


def vtt(lyrics: Lyrics) -> str:
    """WebVTT (W3C): cues with ``hh:mm:ss.mmm``, ``&``, ``<`` and ``>`` escaped (4.2.2); what is in doubt
    has a comment block before it, which players do not show."""
    escaped = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    cues = [
        ("NOTE in doubt\n\n" if line.doubtful else "")
        + f"{_span(line, '.')}\n{one_line(line.text).translate(escaped)}\n"
        for line in lyrics.lines
    ]
    return "\n".join(["WEBVTT\n", *cues])


def txt(lyrics: Lyrics) -> str:
    """The words alone, a tag such as ``[chorus]`` where the section changes."""
    rows: list[str] = []
    section = None
    for line in lyrics.lines:
        if line.section and line.section != section:
            rows += ["", f"[{one_line(line.section)}]"] if rows else [f"[{one_line(line.section)}]"]
        section = line.section
        rows.append(one_line(line.text))
    return "\n".join(rows) + "\n"


def one_line(text: str) -> str:
    """Text without line breaks and without the arrow that ends a time in SubRip and WebVTT."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("-->", "→").split())


def lrc_time(seconds: float) -> str:
    """``mm:ss.xx``, rounded to hundredths."""
    minutes, hundredths = divmod(round(max(seconds, 0.0) * 100), 6000)
    return f"{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}"


def _span(line: Line, point: str) -> str:
    """``start --> end``; a line is at least a millisecond long, as the formats demand."""
    start = round(max(line.start_s, 0.0) * 1000)
    end = max(round(line.end_s * 1000), start + 1)
    return f"{clock(start, point)} --> {clock(end, point)}"


def clock(milliseconds: int, point: str = ".") -> str:
    """``hh:mm:ss.mmm``."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"


WRITERS: dict[str, Callable[[Lyrics], str]] = {"srt": srt, "vtt": vtt, "txt": txt}
"""The formats that need nothing but the lyrics."""
