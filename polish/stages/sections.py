"""The parts of the song: where they begin, which repeat, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..audio import Sound
from ..declared import File
from ..deliver import label_text
from ..dsp import chroma, loudness, naming, onsets, phrasing, segmentation, tagging, texture
from ..dsp.blocks import pieces
from ..errors import BadInput
from ..models import singing, words
from ..song import Line, Section, Song
from ..units import BARS
from . import labelled
from .base import Context, Stage
from .beats import with_beats

SHORTEST_S = 8.0
"""A sound shorter than this is one part."""
_SUNG_DB, _OWN_DB = -20.0, -24.0
"""A moment is sung when the voice lies less than this under the mix, and under its own loud moments."""
_SILENCE_DB, _SILENCE_S = -60.0, 4.0
_SILENT = -1
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Sections(Stage):
    """Find the parts of the song, which of them repeat each other, and what they are.

    Parts begin at bar lines when there is a steady beat. Their names come from loudness,
    repetition and place, from the voice (its stem, or roughly from the mix), and from the tags of
    the lyrics when those are known. They cover the song without gaps.
    """

    name = "sections"
    reads = ("mix",)
    uses = ("beats", "stems", "lyrics")
    writes = ("sections",)
    may_write = ("beats",)
    version = 7

    lyrics: Annotated[str, File("text")] | None = Field(
        default=None,
        description="Lyrics with tags such as [verse] and [chorus], in order: parts are named by them.",
    )
    labels: Annotated[str, File("text")] | None = Field(
        default=None,
        description="Labels (Audacity, CSV or JSON) of the parts, which are then not looked for.",
    )
    shortest: Annotated[float, BARS.between(1, 16)] = Field(
        default=1.0, description="How many bars a part has at least (of 2 s where there is no steady beat)."
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        mix = song.mix
        assert mix is not None
        song = with_beats(song)
        context.progress(0.3)
        sections, facts = self._found(song, mix, context)
        context.progress(1.0)
        return song.having(sections=sections).noting(self.step(context), **facts)

    def _found(self, song: Song, mix: Sound, context: Context) -> tuple[tuple[Section, ...], dict[str, Any]]:
        given = self._given(mix, context)
        mono = onsets.one_channel(mix)
        cuts_s, numbers = _as_cuts(given) if given else self._cut(song, mix, mono)
        context.progress(0.6)
        power = loudness.k_weighted_power(mix.samples, mix.rate_hz)
        shares = [None] * len(numbers) if given or len(numbers) < 2 else _sung_shares(song, mix, mono, cuts_s)
        parts = [
            naming.Part(
                start, end, number, None if number == _SILENT else _loudness(power, start, end), share
            )
            for (start, end), number, share in zip(pairwise(cuts_s), numbers, shares, strict=True)
        ]
        names, by = self._named(parts, song, context)
        if given:
            names, by = [naming.Name(label, 1.0) for _, _, _, label in given], "labels"
        silent = max(numbers) + 1
        sections = tuple(
            Section(
                start_s=part.start_s,
                end_s=part.end_s,
                group=drawn or letters(silent if part.group == _SILENT else part.group),
                label=name.label,
                confidence=round(name.confidence, 3),
                loudness_lufs=None if part.loudness_lufs is None else round(part.loudness_lufs, 2),
            )
            for part, name, drawn in zip(
                parts, names, [one[2] for one in given] or [None] * len(parts), strict=True
            )
        )
        levels = [part.loudness_lufs for part in sections if part.loudness_lufs is not None]
        facts = {
            "labels_from": by,
            "voice_pct": [None if share is None else round(100 * share) for share in shares],
            "range_lu": round(max(levels) - min(levels), 2) if levels else None,
        }
        return sections, facts

    def _given(self, mix: Sound, context: Context) -> list[labelled.Drawn]:
        """The parts that the labels name; empty when there are none to be read."""
        if self.labels is None:
            return []
        every = label_text.read(context.text(self.labels), self.labels)
        parts = labelled.parts([label for label in every if label.kind == "sections"], mix.duration_s)
        if not parts:
            raise BadInput("no label of a part within the song", where=self.labels)
        return parts

    def _cut(self, song: Song, mix: Sound, mono: Sound) -> tuple[list[float], list[int]]:
        """Times of the cuts, 0 and the end included, and the group of each part or `_SILENT`."""
        first_s, last_s = _sounding_s(mix)
        if last_s - first_s < SHORTEST_S:
            return [0.0, mix.duration_s], [0]
        downbeats_s = song.beats.downbeats_s if song.beats else ()
        edges_s = texture.bar_edges_s(downbeats_s, first_s, last_s)
        bars = texture.bars(onsets.onsets(mono), chroma.chroma(mono), edges_s)
        shortest = round(self.shortest)
        cuts = segmentation.divided(bars, segmentation.boundaries(bars, shortest=shortest), shortest=shortest)
        cuts = phrasing.joined(bars, phrasing.settled(bars, cuts))
        numbers = segmentation.groups(segmentation.distances(bars, cuts))
        times = np.round(edges_s[cuts], 4).tolist()
        if first_s > 0:
            times, numbers = [0.0, *times], [_SILENT, *numbers]
        if last_s < mix.duration_s:
            times, numbers = [*times, mix.duration_s], [*numbers, _SILENT]
        times[-1] = mix.duration_s
        return times, numbers

    def _named(
        self, parts: Sequence[naming.Part], song: Song, context: Context
    ) -> tuple[list[naming.Name], str]:
        """The names, and what they come from."""
        heard = naming.names(parts)
        if self.lyrics is not None and (tags := _tags(context.text(self.lyrics))):
            return tagging.tagged(parts, heard, tags), "the tags of the lyrics"
        lines = [line for line in (song.lyrics.lines if song.lyrics else ()) if line.section]
        if lines:
            return [_sung_name(part, lines) or name for part, name in zip(parts, heard, strict=True)], (
                "the tags of the timed lyrics"
            )
        return heard, "the sound"


def _as_cuts(given: Sequence[labelled.Drawn]) -> tuple[list[float], list[int]]:
    """Cuts, and a number for every group, by name where labels have none."""
    order: dict[str, int] = {}
    numbers = [order.setdefault(group or label, len(order)) for _, _, group, label in given]
    return [given[0][0], *(end for _, end, _, _ in given)], numbers


def _sounding_s(mix: Sound) -> tuple[float, float]:
    """Where the sound begins and ends, in s; silence at an end counts from `_SILENCE_S` on."""
    loud = np.flatnonzero(_tenths(mix) > 10 ** (_SILENCE_DB / 10))
    if loud.size == 0:
        return 0.0, 0.0
    first, last = loud[0] / 10, (loud[-1] + 1) / 10
    first = first if first >= _SILENCE_S else 0.0
    return first, last if mix.duration_s - last >= _SILENCE_S else mix.duration_s


def _sung_shares(song: Song, mix: Sound, mono: Sound, cuts_s: Sequence[float]) -> Sequence[float | None]:
    """How much of each part is sung, from the vocals when there are stems, else from the mix."""
    if (voice := song.stems.get("vocals")) is not None:
        return voice_shares(voice, mix, cuts_s)
    return _shares(singing.sung(mono), cuts_s)


def voice_shares(voice: Sound, mix: Sound, cuts_s: Sequence[float]) -> list[float]:
    """Share of the time between each two cuts in which the voice is heard, 0 to 1."""
    own, whole = (_tenths(sound) for sound in (voice, mix))
    loud = float(np.percentile(own, 95)) if own.size else 0.0
    sung = (own > 10 ** (_SUNG_DB / 10) * whole) & (own > 10 ** (_OWN_DB / 10) * loud) & (own > 1e-9)
    return _shares(sung, cuts_s)


def _shares(sung: np.ndarray, cuts_s: Sequence[float]) -> list[float]:
    """Share of the tenths of a second between each two cuts that are true."""
    spans = [(round(a * 10), max(round(a * 10) + 1, round(b * 10))) for a, b in pairwise(cuts_s)]
    return [float(sung[a:b].mean()) if sung[a:b].size else 0.0 for a, b in spans]


def _tenths(sound: Sound) -> np.ndarray:
    """Mean square of every tenth of a second, the channels' mean."""
    size = max(1, round(sound.rate_hz / 10))
    count = sound.frames // size
    total = np.zeros(count)
    for part in pieces(count * size, size << 10, sound.samples):
        rows = sound.samples[:, part].reshape(sound.channels, -1, size)
        total[part.start // size : part.stop // size] = np.einsum("crf,crf->r", rows, rows) / size
    return total / sound.channels


def _loudness(power: loudness.Power, start_s: float, end_s: float) -> float | None:
    """Gated loudness of one part (BS.1770-5, its own gates)."""
    part = slice(round(start_s * loudness.BINS_PER_S), round(end_s * loudness.BINS_PER_S))
    return loudness.Power(power.energy[part], power.frames[part]).integrated_lufs


def _tags(text: str) -> list[tagging.Tag]:
    """The tags of lyrics in order, each with the number of its words."""
    found = []
    for tag, lines in groupby(words.known_lines(text), key=lambda line: line.section):
        if tag is not None:
            found.append(tagging.Tag(tagging.label_of(tag), sum(len(line.words) for line in lines)))
    return found


def _sung_name(part: naming.Part, lines: Sequence[Line]) -> naming.Name | None:
    """The tag under which most of what is sung in a part stands; None where nothing is."""
    shares: dict[str, float] = {}
    for line in lines:
        inside = min(line.end_s, part.end_s) - max(line.start_s, part.start_s)
        if inside > 0 and line.section:
            label = tagging.label_of(line.section)
            shares[label] = shares.get(label, 0.0) + inside
    if not shares or sum(shares.values()) < 0.15 * part.length_s:
        return None
    label = max(shares, key=lambda one: shares[one])
    return naming.Name(label, 0.5 + 0.45 * shares[label] / sum(shares.values()))


def letters(number: int) -> str:
    """The name of a group: A to Z, then AA, AB …"""
    high, low = divmod(number, len(_LETTERS))
    return (letters(high - 1) if high else "") + _LETTERS[low]
