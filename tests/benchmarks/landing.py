"""Masters read back from their files by ffmpeg, and a landing beside its peers, as markdown.

    python -m venv peers && peers/bin/pip install ffmpeg-normalize matchering
    python tests/benchmarks/landing.py --peers peers/bin [--seconds 60] [--drafts yue-02,suno-01]

Each of the ten drafts, where they lie beside the checkout, for each of five targets: the real
stage, a 24-bit WAV, and ``ffmpeg -af ebur128=peak=true`` on that file. `--seconds` takes the
middle of each draft instead of the whole. ffmpeg must be on the path for ffmpeg-normalize.
Without `--peers` their table is left out.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import imageio_ffmpeg
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import REAL
from machine import processor

from polish import audio
from polish.audio import Sound
from polish.dsp.measure import measure
from polish.song import Song
from polish.stages.master import Master
from polish.stages.targets import TARGETS, TargetName

FIVE: tuple[TargetName, ...] = ("spotify", "spotify-loud", "apple-music", "ebu-r128", "cd")
PEER_LUFS, PEER_DBTP, PEER_START_LUFS, PEER_RANGE_LU = -14.0, -1.0, -20.9, 9.0
MATCHERING = (
    "import sys, matchering as mg; mg.process(target=sys.argv[1], reference=sys.argv[2], "
    "results=[mg.pcm24(sys.argv[3])])"
)


class Read(NamedTuple):
    """What ffmpeg reads in a file."""

    lufs: float
    range_lu: float
    dbtp: float
    rate_hz: int
    duration_s: float


class Took(NamedTuple):
    wall_s: float
    cpu_s: float


def timed(work: Callable[[], Any]) -> tuple[Any, Took]:
    wall, cpu = time.perf_counter(), time.process_time() + _children_s()
    made = work()
    return made, Took(time.perf_counter() - wall, time.process_time() + _children_s() - cpu)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_by_ffmpeg(path: Path) -> Read:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostats", "-hide_banner", "-i", str(path)]
    command += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]

    def figure(words: str) -> float:
        return float(re.findall(rf"{words}\s+(-?[\d.]+|-inf)", summary)[0])

    probed = audio.probe(path)
    return Read(figure("I:"), figure("LRA:"), figure("Peak:"), probed.rate_hz, probed.duration_s)


def drafts(seconds: float | None, only: str | None) -> dict[str, Sound]:
    found = {}
    for path in sorted((REAL / "drafts").glob("*.mp3")):
        if only is None or path.stem in only.split(","):
            sound = audio.read(path)
            if seconds and seconds < sound.duration_s:
                start_s = (sound.duration_s - seconds) / 2
                sound = sound.cut(start_s, start_s + seconds)
            found[path.stem] = sound
    return found


def master(sound: Sound, target: TargetName, path: Path) -> dict[str, Any]:
    """The stage and the file; its facts."""
    made = Master(target=target).run(Song(mix=sound)).masters["master"]
    audio.write(path, made.sound, "wav 24-bit")
    return dict(made.facts)


def table(songs: dict[str, Sound], folder: Path) -> None:
    print(
        "\n## Drafts and targets\n\nLoudness, range and peak as ffmpeg reads them in the file; "
        "seconds for stage and file.\n\n"
        "| draft | target | asked | before | written | LRA, LU | true peak | limiter, most | s | s CPU | |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    )
    misses, over, said, lost = [], [], 0, []
    for name, sound in songs.items():
        for target in FIVE:
            path = folder / f"{name}.{target}.wav"
            facts, took = timed(lambda p=path, s=sound, t=target: master(s, t, p))
            found, asks, before = read_by_ffmpeg(path), TARGETS[target], facts["before"]
            path.unlink()
            if facts["reached"]:
                misses.append(abs(found.lufs - asks.loudness_lufs))
            else:
                said += 1
            over.append(found.dbtp - asks.ceiling_dbtp)
            lost.append(before["loudness_range_lu"] - facts["after"]["loudness_range_lu"])
            kept = (found.rate_hz, round(found.duration_s, 2)) == (sound.rate_hz, round(sound.duration_s, 2))
            words = [facts["reason"] or "", "tone" * bool(facts["tone"]), "glue" * bool(facts["glue"])]
            words.append("" if kept else "rate or length changed")
            print(
                f"| {name} | {target} | {asks.loudness_lufs:g}/{asks.ceiling_dbtp:g} "
                f"| {before['integrated_lufs']:.1f} | {found.lufs:.1f} "
                f"| {before['loudness_range_lu']:.1f} → {found.range_lu:.1f} | {found.dbtp:.1f} "
                f"| {facts['limiting']['max_reduction_db']:.1f} | {took.wall_s:.1f} | {took.cpu_s:.1f} "
                f"| {', '.join(filter(None, words))} |",
                flush=True,
            )
    print(
        f"\n{len(misses)} of {len(over)} reached, off by {max(misses, default=0):.1f} LU at most by ffmpeg's "
        f"reading, which has one digit; {said} said why not. Highest true peak against the ceiling: "
        f"{max(over):+.1f} dB. Loudness range lost: at most {max(lost):.1f} LU."
    )


def one_and_five(sound: Sound) -> None:
    """What five masters of one mix cost against one, the stage alone."""

    def masters(targets: tuple[TargetName, ...]) -> float:
        fresh = sound.with_samples(sound.samples.copy())
        song = Song(mix=fresh)

        def run() -> None:
            for target in targets:
                Master(target=target).run(song)

        return timed(run)[1].cpu_s

    loud: tuple[TargetName, ...] = ("cd", "spotify-loud", "spotify", "apple-music", "ebu-r128")
    one, five = (statistics.median(masters(loud[:n]) for _ in range(3)) for n in (1, 5))
    print(
        f"\n## One master and five of one mix\n\nCPU seconds of the stage on {sound.duration_s:.0f} s, "
        f"median of three: {one:.2f} s for one (cd), {five:.2f} s for five: {five / one:.2f} times as much."
    )


def peers(songs: dict[str, Sound], tools: Path, folder: Path) -> None:
    """The landing of −20.9 LUFS and a range of 9 LU at −14 LUFS / −1 dBTP."""
    found = {name: measure(sound.samples, sound.rate_hz) for name, sound in songs.items()}
    fitting = [n for n in found if found[n]["plr_db"] + PEER_START_LUFS < 0]  # under full scale at the start
    near = sorted(fitting, key=lambda n: abs(found[n]["loudness_range_lu"] - PEER_RANGE_LU))[:3]
    name = max(near, key=lambda n: found[n]["plr_db"])  # of the nearest, the one that needs most limiting
    gain = 10 ** ((PEER_START_LUFS - found[name]["integrated_lufs"]) / 20)
    sound = songs[name].with_samples(songs[name].samples * np.float32(gain))
    start = audio.write(folder / "start.wav", sound, "wav 24-bit")
    reference = folder / "reference.wav"
    record = audio.read(next((REAL / "lyrics").glob("*/song.mp3")))
    audio.write(
        reference, Master(target="spotify").run(Song(mix=record)).masters["master"].sound, "wav 24-bit"
    )
    outs = {side: folder / f"{side}.wav" for side in ("polish", "ffmpeg-normalize", "matchering")}
    python = str(tools / "python")
    works: dict[str, Callable[[], Any]] = {
        "polish": lambda: master(audio.read(start), "spotify", outs["polish"]),
        "ffmpeg-normalize": lambda: subprocess.run(
            [tools / "ffmpeg-normalize", start, "-o", outs["ffmpeg-normalize"], "-f", "-c:a", "pcm_s24le",
             "-t", f"{PEER_LUFS:g}", "-tp", f"{PEER_DBTP:g}"],
            capture_output=True, check=True,
        ),
        "matchering": lambda: subprocess.run(
            [python, "-c", MATCHERING, start, reference, outs["matchering"]], capture_output=True, check=True
        ),
    }  # fmt: skip
    print(
        f"\n## Beside peers\n\n{name}, brought to {PEER_START_LUFS} LUFS; asked for {PEER_LUFS:g} LUFS and "
        f"{PEER_DBTP:g} dBTP. ffmpeg-normalize with its defaults (two passes); matchering with a released "
        "song at −14 LUFS / −1 dBTP as its reference, as it takes no figures.\n\n"
        "| | LUFS | LRA, LU | true peak | rate | length | s | s CPU |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    before = read_by_ffmpeg(start)
    print(f"| before | {before.lufs:.1f} | {before.range_lu:.1f} | {before.dbtp:.1f} | {before.rate_hz} "
          f"| {before.duration_s:.2f} s | | |")  # fmt: skip
    for side, work in works.items():
        facts, took = timed(work)
        read = read_by_ffmpeg(outs[side])
        print(f"| {side} | {read.lufs:.1f} | {read.range_lu:.1f} | {read.dbtp:.1f} | {read.rate_hz} "
              f"| {read.duration_s:.2f} s | {took.wall_s:.1f} | {took.cpu_s:.1f} |", flush=True)  # fmt: skip
        if side == "polish" and facts["reason"]:
            print(f"\npolish says: «{facts['reason']}»")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="of the middle of each draft; all of it by default")
    parser.add_argument("--drafts", help="names, with commas between")
    parser.add_argument("--peers", type=Path, help="the folder with python and ffmpeg-normalize")
    asked = parser.parse_args()
    songs = drafts(asked.seconds, asked.drafts)
    what = f"the middle {asked.seconds:g} s" if asked.seconds else "all"
    print(f"# Landings\n\nOn {processor()}; numpy {np.__version__}; {what} of each of {len(songs)} drafts.")
    first = next(iter(songs.values()))
    Master(target="cd").run(Song(mix=first.cut(0, 5)))  # what is compiled once is compiled
    with tempfile.TemporaryDirectory() as folder:
        table(songs, Path(folder))
        one_and_five(max(songs.values(), key=lambda sound: sound.duration_s))
        if asked.peers:
            peers(drafts(None, None), asked.peers, Path(folder))


if __name__ == "__main__":
    main()
