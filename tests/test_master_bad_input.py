"""`polish master` on what is no song: a reason, the right exit code, and nothing made up."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sounds

from polish import audio
from polish.audio import Sound

SILENT = "silent: no loudness to reach"


def master(type_, tmp_path, sound: Sound, *options: str):
    file = audio.write(tmp_path / "in.wav", sound, "wav 32-float")
    return type_("master", file, "-o", tmp_path / "out.wav", "--json", *options)


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (sounds.silence(2), SILENT),
        (sounds.sine(440, 0.2), "shorter than 400 ms"),
        (sounds.noise(2, 1e-5), "quieter than −70 LUFS"),
        (Sound(np.full((1, 3 * 44_100), 0.25, np.float32), 44_100), SILENT),
    ],
)
def test_what_has_no_loudness_passes_with_a_reason(type_, tmp_path, sound, reason):
    said = master(type_, tmp_path, sound)
    facts = json.loads(said.out)
    assert said.code == 0 and not facts["reached"] and reason in facts["reason"]
    back = audio.read(tmp_path / "out.wav")
    assert back.samples.shape == sound.samples.shape and back.rate_hz == sound.rate_hz
    if reason == SILENT:
        assert back.silent


def test_one_channel_with_an_offset_lands_without_it(type_, tmp_path):
    sound = sounds.noise(3, 0.05, channels=1, rate_hz=32_000)
    said = master(type_, tmp_path, sound.with_samples(sound.samples + np.float32(0.2)), "--dither", "shaped")
    facts = json.loads(said.out)
    assert said.code == 0 and facts["reached"] and facts["offset_removed_dbfs"] == pytest.approx(-14, abs=0.2)
    assert facts["after"]["integrated_lufs"] == pytest.approx(-14, abs=0.1)
    assert (facts["after"]["channels"], facts["after"]["sample_rate_hz"]) == (1, 32_000)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(type_, tmp_path, value):
    samples = sounds.noise(1).samples.copy()
    samples[0, 500] = value
    path = tmp_path / "in.wav"
    import soundfile

    soundfile.write(path, samples.T, 44_100, subtype="FLOAT")
    said = type_("master", path, "-o", tmp_path / "out.wav")
    assert said.code == 3 and not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    "options",
    [("--ceiling", "1dBTP"), ("--loudness", "-90LUFS"), ("--target", "spotfy"), ("--dither", "loud")],
)
def test_what_cannot_be_asked_for_ends_with_2(type_, tmp_path, options):
    assert master(type_, tmp_path, sounds.noise(1), *options).code == 2


def test_a_reference_of_another_rate_serves_and_a_silent_one_is_refused(type_, tmp_path):
    sound = sounds.noise(3, 0.05)
    other = audio.write(tmp_path / "r.wav", sounds.noise(3, 0.2, rate_hz=22_050, pink=True), "wav 24-bit")
    silent = audio.write(tmp_path / "s.wav", sounds.silence(3), "wav 24-bit")
    assert json.loads(master(type_, tmp_path, sound, "--reference", str(other)).out)["reached"]
    (tmp_path / "out.wav").unlink()
    said = master(type_, tmp_path, sound, "--reference", str(silent))
    assert said.code == 3 and "reference is silent" in said.err and not (tmp_path / "out.wav").exists()
