"""True peaks after lossy codecs: of a master as it is, and of the file that polish delivers.

    python tests/benchmarks/codecs.py SONG… > tests/benchmarks/codecs.md

Of each song 30 s are taken from its middle, and mastered under −1 dBTP: to −14 LUFS as for
streaming, and to −9 LUFS with `dynamics: reach`, which is as dense as masters are. Each master
is encoded as it is, decoded and measured; and delivered, which does the same and then lowers
it by just enough. Encoders and decoders are those of the bundled ffmpeg.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import processor

from polish.audio import ffmpeg, read
from polish.deliver.master import Master as Delivery
from polish.song import Song
from polish.stages.master import Master

FORMATS = (
    "mp3 128k", "mp3 192k", "mp3 320k", "m4a 128k", "m4a 256k",
    "ogg 128k", "ogg 192k", "opus 96k", "opus 160k",
)  # fmt: skip
MASTERS = {-14: Master(loudness=-14, ceiling=-1), -9: Master(loudness=-9, ceiling=-1, dynamics="reach")}
EXCERPT_S = 30.0


@dataclass(frozen=True)
class Case:
    """One master of one song in one format: facts of its delivery."""

    song: str
    loudness: int
    format: str
    facts: dict[str, Any]


def mastered(path: Path) -> dict[int, Song]:
    """The excerpt of a song as a master of each kind."""
    sound = read(path)
    start_s = max(0.0, (sound.duration_s - EXCERPT_S) / 2)
    mix = sound.cut(start_s, start_s + EXCERPT_S)
    return {loudness: stage.run(Song(title=path.stem, mix=mix)) for loudness, stage in MASTERS.items()}


def delivered(path: Path) -> list[Case]:
    """Every master of a song in every format."""
    cases = []
    for loudness, song in mastered(path).items():
        for form in FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                facts = dict(Delivery(format=form).write(song, Path(folder)).facts)
            cases.append(Case(path.stem, loudness, form, facts))
        print(f"{path.stem} at {loudness} LUFS", file=sys.stderr)
    return cases


def row(cases: list[Case]) -> list[str]:
    """A line of the table: all songs in one format."""
    codecs = [case.facts["codec"] for case in cases]
    before = [codec["true_peak_before_dbtp"] for codec in codecs]
    after = [case.facts["measured"]["true_peak_dbtp"] for case in cases]
    lowered = [codec["lowered_db"] for codec in codecs]
    lost = [codec["loudness_lost_lu"] or 0.0 for codec in codecs]
    writes = [codec["writes"] for codec in codecs]
    return [
        cases[0].format, f"{statistics.median(before):+.2f}", f"{max(before):+.2f}",
        f"{sum(peak > 0 for peak in before)} of {len(before)}", f"{max(after):+.2f}",
        f"{sum(peak > 0 for peak in after)} of {len(after)}", f"{max(lowered):.2f}", f"{max(lost):.2f}",
        f"{statistics.mean(writes):.1f}",
    ]  # fmt: skip


HEADER = ["format", "median, dBTP", "highest, dBTP", "over 0 dBTP", "delivered: highest, dBTP", "over 0 dBTP",
          "lowered by at most, dB", "loudness lost at most, LU", "writes a file"]  # fmt: skip


def table(cases: list[Case]) -> str:
    lines = [HEADER, ["---", *["---:"] * (len(HEADER) - 1)]]
    lines += [row([case for case in cases if case.format == form]) for form in FORMATS]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("-", "−").replace("−−−", "---")


def main(songs: list[str]) -> None:
    if not songs:
        sys.exit(__doc__)
    with ThreadPoolExecutor(2) as pool:
        cases = [case for found in pool.map(delivered, map(Path, songs)) for case in found]
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "imageio-ffmpeg"))
    print("# True peaks after lossy codecs\n")
    print(f"`python tests/benchmarks/codecs.py SONG…` over {len(songs)} generated drafts, {EXCERPT_S:.0f} s "
          f"from the middle of each, mastered under −1 dBTP. On {processor()}. "
          f"{packages}; the encoders are those of {Path(ffmpeg.program()).name}.\n")  # fmt: skip
    print("The first columns are the master encoded as it is and decoded again; the «delivered» ones are the "
          "file that `deliver: master` leaves, measured in that file. Loudness lost is that of the file "
          "against the master, what the codec takes by itself with it.\n")  # fmt: skip
    for loudness in MASTERS:
        print(f"## Masters at {loudness} LUFS\n".replace("-", "−"))
        print(table([case for case in cases if case.loudness == loudness]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
