"""A folder of stems: names as people write them, and a sum that is the song."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish import audio
from polish.audio import Sound
from polish.audio.stem_names import stem_names
from polish.audio.stems import stem_folder
from polish.errors import BadInput
from polish.song import Song


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["vocals", "drums", "bass", "other"], ["vocals", "drums", "bass", "other"]),
        (
            ["0 Lead Vocals", "1 Backing Vocals", "2 Drums", "3 Bass", "10 FX", "11 Keyboard"],
            ["lead_vocals", "backing_vocals", "drums", "bass", "fx", "keys"],
        ),
        (["01 Song - Vocals", "02 Song - Bass Guitar", "Song"], ["vocals", "bass", "mix"]),
        (["1_Bass Drop_(Vocals)", "1_Bass Drop_(Instrumental)"], ["vocals", "instrumental"]),
        (["Bass Drop", "Bass Drop (Drums)", "Bass Drop (Vox)"], ["bass", "drums", "vocals"]),
        (["My Song-LeadVox", "My Song-BGVs", "My Song-Gtr"], ["lead_vocals", "backing_vocals", "guitar"]),
        (["a_vocals_by_x", "a_drum_by_x", "a_no_vocals_by_x"], ["vocals", "drums", "instrumental"]),
        (["song_percussion", "song_strings", "song_horns"], ["percussion", "strings", "brass"]),
        (["Theremin", "01 Glass Harp", "Full Mix"], ["theremin", "glass_harp", "mix"]),
        (["Acoustic Guitar", "E-Guitar", "Pno"], ["acoustic_guitar", "electric_guitar", "piano"]),
        (["guitar 1", "guitar 2"], ["guitar", "guitar"]),
        (["ボーカル", "DRUMS"], ["ボーカル", "drums"]),
        (["Vocals"], ["vocals"]),
    ],
)  # fmt: skip
def test_names_are_read_as_people_write_them(files, names) -> None:
    assert stem_names(files) == names


def test_stems_are_read_and_sum_to_the_mix(tmp_path) -> None:
    band = sounds.band(2.0)
    for name, stem in band.items():
        audio.write(tmp_path / f"01 Song - {name.title()}.wav", stem, "wav 32-float")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "._01 Song - Vocals.wav").write_bytes(b"\0\5\x16\7")
    stems = audio.read_stems(tmp_path)
    assert set(stems) == set(band)
    assert all(np.array_equal(stems[name].samples, band[name].samples) for name in band)
    song = Song.read(tmp_path)
    assert np.abs(song.mix.samples - sounds.total(band).samples).max() < 1e-6


def test_a_mix_or_a_sum_beside_the_stems_is_not_counted_twice(tmp_path) -> None:
    band = sounds.band(2.0)
    for name, stem in band.items():
        audio.write(tmp_path / f"{name}.wav", stem)
    audio.write(tmp_path / "mix.wav", sounds.total(band))
    audio.write(tmp_path / "something.mp3", sounds.total(band), "mp3 192k")
    quiet = {name: stem for name, stem in band.items() if name != "vocals"}
    audio.write(tmp_path / "instrumental.m4a", sounds.total(quiet), "m4a 256k")
    found = stem_folder(tmp_path)
    assert set(found.stems) == set(band)
    assert {path.name for path in found.left_out} == {"mix.wav", "something.mp3", "instrumental.m4a"}
    assert "sum of" in found.left_out[tmp_path / "something.mp3"]


def test_what_was_left_out_or_padded_is_said(tmp_path) -> None:
    band = sounds.band(2.0)
    for name, stem in band.items():
        audio.write(tmp_path / f"{name}.wav", stem.cut(0, 1.5) if name == "bass" else stem)
    audio.write(tmp_path / "mix.wav", sounds.total(band))
    assert Song.read(tmp_path).notices == (
        "mix.wav is left out: it is a mix, not a stem",
        "bass ends 0.50 s before the longest stem, and is silent from there on",
    )


def test_vocals_beside_their_parts_are_not_counted_twice(tmp_path) -> None:
    lead, backing = sounds.sine(440), sounds.sine(550)
    parts = {
        "Lead Vocals": lead,
        "BGV": backing,
        "Vocals": audio.add([lead, backing]),
        "Drums": sounds.noise(1.0),
    }
    for name, sound in parts.items():
        audio.write(tmp_path / f"{name}.wav", sound)
    assert set(audio.read_stems(tmp_path)) == {"lead_vocals", "backing_vocals", "drums"}


def test_silent_and_double_stems_are_kept(tmp_path) -> None:
    for name, sound in {"vocals": sounds.sine(), "drums": sounds.silence(), "bass": sounds.silence()}.items():
        audio.write(tmp_path / f"{name}.wav", sound)
    assert set(audio.read_stems(tmp_path)) == {"vocals", "drums", "bass"}


def test_vocals_and_instrumental_are_both_stems(tmp_path) -> None:
    audio.write(tmp_path / "Song (Vocals).wav", sounds.sine(440))
    audio.write(tmp_path / "Song (Instrumental).wav", sounds.noise(1.0))
    assert set(audio.read_stems(tmp_path)) == {"vocals", "instrumental"}


def test_short_stems_are_padded_with_silence(tmp_path) -> None:
    audio.write(tmp_path / "vocals.wav", sounds.sine(seconds=2.0))
    audio.write(tmp_path / "drums.wav", sounds.noise(0.5))
    found = stem_folder(tmp_path)
    assert {stem.frames for stem in found.stems.values()} == {88_200}
    assert found.padded_s == {"drums": pytest.approx(1.5)}
    assert not found.stems["drums"].samples[:, 22_050:].any()
    assert found.stems["drums"].samples[:, :22_050].any()


def test_names_that_meet_get_numbers(tmp_path) -> None:
    for number in (1, 2, 10):
        audio.write(tmp_path / f"Guitar {number}.wav", sounds.noise(0.1, seed=number))
    assert list(audio.read_stems(tmp_path)) == ["guitar", "guitar_2", "guitar_3"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (sounds.noise(0.2, rate_hz=48_000), "bass.wav has 48000 Hz and drums.wav 44100"),
        (sounds.noise(0.2, channels=1), "bass.wav has 1 channels and drums.wav 2"),
    ],
)
def test_stems_that_do_not_go_together_are_named(tmp_path, other: Sound, words) -> None:
    audio.write(tmp_path / "drums.wav", sounds.noise(0.2))
    audio.write(tmp_path / "bass.wav", other)
    with pytest.raises(BadInput, match=words):
        audio.read_stems(tmp_path)


def test_folders_without_stems_are_refused(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "lyrics.txt").write_text("la")
    (tmp_path / "mixed").mkdir()
    audio.write(tmp_path / "mixed" / "mix.wav", sounds.noise(0.1))
    for folder, words in (("empty", "no sound files"), ("mixed", "only a mix"), ("gone", "no such folder")):
        with pytest.raises(BadInput, match=words):
            audio.read_stems(tmp_path / folder)


def test_one_bad_stem_is_named(tmp_path) -> None:
    audio.write(tmp_path / "drums.wav", sounds.noise(0.2))
    (tmp_path / "bass.wav").write_bytes(b"")
    with pytest.raises(BadInput, match="the file is empty") as caught:
        audio.read_stems(tmp_path)
    assert caught.value.where.endswith("bass.wav")


@pytest.mark.real
def test_real_stems_are_read(real) -> None:
    found = stem_folder(real / "stems" / "so-easy")
    assert set(found.stems) == {"vocals", "instrumental"}
    assert [path.stem for path in found.left_out] == ["mix"]
