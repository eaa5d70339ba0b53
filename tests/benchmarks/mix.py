"""Ten drafts before and after the recipe `streaming`: tone, mud, harshness, stereo, dynamics.

    python tests/benchmarks/mix.py [--seconds 60] [--jobs 2] [--steps] [--keep DIR] [--kept DIR] [SONG…]

Without songs it takes the drafts that lie beside the checkout. `--seconds` takes so much from the
middle of each; `--jobs` works on so many at a time; `--steps` prints the indices after every step, to
see which step moves them; `--keep` leaves draft, master and their difference as sounds, to be heard
and looked at. With `--kept`, figures are kept there, and a later run goes on from them. Nothing is
delivered; `lyrics` is left out, as it changes no sound.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from itertools import repeat
from pathlib import Path

import numpy as np
from difference import Look, difference, look

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from machine import processor

from polish import audio
from polish.audio import Sound
from polish.dsp import bands, excess, stereo
from polish.dsp.measure import measure
from polish.dsp.spectrum import third_octave_levels_db
from polish.recipe import check, load
from polish.song import Section, Song
from polish.stages.base import Context
from polish.stages.level import section_loudness_lufs
from polish.stages.match import CURVES

FIGURES = ("tone", "mud", "harsh", "corr", "mono", "PLR", "spread")
WORSE = {"tone": 0.05, "mud": 0.05, "harsh": 0.05, "mono": 0.05, "corr": -0.02, "PLR": -0.2, "spread": -0.3}
"""By how much a figure may rise (fall, where under 0) and still be the same."""
MIDDLE = {"mud": excess.SONG_USUAL["mud"].middle_db, "harsh": excess.SONG_USUAL["harshness"].middle_db}
ENOUGH = {"PLR": 10.0, "spread": 6.0}
"""What is more than that may fall to it."""
ABOUT = f"""\
- tone: RMS distance of the third octaves from 50 Hz to 12.5 kHz to the curve `streaming` of the
  stage `match` (the average of popular records), at the same mean level, in dB
- mud, harsh: 200–500 Hz and 2–5 kHz per octave over what lies around them, in dB, see
  `polish.dsp.excess.whole`; less is better down to the middle of records ({MIDDLE["mud"]:g} and
  {MIDDLE["harsh"]:g} dB), and judged only above it: a song that loses its mud measures harsher, and is none
  the worse for it under the middle; the last row has the means of what lies above
- corr, mono: left/right correlation, and the level lost in mono in dB
- PLR: true peak over integrated loudness in dB; a draft that is quieter than the target loses some
  by design, so it is judged only under {ENOUGH["PLR"]:g} dB
- spread: loudest section over the quietest one that is not an intro or outro, in LU; more is better
  up to {ENOUGH["spread"]:g} LU, and judged only under it

Worse is what changes for the worse by more than {WORSE["tone"]} dB (tone, mud, harsh, mono), {-WORSE["corr"]}
(corr), {-WORSE["PLR"]} dB (PLR) or {-WORSE["spread"]} LU (spread).
"""
LOOKED = """\

## The difference

The master less the draft at the gain that leaves least, which holds all that was done.

- level: of the difference, against the master
- pump: what the gains of five bands of two octaves do in common between 1 and 10 Hz, RMS
- pulse: how deep the envelope goes up and down between 1 and 10 Hz, RMS over mean, of the difference
  and of the draft
- chirps: share of the power at 0.5–16 kHz in lone short tones, 12 dB over all around them: of the
  difference, where the draft has none there, and of the draft

| draft | level | pump | pulse (draft) | chirps (draft) |
|---|---:|---:|---:|---:|"""


def figures(sound: Sound, sections: tuple[Section, ...] = ()) -> dict[str, float]:
    found = measure(sound.samples, sound.rate_hz)
    own = [bands.measure(sound.samples, sound.rate_hz)]
    inner = [part for part in sections if part.label not in ("intro", "outro")]
    levels = [level for level in section_loudness_lufs(sound, inner) if level is not None]
    two = sound.channels == 2
    return {
        "tone": tone_db(sound),
        "mud": excess.whole("mud", own).density_db,
        "harsh": excess.whole("harshness", own).density_db,
        "corr": found["correlation"] if two and found["correlation"] is not None else 1.0,
        "mono": (stereo.mono_loss_db(sound.samples) or 0.0) if two else 0.0,
        "PLR": found["plr_db"] or 0.0,
        "spread": max(levels) - min(levels) if levels else 0.0,
    }


def tone_db(sound: Sound) -> float:
    hz, levels_db = third_octave_levels_db(sound.samples, sound.rate_hz)
    points_hz, wanted_db = zip(*CURVES["streaming"], strict=True)
    inside = (hz >= 50) & (hz <= 12_500) & (levels_db > levels_db.max() - 70)
    away = (levels_db - np.interp(np.log(hz), np.log(points_hz), wanted_db))[inside]
    return float(np.sqrt(np.mean((away - away.mean()) ** 2)))


def polished(draft: Sound, *, aloud: bool) -> Song:
    song = Song(draft=draft, mix=draft)
    for step in check(load("streaming")).steps:
        if step.stage.name == "lyrics":
            continue
        song = step.stage.run(song, Context(step=step.id))
        if aloud and step.stage.name != "check":
            now = (
                song.masters[step.id].sound
                if step.id in song.masters
                else audio.add(list(song.stems.values()))
            )
            if step.stage.name == "mix":
                now = song.mix
            shown = figures(now, song.sections)
            print(
                f"    {step.id:10s}", "  ".join(f"{name} {shown[name]:6.2f}" for name in FIGURES), flush=True
            )
    return song


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("songs", nargs="*", type=Path)
    asked.add_argument("--seconds", type=float, default=0.0)
    asked.add_argument("--jobs", type=int, default=1)
    asked.add_argument("--steps", action="store_true")
    asked.add_argument("--keep", type=Path)
    asked.add_argument("--kept", type=Path)
    given = asked.parse_args()
    songs = given.songs or sorted((REAL / "drafts").glob("*.mp3"))
    what = f"{given.seconds:g} s from the middle" if given.seconds else "all"
    print(f"# Drafts through `streaming`\n\nBy `tests/benchmarks/mix.py` on {processor()}; numpy "
          f"{np.__version__}; {what} of each of {len(songs)} drafts.\n\n{ABOUT}")  # fmt: skip
    print("| draft |", " | ".join(FIGURES), "| worse |")
    print("|---|" + "---|" * (len(FIGURES) + 1))
    rows, looks = [], {}
    with ProcessPoolExecutor(given.jobs) as pool:
        for path, (before, after, found) in zip(songs, pool.map(heard, songs, repeat(given)), strict=True):
            rows.append((before, after))
            looks[path.stem] = found
            cells = [f"{before[name]:.2f} → {after[name]:.2f}" for name in FIGURES]
            cells += [", ".join(worse(before, after)) or "–"]
            print("|", " | ".join([path.stem, *cells]), "|", flush=True)
    mean = [
        f"{np.mean([b[name] for b, _ in rows]):.2f} → {np.mean([a[name] for _, a in rows]):.2f}"
        for name in FIGURES
    ]
    print("|", " | ".join(["mean", *mean, ""]), "|")
    print("|", " | ".join(["mean above the middle", *(above(rows, name) for name in FIGURES), ""]), "|")
    print(LOOKED)
    for name, found in looks.items():
        print("|", " | ".join([name, *looked(found)]), "|")


def above(rows: list[tuple[dict[str, float], dict[str, float]]], name: str) -> str:
    """The mean of what lies above the middle of records, for figures that are judged only there."""
    if name not in MIDDLE:
        return ""
    over = np.maximum([[one[name] for one in row] for row in rows] - np.array(MIDDLE[name]), 0)
    return "{:.2f} → {:.2f}".format(*over.mean(axis=0))


def heard(path: Path, given: argparse.Namespace) -> tuple[dict[str, float], dict[str, float], Look]:
    """The figures of a draft and of its master, and a look at their difference; kept where that is asked."""
    known = given.kept / f"{path.stem}-{given.seconds:g}.json" if given.kept else None
    if known and known.exists():
        before, after, found = json.loads(known.read_text())
        return before, after, Look(**found)
    draft = audio.read(path)
    if given.seconds and draft.duration_s > given.seconds:
        start_s = (draft.duration_s - given.seconds) / 2
        draft = draft.cut(start_s, start_s + given.seconds)
    song = polished(draft, aloud=given.steps)
    master = song.masters["stream"].sound
    before, after = figures(draft, song.sections), figures(master, song.sections)
    if given.keep:
        leave(given.keep / path.stem, draft, master)
    found = look(draft, master)
    if known:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps([before, after, asdict(found)]))
    return before, after, found


def leave(name: Path, draft: Sound, master: Sound) -> None:
    """Draft, master and difference beside each other, the draft as loud as the master."""
    name.parent.mkdir(parents=True, exist_ok=True)
    rest = difference(draft, master)
    sounds = {
        "draft": master.with_samples(master.samples - rest.samples),
        "master": master,
        "difference": rest,
    }
    for what, sound in sounds.items():
        audio.write(name.with_name(f"{name.name}.{what}.wav"), sound, "wav 32-float")


def looked(found: Look) -> list[str]:
    pulse = f"{found.pulse:.2f} ({found.own_pulse:.2f})"
    return [f"{found.level_db:.1f} dB", f"{found.pump_db:.2f} dB", pulse,
            f"{found.chirps_percent:.2f} % ({found.own_percent:.2f} %)"]  # fmt: skip


def worse(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Figures that changed for the worse by more than they may; see `ABOUT`."""
    found = []
    for name, most in WORSE.items():
        was = min(max(before[name], MIDDLE.get(name, -np.inf)), ENOUGH.get(name, np.inf))
        if (after[name] - was) * np.sign(most) > abs(most):
            found.append(name)
    return found


if __name__ == "__main__":
    main()
