"""Findings: recall of each planted kind, and false alarms on clean songs.

    python tests/benchmarks/check.py [--seeds 30] [--first 9000] [--kinds click,loop] [--jobs 2]

Clean sound is songs of our own composer at −15 LUFS: whole ones of 60 s, and excerpts of 12 s. Seeds
from 9000 on were used for no setting. Beats are found by the built-in engine, and sections by
the stage, as `polish check` does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import planted
from machine import processor

from polish.audio import Sound
from polish.song import Song
from polish.stages.check import KINDS, Check
from polish.stages.sections import Sections


def kinds_found(sound: Sound) -> set[str]:
    """As `polish check` finds them; what is shorter than half a minute has no sections to speak of."""
    song = Song(mix=sound)
    return {f.kind for f in Check().run(Sections().run(song) if sound.duration_s > 30 else song).findings}


def judged(job: tuple[int, tuple[str, ...]]) -> tuple[set[str], set[str], set[str]]:
    """Of one seed: kinds found in the whole song, in the excerpt, and planted kinds that were found."""
    seed, kinds = job
    hits = {kind for kind in kinds if kind in kinds_found(planted.PLANTED[kind].sound(seed))}
    return kinds_found(planted.song(seed)), kinds_found(planted.excerpt(seed)), hits


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=9000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    kinds = tuple(asked.kinds.split(","))
    seeds = range(asked.first, asked.first + asked.seeds)
    alarms: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    missed: dict[str, list[int]] = {kind: [] for kind in kinds}
    with ProcessPoolExecutor(asked.jobs) as pool:
        rows = pool.map(judged, [(seed, kinds) for seed in seeds])
        for seed, (whole, excerpt, found) in zip(seeds, rows, strict=True):
            alarms.update(whole)
            alarms.update(excerpt)
            hits.update(found)
            for kind in set(kinds) - found:
                missed[kind].append(seed)
            print(seed, sorted(whole | excerpt), sorted(set(kinds) - found), file=sys.stderr, flush=True)
    print(
        f"# Findings\n\nBy `tests/benchmarks/check.py`, on {processor()}; numpy {np.__version__}. "
        f"{len(seeds)} seeds from {asked.first}; {2 * len(seeds)} clean sounds.\n"
    )
    print("| kind | planted strength | recall | false alarms | mend |\n|---|---|---|---|---|")
    for kind in kinds:
        recall, false = hits[kind] / len(seeds), alarms[kind] / (2 * len(seeds))
        mend = f"`{KINDS[kind].mend}`" if KINDS[kind].mend else "–"
        print(f"| {kind} | {planted.PLANTED[kind].strength} | {recall:.2f} | {100 * false:.0f} % | {mend} |")
    worst = min(hits[kind] / len(seeds) for kind in kinds)
    most = 100 * max(alarms.values(), default=0) / (2 * len(seeds))
    print(f"\nWorst recall {worst:.2f}; most false alarms {most:.0f} %.")


if __name__ == "__main__":
    main()
