"""A master has the loudness asked for under its ceiling, or says in words what it would cost."""

from __future__ import annotations

import json
import re
import subprocess

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polish.audio import Sound
from polish.dsp.measure import measure
from polish.dsp.model import Model
from polish.song import Master as Mastered
from polish.song import Song
from polish.stages.base import Context
from polish.stages.master import SUSTAINED_DB, Master
from polish.stages.match import CURVES
from polish.stages.targets import TARGETS


def mastered(sound: Sound, **asked) -> Mastered:
    return Master(**asked).run(Song(mix=sound)).masters["master"]


def dynamic(seconds: float = 40.0, spread_db: float = 14.0) -> Sound:
    """Quiet and loud passages of four seconds, with sharp beats in both: a wide loudness range."""
    band = sounds.total(sounds.band(seconds)).samples
    loud = (sounds.times(seconds) // 4).astype(int) % 2 == 1
    beats = 1 + 2 * (sounds.times(seconds) % 0.5 < 0.01)
    level = np.where(loud, 1.0, 10 ** (-spread_db / 20)) * beats
    return Sound((0.4 * band * level).astype(np.float32), 44_100)


def assert_in_place(master: Mastered, sound: Sound, lufs: float, ceiling_dbtp: float) -> None:
    after = measure(master.sound.samples, sound.rate_hz)
    assert after == master.facts["after"]
    assert after["integrated_lufs"] == pytest.approx(lufs, abs=0.1)
    assert after["true_peak_dbtp"] <= ceiling_dbtp
    assert master.sound.samples.shape == sound.samples.shape
    assert master.sound.rate_hz == sound.rate_hz
    assert master.facts["reached"]
    assert master.facts["reason"] is None


@pytest.mark.parametrize("level_db", [-30, -12, 0, 12])
def test_quiet_and_loud_drafts_land_on_the_target(level_db):
    band = sounds.total(sounds.band(8))
    sound = band.with_samples(band.samples * 10 ** (level_db / 20))
    assert_in_place(mastered(sound), sound, -14, -1)


@pytest.mark.parametrize(("lufs", "ceiling_dbtp"), [(-23, -1), (-16, -6), (-11, -1), (-9, -2)])
def test_any_reachable_target_is_reached(lufs, ceiling_dbtp):
    sound = sounds.total(sounds.band(8))
    master = mastered(sound, loudness=lufs, ceiling=ceiling_dbtp, dynamics="reach")
    assert_in_place(master, sound, lufs, ceiling_dbtp)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (48_000, 1), (44_100, 6), (96_000, 2)])
def test_rate_and_channels_are_kept(rate_hz, channels):
    sound = sounds.noise(3, 0.02, rate_hz=rate_hz, channels=channels, pink=True)
    assert_in_place(mastered(sound), sound, -14, -1)


def test_loud_drafts_are_only_turned_down():
    sound = sounds.noise(4, 0.3, pink=True)
    master = mastered(sound)
    assert master.facts["limiting"] == {"max_reduction_db": 0.0, "time_percent": 0.0}
    assert master.facts["gain_db"] < 0
    ratio = master.sound.samples / sound.samples
    assert np.allclose(ratio, ratio[0, 0], rtol=1e-5)


def test_a_master_mastered_again_keeps_its_bits():
    once = mastered(sounds.total(sounds.band(8)), loudness=-11).sound
    assert np.array_equal(mastered(once, loudness=-11).sound.samples, once.samples)


def test_the_same_song_gives_the_same_bits():
    sound = sounds.total(sounds.band(6))
    first, second = (mastered(sound, loudness=-10).sound.samples for _ in range(2))
    assert np.array_equal(first, second)


def test_protect_keeps_the_loudness_range_and_says_what_the_target_would_cost():
    notices: list[str] = []
    sound = dynamic()
    stage = Master(loudness=-7, tone=0, glue=0)
    song = stage.run(Song(mix=sound), Context(step="loud", notice=notices.append))
    facts = song.masters["loud"].facts
    before, after = facts["before"], facts["after"]
    assert not facts["reached"]
    assert 1.5 <= before["loudness_range_lu"] - after["loudness_range_lu"] <= 2.0
    told = re.fullmatch(
        r"−7 LUFS not reachable without taking (\d+\.\d) LU of dynamics; reached −([\d.]+) LUFS",
        facts["reason"],
    )
    assert float(told[1]) > 2
    assert float(told[2]) == pytest.approx(-after["integrated_lufs"], abs=0.06)
    assert notices == [f"{facts['reason']} (`dynamics: protect`; `reach` goes on)"]
    assert song.measurements["loud"]["reason"] == facts["reason"]


def test_protect_limits_a_dense_song_only_so_hard_and_says_so():
    """Its range is small and hardly shrinks: what it would lose is its attacks."""
    sound = sounds.total(sounds.band(8))
    protected, reached = (mastered(sound, loudness=-8, dynamics=how) for how in ("protect", "reach"))
    facts = protected.facts
    told = re.fullmatch(
        r"−8 LUFS not reachable without (\d+\.\d) dB of limiting for seconds on end; reached −([\d.]+) LUFS",
        facts["reason"],
    )
    assert float(told[1]) > SUSTAINED_DB
    assert facts["after"]["integrated_lufs"] < -8.2
    assert facts["limiting"]["max_reduction_db"] < reached.facts["limiting"]["max_reduction_db"] - 1
    assert_in_place(reached, sound, -8, -1)


def test_reach_gives_the_dynamics_away():
    sound = dynamic()
    master = mastered(sound, loudness=-10, dynamics="reach", tone=0, glue=0)
    assert_in_place(master, sound, -10, -1)
    assert master.facts["before"]["loudness_range_lu"] - master.facts["after"]["loudness_range_lu"] > 2


def test_what_the_ceiling_forbids_is_said():
    facts = mastered(sounds.total(sounds.band(6)), loudness=-5, ceiling=-12, dynamics="reach").facts
    assert not facts["reached"]
    assert "not reachable under a ceiling of −12 dBTP" in facts["reason"]
    assert facts["after"]["true_peak_dbtp"] <= -12


@settings(max_examples=10, deadline=None)
@given(st.floats(-30, -8), st.floats(-10, 0), st.floats(-40, 20))
def test_the_ceiling_holds_whatever_is_asked(lufs, ceiling_dbtp, level_db):
    noise = sounds.noise(1.5, 0.1, pink=True)
    sound = noise.with_samples(noise.samples * 10 ** (level_db / 20))
    facts = mastered(sound, loudness=lufs, ceiling=ceiling_dbtp, dynamics="reach").facts
    assert facts["after"]["true_peak_dbtp"] <= ceiling_dbtp
    assert facts["reached"] == (abs(facts["after"]["integrated_lufs"] - lufs) <= 0.1)
    assert facts["reached"] == (facts["reason"] is None)


def test_silence_passes_through_with_a_reason():
    sound = sounds.silence(2)
    master = mastered(sound)
    assert np.array_equal(master.sound.samples, sound.samples)
    assert master.facts["reason"] == "silent: no loudness to reach"
    assert not master.facts["reached"]
    json.dumps(master.facts, allow_nan=False)


@pytest.mark.parametrize("frames", [1, 2, 100, 10_000])
@pytest.mark.parametrize("level", [0.3, 3.0])
def test_below_400_ms_only_the_ceiling_is_kept(frames, level):
    sound = Sound(np.full((2, frames), level, np.float32), 44_100)
    master = mastered(sound)
    assert "shorter than 400 ms" in master.facts["reason"]
    assert master.facts["after"]["true_peak_dbtp"] <= -1
    assert np.array_equal(master.sound.samples, sound.samples) == (level < 1)
    json.dumps(master.facts, allow_nan=False)


def test_a_whisper_below_the_gate_is_left_alone():
    sound = sounds.noise(2, 1e-5)
    master = mastered(sound)
    assert "quieter than −70 LUFS" in master.facts["reason"]
    assert np.array_equal(master.sound.samples, sound.samples)


def test_a_constant_offset_takes_no_headroom():
    clean = sounds.noise(4, 0.1)
    master = mastered(clean.with_samples(clean.samples + np.float32(0.3)))
    assert np.abs(master.sound.samples.mean(axis=1)).max() < 1e-3
    assert master.facts["offset_removed_dbfs"] == pytest.approx(20 * np.log10(0.3), abs=0.1)
    assert master.facts["after"]["integrated_lufs"] == pytest.approx(-14, abs=0.1)
    assert mastered(clean).facts["offset_removed_dbfs"] is None


def test_an_offset_and_nothing_else_is_silence():
    master = mastered(Sound(np.full((2, 3 * 44_100), 0.4, np.float32), 44_100))
    assert master.facts["reason"] == "silent: no loudness to reach"
    assert master.sound.silent


def test_masters_stand_side_by_side_under_their_steps():
    song = Song(mix=sounds.total(sounds.band(4)))
    for step, target in (("stream", "spotify"), ("tv", "ebu-r128")):
        song = Master(target=target).run(song, Context(step=step))
    assert list(song.masters) == ["stream", "tv"]
    assert song.masters["tv"].facts["target"] == {
        "loudness_lufs": -23,
        "ceiling_dbtp": -1,
        "name": "ebu-r128",
    }


def test_tone_and_glue_leave_alone_what_lies_where_records_do():
    for sound in (curved(0.0), curved(6.0)):
        master = mastered(sound, loudness=-23)
        assert master.facts["tone"] is master.facts["glue"] is None
        assert snr_after_gain(sound, master) > 100


def test_bands_far_from_records_are_brought_back_a_little_and_it_is_said():
    notices: list[str] = []
    sound = curved(20.0)
    song = Master(loudness=-23).run(Song(mix=sound), Context(notice=notices.append))
    tone = song.masters["master"].facts["tone"]
    gains = dict(zip(tone["bands_hz"], tone["gains_db"], strict=True))
    assert 11 < tone["furthest_db"] < 18
    assert -2 <= min(gains.values()) < -1.5 and max(gains.values()) <= 0.1
    assert 700 < min(gains, key=gains.get) < 1500
    assert "tone" in notices[0] and "brought back" in notices[0]
    assert mastered(sound, loudness=-23, tone=0).facts["tone"] is None


def test_a_crest_above_that_of_records_is_held_together_a_little_and_it_is_said():
    sound = curved(0.0)
    beats = 1 + 11 * (sounds.times(12) % 0.3 < 0.004)
    spiky = sound.with_samples((sound.samples * beats * 0.2).astype(np.float32))
    notices: list[str] = []
    song = Master(loudness=-30, tone=0).run(Song(mix=spiky), Context(notice=notices.append))
    glue = song.masters["master"].facts["glue"]
    assert glue["crest_db"] > 17 and 0 < glue["reduction_db"] <= 2
    assert "glue" in notices[0]
    assert mastered(spiky, loudness=-30, tone=0, glue=0).facts["glue"] is None


def curved(bump_db: float) -> Sound:
    """12 s of noise with the average spectrum of records, and a hump at 1 kHz."""
    noise = sounds.noise(12, 0.1, pink=True, channels=1)
    hz, levels = zip(*CURVES["streaming"], strict=True)
    at = np.fft.rfftfreq(noise.frames, 1 / 44_100)
    shape = np.interp(np.log(at + 1), np.log(hz), levels)
    shape += bump_db * np.exp(-(np.log2((at + 1) / 1000) ** 2))
    shaped = np.fft.irfft(np.fft.rfft(noise.samples[0]) * 10 ** (shape / 20), noise.frames)
    return Sound((0.05 * shaped / np.sqrt(np.mean(shaped**2))).astype(np.float32)[None], 44_100)


def snr_after_gain(sound: Sound, master: Mastered) -> float:
    gain = 10 ** (master.facts["gain_db"] / 20)
    return sounds.snr_db(sound.samples * gain, master.sound.samples)


def test_a_second_master_of_a_mix_looks_it_over_no_more(monkeypatch):
    """Unless limiting is so heavy that what it brings is taken back: another start for each target."""
    sound = sounds.total(sounds.band(6))
    once = mastered(sound, loudness=-13)
    looked = []
    of = Model.of
    monkeypatch.setattr(Model, "of", lambda *given: looked.append(1) or of(*given))
    again = mastered(sound, loudness=-13)
    mastered(sound, loudness=-12.8)
    assert not looked and np.array_equal(again.sound.samples, once.sound.samples)
    fresh = mastered(sound.with_samples(sound.samples.copy()), loudness=-13)
    assert looked and np.array_equal(fresh.sound.samples, once.sound.samples)


def test_a_target_sets_what_is_not_given():
    assert Master(target="spotify-loud").resolved() == {
        "loudness": -11, "ceiling": -2, "target": "spotify-loud", "dynamics": "protect", "link": 100,
        "tone": 2, "glue": 2, "arc": 3,
    }  # fmt: skip
    assert Master(target="spotify-loud", loudness="-12 LUFS").loudness == -12
    with pytest.raises(ValidationError, match="spotify"):
        Master(target="spotfy")


def test_every_target_can_be_asked_for_and_has_a_source():
    for name, target in TARGETS.items():
        stage = Master(target=name)
        assert (stage.loudness, stage.ceiling) == (target.loudness_lufs, target.ceiling_dbtp)
        assert target.source


@pytest.mark.parametrize(
    "wrong", [{"ceiling": 1}, {"loudness": -3}, {"loudness": "-14 dB"}, {"dynamics": "crush"}]
)
def test_what_cannot_be_asked_for_is_refused(wrong):
    with pytest.raises(ValidationError):
        Master(**wrong)


@pytest.mark.real
@pytest.mark.parametrize("draft", ["yue-02", "mureka-02", "diffrhythm-07"])
def test_ffmpeg_finds_a_24_bit_master_in_place(real, draft, tmp_path):
    import imageio_ffmpeg

    from polish.audio import read, write

    master = mastered(read(real / "drafts" / f"{draft}.mp3").cut(30, 60))
    path = write(tmp_path / "master.wav", master.sound, "wav 24-bit")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostats", "-i", str(path), "-af", "ebur128=peak=true"]
    said = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    lufs, dbtp = (float(re.search(rf"{name}:\s+(-?[\d.]+)", summary)[1]) for name in ("I", "Peak"))
    assert lufs == pytest.approx(-14, abs=0.2)
    assert dbtp <= -0.9


def test_settings_that_win_over_a_target_are_said_to() -> None:
    said: list[str] = []
    mix = sounds.total(sounds.band(2.0))
    Master(target="podcast", loudness=-14).run(Song(mix=mix), Context(notice=said.append))
    assert any("podcast asks for −16 LUFS" in sentence for sentence in said)
    said.clear()
    Master(target="podcast").run(Song(mix=mix), Context(notice=said.append))
    assert not any("podcast" in sentence for sentence in said)
