"""Repair of the stems: each is measured, and only what deviates is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..audio import Samples, Sound
from ..dsp import bands, buildup, declick, denoise, dynamic_eq, lowend, resonance, sibilance
from ..song import Finding, Song
from ..units import DB, PERCENT
from .base import Context, Stage

_KINDS = {
    "vocals": ("vocal", "voice", "vox", "choir"),
    "drums": ("drum", "percussion", "kick", "snare", "cymbal"),
    "bass": ("bass",),
}
"""What of a stem's name tells what is usual for it; any other stem is judged as ``other``."""

Entry = dict[str, Any]
"""What one repair measured and did, for the report."""


class Clean(Stage):
    """Repairs each stem where it measures wrong, and leaves what is right alone.

    Every repair first measures the stem against what is usual for its kind. A stem in which
    nothing deviates comes back bit for bit; what is done is bounded by `max_cut`, moves slowly,
    and is noted with its place and size. Where `check` found mud or harshness in the song, the
    stems that have more of it than is usual give it up as far as the song is beyond the usual.
    """

    name = "clean"
    reads = ("stems",)
    uses = ("findings",)
    writes = ("stems",)

    amount: Annotated[float, PERCENT] = Field(100.0, description="How much of every repair is done.")
    max_cut: Annotated[float, DB.between(1, 12)] = Field(
        6.0, description="The most that any band is turned down."
    )
    offset: bool = Field(True, description="Take a constant offset out.")
    hum: bool = Field(True, description="Take mains hum and its harmonics out.")
    rumble: bool = Field(True, description="Cut steady rumble below a stem's lowest notes.")
    resonances: bool = Field(True, description="Turn down narrow peaks that ring whatever is played.")
    mud: bool = Field(True, description="Turn down a build-up at 200 to 500 Hz while it lasts.")
    harshness: bool = Field(True, description="Turn down a hump at 2 to 5 kHz while it lasts.")
    sibilance: bool = Field(True, description="Turn down esses of a voice that are too loud.")
    clicks: bool = Field(False, description="Mend single clicks.")
    noise: bool = Field(False, description="Turn steady noise down in pauses.")

    def run(self, song: Song, context: Context = Context()) -> Song:
        done: dict[str, Sound] = {}
        noted: dict[str, list[Entry]] = {}
        # Two at a time: filters and transforms leave Python's lock, and memory stays small.
        with ThreadPoolExecutor(2) as pool:
            measured = list(pool.map(_bands, song.stems.values()))
            whole = _whole(measured, song.findings)
            cleaned = pool.map(
                lambda name, known: self._cleaned(name, song.stems[name], known, whole), song.stems, measured
            )
            for name, (stem, entries) in zip(song.stems, cleaned, strict=True):
                done[name], noted[name] = stem, entries
                context.progress(len(done) / len(song.stems))
        return song.having(stems=done).noting(self.step(context), stems=noted, song=whole.facts())

    def _cleaned(
        self, name: str, stem: Sound, known: bands.Bands, whole: _Whole
    ) -> tuple[Sound, list[Entry]]:
        """A stem after its repairs, and what was done; the same object when nothing was.

        `known` are its bands as it came.
        """
        if self.amount == 0 or stem.silent:
            return stem, []
        work = _Work(stem.samples, stem.rate_hz, kind_of(name), self.max_cut, whole, known)
        entries = []
        for repair, wanted in self._repairs():
            for samples, entry in repair(work) if wanted else ():
                work = _Work(samples, stem.rate_hz, work.kind, self.max_cut, whole)
                entries.append(entry)
        if not entries:
            return stem, []
        return stem.with_samples(_blended(stem.samples, work.samples, self.amount / 100)), entries

    def _repairs(self) -> tuple[tuple[Repair, bool], ...]:
        """In the order they are done: what would disturb the later measurements comes first."""
        return (
            (_offset, self.offset),
            (_clicks, self.clicks),
            (_hum, self.hum),
            (_rumble, self.rumble),
            (_noise, self.noise),
            (_resonances, self.resonances),
            (_mud, self.mud),
            (_harshness, self.harshness),
            (_sibilance, self.sibilance),
        )


def kind_of(name: str) -> str:
    """``vocals``, ``drums``, ``bass`` or ``other`` by a stem's name: «Backing Vocals» is a voice."""
    lower = name.lower()
    return next((kind for kind, parts in _KINDS.items() if any(part in lower for part in parts)), "other")


@dataclass(frozen=True)
class _Whole:
    """What is known of the song that the stems make together.

    Attributes:
        measured_db: by fault, how much of it the sum of the stems has.
        asked: the faults that a finding names.
    """

    measured_db: Mapping[str, float]
    asked: frozenset[str]

    def facts(self) -> dict[str, Any]:
        return {
            "measured_db": {fault: round(value, 1) for fault, value in self.measured_db.items()},
            "asked": sorted(self.asked),
        }


@dataclass(frozen=True, eq=False)
class _Work:
    """A stem between two repairs; its bands are measured once for those that look at them."""

    samples: Samples
    rate_hz: int
    kind: str
    max_cut_db: float
    whole: _Whole
    known: bands.Bands | None = None

    @cached_property
    def bands(self) -> bands.Bands:
        return self.known or bands.measure(self.samples, self.rate_hz)


Repair = Callable[[_Work], Iterator[tuple[Samples, Entry]]]


def _offset(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if (found := lowend.offset(work.samples, work.rate_hz)) is not None:
        entry = {"repair": "offset", "measured": [round(float(mean), 6) for mean in found]}
        yield lowend.without_offset(work.samples, found), entry


def _clicks(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if found := declick.find(work.samples, work.rate_hz):
        times = sorted({round(first / work.rate_hz, 3) for _, first, _ in found})
        yield (
            declick.without(work.samples, found),
            {"repair": "clicks", "count": len(found), "at_s": times[:50]},
        )


def _hum(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if found := lowend.hum(work.samples, work.rate_hz):
        entry = {"repair": "hum", "where_hz": list(found.lines_hz), "measured_db": found.level_db}
        yield lowend.without_hum(work.samples, work.rate_hz, found), entry


def _rumble(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if found := lowend.rumble(work.samples, work.rate_hz, work.kind):
        entry = {"repair": "rumble", "where_hz": found.corner_hz, "measured_db": found.level_db}
        yield lowend.without_rumble(work.samples, work.rate_hz, found), entry


def _noise(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if found := denoise.find(work.samples, work.rate_hz):
        entry = {"repair": "noise", "measured_db": round(found.level_db, 1), "change_db": -work.max_cut_db}
        yield denoise.without(work.samples, work.rate_hz, found, deepest_db=work.max_cut_db), entry


def _resonances(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    # A voice that holds a note has such peaks by nature.
    if work.kind == "vocals" and "resonance" not in work.whole.asked:
        return
    if found := resonance.find(work.samples, work.rate_hz, deepest_db=work.max_cut_db):
        samples = resonance.without(work.samples, work.rate_hz, found)
        for peak in found:
            yield samples, {"repair": "resonance", "where_hz": round(peak.hz, 1), "q": peak.q,
                            "measured_db": round(peak.stands_out_db, 1),
                            "change_db": round(peak.gain_db, 1)}  # fmt: skip


def _mud(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    return _buildup("mud", work)


def _harshness(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    return _buildup("harshness", work)


def _buildup(fault: str, work: _Work) -> Iterator[tuple[Samples, Entry]]:
    found = buildup.find(
        fault, work.bands, work.kind, deepest_db=work.max_cut_db,
        song_db=work.whole.measured_db[fault], asked=fault in work.whole.asked,
    )  # fmt: skip
    if found and not found.bell.idle:
        yield dynamic_eq.act(work.samples, work.rate_hz, [found.bell]), {
            "repair": fault, "where_hz": round(found.bell.centre_hz, 1), "q": found.bell.q,
            "measured_db": round(found.measured_db, 1), "usual_db": found.usual_db, **_moving(found.bell),
        }  # fmt: skip


def _sibilance(work: _Work) -> Iterator[tuple[Samples, Entry]]:
    if work.kind != "vocals":
        return
    found = sibilance.find(work.samples, work.rate_hz, deepest_db=work.max_cut_db)
    if found and not found.bell.idle:
        yield dynamic_eq.act(work.samples, work.rate_hz, [found.bell]), {
            "repair": "sibilance", "where_hz": found.bell.centre_hz, "q": found.bell.q,
            "measured_db": round(found.measured_db, 1), "usual_db": sibilance.USUAL_DB, **_moving(found.bell),
        }  # fmt: skip


def _moving(bell: dynamic_eq.Bell) -> Entry:
    """How deep a bell goes, on average over the time it works and at its deepest."""
    working = bell.gain_db[np.abs(bell.gain_db) > 0.1]
    mean = float(working.mean()) if working.size else 0.0
    return {"change_db": round(mean, 1), "deepest_db": round(bell.deepest_db, 1)}


def _blended(before: Samples, after: Samples, share: float) -> Samples:
    return after if share == 1 else before + np.float32(share) * (after - before)


def _whole(stems: list[bands.Bands], findings: tuple[Finding, ...]) -> _Whole:
    return _Whole(
        {fault: buildup.song_db(fault, stems) for fault in buildup.USUAL},
        frozenset(found.kind for found in findings) & {"mud", "harshness", "resonance"},
    )


def _bands(stem: Sound) -> bands.Bands:
    return bands.measure(stem.samples, stem.rate_hz)
