"""`polish separate --model htdemucs` with real weights files, from the command line to the written stems."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import small_demucs
import soundfile
import sounds

from polish import audio


def separate(mix: Path, out: Path, models: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "polish",
        "separate",
        str(mix),
        "-o",
        str(out),
        "--offline",
        "--json",
        *more,
    ]
    environment = {**os.environ, "POLISH_MODELS": str(models)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_stems_on_disk_null_against_the_file_they_came_from(tmp_path: Path):
    small_demucs.install("htdemucs", tmp_path / "models")
    mix = sounds.noise(1.0, 0.2, rate_hz=48_000)
    path = audio.write(tmp_path / "mix.wav", mix, "wav 32-float")
    done = separate(
        path, tmp_path / "stems", tmp_path / "models", "--model", "htdemucs", "--format", "wav 32-float"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "htdemucs"
    read = [soundfile.read(file, dtype="float64") for file in sorted((tmp_path / "stems").glob("*.wav"))]
    assert len(read) == 4
    assert {rate_hz for _, rate_hz in read} == {48_000}
    total = np.sum([samples for samples, _ in read], axis=0)
    assert np.abs(total - mix.samples.T).max() <= 1e-6


def test_absent_weights_end_with_exit_code_four_and_the_command_that_fetches_them(tmp_path: Path):
    path = audio.write(tmp_path / "mix.wav", sounds.noise(0.2), "wav 24-bit")
    done = separate(path, tmp_path / "stems", tmp_path / "models", "--model", "htdemucs_ft")
    assert done.returncode == 4
    assert "polish models fetch htdemucs_ft" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stems").exists()
