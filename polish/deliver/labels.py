"""Beats, bars, sections, lyrics and findings as labels for an editor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from .. import files
from ..song import Song
from . import label_text
from .base import Delivered, Delivery
from .label_text import Label

_SAME_S = 1e-3
KINDS = ("beats", "bars", "sections", "lyrics", "findings")


class Labels(Delivery):
    """Beats, bars, sections, lyrics lines and findings as labels, in `labels/`."""

    name: ClassVar[str] = "labels"
    uses: ClassVar[tuple[str, ...]] = ("beats", "sections", "lyrics", "findings")

    formats: tuple[Literal["audacity", "csv", "json"], ...] = Field(
        default=("audacity",),
        min_length=1,
        description="audacity writes one label track a kind; csv and json one file with all.",
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``labels/beats.txt`` … (Audacity), ``labels/labels.csv``, ``labels/labels.json``.

        Raises:
            OutputError: a file cannot be written.
        """
        found = {kind: [label for label in labels(song) if label.kind == kind] for kind in KINDS}
        counts = {kind: len(some) for kind, some in found.items()}
        if not any(counts.values()):
            return Delivered((), counts, ("nothing is known that could be labelled",))
        every = [label for some in found.values() for label in some]
        paths = []
        for format in dict.fromkeys(self.formats):
            if format == "audacity":
                texts = {f"{kind}.txt": label_text.audacity(some) for kind, some in found.items() if some}
            elif format == "csv":
                texts = {"labels.csv": label_text.comma_separated(every)}
            else:
                texts = {"labels.json": label_text.objects(every)}
            paths += [files.write_text(folder / "labels" / name, text) for name, text in texts.items()]
        return Delivered(tuple(paths), counts)


def labels(song: Song) -> Iterator[Label]:
    """Everything known about a song that has a time, kind by kind.

    Beats are labelled ``bar.beat``, counted from 1; those before the first downbeat are in bar 0.
    """
    if song.beats:
        bars = song.beats.downbeats_s
        for number, time_s in enumerate(song.beats.beats_s):
            bar = bisect_right(bars, time_s + _SAME_S)
            first = bisect_right(song.beats.beats_s, bars[bar - 1] - _SAME_S) if bar else 0
            yield Label("beats", time_s, time_s, f"{bar}.{number - first + 1}" if bars else str(number + 1))
        for bar, time_s in enumerate(bars, 1):
            yield Label("bars", time_s, time_s, str(bar))
    for section in song.sections:
        yield Label("sections", section.start_s, section.end_s, f"{section.label} {section.group}".strip())
    for line in song.lyrics.lines if song.lyrics else ():
        yield Label("lyrics", line.start_s, line.end_s, line.text)
    for finding in song.findings:
        yield Label("findings", finding.start_s, finding.end_s, f"{finding.kind}: {finding.message}")
