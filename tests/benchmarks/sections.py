"""Sections of composed songs against the truth, by mir_eval; of a human song; of drafts against their tags.

    python tests/benchmarks/sections.py [--seeds 60] [--first 20000] [--seconds 90] [--jobs 2]
        [--jams DIR] [--drafts DIR] [--minutes 4 40]

Boundaries: F-measure of `mir_eval.segment.detection`, without the ends of the song; groups: pairwise F.
Labels: share of the time that is called what the composer meant. The built-in chain is used, from the
mix alone. `--jams` is a folder with ``NAME.jams`` beside ``NAME.mp3``, `--drafts` one with ``NAME.mp3``
beside ``NAME.lyrics.txt`` whose tags come in order; both are the real songs' when there are any.
`--minutes` are lengths of a mix whose `polish sections` is a process of its own, its CPU time and largest
memory taken from the system. Seeds from 20000 on were used for no setting. One run prints the whole page.

Composed songs are easy: the parts of one group are the same notes; the best published neural system
reaches 0.70 at 0.5 s and 0.78 at 3 s on human songs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path

import mir_eval
import numpy as np
from machine import REAL, processor

from polish import audio
from polish.dsp import tagging
from polish.models.composer import compose
from polish.song import Section, Song
from polish.stages.sections import Sections

UNSUNG = ("intro", "instrumental", "outro", "silence")


def found(mix: audio.Sound) -> tuple[Section, ...]:
    return Sections().run(Song(mix=mix)).sections


def spans(sections: Sequence[Section]) -> np.ndarray:
    return np.array([(one.start_s, one.end_s) for one in sections])


def boundary_f(wanted: np.ndarray, got: np.ndarray, window_s: float, trim: bool) -> float:
    return float(mir_eval.segment.detection(wanted, got, window=window_s, trim=trim)[2])


def measured(job: tuple[int, float]) -> tuple[int, float, float, float, float]:
    seed, seconds = job
    song = compose(seed, seconds=seconds)
    got = found(song.mix)
    wanted, there = spans(song.sections), spans(got)
    pairs = mir_eval.segment.pairwise(
        wanted, [one.group for one in song.sections], there, [one.group for one in got]
    )
    times = np.arange(0.25, song.mix.duration_s, 0.5)
    called = [[next(s.label for s in one if s.end_s > t) for t in times] for one in (song.sections, got)]
    same = float(np.mean([a == b for a, b in zip(*called, strict=True)]))
    hits = [boundary_f(wanted, there, window, True) for window in (0.5, 3)]
    return seed, *hits, float(pairs[2]), same


def human(path: Path) -> str:
    """The row of a song whose sections were marked by hand (a JAMS file)."""
    marks = json.loads(path.read_text())["annotations"][0]["data"]
    wanted = np.array([(mark["time"], mark["time"] + mark["duration"]) for mark in marks])
    got = spans(found(audio.read(path.with_suffix(".mp3"))))
    hits = [boundary_f(wanted, got, window, trim) for trim in (False, True) for window in (0.5, 3)]
    return f"| {path.stem} | {len(wanted)} | {len(got)} | " + " | ".join(f"{hit:.2f}" for hit in hits) + " |"


def against_tags(path: Path) -> str:
    """The row of a draft whose lyrics have tags, in order and without times: by its sound, and told them."""
    lyrics = path.with_name(path.name.removesuffix(".mp3") + ".lyrics.txt")
    tags = [tagging.label_of(tag) for tag in re.findall(r"\[([^\]]+)\]", lyrics.read_text("utf-8"))]
    heard = Sections().run(Song(mix=audio.read(path)))
    told = Sections(lyrics=str(lyrics)).run(heard)
    wanted = joined(tags)
    cells = []
    for song in (heard, told):
        labels = [section.label for section in song.sections]
        sung = joined([label for label in labels if label not in UNSUNG])
        cells += [" ".join(joined(labels)), "yes" if sung == wanted else "no"]
    return f"| {path.stem} | {len(tags)} | {' '.join(tags)} | {len(heard.sections)} | {' | '.join(cells)} |"


def joined(labels: Sequence[str]) -> list[str]:
    """Labels with repeats in a row as one."""
    return [label for label, _ in groupby(labels)]


ALONE = """
import json, os, resource, subprocess, sys
command = [sys.executable, "-m", "polish.cli", "sections", sys.argv[1], "--json"]
run = subprocess.run(command, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
parts = len(json.loads(run.stdout)["sections"])
print(json.dumps([parts, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
"""In a small process of its own: a child begins with the largest memory of what started it."""


def cost(minutes: float) -> str:
    """The row of `polish sections` on a mix of that length: one composed song, again and again."""
    song = compose(100, seconds=240).mix
    count = max(1, round(minutes * 60 / song.duration_s))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mix.wav")
        audio.write(path, song.with_samples(np.tile(song.samples, count)), "wav 16-bit")
        seconds = audio.probe(path).duration_s
        started = time.perf_counter()
        said = subprocess.run([sys.executable, "-c", ALONE, str(path)], capture_output=True, check=True)
        wall_s = time.perf_counter() - started
    parts, cpu_s, largest_mb = json.loads(said.stdout)
    return f"| {seconds / 60:.1f} | {parts} | {cpu_s:.1f} | {wall_s:.1f} | {largest_mb:.0f} |"


def composed(pool: ProcessPoolExecutor, options: argparse.Namespace) -> None:
    """The tables of composed songs."""
    seeds = range(options.first, options.first + options.seeds)
    rows = list(pool.map(measured, [(seed, options.seconds) for seed in seeds]))
    mean = np.mean([row[1:] for row in rows], axis=0)
    print(
        f"\n## Songs of our own composer\n\nSeeds from {options.first}, {options.seconds:.0f} s each.\n\n"
        "| songs | boundary F 0.5 s | boundary F 3 s | pairwise F | labels right |\n|---|---|---|---|---|"
    )
    print(f"| {len(rows)} | " + " | ".join(f"{value:.3f}" for value in mean) + " |")
    print("\n| the six worst: seed | F 0.5 s | F 3 s | pairwise F | labels right |\n|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: row[2] + row[3])[:6]:
        print(f"| {row[0]} | " + " | ".join(f"{value:.2f}" for value in row[1:]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--jams", type=Path, default=REAL / "sections")
    parser.add_argument("--drafts", type=Path, default=REAL / "drafts")
    parser.add_argument("--minutes", type=float, nargs="*", default=[4.0, 40.0])
    options = parser.parse_args()
    print(
        f"# Sections\n\nBy `tests/benchmarks/sections.py`, on {processor()}; "
        f"numpy {np.__version__}, mir_eval {mir_eval.__version__}.\n"
    )
    if options.minutes:
        print("## What it costs\n\n| min | parts | CPU s | s | largest memory, MB |\n|---|---|---|---|---|")
        for minutes in sorted(options.minutes):
            print(cost(minutes), flush=True)
    with ProcessPoolExecutor(options.jobs) as pool:
        if options.seeds:
            composed(pool, options)
        if marked := sorted(options.jams.glob("*.jams")):
            print("\n## Parts by hand\n")
            print("| song | parts by hand | found | F 0.5 s | F 3 s | F 0.5 s, no ends | F 3 s, no ends |")
            print("|---|---|---|---|---|---|---|")
            print("\n".join(pool.map(human, marked)))
        if texts := sorted(options.drafts.glob("*.lyrics.txt")):
            songs = [text.with_name(text.name.removesuffix(".lyrics.txt") + ".mp3") for text in texts]
            print("\n## Drafts and the tags of their lyrics\n")
            print("Same: what is sung comes in the same order, repeats in a row as one.\n")
            print(
                "| draft | tags | in order | found | by the sound, joined | same | told the lyrics | same |"
            )
            print("|---|---|---|---|---|---|---|---|")
            print("\n".join(pool.map(against_tags, songs)))


if __name__ == "__main__":
    main()
