"""Meters beside their peers: which of EBU's 67 checks each passes, and how long each takes.

    pip install pyebur128
    python tests/benchmarks/loudness.py [SONG…] > tests/benchmarks/loudness.md

pyebur128 is libebur128 and is needed by this page alone. Without songs, four minutes are taken
that the tests make themselves. All sides run in turns in one go, on one thread; times are the
median of their CPU seconds, and only ratios mean something. What each meter is asked for is all
that it has: integrated, momentary and short-term loudness, loudness range and true peak;
pyloudnorm has integrated loudness and loudness range alone.
"""

from __future__ import annotations

import math
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pyebur128
import pyloudnorm

sys.path.insert(0, str(Path(__file__).parents[1]))

import ebu
import sounds
from machine import processor

from polish.audio import Sound, read, write
from polish.cli.measure import measure_file
from polish.dsp.loudness import MOMENTARY_BINS, SHORT_TERM_BINS, k_weighted_power
from polish.dsp.measure import measure
from polish.dsp.peak import true_peak_dbtp

ROUNDS = 5
EVERYTHING = (
    pyebur128.MeasurementMode.MODE_I | pyebur128.MeasurementMode.MODE_M | pyebur128.MeasurementMode.MODE_S
    | pyebur128.MeasurementMode.MODE_LRA | pyebur128.MeasurementMode.MODE_TRUE_PEAK
)  # fmt: skip


class Ours:
    def integrated_lufs(self, samples: np.ndarray) -> float | None:
        return k_weighted_power(samples, ebu.RATE_HZ).integrated_lufs

    def momentary_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return k_weighted_power(samples, ebu.RATE_HZ).series_lufs(MOMENTARY_BINS, 1)

    def short_term_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return k_weighted_power(samples, ebu.RATE_HZ).series_lufs(SHORT_TERM_BINS, 1)

    def loudness_range_lu(self, samples: np.ndarray) -> float | None:
        return k_weighted_power(samples, ebu.RATE_HZ).loudness_range_lu

    def true_peak_dbtp(self, samples: np.ndarray) -> float | None:
        return true_peak_dbtp(samples, ebu.RATE_HZ)


class Libebur128:
    """Fed `hop_s` at a time, and read after each."""

    def __init__(self, hop_s: float) -> None:
        self.hop_s = hop_s

    def run(self, samples: np.ndarray, rate_hz: int) -> tuple[Any, list[float], list[float]]:
        state = pyebur128.R128State(samples.shape[0], rate_hz, EVERYTHING)
        flat = np.ascontiguousarray(samples.T).reshape(-1)
        hop, channels = round(self.hop_s * rate_hz), samples.shape[0]
        momentary, short_term = [], []
        for start in range(0, samples.shape[1] - hop + 1, hop):
            state.add_frames(flat[start * channels : (start + hop) * channels], hop)
            momentary.append(pyebur128.get_loudness_momentary(state))
            short_term.append(pyebur128.get_loudness_shortterm(state))
        return state, momentary, short_term

    def integrated_lufs(self, samples: np.ndarray) -> float:
        return pyebur128.get_loudness_global(self.run(samples, ebu.RATE_HZ)[0])

    def momentary_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return held(self.run(samples, ebu.RATE_HZ)[1], self.hop_s, ebu.MOMENTARY_S)

    def short_term_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return held(self.run(samples, ebu.RATE_HZ)[2], self.hop_s, ebu.SHORT_TERM_S)

    def loudness_range_lu(self, samples: np.ndarray) -> float:
        return pyebur128.get_loudness_range(self.run(samples, ebu.RATE_HZ)[0])

    def true_peak_dbtp(self, samples: np.ndarray) -> float:
        state = self.run(samples, ebu.RATE_HZ)[0]
        return 20 * math.log10(max(pyebur128.get_true_peak(state, c) for c in range(samples.shape[0])))


class Ffmpeg:
    """The filter ``ebur128``, which has a reading each 100 ms; true peak is that of its summary."""

    def said(self, samples: np.ndarray) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder) / "x.wav", Sound(samples, ebu.RATE_HZ), "wav 32-float")
            return ffmpeg_said(path, "ebur128=peak=true:metadata=1,ametadata=print:file=-")

    def readings(self, samples: np.ndarray, name: str) -> list[float]:
        return [float(value) for value in re.findall(rf"lavfi\.r128\.{name}=(\S+)", self.said(samples))]

    def integrated_lufs(self, samples: np.ndarray) -> float:
        return self.readings(samples, "I")[-1]

    def momentary_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return held(self.readings(samples, "M"), 0.1, ebu.MOMENTARY_S)

    def short_term_lufs(self, samples: np.ndarray) -> Sequence[float | None]:
        return held(self.readings(samples, "S"), 0.1, ebu.SHORT_TERM_S)

    def loudness_range_lu(self, samples: np.ndarray) -> float:
        return self.readings(samples, "LRA")[-1]

    def true_peak_dbtp(self, samples: np.ndarray) -> float:
        return float(re.findall(r"Peak:\s+(-?[\d.]+) dBFS", self.said(samples))[-1])


class Pyloudnorm:
    def meter(self) -> pyloudnorm.Meter:
        return pyloudnorm.Meter(ebu.RATE_HZ, filter_class="DeMan")

    def integrated_lufs(self, samples: np.ndarray) -> float:
        return self.meter().integrated_loudness(samples.T.astype(np.float64))

    def loudness_range_lu(self, samples: np.ndarray) -> float:
        return self.meter().loudness_range(samples.T.astype(np.float64))

    def momentary_lufs(self, samples: np.ndarray) -> None:
        return None

    short_term_lufs = true_peak_dbtp = momentary_lufs


def held(readings: Sequence[float], hop_s: float, window_s: float) -> list[float | None]:
    """Readings at every `hop_s` as a value for each 10 ms from the first whole window on, each held."""
    first = round(window_s / hop_s) - 1
    times = round(hop_s / ebu.HOP_S)
    return [value if math.isfinite(value) else None for value in readings[first:] for _ in range(times)]


def ffmpeg_said(path: Path, filters: str) -> str:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-nostats", "-hide_banner", "-threads", "1",
        "-filter_threads", "1", "-f", "wav", "-i", str(path), "-af", filters, "-f", "null", "-",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def cpu_s(work: Callable[[], Any]) -> float:
    """CPU seconds of this process and its children."""
    start = time.process_time() + _children_s()
    work()
    return time.process_time() + _children_s() - start


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sides(sound: Sound, path: Path) -> dict[str, Callable[[], Any]]:
    """What is timed."""
    samples, rate_hz = sound.samples, sound.rate_hz

    def libebur128(hop_s: float) -> None:
        state, _, _ = Libebur128(hop_s).run(samples, rate_hz)
        pyebur128.get_loudness_global(state), pyebur128.get_loudness_range(state)

    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    return {
        "polish, all figures, samples in memory": lambda: measure(samples, rate_hz, series=True),
        "polish, all figures, with reading the WAV": lambda: measure_file(str(path), series=True),
        "ffmpeg `ebur128=peak=true`, with reading the WAV": lambda: ffmpeg_said(path, "ebur128=peak=true"),
        "libebur128 read every 10 ms, samples in memory": lambda: libebur128(0.01),
        "libebur128 read every 100 ms, samples in memory": lambda: libebur128(0.1),
        "pyloudnorm, integrated loudness alone": lambda: meter.integrated_loudness(
            samples.T.astype(np.float64)
        ),
    }


def times(sound: Sound) -> dict[str, float]:
    """Median CPU seconds of each side, scaled to four minutes of two channels."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "song.wav", sound, "wav 24-bit")
        timed = sides(sound, path)
        for work in timed.values():  # compiles, imports, and warms the disk
            work()
        found: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(ROUNDS):
            for name, work in timed.items():
                found[name].append(cpu_s(work))
    scale = 240 * 44_100 * 2 / sound.samples.size
    return {name: scale * statistics.median(all_s) for name, all_s in found.items()}


def main(songs: list[str]) -> None:
    print("# Meters\n")
    print(f"By `tests/benchmarks/loudness.py`, on {processor()}. numpy {version('numpy')}, "
          f"numba {version('numba')}, pyebur128 {version('pyebur128')} with libebur128 "
          f"{pyebur128.get_libebur128_version()}, pyloudnorm {version('pyloudnorm')}, the ffmpeg of "
          f"imageio-ffmpeg {version('imageio-ffmpeg')}.\n")  # fmt: skip
    print("## EBU Tech 3341 and 3342, 67 synthetic checks\n")
    checks = ebu.checks()
    kinds = {"I": "integrated", "M": "momentary", "S": "short-term", "TP": "true peak", "LRA": "range"}
    print("| meter | passed | " + " | ".join(kinds.values()) + " |\n|---" * 1 + "|---" * 6 + "|")
    meters: dict[str, ebu.Reader] = {
        "polish, 10 ms hop": Ours(), "libebur128, read every 10 ms": Libebur128(0.01),
        "libebur128, read every 100 ms": Libebur128(0.1), "ffmpeg ebur128 (100 ms)": Ffmpeg(),
        "pyloudnorm, DeMan filters": Pyloudnorm(),
    }  # fmt: skip
    for name, meter in meters.items():
        passed = {check.name: check.passed_by(meter) for check in checks}
        of = {kind: [ok for check, ok in passed.items() if check.split("-")[2] == kind] for kind in kinds}
        cells = [f"{sum(oks)} of {len(oks)}" for oks in of.values()]
        print(f"| {name} | {sum(passed.values())} | " + " | ".join(cells) + " |", flush=True)
    chosen = {Path(song).stem: read(song) for song in songs} or {"a band": sounds.total(sounds.band(240))}
    print("\n## CPU seconds for four minutes of stereo at 44.1 kHz\n")
    print(f"Median of {ROUNDS} rounds, one thread. The ratio is to polish doing the same with the file.\n")
    for song, sound in chosen.items():
        found = times(sound)
        print(f"| {song} | CPU s | times polish |\n|---|---|---|")
        for name, seconds in found.items():
            file = "reading" in name
            ours = next(own for other, own in found.items() if ("reading" in other) == file)
            print(f"| {name} | {seconds:.2f} | {seconds / ours:.1f} |")
        print(flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
