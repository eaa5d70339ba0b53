"""How near known lyrics come to when they are sung, by the built-in aligner, from the full mix.

    python tests/benchmarks/alignment.py > tests/benchmarks/alignment.md

Songs with words timed by hand (`lyrics/*/words.csv` beside the checkout) are separated by the
built-in separator and aligned; beside it stand the words spread evenly between the first and the
last moment of voice. AAE is the mean absolute error of word starts, PC the share within 0.3 s
(Fujihara et al., 2011; `mir_eval.alignment`).
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from machine import processor
from mir_eval import alignment as mir

from polish import audio
from polish.dsp.voice import activity
from polish.models.alignment import BuiltinAligner
from polish.models.separation import BuiltinSeparator
from polish.models.words import known_lines


def main() -> None:
    print(f"# Known lyrics\n\nBy `tests/benchmarks/alignment.py`, on {processor()}.\n")
    print("| song | words | unmatched lines | AAE of words, s | PC, % | AAE of line starts, s "
          "| evenly spread: AAE, s | PC, % | aligned in CPU s |\n|---|" + "---:|" * 8)  # fmt: skip
    found = [_row(folder) for folder in sorted((REAL / "lyrics").iterdir())]
    words_s, lines_s, even_s = (statistics.median(part) for part in zip(*found, strict=True))
    print(f"\nMedian AAE: words {words_s:.2f} s, line starts {lines_s:.2f} s; evenly spread {even_s:.2f} s.")


def _row(folder: Path) -> tuple[float, float, float]:
    mix, text = audio.read(folder / "song.mp3"), (folder / "lyrics.txt").read_text(encoding="utf-8")
    with (folder / "words.csv").open() as file:
        truth = np.array([float(row["word_start"]) for row in csv.DictReader(file)])
    separated = BuiltinSeparator("builtin").separate(mix, seed=0, progress=_ignore, stems=("vocals",))
    voice = separated.stems["vocals"]
    start = time.process_time()
    lyrics = BuiltinAligner("builtin").align(voice, text, language=None, progress=_ignore)
    took_s = time.process_time() - start
    lines = known_lines(text)
    sure, guess, firsts = _estimates(lyrics.lines, lines)
    spans = activity(voice.samples, voice.rate_hz).spans_s
    even = np.linspace(spans[0, 0], spans[-1, 1], truth.size + 1)[:-1]
    error = np.abs(guess - truth)[sure]
    right = mir.percentage_correct(truth[sure], guess[sure], window=0.3)
    print(f"| {folder.name} | {truth.size} | {len(lyrics.unmatched)} of {len(lines)} | {error.mean():.2f} "
          f"| {100 * right:.0f} | {np.abs(guess - truth)[sure & firsts].mean():.2f} "
          f"| {mir.absolute_error(truth, even)[1]:.2f} "
          f"| {100 * mir.percentage_correct(truth, even, window=0.3):.0f} "
          f"| {took_s:.1f} |", flush=True)  # fmt: skip
    return (
        float(error.mean()),
        float(np.abs(guess - truth)[sure & firsts].mean()),
        float(mir.absolute_error(truth, even)[1]),
    )


def _estimates(found, lines) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Whether each known word was placed, where, and whether it begins its line."""
    placed = iter(found)
    now = next(placed, None)
    sure: list[bool] = []
    guess: list[float] = []
    firsts: list[bool] = []
    for line in lines:
        here = now is not None and now.text == line.text
        sure += [here] * len(line.words)
        guess += [word.start_s for word in now.words] if here else [0.0] * len(line.words)
        firsts += [place == 0 for place in range(len(line.words))]
        now = next(placed, None) if here else now
    return np.array(sure), np.array(guess), np.array(firsts)


def _ignore(_: float) -> None:
    pass


if __name__ == "__main__":
    main()
