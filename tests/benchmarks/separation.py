"""Separation beside the `demucs` command: speed, memory by length, sum and bits, with the same weights.

    python tests/benchmarks/separation.py SONG [--seconds 120] [--minutes 1 5] > OUT.md

The weights are random, because none can be had here: full-size htdemucs as its class draws it,
but with LayerScales between the two numbers of ``--scales``, so that every layer counts. Both
sides read the same files of weights, and the song, repeated or cut to length, from the same WAV.
Every line is one process from start to end: reading, loading the network, separating, writing
four float stems. Times are wall seconds and only ratios of one run mean something; ``demucs``
is told ``--shifts 0``, as it would do the work twice otherwise. Ours is `polish separate`, which
also shares out what is left of the mix and reads its files back.

``--thin`` measures memory with a network of full-length segments and few channels, for hours in
minutes: it shows whether the buffers around the network grow. With ``--plot FILE.svg`` the
memory is drawn over the length.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import small_demucs
import soundfile

from polish import audio
from polish.models.demucs_networks import BAGS, WEIGHTS

THIN = {**small_demucs.FULL_HT, "channels": 8, "bottom_channels": 64, "t_layers": 1}
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

    def wav(self, seconds: float) -> Path:
        """The song, repeated or cut to a length, as float WAV."""
        path = self.folder / f"{seconds:g}s.wav"
        if not path.exists():
            samples = audio.resample(audio.read(self.song), RATE_HZ).samples.T
            with soundfile.SoundFile(path, "w", RATE_HZ, samples.shape[1], "FLOAT", format="WAV") as file:
                left = round(seconds * RATE_HZ)
                while left > 0:
                    file.write(samples[:left])
                    left -= len(samples)
        return path

    def demucs(self, wav: Path, name: str = "htdemucs", out: str = "theirs") -> Run:
        """Run the `demucs` command."""
        place = self.folder / out
        command = ["demucs", "--repo", str(self.folder / "repo"), "-n", name, "--shifts", "0", "--float32"]
        done = self._run(["-m", *command, "--clip-mode", "none", "-o", str(place), str(wav)])
        return done.with_stems(place / name / wav.stem)

    def polish(self, wav: Path, *options: str, name: str = "htdemucs", out: str = "ours") -> Run:
        """Run `polish separate`."""
        place = self.folder / out
        command = ["separate", str(wav), "-o", str(place), "--model", name, "--format", "wav 32-float"]
        return self._run(["-m", "polish", *command, "--offline", *options]).with_stems(place)

    def engine(self, wav: Path, mode: str) -> Run:
        """Run our engine alone: its stems can be held against theirs before anything is shared out."""
        place = self.folder / f"engine-{mode}"
        return self._run([__file__, "--engine", mode, str(wav), str(place)]).with_stems(place)

    def _run(self, arguments: list[str]) -> Run:
        environment = {**os.environ, "POLISH_MODELS": str(self.folder / "models")}
        started = time.monotonic()
        log = self.folder / "log.txt"
        with open(log, "wb") as said:
            actions = [(os.POSIX_SPAWN_DUP2, said.fileno(), 1), (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
            child = os.posix_spawn(
                sys.executable, [sys.executable, *arguments], environment, file_actions=actions
            )
            _, status, used = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{' '.join(arguments)}\n{log.read_text()[-2000:]}")
        return Run(time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9)


@dataclass
class Run:
    """One process: wall seconds, CPU seconds, the most memory it had, and where its stems lie."""

    wall_s: float
    cpu_s: float
    peak_gb: float
    stems: Path | None = None

    def with_stems(self, folder: Path) -> Run:
        return Run(self.wall_s, self.cpu_s, self.peak_gb, folder)

    def read(self) -> dict[str, np.ndarray]:
        assert self.stems is not None
        return {
            path.stem: soundfile.read(path, dtype="float32")[0].T for path in sorted(self.stems.glob("*.wav"))
        }

    def digest(self) -> str:
        return hashlib.sha256(b"".join(each.tobytes() for each in self.read().values())).hexdigest()


def engine(mode: str, wav: Path, out: Path) -> None:
    """In a process of its own: our engine's stems, less the mean that each of ours has a part of."""
    from polish.models.demucs import Demucs

    mix = audio.read(wav)
    done = Demucs("htdemucs").separate(mix, seed=0, progress=lambda _: None, mode=mode)  # type: ignore[arg-type]
    out.mkdir(exist_ok=True)
    for name, stem in done.stems.items():
        soundfile.write(out / f"{name}.wav", stem.samples.T, stem.rate_hz, "FLOAT")
    (out / "mode.txt").write_text(f"{done.mode} {done.snr_db}")


def snr_db(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray], mean: float) -> float:
    """Over all stems. Theirs have the whole mean of the mix each, ours a quarter of it."""
    signal = missed = 0.0
    for name, reference in theirs.items():
        exact = reference.astype(np.float64) - mean
        signal += float((exact**2).sum())
        missed += float((((ours[name] - mean / len(theirs)) - exact) ** 2).sum())
    return 10 * np.log10(signal / missed) if missed else np.inf


def missed_dbfs(mix: np.ndarray, stems: dict[str, np.ndarray]) -> float:
    left = mix - sum(stem.astype(np.float64) for stem in stems.values())
    return 20 * np.log10(max(np.abs(left).max(), 1e-12))


def speed(bench: Bench, seconds: float) -> None:
    """Four stems, then one of four fine-tuned networks; sums, bits and errors of the same runs."""
    bench.weights("htdemucs", small_demucs.FULL_HT)
    bench.weights("htdemucs_ft", small_demucs.FULL_HT)
    wav = bench.wav(seconds)
    theirs = bench.demucs(wav)
    rows = [("demucs", theirs), ("polish, exact", bench.polish(wav, "--mode", "exact")),
            ("polish, fast", bench.polish(wav, "--mode", "fast", out="quick"))]  # fmt: skip
    print(f"\n## Speed: {seconds:g} s of stereo, four stems\n")
    print("| | wall s | against demucs | CPU s | peak GB |\n|---|---|---|---|---|")
    for label, run in rows:
        ratio = theirs.wall_s / run.wall_s
        print(f"| {label} | {run.wall_s:.1f} | {ratio:.2f}× | {run.cpu_s:.1f} | {run.peak_gb:.2f} |")
    sys.stdout.flush()

    short = bench.wav(seconds / 4)
    mix, reference = soundfile.read(short, dtype="float32")[0].T, bench.demucs(short, out="short")
    again = bench.demucs(short, out="short-again")
    ours = bench.polish(short, out="short-ours")
    ours_again = bench.polish(short, out="short-ours-again")
    print(f"\n## Sum and bits, {seconds / 4:g} s\n")
    print("| | stems miss the mix by, dBFS | the same bits twice |\n|---|---|---|")
    for label, run, second in (("demucs", reference, again), ("polish", ours, ours_again)):
        same = "yes" if run.digest() == second.digest() else "no"
        print(f"| {label} | {missed_dbfs(mix, run.read()):.1f} | {same} |")
    mean = float(mix.mean(axis=0, dtype=np.float32).mean())
    print("\nOur engine, before anything is shared out:")
    print("\n| | SNR to demucs, dB | measured by itself, dB |\n|---|---|---|")
    for mode in ("exact", "fast"):
        run = bench.engine(short, mode)
        assert run.stems is not None
        _, itself = (run.stems / "mode.txt").read_text().split()
        itself = "–" if itself == "None" else f"{float(itself):.1f}"
        print(f"| {mode} | {snr_db(reference.read(), run.read(), mean):.1f} | {itself} |", flush=True)

    whole = bench.polish(short, "--mode", "exact", name="htdemucs_ft", out="ft")
    one = bench.polish(short, "--mode", "exact", "--stems", "vocals", name="htdemucs_ft", out="ft-vocals")
    theirs_ft = bench.demucs(short, name="htdemucs_ft", out="ft-theirs")
    print(f"\n## One stem of htdemucs_ft, {seconds / 4:g} s\n")
    print("| | wall s | against demucs | CPU s |\n|---|---|---|---|")
    for label, run in (("demucs, all four", theirs_ft), ("polish, all four", whole), ("polish, vocals", one)):
        print(f"| {label} | {run.wall_s:.1f} | {theirs_ft.wall_s / run.wall_s:.2f}× | {run.cpu_s:.1f} |")
    sys.stdout.flush()


def memory(bench: Bench, minutes: list[float], thin: bool, plot: Path | None) -> None:
    """The most memory each side has, by the length of the song."""
    bench.weights("htdemucs", THIN if thin else small_demucs.FULL_HT)
    what = "a thin network of full-length segments" if thin else "the full-size network"
    print(f"\n## Memory by length, {what}\n")
    print("| minutes | demucs, GB | polish, GB | demucs, wall s | polish, wall s |\n|---|---|---|---|---|")
    found = []
    for length in minutes:
        wav = bench.wav(60 * length)
        theirs, ours = bench.demucs(wav), bench.polish(wav, "--mode", "exact")
        found.append((length, theirs.peak_gb, ours.peak_gb))
        peaks = f"{theirs.peak_gb:.2f} | {ours.peak_gb:.2f}"
        print(f"| {length:g} | {peaks} | {theirs.wall_s:.0f} | {ours.wall_s:.0f} |", flush=True)
        wav.unlink()
    if plot:
        draw(found, plot)


def draw(found: list[tuple[float, float, float]], path: Path) -> None:
    """Memory over length as an SVG of two lines."""
    wide, high, left, low = 560, 300, 60, 40
    longest, most = max(row[0] for row in found), 1.1 * max(max(row[1:]) for row in found)

    def at(minutes: float, gigabytes: float) -> tuple[float, float]:
        return left + minutes / longest * (wide - left - 90), high - low - gigabytes / most * (
            high - low - 20
        )

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" '
             f'font-size="12"><rect width="{wide}" height="{high}" fill="white"/>']  # fmt: skip
    for step in np.linspace(0, most, 5):
        _, y = at(0, float(step))
        parts.append(f'<path d="M{left} {y:.1f}H{wide - 90}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{step:.1f}</text>')  # fmt: skip
    for length, *_ in found:
        x, y = at(length, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{length:g}</text>')
    for column, label, colour in ((1, "demucs", "#b33"), (2, "polish", "#267")):
        points = [at(row[0], row[column]) for row in found]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        x, y = points[-1]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
                     f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}</text>')  # fmt: skip
    parts.append(f'<text x="{left}" y="14">peak memory, GB</text>')
    parts.append(f'<text x="{wide - 90}" y="{high - 6}" text-anchor="end">minutes of stereo</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def main() -> None:
    if sys.argv[1] == "--engine":
        engine(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("song", type=Path)
    parser.add_argument("--seconds", type=float, default=120, help="of the speed tables; 0 leaves them out")
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 5], help="of the memory table")
    parser.add_argument("--scales", type=float, nargs=2, default=(0.0, 0.3))
    parser.add_argument("--thin", action="store_true")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    import torch

    print("# Separation beside demucs\n")
    packages = ", ".join(f"{name} {version(name)}" for name in ("demucs", "torch", "numpy"))
    cpu = torch.cpu.get_capabilities()
    kinds = [name for name in ("avx512_f", "avx512_bf16", "amx_bf16") if cpu.get(name)]
    print(
        f"{os.cpu_count()} cores ({', '.join(kinds)}), {torch.get_num_threads()} threads; {packages}. ",
        end="",
    )
    print(f"Random weights, LayerScales {given.scales[0]:g} to {given.scales[1]:g}.")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        bench = Bench(Path(folder), given.song, tuple(given.scales))
        if given.seconds:
            speed(bench, given.seconds)
        if given.minutes:
            memory(bench, given.minutes, given.thin, given.plot)


if __name__ == "__main__":
    main()
