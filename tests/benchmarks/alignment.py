"""How near known lyrics come to when they are sung, and whether it is told when they are not.

    python tests/benchmarks/alignment.py [--kept FOLDER] > tests/benchmarks/alignment.md

By the built-in aligner, from the full mix through the built-in separator. Songs with words timed by
hand (`lyrics/*/words.csv` beside the checkout) say how near: beside it stand the words spread evenly
between the first and the last moment of voice. AAE is the mean absolute error of word starts, PC the
share within 0.3 s (Fujihara et al., 2011; `mir_eval.alignment`). Generated songs and the lyrics they
were made from (`drafts/`) say how often lyrics are told apart: each song is given its own, those of
each other one, and its own with a line of another one planted somewhere among them. Where the
generator was told when to sing each line, that line is also tried there, beside other words of the
song. Parts of songs are cut out of their separated voices and given the lyrics of the whole song, and
those of another. Lines that are given times may be in doubt (`polish.models.sureness`): how many of the
right ones, of the wrong ones and of the planted ones are. The separated voices are kept in FOLDER, where
a second run finds them.

The least a line must be worth (`polish.models.alignment`) was chosen on these songs, three timed by
hand among them, with other lines planted at other places. On these songs, and on parts of them that begin
at other places, were chosen how much better than nonsense lyrics must fit (`own_words`), how long a line
may last (`line_spans`), how likely what no line says is at least (`alignment`), and, with other lines planted
at other places, when a line is in doubt or not there and how much a song's own lines teach of its voice
(`own_voice`).
Which networks listen, how far they are believed (`acoustic`) and how unlike a line may be (`alignment`) were
chosen on these songs too. None of this is held out, but for the
lines that are planted here, which nothing was chosen by, and what is printed as so, where the limit under
which a line is in doubt is chosen on the songs other than the one it is tried on.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from known_lyrics import Given, given, untimed
from machine import processor
from mir_eval import alignment as mir

from polish.audio import Sound
from polish.models.acoustic import HOP_S, RATE_HZ, agreed, hearings
from polish.models.alignment import Placed, fits, place
from polish.models.phones import language_of, phones
from polish.models.sung_chain import SungChain
from polish.models.sureness import DOUBTFUL

PLANTED, SHORTEST_WORDS = 32, 4
SHORTER = {"acestep-02", "yue-02", "yue-04"}
"""Songs that end, or leave verses out, before their lyrics do: whole stretches of lines are not sung."""
CUT, CUTS_S, CUT_FROM = (
    {"mureka-01", "mureka-02", "suno-01", "suno-05"},
    (30.0, 45.0),
    (0.05, 0.35, 0.65, 0.95),
)
"""Songs of which parts are cut out, how long these are, and where in what a cut leaves of a song."""
NEAR_S = 1.0
IN_DOUBT = 0.12
"""The share of a song's own lines that may be in doubt where the limit is chosen on the other songs."""
OTHERS, BESIDE_S, LONGEST_S = 40, 0.4, 6.0
"""How many other words are tried for a line at its time, how much around it is heard, and at most."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kept", type=Path)
    kept = parser.parse_args().kept
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    print(f"# Known lyrics\n\nBy `tests/benchmarks/alignment.py`, on {processor()}.\n")
    _near([(given(folder / "song.mp3", folder / "lyrics.txt", kept), _truth(folder))
           for folder in sorted((REAL / "lyrics").iterdir())])  # fmt: skip
    drafts = []
    for path in sorted((REAL / "drafts").glob("*.mp3")):
        text = path.with_suffix(".lrc")
        drafts.append(given(path, text if text.exists() else path.with_suffix(".lyrics.txt"), kept))
    _told(drafts)
    _parts([song for song in drafts if song.name in CUT])
    _at_their_times([(song, REAL / "drafts" / f"{song.name}.lrc") for song in drafts])


def _truth(folder: Path) -> NDArray[np.float64]:
    with (folder / "words.csv").open() as file:
        return np.array([float(row["word_start"]) for row in csv.DictReader(file)])


def _near(songs: Sequence[tuple[Given, NDArray[np.float64]]]) -> None:
    print("| song | words | unmatched lines | AAE of words, s | PC, % | AAE of line starts, s "
          "| evenly spread: AAE, s | PC, % | aligned in CPU s "
          f"| lines whose words are within {NEAR_S:g} s on average | in doubt | other lines | in doubt "
          "|\n|---|" + "---:|" * 12)  # fmt: skip
    rows = []
    for song, truth in songs:
        start = time.process_time()
        placed = place(song.lines, song.heard)
        took_s = time.process_time() - start
        starts = [
            np.full(len(line.words), np.nan) if spans_s is None else spans_s[:, 0]
            for line, spans_s in zip(song.lines, placed.spans_s, strict=True)
        ]
        guess = np.concatenate(starts)
        sure, firsts = ~np.isnan(guess), np.concatenate([np.arange(part.size) == 0 for part in starts])
        error = np.abs(guess - truth)
        even = np.linspace(*song.sung_s, truth.size + 1)[:-1]
        spread = mir.absolute_error(truth, even)[1]
        doubted = placed.sure < DOUBTFUL
        off = [float(np.abs(each).mean()) for each in np.split(guess - truth, np.flatnonzero(firsts)[1:])]
        right, wrong = np.array(off) <= NEAR_S, np.array(off) > NEAR_S
        cells = f"{right.sum()} | {(right & doubted).sum()} | {wrong.sum()} | {(wrong & doubted).sum()}"
        rows.append((error[sure].mean(), error[sure & firsts].mean(), spread))
        near = mir.percentage_correct(truth[sure], guess[sure], window=0.3)
        print(f"| {song.name} | {truth.size} | {untimed(placed)} of {len(song.lines)} | {rows[-1][0]:.2f} "
              f"| {100 * near:.0f} | {rows[-1][1]:.2f} | {spread:.2f} "
              f"| {100 * mir.percentage_correct(truth, even, window=0.3):.0f} | {took_s:.1f} | {cells} |",
              flush=True)  # fmt: skip
    words_s, lines_s, even_s = (statistics.median(part) for part in zip(*rows, strict=True))
    print("\nLines without times have none to be wrong or in doubt.")
    print(f"\nMedian AAE: words {words_s:.2f} s, line starts {lines_s:.2f} s; evenly spread {even_s:.2f} s.")


def _told(songs: Sequence[Given]) -> None:
    """Lines unmatched of a song's own lyrics and of others', and with a foreign line among its own."""
    print(f"\nGenerated songs with their own lyrics, with those of each other song, and {PLANTED} times "
          f"with one line of another song, of {SHORTEST_WORDS} words or more, planted among their own. "
          "Some were given lyrics for longer than they are, so that not all of their own lines are sung."
          "\n\n| song | own lines unmatched | in doubt | lyrics of other songs refused "
          "| their lines unmatched, % "
          "| planted lines found | given times, in doubt | given times, not in doubt "
          "| own lines lost to it, % |\n|---|" + "---:|" * 8)  # fmt: skip
    total, sure = Counter[str](), dict[str, tuple[list[float], list[float]]]()
    for song in songs:
        own = place(song.lines, song.heard)
        others = [each for each in songs if not each.words & song.words]
        refused = [place(each.lines, song.heard) for each in others]
        lines = sum(len(each.spans_s) for each in refused)
        doubtful = int(np.sum(own.sure < DOUBTFUL))
        cells = [
            f"{untimed(own)} of {len(song.lines)}",
            f"{doubtful}",
            f"{sum(untimed(each) == len(each.spans_s) for each in refused)} of {len(refused)}",
            f"{100 * sum(untimed(each) for each in refused) / lines:.0f}",
        ]
        if untimed(own) < len(song.lines):
            foreign, ours, missing = _planted(song, others)
            sure[song.name] = foreign, ours
            lost = missing / PLANTED - untimed(own)
            found, doubted = PLANTED - len(foreign), int(np.sum(np.array(foreign) < DOUBTFUL))
            cells += [f"{found} of {PLANTED}", f"{doubted}", f"{len(foreign) - doubted}"]
            cells += [f"{100 * lost / len(song.lines):.1f}"]
            total.update(found=found, doubted=doubted, planted=PLANTED)
            if song.name not in SHORTER:
                total.update(missing=missing, own=PLANTED * len(song.lines))
        else:
            cells += ["–"] * 4
        print(f"| {song.name} | {' | '.join(cells)} |", flush=True)
    told = total["found"] + total["doubted"]
    every = np.concatenate([ours for _, ours in sure.values()])
    print(
        f"\nPlanted lines found: {total['found']} of {total['planted']}, "
        f"{100 * total['found'] / total['planted']:.0f} %; found or in doubt: {told}, "
        f"{100 * told / total['planted']:.1f} %. Own lines without times while one was "
        f"planted, in the songs that sing all of theirs: {100 * total['missing'] / total['own']:.1f} %; "
        f"own lines with times in doubt, in all songs: {100 * np.mean(every < DOUBTFUL):.1f} %."
    )
    _held_out(sure, total["planted"])


def _held_out(sure: dict[str, tuple[list[float], list[float]]], planted: int) -> None:
    """The same with limits for each song chosen on the others, from how sure planted and own lines are."""
    told = doubted = count = 0
    for name, (foreign, ours) in sure.items():
        rest = np.concatenate([each for other, (_, each) in sure.items() if other != name])
        limit = np.quantile(rest, IN_DOUBT)
        told += int(np.sum(np.array(foreign) < limit))
        doubted, count = doubted + int(np.sum(np.array(ours) < limit)), count + len(ours)
    timed = sum(len(foreign) for foreign, _ in sure.values())
    print(
        f"\nWith the limit for each song chosen on the others, so that {100 * IN_DOUBT:.0f} % of their lines "
        f"are in doubt: planted lines found or in doubt: {planted - timed + told} of {planted}, "
        f"{100 * (planted - timed + told) / planted:.1f} %; own lines in doubt: "
        f"{100 * doubted / count:.1f} %."
    )


def _planted(song: Given, others: Sequence[Given]) -> tuple[list[float], list[float], int]:
    """How sure planted lines with times are, and the other lines with times; how many of these have none."""
    rng = random.Random(f"planted in {song.name}")
    pool = [line for each in others for line in each.lines if len(line.words) >= SHORTEST_WORDS]
    foreign, ours, missing = list[float](), list[float](), 0
    for _ in range(PLANTED):
        at = rng.randrange(len(song.lines) + 1)
        lines = [*song.lines[:at], rng.choice(pool), *song.lines[at:]]
        placed = place(lines, song.heard)
        foreign += [] if placed.spans_s[at] is None else [float(placed.sure[at])]
        ours += [float(each) for each in np.delete(placed.sure, at) if not np.isnan(each)]
        missing += untimed(placed) - (placed.spans_s[at] is None)
    return foreign, ours, missing


def _parts(songs: Sequence[Given]) -> None:
    """Which lines are timed in a part of a song that is given the lyrics of the whole."""
    print("\nParts of songs, cut out of the separated voice, with the lyrics of the whole song: lines that "
          f"in the whole song lie inside the part, how many of them are found within {NEAR_S:g} s of where "
          "they are in it, and lines given times that in the whole song lie outside the part, or nowhere. "
          "The same parts with the lyrics of another song.\n\n"
          "| song | parts | own lyrics taken | lines inside the parts | found there "
          "| times given to lines outside | to lines found nowhere in the whole song "
          "| lyrics of another song refused |\n|---|" + "---:|" * 7)  # fmt: skip
    for song in songs:
        whole = place(song.lines, song.heard)
        foreign = next(each for each in songs if not each.words & song.words)
        for cut_s in CUTS_S:
            total = Counter[str]()
            for share in CUT_FROM:
                start_s = share * (song.voice.duration_s - cut_s)
                first, last = (round(t * RATE_HZ) for t in (start_s, start_s + cut_s))
                heard = hearings(Sound(song.voice.samples[:, first:last], RATE_HZ))
                total.update(_of_a_part(whole, place(song.lines, heard), (start_s, start_s + cut_s)))
                refused = untimed(place(foreign.lines, heard)) == len(foreign.lines)
                total.update(parts=1, refused=refused)
            print(f"| {song.name}, {cut_s:g} s | {total['parts']} | {total['taken']} | {total['inside']} "
                  f"| {total['right']} | {total['outside']} | {total['new']} "
                  f"| {total['refused']} of {total['parts']} |",
                  flush=True)  # fmt: skip


def _of_a_part(
    whole: Placed, part: Placed,
    span_s: tuple[float, float],
) -> dict[str, int]:  # fmt: skip
    """How the lines of a part, cut out at `span_s`, lie beside those of the whole song."""
    found = {"taken": int(untimed(part) < len(part.spans_s)), "inside": 0, "right": 0, "outside": 0, "new": 0}
    for there, here in zip(whole.spans_s, part.spans_s, strict=True):
        if there is None:
            found["new"] += here is not None
            continue
        first_s, last_s = there[0, 0], there[-1, 1]
        inside = span_s[0] <= first_s and last_s <= span_s[1]
        found["inside"] += inside
        found["right"] += inside and here is not None and abs(here[0, 0] + span_s[0] - first_s) < NEAR_S
        found["outside"] += here is not None and (last_s <= span_s[0] or first_s >= span_s[1])
    return found


def _at_their_times(songs: Sequence[tuple[Given, Path]]) -> None:
    """Whether lines are heard where the generator was told to sing them, or where they were found."""
    print(f"\nEach line of a song at the time that its generator was given for it, or, where it was given "
          f"none, where it was found; and {OTHERS} times as many other words of the song there. By chance "
          "a tenth of the lines would fit better than nine tenths of the others.\n\n"
          "| song | lines | at times | lines that fit better than nine tenths of others, % |\n"
          "|---|---:|---|---:|")  # fmt: skip
    for song, file in songs:
        if file.exists():
            text = file.read_text(encoding="utf-8")
            starts_s = [
                60 * int(a) + float(b) for a, b in re.findall(r"^\[(\d+):([\d.]+)\]\s*\S", text, re.M)
            ]
            ends_s = [*starts_s[1:], starts_s[-1] + LONGEST_S]
            spans_s = list(zip(starts_s, ends_s, strict=True))
        else:
            placed = place(song.lines, song.heard)
            spans_s = [None if each is None else (each[0, 0], each[-1, 1]) for each in placed.spans_s]
        better = _better(song, spans_s)
        print(f"| {song.name} | {len(better)} | {'given' if file.exists() else 'found'} "
              f"| {100 * np.mean(better):.0f} |", flush=True)  # fmt: skip


def _better(song: Given, spans_s: Sequence[tuple[float, float] | None]) -> list[bool]:
    """For each line with a time within the song whether it fits there better than most other words."""
    language = language_of("\n".join(line.text for line in song.lines))
    spelled = [[phones(word, language) for word in line.words] for line in song.lines]
    words = [word for line in spelled for word in line]
    likelihoods, rng, better = fits(agreed(song.heard)), np.random.default_rng(0), []
    for line, span_s in zip(spelled, spans_s, strict=True):
        if span_s is None or span_s[1] > len(likelihoods) * HOP_S:
            continue
        start_s, end_s = span_s[0] - BESIDE_S, min(span_s[1], span_s[0] + LONGEST_S) + BESIDE_S
        part = likelihoods[max(0, round(start_s / HOP_S)) : round(end_s / HOP_S)]
        tried = [line, *([words[k] for k in rng.choice(len(words), len(line))] for _ in range(OTHERS))]
        own, *others = (SungChain.of([each]).worth(part)[0] for each in tried)
        better.append(float(np.mean(np.array(others) < own)) > 0.9)
    return better


if __name__ == "__main__":
    main()
