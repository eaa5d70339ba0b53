"""Stems as written add up to the file they came from: every engine, rate, depth, DC, over full scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_demucs
import soundfile
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from typed import Type

from polish import audio
from polish.audio import Sound
from polish.dsp.residual import share_residual

ENOUGH_DBFS = -120
ENGINES = {"builtin": 4, "htdemucs": 4, "htdemucs_ft": 4, "htdemucs_6s": 6, "hdemucs_mmi": 4}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a small network of every name."""
    folder = tmp_path_factory.mktemp("models")
    for name in ENGINES:
        if name != "builtin":
            small_demucs.install(name, folder)
    return folder


@pytest.fixture(autouse=True)
def _weights(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLISH_MODELS", str(networks))


def mix_of(kind: str, rate_hz: int, channels: int, level: float = 0.1) -> Sound:
    plain = sounds.noise(0.8, level, rate_hz=rate_hz, channels=channels, pink=True).samples
    if kind == "DC":
        plain = plain + np.float32(0.05)
    if kind == "over":
        plain = plain * np.float32(2 / np.abs(plain).max())
    return Sound(plain, rate_hz)


def null_dbfs(mix: Path, stems: list[Path]) -> float:
    """The peak of what is left when the files are subtracted from the file, read by nothing of ours."""
    left, rate_hz = soundfile.read(mix, dtype="float64", always_2d=True)
    for stem in stems:
        samples, stem_rate_hz = soundfile.read(stem, dtype="float64", always_2d=True)
        assert (stem_rate_hz, samples.shape) == (rate_hz, left.shape)
        left = left - samples
    return float(20 * np.log10(max(np.abs(left).max(), 1e-12)))


@pytest.mark.parametrize(
    "case",
    [
        ("builtin", "wav 24-bit", 44_100, 2, "plain", "share"),
        ("builtin", "wav 32-float", 96_000, 1, "over", "keep"),
        ("builtin", "flac 24-bit", 48_000, 2, "DC", "share"),
        ("builtin", "wav 24-bit", 32_000, 1, "DC", "share"),
        ("htdemucs", "wav 24-bit", 44_100, 2, "DC", "share"),
        ("htdemucs", "wav 32-float", 48_000, 1, "over", "share"),
        ("htdemucs", "wav 24-bit", 96_000, 2, "plain", "share"),
        ("htdemucs", "flac 24-bit", 32_000, 2, "over", "share"),
        ("htdemucs", "wav 24-bit", 48_000, 1, "DC", "keep"),
        ("htdemucs_6s", "wav 24-bit", 48_000, 2, "DC", "share"),
        ("htdemucs_6s", "wav 24-bit", 32_000, 1, "plain", "keep"),
        ("htdemucs_ft", "wav 24-bit", 44_100, 1, "over", "share"),
        ("hdemucs_mmi", "wav 24-bit", 44_100, 2, "plain", "share"),
    ],
    ids=lambda case: " ".join(map(str, case)),
)
def test_written_stems_null_against_the_file(type_: Type, tmp_path, case):
    engine, format, rate_hz, channels, kind, residual = case
    level = 0.1 if engine == "builtin" else 0.01
    mix = audio.write(tmp_path / "mix.wav", mix_of(kind, rate_hz, channels, level), "wav 32-float")
    asked = ("--model", engine, "--format", format, "--residual", residual, "--offline", "--json")
    said = type_("separate", mix, "-o", tmp_path / "stems", *asked)
    assert said.code == 0, said.err
    files = [Path(file) for file in said.json["files"]]
    assert sorted(files) == sorted((tmp_path / "stems").iterdir())
    assert len(files) == ENGINES[engine] + (residual == "keep")
    assert null_dbfs(mix, files) <= ENOUGH_DBFS
    if kind != "over":
        assert said.json["format"] == format, "what fits is written as asked"


def test_one_stem_and_the_accompaniment_null_against_the_file(type_: Type, tmp_path):
    mix = audio.write(tmp_path / "mix.wav", mix_of("DC", 48_000, 2, 0.01), "wav 24-bit")
    for name in ("vocals", "bass"):
        out = tmp_path / name
        said = type_("separate", mix, "-o", out, "--model", "htdemucs_ft", "--stems", name, "--json")
        assert said.code == 0, said.err
        assert {path.name for path in out.iterdir()} == {f"{name}.wav", "accompaniment.wav"}
        assert null_dbfs(mix, list(out.iterdir())) <= ENOUGH_DBFS


def test_the_same_song_gives_the_same_files(type_: Type, tmp_path):
    mix = audio.write(tmp_path / "mix.wav", mix_of("plain", 44_100, 2, 0.01), "wav 24-bit")
    for out in ("first", "again"):
        said = type_("separate", mix, "-o", tmp_path / out, "--model", "htdemucs", "--json")
        assert said.code == 0, said.err
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@settings(max_examples=25, deadline=None)
@given(
    gains=st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=7),
    offset=st.floats(-0.2, 0.2),
    frames=st.integers(1, 3000),
    rate_hz=st.sampled_from([8_000, 44_100]),
)
def test_whatever_an_engine_leaves_over_24_bit_stems_null(gains, offset, frames, rate_hz):
    rng = np.random.default_rng(0)
    mix = (rng.uniform(-0.5, 0.5, (2, frames)) + offset).astype(np.float32)
    stems = {str(k): (mix * np.float32(gain)).astype(np.float32) for k, gain in enumerate(gains)}
    whole = share_residual(mix, stems, rate_hz)
    left = mix - sum(np.rint(stem.astype(float) * 2**23) / 2**23 for stem in whole.values())
    assert np.abs(left).max() <= 10 ** (ENOUGH_DBFS / 20)
