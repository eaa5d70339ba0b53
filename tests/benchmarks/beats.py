"""Beats and downbeats of composed songs, by mir_eval (F-measure, ±70 ms), and of human ones.

    python tests/benchmarks/beats.py [--seeds 60] [--first 20000] [--seconds 40] [--jobs 2] [--audio DIR]

Songs go through tempi from 60 to 180 BPM, 3/4 and 4/4, even and swung, in every style the
composer has. Seeds from 20000 on were used for no setting. `--audio` is a folder with
``NAME.wav`` beside ``NAME.beats`` (time in s and place in the bar a line), the real songs' when
there are any. One run prints the whole page.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mir_eval
import numpy as np
from machine import REAL, processor

from polish import audio
from polish.models.beats import BuiltinBeatTracker
from polish.models.composer import compose
from polish.models.composing.styles import STYLES

Row = tuple[str, float, float, float, float, float]


def asked(number: int) -> dict[str, object]:
    """What the song of that number is asked to be: spread evenly over tempo, metre, swing and style."""
    return {
        "bpm": 60 + 120 * (number * 0.618034 % 1),
        "beats_per_bar": 3 if number % 4 == 3 else 4,
        "swing": 0.6 if number % 5 == 2 else 0.0,
        "style": sorted(STYLES)[number % len(STYLES)],
    }


def f_measure(wanted: Sequence[float], got: Sequence[float]) -> float:
    """mir_eval's, without its cut of the first five seconds: our songs begin with the beat."""
    return float(mir_eval.beat.f_measure(np.asarray(wanted, float), np.asarray(got, float)))


def measured(job: tuple[int, int, float]) -> Row:
    seed, number, seconds = job
    wish = asked(number)
    song = compose(seed, seconds=seconds, **wish)
    grid = BuiltinBeatTracker("builtin").track(song.mix)
    name = f"{seed} {wish['bpm']:.0f} BPM {wish['beats_per_bar']}/4 {wish['style']} swing {wish['swing']}"
    return (
        name, f_measure(song.beats.beats_s, grid.beats_s),
        f_measure(song.beats.downbeats_s, grid.downbeats_s),
        wish["bpm"], grid.tempo_bpm or 0.0, float(grid.beats_per_bar == wish["beats_per_bar"]),
    )  # fmt: skip


def human(folder: Path) -> list[str]:
    """A line for every sound with hand-made beats beside it."""
    lines = []
    for truth in sorted(folder.glob("*.beats")):
        rows = np.loadtxt(truth, ndmin=2)
        grid = BuiltinBeatTracker("builtin").track(audio.read(truth.with_suffix(".wav")))
        downs = rows[rows[:, 1] == 1, 0] if rows.shape[1] > 1 else []
        lines.append(
            f"| {truth.stem} | {60 / np.median(np.diff(rows[:, 0])):.1f} | {grid.tempo_bpm} | "
            f"{f_measure(rows[:, 0], grid.beats_s):.2f} | {f_measure(downs, grid.downbeats_s):.2f} |"
        )
    return lines


def composed(options: argparse.Namespace) -> None:
    """The tables of composed songs."""
    jobs = [(options.first + n, n, options.seconds) for n in range(options.seeds)]
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(measured, jobs))
    figures = np.array([row[1:] for row in rows])
    print(
        "\n## Songs of our own composer\n\n"
        f"{options.seeds} seeds from {options.first}, {options.seconds:.0f} s each, the built-in tracker; "
        "F-measure of mir_eval, ±70 ms.\n"
    )
    print("| | songs | beat F | downbeat F | tempo right | metre right |\n|---|---|---|---|---|---|")
    groups = {
        "all": [True] * len(rows),
        "4/4": ["4/4" in row[0] for row in rows],
        "3/4": ["3/4" in row[0] for row in rows],
        "swing": ["swing 0.6" in row[0] for row in rows],
        "under 90 BPM": figures[:, 2] < 90,
        "90 to 140 BPM": (figures[:, 2] >= 90) & (figures[:, 2] <= 140),
        "over 140 BPM": figures[:, 2] > 140,
    }
    for name, chosen in groups.items():
        part = figures[np.array(chosen)]
        if len(part):
            tempo = np.mean(np.abs(part[:, 3] / part[:, 2] - 1) < 0.04)
            beat, down, metre = part[:, 0].mean(), part[:, 1].mean(), part[:, 4].mean()
            print(f"| {name} | {len(part)} | {beat:.3f} | {down:.3f} | {tempo:.2f} | {metre:.2f} |")
    wrong = sorted((row for row in rows if min(row[1], row[2]) < 0.8), key=lambda row: row[1] + row[2])
    print("\n| below 0.8 | beat F | downbeat F | BPM read |\n|---|---|---|---|")
    for row in wrong:
        print(f"| {row[0]} | {row[1]:.2f} | {row[2]:.2f} | {row[4]:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--audio", type=Path, default=REAL / "beats")
    options = parser.parse_args()
    print(
        f"# Beats\n\nBy `tests/benchmarks/beats.py`, on {processor()}; "
        f"numpy {np.__version__}, mir_eval {mir_eval.__version__}."
    )
    if options.seeds:
        composed(options)
    if options.audio.is_dir():
        print("\n## Beats by hand\n")
        print("| sound | BPM by hand | BPM read | beat F | downbeat F |\n|---|---|---|---|---|")
        print("\n".join(human(options.audio)))


if __name__ == "__main__":
    main()
