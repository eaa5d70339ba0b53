"""Seconds that transcription takes: polish against openai-whisper's command line.

    python tests/benchmarks/lyrics.py [--windows 8] [--size small] [--beam]

Both sides run in one go, as commands, with the same weights: a network of Whisper's real size,
set by hand so that it recites a text of fixed length in every window (`reciting_whisper`), over a
hummed voice that fills the windows. Both give word times and do not feed text back. The peer
decodes greedily, as polish does; with ``--beam`` it also runs as it comes, with five beams.
`faster-whisper` must be installed by hand for the row of the extra `fast`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from reciting_whisper import SIZES, dimensions, reciting, saved
from spoken import hummed

from polish import audio
from polish.models import whisper_fast

SAID = " " + "The moon is low over the water tonight, the river runs slowly under the wooden bridge, "
SAID += "somebody opens a window across the street, a radio plays some forgotten summer song, "
SAID += "nobody remembers who wrote those words, children are dancing barefoot between parked cars, "
SAID += "my father keeps every letter inside that yellow box, and morning comes without asking anyone"
PLAIN = "from polish.models import whisper_fast as f; f.installed = lambda: False; "
OURS = "import sys; from polish.cli import main; main(sys.argv[1:])"


def run(command: list[str]) -> tuple[float, float, str]:
    """Wall and CPU seconds of a command, and what it printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu_s, done.stdout


def ours(stems: Path, size: str, first: str) -> tuple[float, float, str]:
    command = [sys.executable, "-c", first + OURS, "lyrics", str(stems), "--engine", f"whisper-{size}",
               "--language", "en", "--json"]  # fmt: skip
    wall_s, cpu_s, out = run(command)
    return wall_s, cpu_s, " ".join(line["text"] for line in json.loads(out)["lines"])


def peer(stems: Path, weights: Path, out: Path, beams: str) -> tuple[float, float, str]:
    command = [sys.executable, "-m", "whisper", str(stems / "vocals.wav"), "--model", str(weights),
               "--language", "en", "--word_timestamps", "True", "--condition_on_previous_text", "False",
               "--fp16", "False", "--beam_size", beams, "--best_of", beams, "--output_format", "json",
               "--output_dir", str(out), "--verbose", "False"]  # fmt: skip
    wall_s, cpu_s, _ = run(command)
    return wall_s, cpu_s, json.loads((out / "vocals.json").read_text(encoding="utf-8"))["text"]


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--windows", type=int, default=8)
    asked.add_argument("--size", choices=list(SIZES), default="small")
    asked.add_argument("--beam", action="store_true")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        os.environ["POLISH_MODELS"], os.environ["HF_HUB_OFFLINE"] = str(room / "models"), "1"
        weights = saved(reciting(dimensions(*SIZES[given.size]), SAID, seconds=29.0), f"whisper-{given.size}")
        spans = [(30.0 * number + 0.5, 30.0 * number + 26.0) for number in range(given.windows)]
        voice = hummed(spans, 30.0 * given.windows)
        audio.write(room / "stems" / "vocals.wav", voice)
        rows = {"openai-whisper, greedy": peer(room / "stems", weights, room, "None")}
        if given.beam:
            rows["openai-whisper, five beams"] = peer(room / "stems", weights, room, "5")
        rows["polish"] = ours(room / "stems", given.size, PLAIN)
        if whisper_fast.installed():
            ours(room / "stems", given.size, "")  # converts the weights, once
            rows["polish, faster-whisper installed"] = ours(room / "stems", given.size, "")
    first_wall_s, first_cpu_s, _ = rows["openai-whisper, greedy"]
    print(f"\n{given.size}, {30 * given.windows} s of voice, {os.cpu_count()} cores; {versions()}\n")
    print("| | wall s | CPU s | ratio, wall | ratio, CPU | words |\n|---|---|---|---|---|---|")
    for name, (wall_s, cpu_s, text) in rows.items():
        print(
            f"| {name} | {wall_s:.1f} | {cpu_s:.1f} | {first_wall_s / wall_s:.2f} | "
            f"{first_cpu_s / cpu_s:.2f} | {len(text.split())} |"
        )


def versions() -> str:
    found = []
    for name in ("openai-whisper", "torch", "faster-whisper", "ctranslate2"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    main()
