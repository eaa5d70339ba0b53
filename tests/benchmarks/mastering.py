"""Limiters and masters against their peers: run both sides in one go and print the figures.

    python tests/benchmarks/mastering.py [SONG…]

Without songs it takes four minutes that the tests make themselves. Times are CPU seconds on
one thread, and only their ratio means something.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pedalboard
import scipy.signal

sys.path.insert(0, str(Path(__file__).parents[1]))

import sounds

from polish.audio import Sound, read, write
from polish.dsp.limiter import limit
from polish.dsp.measure import measure
from polish.dsp.peak import true_peak_dbtp
from polish.song import Song
from polish.stages.master import Master


def cpu_s(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process and its children, and the result."""
    start = time.process_time() + _children_s()
    result = work()
    return time.process_time() + _children_s() - start, result


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostats", "-hide_banner", "-y", "-threads", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def fidelity_db(before: np.ndarray, after: np.ndarray, rate_hz: int) -> float:
    """Coherent to incoherent power: what a gain or a filter does not explain is distortion."""
    _, coherence = scipy.signal.coherence(before[0], after[0], rate_hz, nperseg=2048)
    _, power = scipy.signal.welch(after[0], rate_hz, nperseg=2048)
    return float(10 * np.log10(np.sum(coherence * power) / np.sum((1 - coherence) * power)))


def limiters(sound: Sound) -> None:
    """Both take 3 dB off the highest peak."""
    samples, rate_hz = sound.samples, sound.rate_hz
    ceiling_dbtp = true_peak_dbtp(samples, rate_hz) - 3
    brickwall = pedalboard.BrickwallLimiter(ceiling_dbtp, true_peak=True)
    sides = {"ours": lambda: limit(samples, rate_hz, ceiling_dbtp),
             "pedalboard": lambda: brickwall(np.array(samples), rate_hz)}  # fmt: skip
    for name, work in sides.items():
        seconds, limited = cpu_s(work)
        over_db = true_peak_dbtp(limited, rate_hz) - ceiling_dbtp
        fidelity = fidelity_db(samples, limited, rate_hz)
        print(f"  limiter  {name}: {seconds:.2f} s, {over_db:+.2f} dB over, fidelity {fidelity:.1f} dB")


def landings(sound: Sound, path: Path, folder: Path) -> None:
    """To −14 LUFS under −1 dBTP, as measured in the written file."""

    def ours() -> Path:
        master = Master().run(Song(mix=sound)).masters["master"]
        return write(folder / "ours.wav", master.sound, "wav 24-bit")

    def loudnorm() -> Path:
        asked = "loudnorm=I=-14:TP=-1:LRA=7"
        said = ffmpeg("-i", str(path), "-af", f"{asked}:print_format=json", "-f", "null", "-")
        first = json.loads(said[said.rindex("{") : said.rindex("}") + 1])
        known = ":".join(
            f"measured_{key}={first[name]}"
            for key, name in (
                ("I", "input_i"),
                ("TP", "input_tp"),
                ("LRA", "input_lra"),
                ("thresh", "input_thresh"),
            )
        )
        filters = f"{asked}:{known}:offset={first['target_offset']}:linear=true"
        ffmpeg("-i", str(path), "-af", filters, "-c:a", "pcm_s24le", str(folder / "theirs.wav"))
        return folder / "theirs.wav"

    for name, work in {"ours": ours, "ffmpeg loudnorm, two passes": loudnorm}.items():
        seconds, out = cpu_s(work)
        result = read(out)
        found = measure(result.samples, result.rate_hz)
        figures = [f"{found[key]:.2f}" for key in ("integrated_lufs", "true_peak_dbtp", "loudness_range_lu")]
        print(f"  landing  {name}: {seconds:.1f} s, {'{} LUFS, {} dBTP, range {} LU'.format(*figures)}, "
              f"{result.rate_hz} Hz")  # fmt: skip


def main(songs: list[str]) -> None:
    chosen = {Path(song).stem: read(song) for song in songs}
    if not chosen:
        band = sounds.total(sounds.band(240))
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * sounds.times(240) / 60)
        chosen = {"a band, four minutes": band.with_samples(0.6 * band.samples * swell)}
    short = Sound(np.ones((2, 30_000), np.float32), 44_100)
    Master().run(Song(mix=short))  # compiles, so that no figure below includes it
    limit(short.samples, 44_100, -3)
    for name, sound in chosen.items():
        found = measure(sound.samples, sound.rate_hz)
        print(f"{name}: {found['integrated_lufs']:.1f} LUFS, range {found['loudness_range_lu']:.1f} LU")
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder) / "draft.wav", sound, "wav 32-float")
            limiters(sound)
            landings(sound, path, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
