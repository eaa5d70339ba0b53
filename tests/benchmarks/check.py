"""Findings: recall of each planted kind, and false alarms on clean songs.

    python tests/benchmarks/check.py [--seeds 30] [--first 20000] [--kinds click,loop] [--jobs 2]
        [--drafts FOLDER] [--kept FOLDER]

Clean sound is songs of our own composer at −15 LUFS: whole ones of 60 s, and excerpts of 12 s. Seeds
from 20000 on were used for no setting. Beats are found by the built-in engine, and sections by
the stage, as `polish check` does. With a folder of drafts, what is found in each is a second table.
With `--kept`, what was found for a seed is kept there, and a later run goes on from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import planted
from machine import processor

from polish import audio
from polish.audio import Sound
from polish.song import Finding, Song
from polish.stages.check import KINDS, Check
from polish.stages.sections import Sections


def kinds_found(sound: Sound) -> set[str]:
    """As `polish check` finds them; what is shorter than half a minute has no sections to speak of."""
    song = Song(mix=sound)
    return {f.kind for f in Check().run(Sections().run(song) if sound.duration_s > 30 else song).findings}


def of_draft(path: Path) -> list[Finding]:
    return list(Check().run(Sections().run(Song(mix=audio.read(path)))).findings)


def table_of_drafts(folder: Path, pool: ProcessPoolExecutor) -> None:
    """Which kinds are found in which drafts, where, and how much."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".mp3", ".wav", ".flac"))
    rows: dict[tuple[str, str], list[str]] = {}
    for path, findings in zip(paths, pool.map(of_draft, paths), strict=True):
        for found in findings:
            value = "" if found.value is None else f" {found.value:.4g} {found.unit}".rstrip()
            where = f"{path.stem} {found.start_s:.1f}–{found.end_s:.1f} s:{value}"
            rows.setdefault((found.kind, found.severity), []).append(where)
    print(f"\n## In {len(paths)} drafts of generators\n")
    print("| kind | severity | where, how much |\n|---|---|---|")
    for (kind, severity), found_in in sorted(rows.items(), key=lambda row: list(KINDS).index(row[0][0])):
        print(f"| {kind} | {severity} | {'; '.join(found_in)} |")
    silent = [kind for kind in KINDS if kind not in {one for one, _ in rows}]
    print(f"\nFound in none: {', '.join(silent)}.")


Judged = tuple[list[str], list[str], list[str]]


def judged(seed: int, kinds: tuple[str, ...], kept: Path | None) -> Judged:
    """Of one seed: kinds found in the whole song, in the excerpt, and planted kinds that were found."""
    known = kept / f"{seed}-{zlib.crc32(' '.join(kinds).encode()):08x}.json" if kept else None
    if known and known.exists():
        whole, excerpt, hits = json.loads(known.read_text())
        return whole, excerpt, hits
    hits = [kind for kind in kinds if kind in kinds_found(planted.PLANTED[kind].sound(seed))]
    found = sorted(kinds_found(planted.song(seed))), sorted(kinds_found(planted.excerpt(seed))), hits
    if known:
        known.write_text(json.dumps(found))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=20_000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--drafts", type=Path)
    parser.add_argument("--kept", type=Path)
    asked = parser.parse_args()
    kinds = tuple(asked.kinds.split(","))
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.kept:
        asked.kept.mkdir(parents=True, exist_ok=True)
    alarms: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    with ProcessPoolExecutor(asked.jobs) as pool:
        rows = pool.map(judged, seeds, repeat(kinds), repeat(asked.kept))
        for seed, (whole, excerpt, found) in zip(seeds, rows, strict=True):
            alarms.update(whole)
            alarms.update(excerpt)
            hits.update(found)
            missed = sorted(set(kinds) - set(found))
            print(seed, sorted({*whole, *excerpt}), missed, file=sys.stderr, flush=True)
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
    if asked.drafts:
        with ProcessPoolExecutor(asked.jobs) as pool:
            table_of_drafts(asked.drafts, pool)


if __name__ == "__main__":
    main()
