"""The repairs of `clean`: each measures a stem, and yields what it made of it and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..audio import Samples
from ..dsp import (
    bands,
    bleed,
    buildup,
    declick,
    denoise,
    dynamic_eq,
    excess,
    exciter,
    leak,
    lowend,
    mains,
    resonance,
    shimmer,
    sibilance,
)
from ..presets import kind_of, kinds
from ..song import Finding
from .tool import course

_SHELLS_HZ = 500.0
"""Below that a drum's own shell rings whatever is played, as narrow and as high as a fault does."""

Entry = dict[str, Any]
"""What one repair measured and did, for the report."""


@dataclass(frozen=True)
class Whole:
    """What is known of the song that the stems make together.

    Attributes:
        buildups: by fault, how much of it the sum of the stems has.
        asked: the faults that a finding names.
    """

    buildups: Mapping[str, excess.Whole]
    asked: frozenset[str]

    def facts(self) -> dict[str, Any]:
        return {
            "measured_db": {fault: round(one.density_db, 1) for fault, one in self.buildups.items()},
            "hump_db": {fault: round(one.hump_db, 1) for fault, one in self.buildups.items()},
            "found": sorted(fault for fault, one in self.buildups.items() if one.depth_db),
            "asked": sorted(self.asked),
        }


@dataclass(frozen=True, eq=False)
class Work:
    """A stem between two repairs; its bands are measured once for those that look at them."""

    samples: Samples
    rate_hz: int
    kind: str
    max_cut_db: float
    whole: Whole
    others: Mapping[str, bands.Bands]
    around: Mapping[str, Samples]
    known: bands.Bands | None = None

    @cached_property
    def bands(self) -> bands.Bands:
        return self.known or bands.measure(self.samples, self.rate_hz)


Repair = Callable[[Work], Iterator[tuple[Samples, Entry]]]


def _offset(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if (found := lowend.offset(work.samples, work.rate_hz)) is not None:
        entry = {"repair": "offset", "measured": [round(float(mean), 6) for mean in found]}
        yield lowend.without_offset(work.samples, found), entry


def _joins(work: Work) -> Iterator[tuple[Samples, Entry]]:
    # Drums jump by nature, and so does a bass whose oscillator begins anew with every note.
    found = [] if work.kind in ("drums", "bass") else declick.joins(work.samples, work.rate_hz)
    return _mended("joins", work, found)


def _clicks(work: Work) -> Iterator[tuple[Samples, Entry]]:
    return _mended("clicks", work, declick.find(work.samples, work.rate_hz))


def _mended(repair: str, work: Work, found: list[tuple[int, int, int]]) -> Iterator[tuple[Samples, Entry]]:
    if found:
        times = sorted({round(first / work.rate_hz, 3) for _, first, _ in found})
        yield (
            declick.without(work.samples, found),
            {"repair": repair, "count": len(found), "at_s": times[:50]},
        )


def _hum(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if found := mains.find(work.samples, work.rate_hz):
        entry = {"repair": "hum", "where_hz": list(found.lines_hz), "measured_db": found.level_db}
        yield mains.without(work.samples, work.rate_hz, found), entry


def _rumble(work: Work) -> Iterator[tuple[Samples, Entry]]:
    lowest_hz, named = kinds()[work.kind]["lowest_hz"], "sub_rumble" in work.whole.asked
    if found := lowend.rumble(work.samples, work.rate_hz, lowest_hz, named=named):
        entry = {"repair": "rumble", "where_hz": found.corner_hz, "measured_db": found.level_db}
        yield lowend.without_rumble(work.samples, work.rate_hz, found), entry


def _noise(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if found := denoise.find(work.samples, work.rate_hz):
        entry = {"repair": "noise", "measured_db": round(found.level_db, 1), "change_db": -work.max_cut_db}
        yield denoise.without(work.samples, work.rate_hz, found, deepest_db=work.max_cut_db), entry


def _resonances(work: Work) -> Iterator[tuple[Samples, Entry]]:
    # A voice that holds a note has such peaks by nature, and a bass that keeps to few notes.
    if work.kind in ("vocals", "bass") and "resonance" not in work.whole.asked:
        return
    found = resonance.find(work.samples, work.rate_hz, deepest_db=2 * work.max_cut_db)
    if work.kind == "drums":
        found = [peak for peak in found if peak.hz > _SHELLS_HZ]
    if found:
        samples = resonance.without(work.samples, work.rate_hz, found)
        for peak in found:
            yield samples, {"repair": "resonance", "where_hz": round(peak.hz, 1), "q": peak.q,
                            "measured_db": round(peak.stands_out_db, 1),
                            "change_db": round(peak.gain_db, 1)}  # fmt: skip


def _mud(work: Work) -> Iterator[tuple[Samples, Entry]]:
    return _buildup("mud", work)


def _harshness(work: Work) -> Iterator[tuple[Samples, Entry]]:
    return _buildup("harshness", work)


def _buildup(fault: str, work: Work) -> Iterator[tuple[Samples, Entry]]:
    found = buildup.find(
        fault, work.bands, work.kind, deepest_db=work.max_cut_db, whole=work.whole.buildups[fault]
    )
    if found and not found.bell.idle:
        yield dynamic_eq.act(work.samples, work.rate_hz, [found.bell]), {
            "repair": fault, "where_hz": round(found.bell.centre_hz, 1), "q": found.bell.q,
            "measured_db": round(found.measured_db, 1), "usual_db": found.usual_db,
            **_moving(found.bell, work.rate_hz),
        }  # fmt: skip


def _sibilance(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if work.kind != "vocals":
        return
    found = sibilance.find(work.samples, work.rate_hz, deepest_db=2 * work.max_cut_db)
    if found and not found.bell.idle:
        yield dynamic_eq.act(work.samples, work.rate_hz, [found.bell]), {
            "repair": "sibilance", "where_hz": found.bell.centre_hz, "q": found.bell.q,
            "measured_db": round(found.measured_db, 1), "usual_db": sibilance.USUAL_DB,
            **_moving(found.bell, work.rate_hz),
        }  # fmt: skip


def _shimmer(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if found := shimmer.find(work.samples, work.rate_hz):
        entry = {
            "repair": "shimmer", "where_hz": [shimmer.LOWEST_HZ, shimmer.HIGHEST_HZ],
            "measured_percent": round(100 * found.share, 1), "change_db": round(found.change_db, 1),
        }  # fmt: skip
        yield shimmer.without(work.samples, work.rate_hz), entry


def _bleed(work: Work) -> Iterator[tuple[Samples, Entry]]:
    found = bleed.find(work.bands, work.others, deepest_db=2 * work.max_cut_db)
    if found is None:
        return
    # What filters of the others explain is subtracted; only what is left then is turned down.
    leaks = leak.find(work.samples, work.around, work.bands, bleed.pauses(work.bands, work.others))
    if leaks:
        samples = work.samples
        for name, gains in leaks.filters.items():
            samples = leak.without(samples, leak.of(work.around[name], gains))
            yield samples, {
                "repair": "bleed", "measured_db": found.level_db,
                "pauses_percent": round(100 * found.pause_share),
                "change_db": -leaks.lower_db, "given_to": name,
            }  # fmt: skip
        left = bands.measure(samples, work.rate_hz)
        found = bleed.find(left, work.others, deepest_db=2 * work.max_cut_db)
        work = replace(work, samples=samples, known=left)
    if found and not found.idle:
        entry = {
            "repair": "bleed", "measured_db": found.level_db,
            "pauses_percent": round(100 * found.pause_share),
            "change_db": round(float(found.gain_db.min()), 1), "given_to": found.owner,
            **course(found.gain_db, found.hop / work.rate_hz),
        }  # fmt: skip
        yield bleed.without(work.samples, found), entry


def _exciter(work: Work) -> Iterator[tuple[Samples, Entry]]:
    if found := exciter.find(work.samples, work.rate_hz):
        samples, level_db = exciter.excited(work.samples, work.rate_hz, found)
        yield samples, {"repair": "exciter", "where_hz": found.hz, "measured_db": found.drop_db,
                        "change_db": level_db}  # fmt: skip


def _moving(bell: dynamic_eq.Bell, rate_hz: int) -> Entry:
    """How deep a bell goes, on average over the time it works and at its deepest."""
    working = bell.gain_db[np.abs(bell.gain_db) > 0.1]
    mean = float(working.mean()) if working.size else 0.0
    return {
        "change_db": round(mean, 1),
        "deepest_db": round(bell.deepest_db, 1),
        **course(bell.gain_db, bell.hop / rate_hz),
    }


def whole(stems: Mapping[str, bands.Bands], findings: tuple[Finding, ...]) -> Whole:
    """What is known of the song from the bands of its stems by name, and from what was found in it."""
    asked = frozenset(found.kind for found in findings) & {"mud", "harshness", "resonance", "sub_rumble"}
    names = [kind_of(name) for name in stems]
    return Whole(
        {
            fault: excess.whole(fault, list(stems.values()), kinds=names, asked=fault in asked)
            for fault in excess.SONG_USUAL
        },
        asked,
    )


REPAIRS: Mapping[str, Repair] = {
    "offset": _offset, "joins": _joins, "clicks": _clicks, "hum": _hum, "rumble": _rumble, "noise": _noise,
    "resonances": _resonances, "mud": _mud, "harshness": _harshness, "sibilance": _sibilance,
    "shimmer": _shimmer, "bleed": _bleed, "exciter": _exciter,
}  # fmt: skip
"""By the switch that turns each on, in the order they are done: what would disturb the later
measurements comes first."""
