"""Finds the weights of the built-in separator's second look, and says what they reach on songs not met.

    cd tests && python -m training.weights --kept FOLDER --before FILE > benchmarks/separation_weights.md

Needs what `mixtures` and `singing` need, the two real songs with known stems, and 3 GB. The weights
are found by raising the mean signal-to-distortion ratio over synthesised mixes, over the two songs,
and over these with each other's voice or band. What that is worth on a song not met is told by
leaving one of the two out, with everything that it is part of, and by synthesised mixes of bands
and voices held back. The weights found with both are printed to the standard error stream as they
stand in `polish/models/cue_weights.py`; `--before` is a copy of that file to set beside.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest.mock import patch

import numpy as np
import torch
from benchmarks.machine import processor
from conftest import REAL
from sounds import snr_db

from polish import audio
from polish.audio import Sound
from polish.models import separation
from polish.models.cue_weights import SECOND, SOURCES, Weights
from polish.models.separation import BuiltinSeparator

from .fitting import Heard, Stems, found, mixes, rock_and_easy, source
from .masking import RATE_HZ
from .mixtures import BANK, SECONDS, mixture
from .separation import HELD_BACK, HELD_SONGS

PAGE = """# The weights of the built-in separator

By `{command}` in `tests`, on {machine}, one thread, in {spent_s:.0f} CPU s.
The weights of the second look, found on {count} synthesised mixes of {seconds:.0f} s (see
`tests/training/mixtures.py`; {bands}), two real
excerpts, and both with the voice or the band of each other or of a synthesised mix ({heard} mixes in all).
SDR in dB by the separator itself: the mean over the stems of {held} synthesised mixes of bands and
voices held back; the mean of the stems of `80s-rock` (drums, bass, other, vocals); the voice of `so-easy`.
In *italics* what the second look was not found on.

| second look | held back | 80s-rock | voice of so-easy |
|---|---|---|---|
{rows}

The weights before were found on the two songs and composed ones, and do not look around a cell; those
that ship were found by an earlier run with mixes cut a little otherwise. Looking around, and how often
each song is heard, were chosen with all these figures in sight. The first look is the same in all rows
and was found on the two songs, so that no row has nothing of them. Two excerpts of 7 and 30 s are few judges.
"""


@dataclass(frozen=True)
class Reached:
    """SDR in dB: of the stems of held-back mixes, the mean; of four stems; of one voice."""

    held_db: float
    rock_db: tuple[float, ...]
    easy_db: float

    @classmethod
    def by(cls, second: Weights, held: Sequence[Stems]) -> Reached:
        """What the separator reaches with these weights; silent stems are none to reach."""
        folder = REAL / "stems"
        rock, easy = (audio.read(folder / file) for file in ("80s-rock/80s-rock.stem.mp4", "so-easy/mix.mp3"))
        voice = audio.read(folder / "so-easy" / "vocals.mp3").samples
        with patch.object(separation, "SECOND", second):
            return cls(
                float(np.mean([sdr for stems in held for sdr in _sdrs(stems)])),
                tuple(_sdrs(rock_and_easy()[0], rock)),
                snr_db(voice, _parts(easy)["vocals"].samples),
            )

    def row(self, name: str, unseen: Sequence[str]) -> str:
        four = ", ".join(f"{each:.1f}" for each in self.rock_db)
        cells = {
            "held": f"{self.held_db:.2f}",
            "rock": f"{np.mean(self.rock_db):.2f} ({four})",
            "easy": f"{self.easy_db:.2f}",
        }
        return " | ".join([f"| {name}", *(f"*{v}*" if k in unseen else v for k, v in cells.items())]) + " |"


def _sdrs(stems: Stems, mix: Sound | None = None) -> list[float]:
    parts = _parts(mix or Sound(stems.sum(axis=0), RATE_HZ))
    return [
        snr_db(stem, parts[name].samples) for name, stem in zip(SOURCES, stems, strict=True) if stem.any()
    ]


def _parts(mix: Sound) -> Mapping[str, Sound]:
    return BuiltinSeparator("builtin").separate(mix, seed=0, progress=lambda _: None).stems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixes", type=int, default=15, help="Synthesised ones, of 20 s each.")
    parser.add_argument("--songs", type=int, default=60, help="How many bands and voices they are made of.")
    parser.add_argument("--kept", type=Path, default=Path("mixed"), help="Where what is made is kept.")
    parser.add_argument("--before", type=Path, help="Another `cue_weights.py`, to set beside.")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.kept.mkdir(parents=True, exist_ok=True)
    held = [mixture(number, asked.kept, HELD_SONGS) for number in HELD_BACK]
    made = [mixture(number, asked.kept, range(asked.songs)) for number in range(asked.mixes)]
    started = time.process_time()
    heard, rows = [Heard(mix) for mix in mixes(made)], []
    if asked.before:
        before = cast("Weights", runpy.run_path(str(asked.before), run_name="before")["SECOND"])
        rows.append(Reached.by(before, held).row("before", ["held"]))
    rows.append(Reached.by(SECOND, held).row("as it ships", ["held"]))
    for out, name in (("", "found anew"), ("rock", "without 80s-rock"), ("easy", "without so-easy")):
        second = found([mix for mix in heard if not out or out not in mix.real])
        rows.append(Reached.by(second, held).row(name, ["held", out]))
        print(rows[-1], "" if out else source(second), sep="\n", file=sys.stderr, flush=True)
    print(PAGE.format(
        command=f"python -m training.weights --mixes {asked.mixes} --songs {asked.songs} --before FILE",
        machine=f"{processor()}, torch {torch.__version__}", spent_s=time.process_time() - started,
        count=asked.mixes, seconds=SECONDS, heard=len(heard), rows="\n".join(rows), held=len(held),
        bands="some of the bands played by FluidR3 GM" if BANK.exists() else "no bank of instruments",
    ), end="")  # fmt: skip


if __name__ == "__main__":
    main()
