"""Repair of the stems: each is measured, and only what deviates is touched."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..audio import Samples, Sound, rest, scratch
from ..audio.stem_names import is_part
from ..dsp import bands
from ..dsp.blocks import pieces
from ..dsp.spectrum import third_octave_levels_db
from ..errors import StageFailed
from ..presets import kind_of
from ..song import Song
from ..units import DB, PERCENT
from . import repairs
from .base import Context, Stage

_HEARD_DB = 70.0
_BLOCK = 1 << 18


class Clean(Stage):
    """Repairs each stem where it measures wrong, and leaves what is right alone.

    Every repair first measures the stem against what is usual for its kind. A stem in which
    nothing deviates comes back bit for bit; what is done is bounded by `max_cut`, moves slowly,
    and is noted with its place and size. Where the song as a whole has mud or harshness, by a
    finding of `check` that its stems bear out or because its sum has a hump that songs do not have,
    all stems but those with clearly less of it than is usual are turned down at the place of the hump.
    """

    name = "clean"
    reads = ("stems",)
    uses = ("findings",)
    writes = ("stems",)
    version = 14

    stems: list[str] = Field(
        default=[],
        description="The stems that are repaired, and the only ones that change; all of them when none "
        "are named.",
    )
    amount: Annotated[float, PERCENT] = Field(default=100.0, description="How much of every repair is done.")
    max_cut: Annotated[float, DB.between(1, 12)] = Field(
        default=6.0,
        description="The most that a band is turned down; resonances, esses and bleed up to twice that.",
    )
    offset: bool = Field(default=True, description="Take a constant offset out.")
    hum: bool = Field(default=True, description="Take mains hum and its harmonics out.")
    rumble: bool = Field(default=True, description="Cut steady rumble below a stem's lowest notes.")
    resonances: bool = Field(default=True, description="Turn down narrow peaks that ring whatever is played.")
    mud: bool = Field(default=True, description="Turn down a build-up at 200 to 500 Hz while it lasts.")
    harshness: bool = Field(default=True, description="Turn down a hump at 2 to 5 kHz while it lasts.")
    sibilance: bool = Field(default=True, description="Turn down esses of a voice that are too loud.")
    shimmer: bool = Field(default=True, description="Calm treble that flickers in lone short tones.")
    joins: bool = Field(default=True, description="Mend jumps of the waveform that stand alone, as at a cut.")
    bleed: bool = Field(
        default=True,
        description="Subtract the other stems' bleed where filters of them explain it, else turn it down in "
        "pauses; it is given back to those that are repaired too, and tails stay.",
    )
    clicks: bool = Field(
        default=False, description="Mend all single clicks, also where attacks look like them."
    )
    noise: bool = Field(default=False, description="Turn steady noise down in pauses.")
    exciter: bool = Field(
        default=False,
        description="Make up treble for a stem that ends below 16.5 kHz; nothing lost is recovered.",
    )

    def run(self, song: Song, context: Context = Context()) -> Song:
        if absent := [name for name in self.stems if name not in song.stems]:
            raise StageFailed(
                f"the stem {absent[0]!r} is to be repaired, which this song has not",
                where=self.step(context),
                hint=f"one of {', '.join(song.stems)}",
            )
        unknown = [name for name in song.stems if kind_of(name) == "other" and not is_part(name)]
        if unknown:
            context.notice(f"not known by name, so judged as any other stem: {', '.join(unknown)}")
        done: dict[str, Sound] = {}
        noted: dict[str, list[repairs.Entry]] = {}
        given: list[tuple[str, str, Samples, Samples]] = []
        # Two at a time: filters and transforms leave Python's lock, and memory stays small.
        with ThreadPoolExecutor(2) as pool:
            measured = dict(zip(song.stems, pool.map(_bands, song.stems.values()), strict=True))
            whole = repairs.whole(measured, song.findings)
            cleaned = pool.map(lambda name: self._cleaned(name, song.stems, measured, whole), song.stems)
            for name, (stem, entries, taken) in zip(song.stems, cleaned, strict=True):
                done[name], noted[name] = stem, entries
                given += [(name, *bleed) for bleed in taken]
                context.progress(len(done) / len(song.stems))
        for name, owner, with_it, without in given:
            if done[owner].samples.shape != without.shape:
                continue
            samples = _moved(done[owner].samples, with_it, without, self.amount / 100)
            done[owner] = done[owner].with_samples(samples)
            noted[owner] = [*noted[owner], {"repair": f"given back: bleed in {name}"}]
        curves = {name: _curves(song.stems[name], done[name]) for name, entries in noted.items() if entries}
        facts: dict[str, Any] = {"stems": noted, "song": whole.facts(), "curves": curves}
        if not curves:
            asked = " and ".join(fault for fault in whole.buildups if fault in whole.asked)
            unborne = f", nor do the stems bear out that the song has {asked}" if asked else ""
            facts["reason"] = f"no stem measures wrong{unborne}; all come back as they were"
        return song.having(stems=done).noting(self.step(context), **facts)

    def _repairs(self, name: str) -> bool:
        return not self.stems or name in self.stems

    def _cleaned(
        self, name: str, stems: Mapping[str, Sound], measured: Mapping[str, bands.Bands], whole: repairs.Whole
    ) -> tuple[Sound, list[repairs.Entry], list[tuple[str, Samples, Samples]]]:
        """A stem after its repairs, what was done, and whose bleed it had, as it was with and without it.

        The stem is the same object when nothing was done. `measured` are the bands of all as they came.
        """
        stem = stems[name]
        if self.amount == 0 or stem.silent or not self._repairs(name):
            return stem, [], []
        others = {other: known for other, known in measured.items() if other != name}
        around = {other: stems[other].samples for other in others if stems[other].rate_hz == stem.rate_hz}
        work = repairs.Work(
            stem.samples, stem.rate_hz, kind_of(name), self.max_cut, whole, others, around, measured[name]
        )
        share = self.amount / 100
        entries: list[repairs.Entry] = []
        taken: list[tuple[str, Samples, Samples]] = []
        for switch, repair in repairs.REPAIRS.items():
            for samples, entry in repair(work) if getattr(self, switch) else ():
                if owner := entry.get("given_to"):
                    if self._repairs(owner):
                        taken.append((owner, work.samples, samples))
                    else:  # The sum of the stems is then less by this bleed.
                        entry["given_to"] = None
                work = replace(work, samples=samples, known=None)
                entries.append(entry)
        if not entries:
            return stem, [], []
        done = work.samples if share == 1 else _moved(stem.samples, work.samples, stem.samples, share)
        rest(stem.samples, done)
        return stem.with_samples(done), entries, taken


def _moved(own: Samples, there: Samples, here: Samples, share: float) -> Samples:
    """A sound with a share of what lies between two others added; a long one goes to the disk."""
    out = scratch(own.shape)
    for part in pieces(own.shape[1], _BLOCK, own, there, here, out):
        out[:, part] = own[:, part] + np.float32(share) * (there[:, part] - here[:, part])
    return out


def _curves(before: Sound, after: Sound) -> dict[str, list[float]]:
    """Third-octave levels before and after, and the curve between them, in dB."""
    hz, was = third_octave_levels_db(before.samples, before.rate_hz)
    _, now = third_octave_levels_db(after.samples, after.rate_hz)
    change = np.where(was > was.max() - _HEARD_DB, now - was, 0.0)
    named = {"curve_hz": hz, "before_db": was, "after_db": now, "curve_db": change}
    return {name: [round(float(value), 1) + 0.0 for value in values] for name, values in named.items()}


def _bands(stem: Sound) -> bands.Bands:
    return bands.measure(stem.samples, stem.rate_hz)
