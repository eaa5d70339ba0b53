"""Trains small networks for the built-in separator on synthesised mixes, and says what they reach.

    cd tests && python -m training.separation --kept FOLDER > benchmarks/separation_network.md

Needs what `mixtures` and `singing` need. Mixes are made first and kept in a folder with the
separator's own cues, so that a run can be gone on with. Three models are trained on them, and
judged on mixes of songs they never heard and on the two real songs with known stems, which none of
them is trained or chosen by: the separator's softmax over its cues with new weights; a network
that hears the cues; and one that starts from the separator's masks and changes them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from benchmarks.machine import processor
from conftest import REAL
from numpy.typing import NDArray
from sounds import snr_db
from spoilt import rock_band
from torch import nn

from polish import audio
from polish.audio import Sound
from polish.dsp.spectrum import stft
from polish.models import separation
from polish.models.cue_weights import FIRST, SECOND, SOURCES
from polish.models.separation import BuiltinSeparator, first_cues, second_cues

from .masking import BINS, CUES, GRID, Network, Softmax, distortion
from .mixtures import BANK, mixture

HELD_BACK, HELD_SONGS = range(10_000, 10_004), range(1000, 1004)
"""Mixes that nothing is trained on, and the bands and voices they are made of."""
EXCERPT, BATCH = 192, 2
MODELS: dict[str, tuple[str, Callable[[], nn.Module], float]] = {
    "built-in": ("built-in", lambda: Softmax(ours=True), 0.0),
    "weights": ("the same cues, weights of the second look found here", lambda: Softmax(ours=False), 0.05),
    "changing": ("a network that starts from the built-in masks", lambda: Network(ours=True), 3e-3),
    "fresh": ("a network that starts from nothing but the cues", lambda: Network(ours=False), 3e-3),
}
"""What the page calls them, what makes them, and how fast they learn."""
PAGE = """# A network for the built-in separator

By `{command}` in `tests`, on {machine}, one thread. Trained on {minutes:.0f} minutes of synthesised
mixes (see `tests/training/mixtures.py`; {bands}),
a step hearing {excerpt:.0f} s. SDR in dB: of the four stems of synthesised mixes of other songs, the mean,
to 11 kHz; of the voice of `so-easy`; of the four stems of `80s-rock`, the mean (drums, bass, other, vocals).

| | parameters | CPU s of training | synthesised | voice of so-easy | stems of 80s-rock | CPU s ÷ song s |
|---|---|---|---|---|---|---|
{rows}

A network was to replace the built-in weights if it gave 1.5 dB more on both songs. The best one gave
{voice:+.2f} dB and {four:+.2f} dB: {verdict}.

A run of few steps (without options it takes 3000, on an hour of mixes) says where training leads,
not how far. The built-in weights (`polish/models/cue_weights.py`) were found on these two songs among
synthesised mixes: their figures here are those of songs that they know (see `separation_weights.md` for
what such weights give on songs left out). All the training here heard synthesised songs only, but not
without traces of the two: all models hear cues that follow the built-in first look, and one network
starts from the built-in masks. Fair judges would be songs that no side has met; none with known stems
can be had here.
"""


def heard(spectrum: separation.Spectrum) -> tuple[NDArray[np.float32], separation.Masks]:
    """What a model is given, ``(1 + cues, columns, BINS)``, and the separator's own masks.

    First the level, the logarithm of the magnitude over its root mean square, then the cues.
    """
    magnitudes, cues = first_cues(spectrum, GRID)
    cues |= second_cues(magnitudes, separation._softmax(FIRST, cues, GRID), GRID)
    out = np.empty((1 + len(CUES), magnitudes.shape[0], BINS), np.float32)
    out[0] = np.log(magnitudes[:, :BINS] / np.sqrt(np.mean(magnitudes**2)) + 1e-4)
    for row, name in enumerate(CUES, 1):
        out[row] = cues[name][:, :BINS]
    return out, separation._softmax(SECOND, cues, GRID)


def example(stems: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """What is heard of a mix, then the best real mask of each stem, ``(1 + cues + 4, columns, BINS)``;
    and the energy of each stem by column over that of the mix's mean cell."""
    parts = np.stack([stft(stem, GRID.size, GRID.hop)[:, :BINS] for stem in stems])
    whole = stft(stems.sum(axis=0), GRID.size, GRID.hop)
    mix = whole[:, :BINS]
    power = (np.abs(mix) ** 2).mean(axis=0) + 1e-12
    best = (parts * mix.conj()).real.mean(axis=1) / power
    level = np.mean(np.abs(whole) ** 2)
    energy = (np.abs(parts) ** 2).mean(axis=1).sum(axis=1) / level
    given = np.concatenate([heard(whole)[0], np.clip(best, -20, 20).swapaxes(1, 2)])
    return given.astype(np.float16), energy.T.astype(np.float32)


def trained(model: nn.Module, known: list[Path], steps: int, rate: float) -> float:
    """Trains a model; CPU seconds it took."""
    rng, started = np.random.default_rng(0), time.process_time()
    some = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(some, rate, weight_decay=1e-2)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    losses = []
    for step in range(steps):
        given, energy = batch(rng, known)
        loss = distortion(model(given[:, : -len(SOURCES)]), given, energy).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(some, 5.0)
        optimiser.step()
        pace.step()
        losses.append(loss.item())
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: {np.mean(losses[-50:]):.2f} dB", file=sys.stderr, flush=True)
    model.eval()
    return time.process_time() - started


def batch(rng: np.random.Generator, known: list[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    parts = []
    for path in rng.choice(known, BATCH):  # type: ignore[arg-type]
        given, energy = np.load(path, mmap_mode="r"), np.load(path.with_suffix(".energy.npy"))
        first = int(rng.integers(given.shape[1] - EXCERPT))
        parts.append((given[:, first : first + EXCERPT].astype(np.float32), energy[first : first + EXCERPT]))
    return tuple(torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True))  # type: ignore[return-value]


def separated(mix: Sound, model: nn.Module) -> Mapping[str, Sound]:
    """The stems of a mix by the built-in separator with a model's masks."""

    def masks(spectrum: separation.Spectrum, _: separation.Grid) -> separation.Masks:
        given, found = heard(spectrum)
        with torch.no_grad():
            found[:, :, :BINS] = model(torch.from_numpy(given)[None])[0].softmax(0).numpy()
        return found

    with patch.object(separation, "masks", masks):
        return BuiltinSeparator("builtin").separate(mix, seed=0, progress=lambda _: None).stems


def made(folder: Path, numbers: range, songs: range) -> list[Path]:
    """Examples kept in a folder; those that are not there yet are made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"mix-{number}-of-{songs.start}-{songs.stop}.npy" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        if not path.exists():
            given, energy = example(mixture(number, folder, songs))
            np.save(path.with_suffix(".energy.npy"), energy)
            np.save(path, given)
            print(f"made {path.stem}", file=sys.stderr, flush=True)
    return paths


def judged(model: nn.Module, unknown: list[Path]) -> float:
    """Mean SDR in dB of the four stems, to 11 kHz, over synthesised mixes."""
    reached = []
    for path in unknown:
        given, energy = (
            torch.from_numpy(np.load(each).astype(np.float32))[None]
            for each in (path, path.with_suffix(".energy.npy"))
        )
        with torch.no_grad():
            reached.append(-distortion(model(given[:, : -len(SOURCES)]), given, energy).mean().item())
    return float(np.mean(reached))


@dataclass(frozen=True)
class Reached:
    """What a model reaches: SDR in dB on synthesised mixes, of one voice, of four stems; and its cost."""

    size: int
    spent_s: float
    synthesised_db: float
    voice_db: float
    four_db: tuple[float, ...]
    cost: float

    @classmethod
    def by(cls, model: nn.Module, unknown: list[Path], spent_s: float) -> Reached:
        mix, voice = (audio.read(REAL / "stems" / "so-easy" / f"{part}.mp3") for part in ("mix", "vocals"))
        before = time.process_time()
        voice_db = snr_db(voice.samples, separated(mix, model)["vocals"].samples)
        cost = (time.process_time() - before) / mix.duration_s
        stems = separated(audio.read(band := REAL / "stems" / "80s-rock" / "80s-rock.stem.mp4"), model)
        four_db = [snr_db(truth.samples, stems[stem].samples) for stem, truth in rock_band(band).items()]
        size = sum(each.numel() for each in model.parameters())
        return cls(size, spent_s, judged(model, unknown), voice_db, tuple(four_db), cost)

    def __str__(self) -> str:
        four = ", ".join(f"{each:.1f}" for each in self.four_db)
        return (
            f"{self.size:,} | {self.spent_s:.0f} | {self.synthesised_db:.2f} | {self.voice_db:.2f} | "
            f"{np.mean(self.four_db):.2f} ({four}) | {self.cost:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixes", type=int, default=180, help="Of 20 s each, to train on.")
    parser.add_argument("--songs", type=int, default=60, help="How many bands and voices they are made of.")
    parser.add_argument("--steps", type=int, default=3000, help="Of each network.")
    parser.add_argument("--kept", type=Path, default=Path("mixed"), help="Where what is made is kept.")
    parser.add_argument("--models", nargs="+", choices=list(MODELS)[1:], default=list(MODELS)[1:])
    asked = parser.parse_args()
    if not {"changing", "fresh"} & set(asked.models):
        parser.error("--models: name a network, changing or fresh")
    torch.set_num_threads(1)
    unknown = made(asked.kept, HELD_BACK, HELD_SONGS)
    known = made(asked.kept, range(asked.mixes), range(asked.songs))
    reached = {}
    for kind in ("built-in", *asked.models):
        name, make, rate = MODELS[kind]
        steps = {"built-in": 0, "weights": 150}.get(kind, asked.steps)
        torch.manual_seed(0)
        model, path = make(), asked.kept / f"{name} {asked.mixes} {asked.songs} {steps}.pt"
        if steps and not path.exists():
            torch.save((trained(model, known, steps, rate), model.state_dict()), path)
        spent_s, state = torch.load(path) if steps else (0.0, model.state_dict())
        model.load_state_dict(state)
        reached[name] = Reached.by(model.eval(), unknown, spent_s)
        print(name, reached[name], file=sys.stderr, flush=True)
    print(page(asked, reached))


def page(asked: argparse.Namespace, reached: dict[str, Reached]) -> str:
    """What is printed."""
    figures = {name: (each.voice_db, np.mean(each.four_db)) for name, each in reached.items()}
    ours, *networks = (pair for name, pair in figures.items() if "weights" not in name)
    best = max((np.subtract(one, ours) for one in networks), key=min)
    rows = "\n".join(f"| {name} | {each}" for name, each in reached.items())
    return PAGE.format(
        command=f"python -m training.separation --mixes {asked.mixes} --songs {asked.songs} "
        f"--steps {asked.steps} --models {' '.join(asked.models)}",
        machine=f"{processor()}, torch {torch.__version__}",
        bands="some of the bands played by FluidR3 GM" if BANK.exists() else "no bank of instruments",
        minutes=asked.mixes / 3, excerpt=EXCERPT * GRID.hop / GRID.rate_hz * BATCH,
        voice=best[0], four=best[1],
        verdict="enough" if min(best) >= 1.5 else "not enough, and none ships",
        rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
