"""Bad input loses nothing: the right exit code, one clear message, nothing half-written.

What can sensibly be processed (mono, silence, over full scale, one sample) is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from typed import Type

from polish import audio
from polish.audio import Sound

Make = Callable[[Path], Path]


def write(folder: Path, samples: np.ndarray, rate_hz: int = 44_100, name: str = "x.wav", **how: str) -> Path:
    path = folder / name
    soundfile.write(path, samples, rate_hz, **how)
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def raw(folder: Path, content: bytes, name: str = "x.wav") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def noise(seconds: float = 2.0) -> np.ndarray:
    return sounds.noise(seconds).samples.T


def with_nan(value: float) -> np.ndarray:
    samples = noise().copy()
    samples[1000:1003] = value
    return samples


UNUSABLE: dict[str, tuple[Make, str]] = {
    "missing": (lambda d: d / "no.wav", "no such file|does not exist|not found"),
    "empty": (lambda d: raw(d, b""), "empty"),
    "header only": (lambda d: cut(write(d, noise()), 0.0001), "."),
    "no frames": (lambda d: write(d, np.zeros((0, 2))), "no |empty"),
    "text renamed": (lambda d: raw(d, b"la la la\n" * 100), "not a sound|no sound"),
    "truncated wav": (lambda d: cut(write(d, noise())), r"promises|announces|cut|broken|truncated"),
    "truncated flac": (
        lambda d: cut(write(d, noise(), name="x.flac")),
        "promises|announces|cut|broken|truncated",
    ),
    "NaN": (lambda d: write(d, with_nan(np.nan), subtype="FLOAT"), "not a number|NaN|not numbers"),
    "infinity": (lambda d: write(d, with_nan(np.inf), subtype="FLOAT"), "infinit|not a number|not numbers"),
    "an empty folder": (lambda d: d, "no sound|no stem"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
@pytest.mark.parametrize("command", ["measure", "run"])
def test_what_cannot_be_used_ends_with_3_and_says_why(
    type_: Type, tmp_path: Path, kind: str, command: str
) -> None:
    if kind == "an empty folder" and command == "measure":
        pytest.skip("measure takes files")
    make, words = UNUSABLE[kind]
    folder = tmp_path / "in"
    folder.mkdir()
    bad, out = make(folder), tmp_path / "out"
    said = type_("measure", bad) if command == "measure" else type_("run", "loudness", bad, "-o", out)
    assert said.code == 3, said.err
    assert said.out == ""
    message = said.err.strip()
    assert "Traceback" not in message
    assert message.count("error:") == 1
    assert len(message.splitlines()) <= 4
    assert bad.name in message
    assert re.search(words, message, re.IGNORECASE), message
    assert [path for path in out.rglob("*") if path.is_file() and path.parent.name != ".polish"] == []


USABLE: dict[str, Make] = {
    "mono": lambda d: write(d, noise()[:, :1]),
    "silence": lambda d: write(d, np.zeros((88_200, 2))),
    "one sample": lambda d: write(d, np.full((1, 2), 0.5)),
    "DC": lambda d: write(d, np.full((88_200, 2), 0.25)),
    "5.1": lambda d: write(d, np.tile(noise()[:, :1], 6), subtype="PCM_24"),
    "8 kHz": lambda d: write(d, noise()[:16_000], 8000),
    "192 kHz": lambda d: write(d, sounds.noise(2, rate_hz=192_000).samples.T, 192_000),
    "8 bits": lambda d: write(d, noise(), subtype="PCM_U8"),
    "float64 over full scale": lambda d: write(d, 20 * noise(), subtype="DOUBLE"),
    "wrong extension": lambda d: write(d, noise(), name="y.flac").rename(d / "y.wav"),
    "a unicode name": lambda d: write(d, noise(), name="Für Élise – 夢 🎵.wav"),
    "a newline in the name": lambda d: write(d, noise(), name="two\nlines.wav"),
    "a name like an option": lambda d: write(d, noise(), name="-o.wav"),
}


@pytest.mark.parametrize("kind", USABLE)
def test_what_can_sensibly_be_processed_is(type_: Type, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    draft = USABLE[kind](folder)
    said = type_("run", "loudness", draft, "-o", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    facts = said.json
    [master] = facts["masters"]
    before, after = audio.read(draft), audio.read(Path(facts["folder"]) / master["file"])
    assert (after.frames, after.rate_hz, after.channels) == (before.frames, before.rate_hz, before.channels)
    assert np.isfinite(after.samples).all()
    if before.silent:
        assert after.silent
        assert "silent" in master["reason"]
    elif master["measured"]["true_peak_dbtp"] is not None:
        assert master["measured"]["true_peak_dbtp"] <= -0.95


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_ends_with_3(type_: Type, tmp_path: Path) -> None:
    path = write(tmp_path, noise())
    path.chmod(0)
    assert type_("measure", path).code == 3


def test_an_output_folder_that_is_a_file_is_refused_before_any_work(type_: Type, tmp_path: Path) -> None:
    draft = write(tmp_path, noise())
    blocked = raw(tmp_path, b"mine", "out")
    said = type_("run", "loudness", draft, "-o", blocked)
    assert said.code in (2, 5), said.err
    assert blocked.read_bytes() == b"mine"
    assert "Traceback" not in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on file sizes")
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    draft = audio.write(tmp_path / "draft.wav", sounds.total(sounds.band(4.0)), "wav 16-bit")
    out = tmp_path / "out"
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from polish.cli import main\n"
        "import polish.run, polish.stages.master, numba\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        f"main(['run', 'loudness', {str(draft)!r}, '-o', {str(out)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    left = [path.name for path in out.rglob("*") if path.is_file()]
    assert not [name for name in left if name.startswith(".part-") or name.endswith(".wav")]


def test_a_folder_of_stems_is_as_good_as_a_mix(type_: Type, tmp_path: Path) -> None:
    stems = sounds.band(4.0)
    for name, stem in stems.items():
        audio.write(tmp_path / "My Song" / f"{name}.wav", stem, "wav 24-bit")
    said = type_("run", "loudness", tmp_path / "My Song", "-o", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    assert said.json["title"] == "My Song"


def test_stems_of_different_rates_are_refused_with_both_names(type_: Type, tmp_path: Path) -> None:
    audio.write(tmp_path / "s" / "vocals.wav", sounds.noise(1), "wav 24-bit")
    audio.write(tmp_path / "s" / "drums.wav", Sound(sounds.noise(1).samples, 48_000), "wav 24-bit")
    said = type_("run", "loudness", tmp_path / "s", "-o", tmp_path / "out")
    assert said.code == 3
    assert "vocals" in said.err
    assert "drums" in said.err
