"""`polish separate` over many files: a folder each, one engine, and no song that stops another."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import small_demucs
import soundfile
import sounds
from peak_memory import IMPORT
from typed import Type

from polish import audio, recipe, run
from polish.audio import Sound, scratching
from polish.deliver.stems import Stems
from polish.models.separation import BuiltinSeparator
from polish.run import folder
from polish.song import Song

NAMES = {"drums.wav", "bass.wav", "other.wav", "vocals.wav"}


def song(path: Path, seconds: float = 0.5, level: float = 0.1) -> Path:
    return audio.write(path, sounds.noise(seconds, level), "wav 24-bit")


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_each_song_gets_a_folder_of_its_title(type_: Type, tmp_path: Path):
    given = [song(tmp_path / "a" / "One.wav"), song(tmp_path / "b" / "One.wav"), song(tmp_path / "Two.wav")]
    said = type_("separate", *given, "-o", tmp_path / "out", "--model", "builtin", "--json")
    assert said.code == 0, said.err
    assert [row["file"] for row in said.json] == [str(path) for path in given]
    assert files(tmp_path / "out") == {f"{t}/{name}" for t in ("One", "One (2)", "Two") for name in NAMES}


def test_a_folder_of_songs_is_many_even_with_one_in_it(type_: Type, tmp_path: Path):
    song(tmp_path / "songs" / "One.wav")
    said = type_(
        "separate", tmp_path / "songs", "-o", tmp_path / "out", "--model", "builtin", "--stems", "bass"
    )
    assert said.code == 0, said.err
    assert files(tmp_path / "out") == {"One/bass.wav", "One/accompaniment.wav"}
    assert "energy %" in said.out


def test_a_song_that_cannot_be_used_stops_no_other(type_: Type, tmp_path: Path):
    good = song(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("la la la")
    five = audio.write(tmp_path / "five.wav", sounds.noise(0.3, channels=6), "wav 24-bit")
    given = (tmp_path / "text.wav", five, good)
    said = type_("separate", *given, "-o", tmp_path / "out", "--model", "builtin", "--json")
    assert said.code == 6
    assert [row.get("exit_code", 0) for row in said.json] == [3, 3, 0]
    assert "text.wav" in said.err
    assert "-ac 2" in said.err
    assert "2 of 3 songs failed" in said.err
    assert files(tmp_path / "out") == {f"good/{name}" for name in NAMES}


def test_no_room_for_the_stems_is_seen_before_any_work(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def working(*_: object, **__: object) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(BuiltinSeparator, "separate", working)
    monkeypatch.setattr(folder.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    said = type_("separate", song(tmp_path / "x.wav"), "-o", tmp_path / "out", "--model", "builtin")
    assert said.code == 5
    assert "the disk is full" in said.err
    assert "another folder with -o" in said.err
    assert not (tmp_path / "out").exists()


def test_room_to_work_in_counts_for_long_songs(type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, nbytes = song(tmp_path / "x.wav", 2.0), 2 * 88_200 * 4
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 100_000)
    monkeypatch.setattr(folder.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 4 * nbytes}))
    said = type_("separate", path, "-o", tmp_path / "out", "--model", "builtin")
    assert said.code == 5
    assert "the disk is full" in said.err


def test_a_long_song_is_separated_on_the_disk_into_the_same_files(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = song(tmp_path / "x.wav", 2.0)
    made = []
    for most in (1 << 30, 100_000):
        monkeypatch.setattr(scratching, "MOST_IN_MEMORY", most)
        said = type_("separate", path, "-o", tmp_path / str(most), "--model", "builtin", "--residual", "keep")
        assert said.code == 0, said.err
        made.append({file.name: file.read_bytes() for file in (tmp_path / str(most)).iterdir()})
    assert set(made[0]) == NAMES | {"residual.wav"}
    assert made[0] == made[1]


AROUND_THE_NETWORK = f"""{IMPORT}
import numpy as np
from polish.cli import main
from polish.models import demucs
from polish.models.demixing import apply

def made(network, heard, spans, kind):
    one = np.linspace(-0.1, 0.1, spans[0].count, dtype=np.float32)
    return np.broadcast_to(one, (len(spans), len(network.sources), 2, spans[0].count))

demucs.segments = apply.segments = made
try:
    main()
finally:
    print(peak_mb())
"""
"""`polish separate` without what the network works out; at the end the most memory it had, in MB."""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted in another way")
def test_ten_times_the_length_needs_no_more_memory(tmp_path: Path):
    small_demucs.install(
        "htdemucs", tmp_path / "models", settings={**small_demucs.SMALL_HT, "segment": Fraction(39, 5)}
    )
    minute, peaks = sounds.noise(60.0).samples.T, []
    for minutes in (3, 30):
        with soundfile.SoundFile(tmp_path / "x.wav", "w", 44_100, 2, "PCM_16") as file:
            for _ in range(minutes):
                file.write(minute)
        asked = ("separate", "x.wav", "-o", "out", "--model", "htdemucs", "--offline", "--mode", "exact")
        done = subprocess.run(
            [sys.executable, "-c", AROUND_THE_NETWORK, *asked], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "POLISH_MODELS": str(tmp_path / "models")}, check=True,
        )  # fmt: skip
        peaks.append(float(done.stdout.split()[-1]))
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 600


def test_a_song_is_never_written_over(type_: Type, tmp_path: Path):
    path = song(tmp_path / "vocals.wav")
    before = path.read_bytes()
    said = type_("separate", path, "-o", tmp_path, "--model", "builtin")
    assert said.code == 2
    assert "would be written over" in said.err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "wav 7-bit"), "--format"),
        (("--mode", "quick"), "'auto', 'exact', 'fast'"),
        (("--shifts", "-1"), "x>=0"),
        (("--model", "spleeter"), "no separator is called 'spleeter'"),
        (("--stems", "guitar", "--model", "builtin"), "there is no stem 'guitar'"),
    ],
)
def test_what_is_not_offered_ends_with_2(type_: Type, tmp_path: Path, arguments: tuple[str, ...], words: str):
    said = type_("separate", song(tmp_path / "x.wav"), "-o", tmp_path / "out", *arguments)
    assert said.code == 2, said.err
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_the_built_in_engine_says_that_modes_and_shifts_change_nothing(type_: Type, tmp_path: Path):
    asked = ("--model", "builtin", "--mode", "exact", "--shifts", 3, "--json")
    said = type_("separate", song(tmp_path / "x.wav"), "-o", tmp_path / "out", *asked)
    assert said.code == 0, said.err
    assert (said.json["mode"], said.json["shifts"]) == (None, 0)
    assert "one way only" in said.err
    assert "shifts change nothing" in said.err


@pytest.mark.parametrize(("format", "suffix"), [("wav 16-bit", ".wav"), ("flac 16-bit", ".flac")])
def test_16_bits_are_written_when_asked_for(type_: Type, tmp_path: Path, format: str, suffix: str):
    said = type_(
        "separate", song(tmp_path / "x.wav"), "-o", tmp_path / "out", "--model", "builtin", "--format", format
    )
    assert said.code == 0, said.err
    for file in (tmp_path / "out").iterdir():
        probe = audio.probe(file)
        assert (file.suffix, probe.bits) == (suffix, 16)


def test_stems_are_all_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from polish.errors import OutputError

    write = audio.write

    def full(path: Path, sound: Sound, *more: object, **named: object) -> Path:
        if "vocals" in path.name:
            raise OutputError("cannot be written: the disk is full", where=path)
        return write(path, sound, *more, **named)

    stems = sounds.band(0.5)
    old = write(tmp_path / "out" / "drums.wav", sounds.noise(0.2), "wav 24-bit").read_bytes()
    monkeypatch.setattr(audio, "write", full)
    for target in (tmp_path / "out", tmp_path / "new" / "deep"):
        with pytest.raises(OutputError, match="the disk is full") as caught:
            Stems().write_into(Song(stems=stems, mix=sounds.total(stems)), target)
        assert caught.value.where == str(target / "vocals.wav")
    assert files(tmp_path) == {"out/drums.wav"}
    assert (tmp_path / "out" / "drums.wav").read_bytes() == old
    assert not (tmp_path / "new").exists()


def test_a_run_leaves_stems_that_null_against_the_draft(tmp_path: Path):
    draft = audio.write(tmp_path / "draft.wav", sounds.total(sounds.band(4.0)), "wav 24-bit")
    steps = tmp_path / "stems.yaml"
    steps.write_text(
        "polish: 1\nsteps:\n  - separate: {model: builtin, residual: keep}\n"
        "deliver:\n  - stems: {format: wav 24-bit}\n"
    )
    done = run.run(steps, draft, out=tmp_path / "out")
    stems = [audio.read(path).samples for path in (done.folder / "stems").iterdir()]
    assert len(stems) == 5
    assert np.abs(sum(stems) - audio.read(draft).samples).max() <= 1e-6


def test_a_run_that_cleans_leaves_stems_that_null_against_the_draft_with_what_it_removed(tmp_path: Path):
    band = sounds.band(8.0)
    hum = sum(sounds.sine(50.0 * k, 8.0, 0.03 / k).samples for k in (1, 2, 3))
    mix = Sound(sounds.total(band).samples + hum, sounds.RATE_HZ)
    draft = audio.write(tmp_path / "draft.wav", mix, "wav 24-bit")
    steps = tmp_path / "stems.yaml"
    steps.write_text(
        "polish: 1\nsteps:\n  - separate: {model: builtin}\n  - clean\n  - mix: {amount: 0 %}\n"
        "deliver:\n  - stems: {format: wav 24-bit, removed: yes}\n"
    )
    done = run.run(steps, draft, out=tmp_path / "out")
    stems = {path.stem: audio.read(path).samples for path in (done.folder / "stems").iterdir()}
    left = audio.read(draft).samples.astype(float) - sum(stems.values())
    assert 20 * np.log10(np.abs(left).max()) <= -120
    assert np.abs(stems["removed"]).max() > 0.001, "cleaning did nothing: the test is empty"
    (stated,) = (each["facts"] for each in done.facts["deliveries"] if each["delivery"] == "stems")
    assert stated["sum_to_draft_error_dbfs"] <= -120
    assert stated["sum_to_mix_error_dbfs"] <= -120
    assert any("removed holds what was taken out of the draft" in said for said in done.facts["notices"])


def test_the_daw_gets_what_was_removed_beside_the_stems():
    plan = recipe.check(recipe.load("daw"))
    (stems,) = (each.delivery for each in plan.deliveries if isinstance(each.delivery, Stems))
    assert stems.removed
    assert str(stems.format) == "wav 24-bit"
