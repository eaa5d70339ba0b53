"""The limiter beside pedalboard's: overshoot, distortion and time, both sides in one go, as markdown.

    python tests/benchmarks/limiter.py [--seconds 20]

Distortion is measured on the ten drafts, where they lie beside the checkout, on their loudest
seconds. Times are CPU seconds on one thread, the median of three.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pedalboard
import scipy.signal

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from machine import processor
from test_limiter_overshoot import HOT, hot, reference_dbtp

from polish import audio
from polish.audio import Sound
from polish.dsp.limiter import limit
from polish.dsp.loudness import integrated_lufs
from polish.dsp.peak import true_peak_dbtp

CEILING_DBTP = -1.0
REDUCTION_DB = 3.0
RATES_HZ = (32_000, 44_100, 48_000, 96_000)
GAINS_DB = (0, 12, 24)
TAPS = (20, 64, 128)

Limits = Callable[[np.ndarray, int, float, float], np.ndarray]
"""Samples, rate, ceiling in dBTP and gain in dB to limited samples."""


def ours(samples: np.ndarray, rate_hz: int, ceiling_dbtp: float, gain_db: float) -> np.ndarray:
    return limit(samples, rate_hz, ceiling_dbtp, gain_db=gain_db)


def brickwall(samples: np.ndarray, rate_hz: int, ceiling_dbtp: float, gain_db: float) -> np.ndarray:
    """pedalboard's true-peak limiter, with its own defaults besides."""
    board = pedalboard.BrickwallLimiter(ceiling_db=ceiling_dbtp, true_peak=True)
    return board.process(samples * np.float32(10 ** (gain_db / 20)), rate_hz)


def plain(samples: np.ndarray, rate_hz: int, ceiling_dbtp: float, gain_db: float) -> np.ndarray:
    """pedalboard's other limiter, which knows no ceiling but full scale: brought down to it."""
    down = np.float32(10 ** (ceiling_dbtp / 20))
    return pedalboard.Limiter(threshold_db=-1.0)(samples * np.float32(10 ** (gain_db / 20)), rate_hz) * down


SIDES: dict[str, Limits] = {
    "polish": ours, "pedalboard `BrickwallLimiter(true_peak=True)`": brickwall, "pedalboard `Limiter`": plain,
}  # fmt: skip


def drafts(seconds: float) -> dict[str, Sound]:
    """The loudest part of each draft."""
    found = {}
    for path in sorted((REAL / "drafts").glob("*.mp3")):
        sound = audio.read(path)
        length = min(round(seconds * sound.rate_hz), sound.frames)
        power = np.add.reduceat(
            (sound.samples**2).sum(axis=0), np.arange(0, sound.frames, sound.rate_hz), dtype=np.float64
        )
        whole = max(1, length // sound.rate_hz)
        first = int(np.convolve(power, np.ones(whole), "valid").argmax()) * sound.rate_hz
        first = min(first, sound.frames - length)
        found[path.stem] = sound.with_samples(np.ascontiguousarray(sound.samples[:, first : first + length]))
    return found


def over_db(limited: np.ndarray) -> float:
    """Overshoot by a 16-fold windowed sinc, the worst of three lengths."""
    return max(reference_dbtp(channel, taps) for channel in limited for taps in TAPS) - CEILING_DBTP


def overshoot(songs: dict[str, Sound]) -> None:
    print(
        "\n## Overshoot over −1 dBTP in dB, by a 16-fold windowed sinc (the worst of 20, 64 and 128 taps)\n"
    )
    print("| signal | " + " | ".join(SIDES) + " |\n|---" + "|---:" * len(SIDES) + "|")
    worst = dict.fromkeys(SIDES, -np.inf)
    signals = {name: (hot(name), 44_100, 0.0) for name in HOT}
    if songs:
        name, song = next((name, song) for name, song in songs.items() if song.channels == 2)
        signals[f"draft {name}, +12 dB"] = (song.samples[:, : 6 * song.rate_hz], song.rate_hz, 12.0)
    for name, (samples, rate_hz, gain_db) in signals.items():
        found = {s: over_db(f(samples, rate_hz, CEILING_DBTP, gain_db)) for s, f in SIDES.items()}
        worst = {side: max(worst[side], value) for side, value in found.items()}
        print(f"| {name} | " + " | ".join(f"{value:+.2f}" for value in found.values()) + " |")
    print("| **worst** | " + " | ".join(f"**{value:+.2f}**" for value in worst.values()) + " |")
    print(f"\nAll {len(HOT)} made signals at {', '.join(map(str, RATES_HZ))} Hz and gains of "
          f"{', '.join(map(str, GAINS_DB))} dB, the worst:\n\n| rate | " + " | ".join(SIDES)
          + " |\n|---:" + "|---:" * len(SIDES) + "|")  # fmt: skip
    for rate_hz in RATES_HZ:
        cells = (
            max(over_db(f(hot(name), rate_hz, CEILING_DBTP, db)) for name in HOT for db in GAINS_DB)
            for f in SIDES.values()
        )
        print(f"| {rate_hz} | " + " | ".join(f"{value:+.2f}" for value in cells) + " |", flush=True)


def coherent_db(before: np.ndarray, after: np.ndarray, rate_hz: int) -> float:
    """What of `after` follows `before` over what does not, in dB.

    Magnitude-squared coherence of each bin of 2048-point spectra (Hann, three quarters overlap)
    within pieces of 2 s: a gain that moves slowly stays coherent, one that moves within a
    spectrum, and what clipping adds, does not.
    """
    coherent = other = 0.0
    piece = 2 * rate_hz
    for one, two in zip(before, after, strict=True):
        for start in range(0, one.size - piece + 1, piece):
            x, y = (
                scipy.signal.stft(part[start : start + piece], nperseg=2048, noverlap=1536, boundary=None)[2]
                for part in (one, two)
            )
            follows = np.abs((x.conj() * y).sum(axis=1)) ** 2 / ((np.abs(x) ** 2).sum(axis=1) + 1e-20)
            coherent += follows.sum()
            other += ((np.abs(y) ** 2).sum(axis=1) - follows).clip(0).sum()
    return float(10 * np.log10(coherent / other))


def distortion(songs: dict[str, Sound]) -> None:
    print(
        f"\n## Distortion on real drafts, limited to {REDUCTION_DB:g} dB under their true peak\n\n"
        "Coherent over incoherent power in dB (more is better), and the loudness that it costs in LU.\n\n"
        "| draft | polish | pedalboard true-peak | difference | polish, LU | pedalboard, LU |\n"
        "|---|---:|---:|---:|---:|---:|"
    )
    differences = []
    for name, song in songs.items():
        peak_dbtp = true_peak_dbtp(song.samples, song.rate_hz) or 0.0
        gain_db = CEILING_DBTP - (peak_dbtp - REDUCTION_DB)
        before = integrated_lufs(song.samples, song.rate_hz) or 0.0
        made = [f(song.samples, song.rate_hz, CEILING_DBTP, gain_db) for f in (ours, brickwall)]
        own, other = (coherent_db(song.samples, limited, song.rate_hz) for limited in made)
        costs = [before + gain_db - (integrated_lufs(m, song.rate_hz) or 0.0) for m in made]
        differences.append(own - other)
        print(f"| {name} | {own:.1f} | {other:.1f} | {own - other:+.1f} | {costs[0]:.2f} | {costs[1]:.2f} |")
    if differences:
        print(
            f"\nOurs less theirs: {min(differences):+.1f} dB at least, "
            f"{np.median(differences):+.1f} dB in the median."
        )


def times() -> None:
    noise = np.tile(hot("loud noise"), (1, 160))
    print("\n## Time for four minutes of 44.1 kHz stereo, all of it over the ceiling\n")
    print("| limiter | CPU s | ratio to ours |\n|---|---:|---:|")
    own = 0.0
    for name, limits in SIDES.items():
        taken = []
        for _ in range(3):
            start = time.process_time()
            limits(noise, 44_100, CEILING_DBTP, 0.0)
            taken.append(time.process_time() - start)
        cpu_s = statistics.median(taken)
        own = own or cpu_s
        print(f"| {name} | {cpu_s:.2f} | {cpu_s / own:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each draft")
    asked = parser.parse_args()
    songs = drafts(asked.seconds)
    print(f"# The limiter\n\nOn {processor()}; numpy {np.__version__}, pedalboard {pedalboard.__version__}; "
          f"{asked.seconds:g} s of each of {len(songs)} drafts.")  # fmt: skip
    overshoot(songs)
    distortion(songs)
    times()


if __name__ == "__main__":
    main()
