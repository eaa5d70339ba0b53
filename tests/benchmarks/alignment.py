"""How near known lyrics come to when they are sung, and whether it is told when they are not.

    python tests/benchmarks/alignment.py [--kept FOLDER] > tests/benchmarks/alignment.md

By the built-in aligner, from the full mix through the built-in separator. Songs with words timed by
hand (`lyrics/*/words.csv` beside the checkout) say how near: beside it stand the words spread evenly
between the first and the last moment of voice. AAE is the mean absolute error of word starts, PC the
share within 0.3 s (Fujihara et al., 2011; `mir_eval.alignment`). Generated songs and the lyrics they
were made from (`drafts/`) say how often lyrics are told apart: each song is given its own, those of
each other one, and its own with a line of another one planted somewhere among them. What is heard
in a song is kept in FOLDER, where a second run finds it.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from machine import processor
from mir_eval import alignment as mir

from polish import audio
from polish.dsp.voice import activity
from polish.models.acoustic import log_probabilities
from polish.models.alignment import place
from polish.models.separation import BuiltinSeparator
from polish.models.words import KnownLine, known_lines

PLANTED, SHORTEST_WORDS = 16, 4


@dataclass(frozen=True, eq=False)
class Given:
    """A song and its lyrics.

    Attributes:
        heard: as from `log_probabilities`.
        sung_s: the first and the last moment of voice.
    """

    name: str
    heard: NDArray[np.float32]
    sung_s: tuple[float, float]
    lines: list[KnownLine]

    @property
    def words(self) -> set[str]:
        return {line.text for line in self.lines}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kept", type=Path)
    kept = parser.parse_args().kept
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    print(f"# Known lyrics\n\nBy `tests/benchmarks/alignment.py`, on {processor()}.\n")
    _near([(_given(folder / "song.mp3", folder / "lyrics.txt", kept), _truth(folder))
           for folder in sorted((REAL / "lyrics").iterdir())])  # fmt: skip
    drafts = []
    for path in sorted((REAL / "drafts").glob("*.mp3")):
        text = path.with_suffix(".lrc")
        drafts.append(_given(path, text if text.exists() else path.with_suffix(".lyrics.txt"), kept))
    _told(drafts)


def _given(song: Path, text: Path, kept: Path | None) -> Given:
    name = song.parent.name if song.stem == "song" else song.stem
    known = kept and kept / f"{name}.npz"
    if known and known.exists():
        loaded = np.load(known)
        heard, sung_s = loaded["heard"], loaded["sung_s"]
    else:
        separated = BuiltinSeparator("builtin").separate(
            audio.read(song), seed=0, progress=lambda _: None, stems=("vocals",)
        )
        voice = separated.stems["vocals"]
        spans_s = activity(voice.samples, voice.rate_hz).spans_s
        heard, sung_s = log_probabilities(voice), np.array([spans_s[0, 0], spans_s[-1, 1]])
        if known:
            np.savez(known, heard=heard, sung_s=sung_s)
    lines = known_lines(text.read_text(encoding="utf-8"))
    return Given(name, heard, (float(sung_s[0]), float(sung_s[1])), lines)


def _truth(folder: Path) -> NDArray[np.float64]:
    with (folder / "words.csv").open() as file:
        return np.array([float(row["word_start"]) for row in csv.DictReader(file)])


def _near(songs: Sequence[tuple[Given, NDArray[np.float64]]]) -> None:
    print("| song | words | unmatched lines | AAE of words, s | PC, % | AAE of line starts, s "
          "| evenly spread: AAE, s | PC, % | aligned in CPU s |\n|---|" + "---:|" * 8)  # fmt: skip
    rows = []
    for song, truth in songs:
        start = time.process_time()
        placed = place(song.lines, song.heard)
        took_s = time.process_time() - start
        starts = [
            np.full(len(line.words), np.nan) if spans_s is None else spans_s[:, 0]
            for line, spans_s in zip(song.lines, placed, strict=True)
        ]
        guess = np.concatenate(starts)
        sure, firsts = ~np.isnan(guess), np.concatenate([np.arange(part.size) == 0 for part in starts])
        error = np.abs(guess - truth)
        even = np.linspace(*song.sung_s, truth.size + 1)[:-1]
        spread = mir.absolute_error(truth, even)[1]
        rows.append((error[sure].mean(), error[sure & firsts].mean(), spread))
        right = mir.percentage_correct(truth[sure], guess[sure], window=0.3)
        print(f"| {song.name} | {truth.size} | {_missing(placed)} of {len(placed)} | {rows[-1][0]:.2f} "
              f"| {100 * right:.0f} | {rows[-1][1]:.2f} | {spread:.2f} "
              f"| {100 * mir.percentage_correct(truth, even, window=0.3):.0f} | {took_s:.1f} |",
              flush=True)  # fmt: skip
    words_s, lines_s, even_s = (statistics.median(part) for part in zip(*rows, strict=True))
    print(f"\nMedian AAE: words {words_s:.2f} s, line starts {lines_s:.2f} s; evenly spread {even_s:.2f} s.")


def _told(songs: Sequence[Given]) -> None:
    """Lines unmatched of a song's own lyrics and of others', and with a foreign line among its own."""
    print(f"\nGenerated songs with their own lyrics, with those of each other song, and {PLANTED} times "
          f"with one line of another song, of {SHORTEST_WORDS} words or more, planted among their own. "
          "Some were given lyrics for longer than they are, so that not all of their own lines are sung."
          "\n\n| song | own lines unmatched | lyrics of other songs refused | their lines unmatched, % "
          "| planted lines found | own lines lost to it, % |\n|---|" + "---:|" * 5)  # fmt: skip
    for song in songs:
        own = place(song.lines, song.heard)
        others = [each for each in songs if not each.words & song.words]
        refused = [place(each.lines, song.heard) for each in others]
        lines = sum(len(each) for each in refused)
        cells = [
            f"{_missing(own)} of {len(own)}",
            f"{sum(_missing(each) == len(each) for each in refused)} of {len(refused)}",
            f"{100 * sum(_missing(each) for each in refused) / lines:.0f}",
        ]
        if _missing(own) < len(own):
            found, lost = _planted(song, others, _missing(own))
            cells += [f"{found} of {PLANTED}", f"{lost:.1f}"]
        else:
            cells += ["–", "–"]
        print(f"| {song.name} | {' | '.join(cells)} |", flush=True)


def _planted(song: Given, others: Sequence[Given], missing: int) -> tuple[int, float]:
    """How often a planted line is unmatched, and by how many % of the lines more of the others are."""
    rng = random.Random(song.name)
    pool = [line for each in others for line in each.lines if len(line.words) >= SHORTEST_WORDS]
    found = lost = 0
    for _ in range(PLANTED):
        at = rng.randrange(len(song.lines) + 1)
        placed = place([*song.lines[:at], rng.choice(pool), *song.lines[at:]], song.heard)
        found += placed.pop(at) is None
        lost += _missing(placed) - missing
    return found, 100 * lost / PLANTED / len(song.lines)


def _missing(placed: Sequence[object | None]) -> int:
    return sum(each is None for each in placed)


if __name__ == "__main__":
    main()
