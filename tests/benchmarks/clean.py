"""The two-sided proof of `clean`: planted faults come out, clean sound comes through.

    python tests/benchmarks/clean.py [--seeds 20] [--from 5000] [--faults mud,hum]

Composed songs and, where they lie beside the checkout, the true stems of recorded ones. Seeds
below 5000 were used while the thresholds were chosen, those from 5000 on were not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import sounds
import spoilt
from conftest import REAL

from polish import audio
from polish.audio import Sound
from polish.dsp.spectrum import third_octave_levels_db
from polish.song import Song
from polish.stages.check import Check
from polish.stages.clean import Clean

PROOF_FROM = 5000


ASKED_FOR = ("mud", "harshness", "mud in one", "resonance")
"""Faults for which `clean` looks at the findings of `check`; it is run for these and for clean sound."""


def through(stems: spoilt.Stems, *, checked: bool = True) -> Song:
    """What a recipe does: the song is checked, then its stems are cleaned."""
    song = Song(mix=audio.add(list(stems.values())), stems=stems)
    return Clean().run(Check().run(song) if checked else song)


def gains_db(fault: spoilt.Fault, stems: spoilt.Stems, seed: int) -> Iterator[tuple[str, float, float]]:
    """Stem, distance before and after, for every stem the fault is spoilt in."""
    rng = np.random.default_rng(seed)
    for name in fault.stems:
        if name not in stems and name != "all":
            continue
        if name != "all" and spoilt.rms(stems[name].samples) < 1e-3:
            continue
        wanted, faulty = fault.plant(stems, name, rng)
        done = through(faulty, checked=fault in map(spoilt.FAULTS.get, ASKED_FOR)).stems
        true, *heard = (
            audio.add(list(each.values())) if name == "all" else each[name] for each in (wanted, faulty, done)
        )
        there = spoilt.pauses(true) if fault.pauses else np.ones(true.frames, bool)
        if there.mean() < 0.1:
            continue
        before, after = (
            spoilt.distance_db(true.samples[:, there], sound.samples[:, there], true.rate_hz, fault.band_hz)
            for sound in heard
        )
        yield name, before, after


def untouched(before: Sound, after: Sound) -> tuple[float, float, float]:
    """SNR, the largest change of an audible third-octave band, and the largest loss at 500 Hz to 10 kHz."""
    if after.samples is before.samples:
        return np.inf, 0.0, 0.0
    hz, was = third_octave_levels_db(before.samples, before.rate_hz)
    _, now = third_octave_levels_db(after.samples, after.rate_hz)
    audible = was > was.max() - 60
    change = np.where(audible, now - was, 0.0)
    presence = change[(hz >= 500) & (hz <= 10_000)]
    return sounds.snr_db(before.samples, after.samples), float(np.abs(change).max()), -float(presence.min())


def stems_of(kind: str, seed: int) -> spoilt.Stems:
    return spoilt.songs(seed) if kind == "composed" else spoilt.recorded(REAL, seed)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=20)
    asked.add_argument("--from", type=int, default=PROOF_FROM, dest="first")
    asked.add_argument("--faults", default=",".join(spoilt.FAULTS))
    asked.add_argument("--each", action="store_true", help="print every case")
    given = asked.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    kinds = ["composed", *(["recorded"] if REAL.is_dir() else [])]
    songs = {(kind, seed): stems_of(kind, seed) for kind in kinds for seed in seeds}
    print("| planted fault | strength | stems | distance | before | nearer by | worst | by 6 dB |")
    print("|---|---|---|---|---|---|---|---|")
    for word in filter(None, given.faults.split(",")):
        fault = spoilt.FAULTS[word]
        for kind in kinds:
            found = []
            for seed in seeds:
                for name, before, after in gains_db(fault, songs[kind, seed], seed):
                    found.append((before, after - before))
                    if given.each:
                        print("  ", kind, seed, name, f"{before:.1f} -> {after:.1f}")
            if not found:
                continue
            before, nearer = np.array(found).T
            where = (
                "pauses"
                if fault.pauses
                else "whole sound"
                if fault.band_hz is None
                else "{:g}–{:g} Hz".format(*fault.band_hz)
            )
            figures = [
                f"{np.median(before):.1f} dB",
                f"{np.median(nearer):+.1f} dB",
                f"{nearer.min():+.1f} dB",
            ]
            row = [word, fault.strength, f"{kind} {', '.join(fault.stems)}", where, *figures]
            print("|", " | ".join([*row, f"{(nearer >= 6).sum()} of {nearer.size}"]), "|", flush=True)
    print("\nMedians over the cases; «by 6 dB» counts the cases that came nearer by 6 dB or more.\n")
    print("| clean sound | stems | bit for bit | least SNR | most change of a band | most loss of a voice |")
    print("|---|---|---|---|---|---|")
    for kind in kinds:
        seen = []
        for seed in seeds:
            stems = songs[kind, seed]
            done = through(stems)
            if asked_for := sorted({each.kind for each in done.findings} & {"mud", "harshness"}):
                print(f"{kind} song {seed} is left out: `check` finds {', '.join(asked_for)}")
                continue
            for name, stem in stems.items():
                figures = untouched(stem, done.stems[name])
                seen.append((*figures, "vocal" in name))
                if given.each and figures[0] < np.inf:
                    print("  ", kind, seed, name, figures, done.measurements["clean"]["stems"][name])
        snr_db, change_db, loss_db, sung = np.array(seen, float).T
        row = [kind, str(len(seen)), str(int(np.isinf(snr_db).sum())), f"{snr_db.min():.1f} dB"]
        row += [f"{change_db.max():.2f} dB", f"{loss_db[sung > 0].max():.2f} dB"]
        print("|", " | ".join(row), "|")
    print("\nBands are third octaves less than 60 dB under the loudest; a voice is looked at in 0.5–10 kHz.")


if __name__ == "__main__":
    main()
