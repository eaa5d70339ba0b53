"""What a listener's player gets: files that decode under a ceiling, and tags it turns them by."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import mutagen
import numpy as np
import pytest
import sounds
from pydantic import ValidationError
from typed import Type

import polish
from polish import audio
from polish.audio import Sound
from polish.audio.gains import read_gains
from polish.deliver.fitting import CLOSE_DB, fit
from polish.deliver.master import Master
from polish.dsp.loudness import integrated_lufs
from polish.dsp.peak import true_peak_dbtp
from polish.song import Master as Made
from polish.song import Song
from polish.stages.playback import playback

TAGS = {"title": "Tïtle 日本 🎵", "artist": "Ænima «ö»"}


@pytest.fixture(scope="module")
def hot() -> Song:
    """A dense master that uses all of full scale: what lossy codecs overshoot on."""
    mix = sounds.total(sounds.band(2.5))
    squashed = mix.with_samples(np.clip(mix.samples * 8, -0.99, 0.99))
    return Song(title="hot", masters={"m": Made(squashed)}, tags=TAGS)


def decoded_dbtp(path: Path) -> float:
    back = audio.read(path)
    return true_peak_dbtp(back.samples, back.rate_hz)


@pytest.mark.parametrize(
    ("format", "ceiling"),
    [("mp3 128k", None), ("m4a 128k", None), ("ogg 128k", -1), ("opus 96k", -2), ("flac 24-bit", -3)],
)
def test_a_file_decodes_just_under_the_ceiling_and_the_facts_say_what_it_took(hot, tmp_path, format, ceiling):
    done = Master(format=format, ceiling=ceiling).write(hot, tmp_path)
    peak_dbtp, codec, limit_dbtp = decoded_dbtp(done.files[0]), done.facts["codec"], ceiling or 0
    assert limit_dbtp - 0.8 <= peak_dbtp <= limit_dbtp  # so dense, it moves in steps of some tenths
    assert peak_dbtp == done.facts["measured"]["true_peak_dbtp"]
    assert codec["ceiling_dbtp"] == limit_dbtp < codec["true_peak_before_dbtp"]
    assert codec["lowered_db"] == pytest.approx(codec["true_peak_before_dbtp"] - peak_dbtp, abs=0.8)
    assert codec["loudness_lost_lu"] == pytest.approx(-done.facts["gain_db"], abs=0.5)
    assert 1 < codec["writes"] <= 7
    assert any("lower by" in notice for notice in done.notices)


def test_a_file_with_room_is_written_once(hot, tmp_path):
    quiet = hot.having(masters={"m": Made(sounds.sine(level=0.25))})
    codec = Master(format="ogg 128k").write(quiet, tmp_path).facts["codec"]
    assert (codec["writes"], codec["lowered_db"], codec["loudness_lost_lu"]) == (1, 0, None)
    lossless = Master(format="wav 24-bit").write(quiet, tmp_path)
    assert lossless.facts["codec"] is None


@pytest.mark.parametrize("ceiling", [0.5, "+1 dBTP"])
def test_a_ceiling_above_full_scale_is_refused(ceiling):
    with pytest.raises(ValidationError, match="out of range"):
        Master(format="mp3", ceiling=ceiling)


class Codec:
    """Writes a sine whose level is that of the given one, moved by what `adds_db` says."""

    def __init__(self, path: Path, adds_db: Callable[[float], float]) -> None:
        self.path, self.adds_db, self.levels_db = path, adds_db, []

    def __call__(self, sound: Sound) -> None:
        level_db = true_peak_dbtp(sound.samples, sound.rate_hz)
        self.levels_db.append(level_db)
        gain = np.float32(10 ** (self.adds_db(level_db) / 20))
        audio.write(self.path, sound.with_samples(sound.samples * gain), "wav 32-float")


@pytest.mark.parametrize(
    "adds_db",
    [
        lambda level_db: 1.5,
        lambda level_db: 1 + 0.3 * math.sin(40 * level_db),  # as codecs do: a little more, a little less
        lambda level_db: 2.0 if level_db > -1.5 else 0.0,  # a jump: nothing is just under the ceiling
        lambda level_db: -0.4 * level_db + 1,  # overshoot grows as the level falls
    ],
)
def test_the_search_ends_under_the_ceiling_whatever_a_codec_adds(tmp_path, adds_db):
    codec = Codec(tmp_path / "a.wav", adds_db)
    tone = sounds.sine(level=0.99, seconds=0.2)
    fitted = fit(codec.path, tone, codec, ceiling_dbtp=0.0)
    assert decoded_dbtp(codec.path) == fitted.true_peak_dbtp <= 0
    assert codec.levels_db[-1] == pytest.approx(
        true_peak_dbtp(tone.samples, 44_100) + fitted.gain_db, abs=1e-3
    )
    assert len(codec.levels_db) == fitted.writes <= 7
    louder_db = [level for level in codec.levels_db if level > codec.levels_db[-1] + 1e-3]
    assert all(level + adds_db(level) > 0 for level in louder_db), "the loudest that fitted is the one left"
    assert fitted.true_peak_dbtp >= -CLOSE_DB or min(louder_db) <= codec.levels_db[-1] + 2 * CLOSE_DB


def test_a_file_that_never_fits_is_left_at_its_lowest_and_said(hot, tmp_path):
    codec = Codec(tmp_path / "a.wav", lambda level_db: 3 - level_db)
    fitted = fit(codec.path, sounds.sine(seconds=0.2), codec, ceiling_dbtp=0.0)
    assert fitted.true_peak_dbtp > 0 and codec.levels_db[-1] == min(codec.levels_db)
    told = Master(format="mp3")._notices(hot.masters["m"].sound, hot.masters["m"].sound, fitted, codec.path)
    assert any("still decodes to +3.0" in sentence for sentence in told)


def said_by_ffmpeg(path: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("format", ["flac 16-bit", "mp3 192k", "m4a 192k", "ogg 128k", "opus 96k"])
def test_gain_tags_say_what_the_file_measures_and_others_read_them(tmp_path, format):
    sound = sounds.total(sounds.band(3.0))
    album = {"loudness_lufs": -12.5, "true_peak_dbtp": -0.5}
    song = Song(title="a", masters={"m": Made(sound, {"album": album})}, tags=TAGS)
    done = Master(format=format, replaygain=True).write(song, tmp_path)
    (path,) = done.files
    back = audio.read(path)
    lufs, peak_dbtp = integrated_lufs(back.samples, back.rate_hz), true_peak_dbtp(back.samples, back.rate_hz)
    gains = read_gains(path)
    assert gains == done.facts["replaygain"]
    if format.startswith("opus"):
        assert set(gains) == {"r128_track_gain", "r128_album_gain"}
        assert int(gains["r128_track_gain"]) == round(256 * (-23 - lufs))
        assert int(gains["r128_album_gain"]) == round(256 * (-23 + 12.5))
    else:
        assert gains["replaygain_track_gain"] == f"{-18 - lufs:.2f} dB"
        assert float(gains["replaygain_track_peak"]) == pytest.approx(10 ** (peak_dbtp / 20), abs=1e-5)
        assert (gains["replaygain_album_gain"], gains["replaygain_album_peak"]) == ("-5.50 dB", "0.944061")
    raw, said = mutagen.File(path).tags, said_by_ffmpeg(path)
    for name, text in gains.items():
        frame = next(raw[key] for key in (name, name.upper(), f"TXXX:{name.upper()}",
                                          f"----:com.apple.iTunes:{name}") if key in raw)  # fmt: skip
        assert frame[0] in (text, text.encode())
        lines = [line.lower().partition(":") for line in said.splitlines()]
        assert any((key.strip(), value.strip()) == (name, text.lower()) for key, _, value in lines)
    assert audio.read_tags(path) == TAGS
    again = Master(format=format, replaygain=True).write(song, tmp_path / "again").files[0]
    assert path.read_bytes() == again.read_bytes()


def test_silence_has_no_gain_and_wav_has_no_place_for_one(tmp_path):
    silent = Song(title="s", masters={"m": Made(sounds.silence())})
    done = Master(format="flac", replaygain=True).write(silent, tmp_path)
    assert done.facts["replaygain"] == {} and "no loudness" in done.notices[0]
    assert read_gains(done.files[0]) == {}
    with pytest.raises(ValidationError, match="no place for ReplayGain"):
        Master(format="wav 16-bit", replaygain=True)


@pytest.mark.parametrize(
    ("format", "rate_hz", "written_hz"),
    [("mp3", 96_000, 48_000), ("opus", 44_100, 48_000), ("ogg", 192_000, 48_000), ("m4a", 192_000, 96_000)],
)
def test_a_rate_that_a_codec_does_not_know_is_brought_to_one_it_does(tmp_path, format, rate_hz, written_hz):
    song = Song(title="a", masters={"m": Made(sounds.sine(seconds=0.5, rate_hz=rate_hz))})
    done = Master(format=format).write(song, tmp_path)
    assert done.facts["measured"]["sample_rate_hz"] == written_hz
    assert f"does not hold {rate_hz} Hz" in done.notices[0]


def test_the_command_keeps_its_ceiling_in_a_lossy_file_and_says_what_that_took(hot, tmp_path, type_: Type):
    draft = audio.write(tmp_path / "draft.flac", hot.masters["m"].sound, "flac 24-bit", tags=TAGS)
    out = tmp_path / "out.mp3"
    said = type_("master", draft, "-o", out, "--loudness", "-8 LUFS", "--ceiling", "-8 dBTP", "--json")
    assert said.code == 0
    found = said.json
    assert decoded_dbtp(out) == found["after"]["true_peak_dbtp"] <= -8
    assert found["codec"]["lowered_db"] > 0.1
    assert not found["reached"] and found["reason"]
    assert "its decoded true peak would be" in found["reason"] + said.err
    assert audio.read_tags(out) == TAGS


def test_a_run_says_in_facts_and_report_what_listeners_get(hot, tmp_path):
    recipe = tmp_path / "two.yaml"
    recipe.write_text(
        "polish: 1\nabout: two files\nsteps:\n"
        "  - master: {loudness: -9 LUFS, ceiling: -8 dBTP, dynamics: reach}\n"
        "deliver:\n  - master: {format: flac 24-bit}\n"
        "  - master: {id: small, format: ogg 96k, ceiling: -8 dBTP}\n  - report\n"
    )
    draft = audio.write(tmp_path / "draft.flac", hot.masters["m"].sound, "flac 24-bit")
    result = polish.run(recipe, draft, out=tmp_path / "out")
    (master,) = result.facts["masters"]
    assert master["services"] == playback(
        master["measured"]["integrated_lufs"], master["measured"]["true_peak_dbtp"]
    )
    small = next(each["facts"] for each in result.facts["deliveries"] if each["id"] == "small")
    assert decoded_dbtp(result.folder / small["file"]) == small["measured"]["true_peak_dbtp"] <= -8
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "YouTube" in page and f"{small['codec']['lowered_db']:.2f} dB</td>" in page
