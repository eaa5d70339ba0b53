"""``polish measure``: any file, whatever is wrong with its sound, in memory that does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from peak_memory import IMPORT
from typed import Type

from polish import audio
from polish.dsp.measure import measure

NO_LOUDNESS = {
    "integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu", "plr_db", "psr_db",
    "mono_loss_lu",
}  # fmt: skip
NOTHING = {"true_peak_dbtp", "sample_peak_dbfs", "crest_db", "correlation", "bandwidth_hz", "dc_offset_dbfs"}

ODD: dict[str, tuple[np.ndarray, set[str]]] = {
    "silence": (np.zeros((2, 176_400)), NO_LOUDNESS | NOTHING),
    "one sample": (np.full((2, 1), 0.5), NO_LOUDNESS | {"correlation"}),
    "shorter than 400 ms": (sounds.noise(0.39).samples, NO_LOUDNESS),
    "shorter than 3 s": (sounds.noise(2.9).samples, {"short_term_max_lufs", "loudness_range_lu", "psr_db"}),
    "one channel": (sounds.noise(4, channels=1).samples, {"correlation", "mono_loss_lu"}),
    "left alone": (sounds.noise(4).samples * np.float32([[1], [0]]), {"correlation"}),
    "one channel the other's opposite": (sounds.sine(seconds=4).samples * np.float32([[1], [-1]]),
                                         {"mono_loss_lu", "dc_offset_dbfs"}),
    "over full scale": (30 * sounds.noise(4).samples, set()),
    "twelve channels": (sounds.noise(4, channels=12).samples, set()),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_what_does_not_exist_is_null_and_the_rest_is_there(type_: Type, tmp_path: Path, kind: str) -> None:
    samples, missing = ODD[kind]
    soundfile.write(tmp_path / "x.wav", samples.T, 44_100, subtype="FLOAT")
    said = type_("measure", tmp_path / "x.wav", "--json")
    assert said.code == 0, said.err
    assert {key for key, value in said.json.items() if value is None} == missing


def test_a_file_measures_as_its_samples_do(type_: Type, tmp_path: Path) -> None:
    for format in ("flac 16-bit", "mp3 192k", "m4a 192k"):
        path = audio.write(tmp_path / "song", sounds.total(sounds.band(8)), format)
        said = type_("measure", path, "--json", "--series").json
        sound = audio.read(path)
        assert said == {
            "file": str(path),
            **json.loads(json.dumps(measure(sound.samples, sound.rate_hz, series=True))),
        }


def test_people_read_the_units_and_the_filter(type_: Type, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "song.wav", sounds.noise(4), "wav 24-bit")
    said = type_("measure", path, path)
    for words in ("integrated loudness (LUFS)", "true peak (dBTP)", "loss in mono (LU)", "crest factor (dB)"):
        assert words in said.out
    assert "16-fold" in said.err


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Forty minutes at 8 kHz are 77 MB of samples, and are measured in little more than one minute is."""
    minute = sounds.noise(60, rate_hz=8000, channels=1).samples[0]
    for name, times in (("short.wav", 1), ("long.wav", 40)):
        with soundfile.SoundFile(tmp_path / name, "w", 8000, 1, "PCM_16") as file:
            for _ in range(times):
                file.write(minute)
    code = (
        f"{IMPORT}\nfrom polish.cli.measure import measure_file\n"
        "for path in sys.argv[1:]:\n"
        "    assert measure_file(path)['integrated_lufs'] is not None\n"
        "    print(peak_mb())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    short_mb, long_mb = map(float, said)
    assert long_mb - short_mb < 40
