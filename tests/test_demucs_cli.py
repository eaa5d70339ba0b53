"""`polish separate --model htdemucs…` with real weights files: what it does, and what it cannot use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_demucs
import soundfile
import sounds
from typed import Said, Type

from polish import audio
from polish.audio import Sound
from polish.cli import main
from polish.models import store
from polish.models.demixing.networks import BAGS

Separate = Any


@pytest.fixture
def separate(type_: Type, tmp_path: Path) -> Separate:
    """Separate a sound with htdemucs, offline; the stems lie in ``stems``."""

    def run(mix: Sound, *more: object, model: str = "htdemucs") -> Said:
        path = audio.write(tmp_path / "mix.wav", mix, "wav 32-float")
        return type_(
            "separate", path, "-o", tmp_path / "stems", "--model", model, "--offline", "--json", *more
        )

    return run


def left(tmp_path: Path) -> list[str]:
    """What lies beside the song afterwards."""
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.name != "mix.wav")


def refused(said: Said, code: int, *words: str) -> None:
    assert said.code == code, said.err
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("error:") == 1
    assert len(said.err.strip().splitlines()) <= 4
    for word in words:
        assert word in said.err


def test_shifts_and_their_seed_change_the_stems_and_the_same_seed_gives_the_same(separate: Separate):
    small_demucs.install("htdemucs", store.root())
    made = {}
    for asked in ((), ("--shifts", 2), ("--shifts", 2, "--seed", 1), ("--shifts", 2, "--seed", 0)):
        said = separate(sounds.noise(1.0, 0.01), *asked)
        assert said.code == 0, said.err
        assert said.json["shifts"] == (2 if asked else 0)
        made[asked] = Path(said.json["files"][0]).read_bytes()
    assert len(set(made.values())) == 3
    assert made["--shifts", 2] == made["--shifts", 2, "--seed", 0]


def test_modes_are_stated_and_fast_says_how_far_it_is_from_exact(separate: Separate):
    small_demucs.install("htdemucs", store.root())
    mix = sounds.noise(1.0, 0.01)
    exact, fast, either = (separate(mix, "--mode", mode) for mode in ("exact", "fast", "auto"))
    assert (exact.json["mode"], exact.json["snr_db"]) == ("exact", None)
    assert fast.json["mode"] == "fast" or "worked in mode exact" in fast.err
    assert fast.json["snr_db"] is None or fast.json["snr_db"] > 60
    assert either.json["mode"] in ("exact", "fast")


@pytest.mark.parametrize(
    ("kind", "mix"),
    {
        "one sample": Sound(np.full((2, 1), 0.5, np.float32), 44_100),
        "shorter than a segment": sounds.noise(0.1, 0.01),
        "silence": sounds.silence(0.3),
        "mono at 8 kHz": sounds.noise(0.3, 0.01, channels=1, rate_hz=8_000),
    }.items(),
)
def test_what_can_be_separated_is(separate: Separate, kind: str, mix: Sound):
    small_demucs.install("htdemucs", store.root())
    said = separate(mix, "--format", "wav 32-float")
    assert said.code == 0, said.err
    read = [soundfile.read(file, dtype="float32", always_2d=True) for file in said.json["files"]]
    assert {rate_hz for _, rate_hz in read} == {mix.rate_hz}
    total = np.sum([samples for samples, _ in read], axis=0)
    assert np.abs(total - mix.samples.T).max() <= 1e-6
    if kind == "silence":
        assert not total.any()
        assert said.json["residual_dbfs"] is None


def test_many_songs_need_the_network_loaded_once(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from polish.models.demixing import networks

    small_demucs.install("htdemucs", store.root())
    loaded: list[Path] = []
    build = networks._built
    monkeypatch.setattr(networks, "_built", lambda path: loaded.append(path) or build(path))
    songs = [
        audio.write(tmp_path / f"{k}.wav", sounds.noise(0.3, 0.01, seed=k), "wav 24-bit") for k in range(3)
    ]
    said = type_("separate", *songs, "-o", tmp_path / "stems", "--model", "htdemucs", "--json")
    assert said.code == 0, said.err
    assert [row["engine"] for row in said.json] == ["htdemucs"] * 3
    assert len(loaded) == 1


def test_six_stems_and_only_some_of_them(separate: Separate):
    small_demucs.install("htdemucs_6s", store.root())
    said = separate(sounds.noise(0.5, 0.01), "--stems", "piano,guitar", model="htdemucs_6s")
    assert [Path(file).stem for file in said.json["files"]] == ["guitar", "piano"]
    assert said.json["residual_dbfs"] is None


def test_surround_is_refused_with_the_way_out(separate: Separate, tmp_path: Path):
    small_demucs.install("htdemucs", store.root())
    refused(separate(sounds.noise(0.3, channels=6)), 3, "6 channels", "-ac 2")
    assert left(tmp_path) == []


def test_no_number_is_refused(separate: Separate, tmp_path: Path, type_: Type):
    samples = sounds.noise(0.3).samples.T.copy()
    samples[1000] = np.nan
    path = tmp_path / "mix.wav"
    soundfile.write(path, samples, 44_100, subtype="FLOAT")
    refused(type_("separate", path, "-o", tmp_path / "stems"), 3, "not a number", "mix.wav")
    assert left(tmp_path) == []


def test_a_stem_it_does_not_make_is_refused_before_any_work(separate: Separate, tmp_path: Path):
    small_demucs.install("htdemucs", store.root())
    refused(separate(sounds.noise(0.3), "--stems", "guitar"), 2, "no stem 'guitar'", "htdemucs_6s")
    assert left(tmp_path) == []


def test_absent_weights_end_with_the_command_that_fetches_them(separate: Separate, tmp_path: Path):
    refused(separate(sounds.noise(0.2), model="htdemucs_ft"), 4, "polish models fetch htdemucs_ft")
    assert left(tmp_path) == []


def test_without_a_network_a_named_engine_is_refused_and_auto_goes_on(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # it would be kept, with this proxy
    store._reachable.cache_clear()
    path = audio.write(tmp_path / "mix.wav", sounds.noise(0.3), "wav 24-bit")
    refused(
        type_("separate", path, "-o", tmp_path / "stems", "--model", "htdemucs"), 4,
        "the weights of htdemucs are not here", "polish models fetch htdemucs",
    )  # fmt: skip
    assert left(tmp_path) == []
    said = type_("separate", path, "-o", tmp_path / "stems", "--json")
    assert said.code == 0, said.err
    assert said.json["engine"] == "builtin"
    assert "the weights of htdemucs are not here" in said.err
    store._reachable.cache_clear()


WRONG = {
    "other sources": (
        lambda: small_demucs.network("HTDemucs", ("voice", "rest"), small_demucs.SMALL_HT, 0),
        "it makes voice, rest, not drums, bass, other, vocals",
    ),
    "another size": (
        lambda: small_demucs.network(
            "HTDemucs", BAGS["htdemucs"].sources, {**small_demucs.SMALL_HT, "audio_channels": 1}, 0
        ),
        "it hears 1 channels, not 2",
    ),
}


@pytest.mark.parametrize("kind", [*WRONG, "another architecture", "no safetensors", "half of it"])
def test_weights_that_do_not_fit_are_refused_with_the_reason(separate: Separate, tmp_path: Path, kind: str):
    target = store.root() / "htdemucs" / "955717e8.safetensors"
    target.parent.mkdir(parents=True)
    words = "not a whole safetensors file"
    if kind in WRONG:
        make, words = WRONG[kind]
        small_demucs.save(make(), target)
    elif kind == "another architecture":
        from safetensors.numpy import save_file

        save_file({"w": np.zeros(3, np.float32)}, str(target), metadata={"klass": "other.Net"})
        words = "it holds other.Net, not a Demucs"
    elif kind == "no safetensors":
        target.write_bytes(b"<html>not found</html>")
    else:
        [_] = small_demucs.install("htdemucs", store.root())
        target.write_bytes(target.read_bytes()[:-1000])
    refused(separate(sounds.noise(0.3, 0.01)), 4, words, "955717e8.safetensors")
    assert left(tmp_path) == []


@pytest.mark.parametrize("set_by_user", [None, "77"])
def test_waiting_threads_rest_soon_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, set_by_user: str | None
):
    monkeypatch.setenv("GOMP_SPINCOUNT", "")  # so that it is put back
    monkeypatch.delenv("GOMP_SPINCOUNT")
    if set_by_user:
        monkeypatch.setenv("GOMP_SPINCOUNT", set_by_user)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["GOMP_SPINCOUNT"] == (set_by_user or "10000")
