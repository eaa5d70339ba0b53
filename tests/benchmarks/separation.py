"""Separation beside the `demucs` command: speed, memory by length, sum and bits, with the same weights.

    python tests/benchmarks/separation.py SONG --plot tests/benchmarks/separation.svg > OUT.md

The weights are random, because none can be had here: full-size htdemucs as its class draws it,
but with LayerScales between the two numbers of ``--scales``, so that every layer counts. Both
sides read the same files of weights, and the song, repeated or cut to length, from the same WAV.
Every line is one process from start to end: reading, loading the network, separating, writing
the stems. Times are wall seconds and only ratios of one round mean something; ``demucs`` is told
``--shifts 0``, as it would shift its segments by chance otherwise. Ours is `polish separate`, which
also shares out what is left of the mix and reads its files back.

Memory by length is measured with a thin network: it hears segments as long as those of htdemucs,
with few channels and no transformer, so that an hour takes minutes. It shows whether what lies
around the network grows; what the full-size network takes is in the first table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import small_demucs
import soundfile
from machine import processor
from memory_plot import draw

from polish import audio
from polish.models.demixing.networks import BAGS, WEIGHTS

THIN = {**small_demucs.FULL_HT, "channels": 4, "bottom_channels": 0, "t_layers": 0, "dconv_mode": 0}
PLAIN = ("--shifts", "0", "--float32", "--clip-mode", "none")
"""How `demucs` is told to change nothing: no chance, floats, no rescaling."""
FLOATS = ("--format", "wav 32-float")
RATE_HZ = 44_100


@dataclass
class Bench:
    """Weights for both sides, songs, and what became of every command."""

    folder: Path
    song: Path
    scales: tuple[float, float]
    made: dict[str, Path] = field(default_factory=dict)

    def weights(self, name: str, settings: dict[str, Any]) -> None:
        """The same networks as safetensors for us and as a local repository for `demucs`."""
        import torch

        networks = small_demucs.install(
            name, self.folder / "models", settings=settings, scales=self.scales, lively=False
        )
        repo = self.folder / "repo"
        repo.mkdir(exist_ok=True)
        for file, network in zip(WEIGHTS[name], networks, strict=True):
            args, kwargs = network._init_args_kwargs
            kept = {"klass": type(network), "args": args, "kwargs": kwargs, "state": network.state_dict()}
            torch.save(kept, repo / f"{Path(file).stem}.th")
        weights = f"weights: {np.eye(4).tolist()}\n" if BAGS[name].one_each else ""
        (repo / f"{name}.yaml").write_text(f"models: {list(BAGS[name].networks)}\n{weights}")

    def wav(self, seconds: float, *, hot: bool = False) -> Path:
        """The song, repeated or cut to a length, as float WAV; `hot`: with an offset, and over full scale."""
        path = self.folder / f"{seconds:g}s{'-hot' * hot}.wav"
        if not path.exists():
            samples = audio.resample(audio.read(self.song), RATE_HZ).samples.T
            if hot:
                samples = samples * np.float32(2**0.5 / np.abs(samples).max()) + np.float32(0.03)
            with soundfile.SoundFile(path, "w", RATE_HZ, samples.shape[1], "FLOAT", format="WAV") as file:
                left = round(seconds * RATE_HZ)
                while left > 0:
                    file.write(samples[:left])
                    left -= len(samples)
        return path

    def demucs(
        self, wav: Path, *, name: str = "htdemucs", out: str = "theirs", how: tuple[str, ...] = PLAIN
    ) -> Run:
        """Run the `demucs` command."""
        place = self.folder / out
        command = ["demucs", "--repo", str(self.folder / "repo"), "-n", name, *how]
        return self._run(["-m", *command, "-o", str(place), str(wav)]).with_stems(place / name / wav.stem)

    def polish(self, wav: Path, *options: str, name: str = "htdemucs", out: str = "ours") -> Run:
        """Run `polish separate`."""
        place = self.folder / out
        command = ["separate", str(wav), "-o", str(place), "--model", name, "--offline", "--json"]
        return self._run(["-m", "polish", *command, *options]).with_stems(place)

    def _run(self, arguments: list[str]) -> Run:
        environment = {**os.environ, "POLISH_MODELS": str(self.folder / "models")}
        started = time.monotonic()
        log, out = self.folder / "log.txt", self.folder / "out.txt"
        with open(log, "wb") as said, open(out, "wb") as told:
            actions = [(os.POSIX_SPAWN_DUP2, told.fileno(), 1), (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
            child = os.posix_spawn(
                sys.executable, [sys.executable, *arguments], environment, file_actions=actions
            )
            _, status, used = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{' '.join(arguments)}\n{log.read_text()[-2000:]}")
        wall_s, cpu_s = time.monotonic() - started, used.ru_utime + used.ru_stime
        text = out.read_text()
        return Run(wall_s, cpu_s, used.ru_maxrss * 1024 / 1e9, json.loads(text) if text[:1] == "{" else {})


@dataclass
class Run:
    """One process: wall and CPU seconds, the most memory it had, what it told, where its stems lie."""

    wall_s: float
    cpu_s: float
    peak_gb: float
    told: dict[str, Any]
    stems: Path | None = None

    def with_stems(self, folder: Path) -> Run:
        return replace(self, stems=folder)

    def read(self) -> dict[str, np.ndarray]:
        assert self.stems is not None
        return {
            path.stem: soundfile.read(path, dtype="float32")[0].T for path in sorted(self.stems.glob("*.wav"))
        }

    def digest(self) -> str:
        return hashlib.sha256(b"".join(each.tobytes() for each in self.read().values())).hexdigest()


def snr_db(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray], mean: float) -> float:
    """Over all stems. Theirs have the whole mean of the mix each, ours a quarter of it."""
    signal = missed = 0.0
    for name, reference in theirs.items():
        exact = reference.astype(np.float64) - mean
        signal += float((exact**2).sum())
        missed += float((((ours[name] - mean / len(theirs)) - exact) ** 2).sum())
    return 10 * np.log10(signal / missed) if missed else np.inf


def missed_dbfs(wav: Path, stems: dict[str, np.ndarray]) -> float:
    left = read(wav) - sum(stem.astype(np.float64) for stem in stems.values())
    return 20 * np.log10(max(np.abs(left).max(), 1e-12))


def read(wav: Path) -> np.ndarray:
    return soundfile.read(wav, dtype="float32", always_2d=True)[0].T


def speed(bench: Bench, seconds: float, rounds: int) -> None:
    """Four stems at full size: time and memory. The sides take turns, and each number is the median of its
    own; so is the ratio, of those within one round."""
    wav = bench.wav(seconds)
    runs: dict[str, list[Run]] = {"demucs": [], "polish, exact": [], "polish, fast": []}
    for _ in range(rounds):
        runs["demucs"].append(bench.demucs(wav))
        for mode in ("exact", "fast"):
            runs[f"polish, {mode}"].append(bench.polish(wav, *FLOATS, "--mode", mode))
    print(f"\n## Speed: {seconds:g} s of stereo, four stems, {rounds} rounds\n")
    print("| | wall s | against demucs | CPU s | against demucs | peak GB |\n|---|---:|---:|---:|---:|---:|")
    for label, ours in runs.items():
        cells = []
        for kind in ("wall_s", "cpu_s"):
            mine, theirs = (np.array([getattr(run, kind) for run in each]) for each in (ours, runs["demucs"]))
            cells.append(f"{np.median(mine):.1f} | {np.median(theirs / mine):.2f}×")
        print(f"| {label} | {' | '.join(cells)} | {max(run.peak_gb for run in ours):.2f} |")
    print("\nWall seconds, round by round: ", end="")
    print(
        "; ".join(f"{label} {', '.join(f'{run.wall_s:.1f}' for run in ours)}" for label, ours in runs.items())
    )
    sys.stdout.flush()


def sums(bench: Bench, seconds: float) -> None:
    """How the stems add up, whether they are the same twice, and how near ours come to theirs."""
    wav, hot = bench.wav(seconds), bench.wav(seconds, hot=True)
    runs = [
        ("demucs, floats, no shifts", wav, *(bench.demucs(wav, out=f"theirs-{k}") for k in "ab")),
        ("polish, floats", wav, *(bench.polish(wav, *FLOATS, out=f"ours-{k}") for k in "ab")),
        ("demucs as it comes, hot", hot, *(bench.demucs(hot, out=f"hot-{k}", how=()) for k in "ab")),
        ("polish as it comes, hot", hot, *(bench.polish(hot, out=f"ours-hot-{k}") for k in "ab")),
    ]
    print(f"\n## Sum and bits, {seconds:g} s\n\nHot: an offset of 0.03, and peaks 3 dB over full scale.")
    print("What demucs leaves over is what a random network leaves; trained ones leave less.\n")
    print("| | stems miss the mix by, dBFS | the same bits twice |\n|---|---:|---|")
    for label, mix, first, second in runs:
        same = "yes" if first.digest() == second.digest() else "no"
        print(f"| {label} | {missed_dbfs(mix, first.read()):.1f} | {same} |")
    print("\nOur engine's own stems, before anything is shared out:\n")
    print("| | SNR to demucs, dB | stated by itself, dB |\n|---|---:|---:|")
    mean = float(read(wav).mean(axis=0, dtype=np.float32).mean())
    for mode in ("exact", "fast"):
        run = bench.polish(wav, *FLOATS, "--mode", mode, "--residual", "keep", out=f"own-{mode}")
        itself = "–" if (stated := run.told["snr_db"]) is None else f"{stated:.1f}"
        print(f"| {mode} | {snr_db(runs[0][2].read(), run.read(), mean):.1f} | {itself} |", flush=True)


def one_stem(bench: Bench, seconds: float) -> None:
    """One of the four fine-tuned networks, where one stem is asked for."""
    wav, how = bench.wav(seconds), (*FLOATS, "--mode", "exact")
    theirs = bench.demucs(wav, name="htdemucs_ft")
    whole = bench.polish(wav, *how, "--residual", "keep", name="htdemucs_ft", out="ft")
    one = bench.polish(wav, *how, "--stems", "vocals", name="htdemucs_ft", out="ft-vocals")
    print(f"\n## One stem of htdemucs_ft, {seconds:g} s\n")
    print("| | wall s | against demucs | CPU s | against demucs |\n|---|---:|---:|---:|---:|")
    for label, run in (("demucs, all four", theirs), ("polish, all four", whole), ("polish, vocals", one)):
        wall, cpu = theirs.wall_s / run.wall_s, theirs.cpu_s / run.cpu_s
        print(f"| {label} | {run.wall_s:.1f} | {wall:.2f}× | {run.cpu_s:.1f} | {cpu:.2f}× |")
    same = "the same bits as" if np.array_equal(*(run.read()["vocals"] for run in (whole, one))) else "not"
    print(f"\nThe vocals alone are {same} those among all four.", flush=True)


def memory(bench: Bench, minutes: list[float], alone: list[float], plot: Path | None) -> None:
    """The most memory each side has, by the length of the song; `alone`: lengths for our side only."""
    print("\n## Memory by length, a thin network of full-length segments\n")
    print(
        "| minutes | demucs, GB | polish, GB | demucs, wall s | polish, wall s |\n|---:|---:|---:|---:|---:|"
    )
    found = []
    for length in (*minutes, *alone):
        wav = bench.wav(60 * length)
        ours = bench.polish(wav, *FLOATS, "--mode", "exact")
        shutil.rmtree(ours.stems or "")
        peak, wall = f"{ours.peak_gb:.2f}", f"{ours.wall_s:.0f}"
        if length in alone:
            print(f"| {length:g} | – | {peak} | – | {wall} |", flush=True)
        else:
            theirs = bench.demucs(wav)
            shutil.rmtree(theirs.stems or "")
            found.append((length, theirs.peak_gb, ours.peak_gb))
            print(
                f"| {length:g} | {theirs.peak_gb:.2f} | {peak} | {theirs.wall_s:.0f} | {wall} |", flush=True
            )
        wav.unlink()
    if plot:
        draw(found, plot)
        print(f"\n![Memory over length]({plot.name})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("song", type=Path)
    parser.add_argument("--seconds", type=float, default=120, help="of the speed table; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3, help="of the speed table")
    parser.add_argument("--short", type=float, default=15, help="seconds of the table of sums; 0: none")
    parser.add_argument(
        "--one-stem", type=float, default=60, help="seconds of the table of one stem; 0: none"
    )
    parser.add_argument(
        "--minutes", type=float, nargs="*", default=[1, 5, 20, 60], help="of the memory table"
    )
    parser.add_argument(
        "--alone", type=float, nargs="*", default=[180], help="more minutes, for our side alone"
    )
    parser.add_argument("--scales", type=float, nargs=2, default=(0.0, 0.3))
    parser.add_argument("--plot", type=Path, help="memory over length, as SVG")
    given = parser.parse_args()
    import torch

    print("# Separation beside demucs\n")
    packages = ", ".join(f"{name} {version(name)}" for name in ("demucs", "torch", "numpy"))
    able = torch.cpu.get_capabilities()
    kinds = ", ".join(name for name in ("avx512_f", "avx512_bf16", "amx_bf16") if able.get(name))
    print(f"On {processor()} ({kinds}), {torch.get_num_threads()} threads; {packages}. ", end="")
    print(f"Random weights, LayerScales {given.scales[0]:g} to {given.scales[1]:g}.")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        bench = Bench(Path(folder), given.song, tuple(given.scales))
        bench.weights("htdemucs", small_demucs.FULL_HT)
        if given.seconds:
            speed(bench, given.seconds, given.rounds)
        if given.short:
            sums(bench, given.short)
        if given.one_stem:
            bench.weights("htdemucs_ft", small_demucs.FULL_HT)
            one_stem(bench, given.one_stem)
        if given.minutes or given.alone:
            bench.weights("htdemucs", THIN)
            memory(bench, given.minutes, given.alone, given.plot)


if __name__ == "__main__":
    main()
