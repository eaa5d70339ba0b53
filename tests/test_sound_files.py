"""Reading: every common format, told by content; what is damaged is named, never guessed at."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds

from polish import audio
from polish.audio import Sound, ffmpeg, mpeg
from polish.errors import BadInput

WRITTEN = (
    "wav 16-bit", "wav 24-bit", "wav 32-float", "flac 16-bit", "flac 24-bit", "mp3 192k", "m4a 192k",
    "ogg 192k", "opus 128k",
)  # fmt: skip


@pytest.fixture(scope="module")
def song() -> Sound:
    return sounds.noise(2.0, 0.1, pink=True)


@pytest.fixture(scope="module")
def files(song: Sound, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The song in every format that polish writes."""
    folder = tmp_path_factory.mktemp("formats")
    return {
        name: audio.write(folder / f"{name.replace(' ', '-')}{audio.Format.parse(name).suffix}", song, name)
        for name in WRITTEN
    }


def encoded(song: Sound, path: Path, *options: str) -> Path:
    """The song as the bundled ffmpeg writes it."""
    command = [
        ffmpeg.program(), "-v", "error", "-y", "-f", "f32le", "-ar", str(song.rate_hz), "-ac",
        str(song.channels), "-i", "pipe:0", *options, str(path),
    ]  # fmt: skip
    subprocess.run(command, input=song.samples.T.tobytes(), check=True)
    return path


def refusal(path: str | Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        audio.read(path)
    error = caught.value
    assert error.exit_code == 3
    assert error.where and "\n" not in error.where
    assert "Traceback" not in str(error) and len(str(error).splitlines()) <= 3
    return error


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_written_is_read_at_its_rate_and_length(files, song, name) -> None:
    back = audio.read(files[name])
    assert back.channels == song.channels
    assert back.rate_hz == (48_000 if name.startswith("opus") else song.rate_hz)
    assert back.frames == round(song.frames * back.rate_hz / song.rate_hz)
    if not audio.Format.parse(name).lossy:
        assert sounds.snr_db(song.samples, back.samples) > 70


@pytest.mark.parametrize(
    "name", ["wav 24-bit", "flac 24-bit", "mp3 192k", "m4a 192k", "ogg 192k", "opus 128k"]
)
@pytest.mark.parametrize("ending", [".wav", ".mp3", ".txt", ".raw", ""])
def test_a_wrong_ending_does_not_matter(files, tmp_path, name, ending) -> None:
    odd = tmp_path / f"song{ending}"
    odd.write_bytes(files[name].read_bytes())
    assert np.array_equal(audio.read(odd).samples, audio.read(files[name]).samples)
    assert audio.probe(odd) == audio.probe(files[name])


@pytest.mark.parametrize("name", ["mp3 192k", "m4a 192k", "ogg 192k", "opus 128k"])
def test_encoder_delay_is_taken_off(files, song, name) -> None:
    """Against the sound that was encoded, the decoded one sits within one frame."""
    back = audio.resample(audio.read(files[name]), song.rate_hz)
    a, b = (np.fft.rfft(s.samples[0], 2 * song.frames) for s in (song, back))
    lag = int(np.argmax(np.fft.irfft(a * np.conj(b))))
    assert min(lag, 2 * song.frames - lag) <= 1


@pytest.mark.parametrize("name", WRITTEN)
def test_reading_twice_gives_the_same_samples(files, name) -> None:
    assert np.array_equal(audio.read(files[name]).samples, audio.read(files[name]).samples)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wav_of_every_depth_is_read(song, tmp_path, subtype) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, song.samples.T, song.rate_hz, subtype=subtype)
    floor_db = {"PCM_U8": 25, "PCM_16": 70}.get(subtype, 110)
    assert sounds.snr_db(song.samples, audio.read(path).samples) > floor_db
    assert audio.probe(path).frames == song.frames


@pytest.mark.parametrize("container", ["AIFF", "RF64", "W64", "CAF", "AU", "WAVEX"])
def test_other_lossless_containers_are_read(song, tmp_path, container) -> None:
    path = tmp_path / "song"
    soundfile.write(path, song.samples.T, song.rate_hz, format=container, subtype="PCM_24")
    assert sounds.snr_db(song.samples, audio.read(path).samples) > 110


def test_the_sound_of_webm_and_mp4_videos_is_read(song, tmp_path) -> None:
    picture = ["-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=3", "-map", "0:a", "-map", "1:v"]
    webm = encoded(song, tmp_path / "clip.webm", *picture, "-c:a", "libopus", "-c:v", "libvpx")
    mp4 = encoded(song, tmp_path / "clip.mp4", *picture, "-c:a", "aac", "-c:v", "mpeg4")
    assert audio.read(webm).duration_s == pytest.approx(2.0, abs=0.001)
    assert audio.read(mp4).frames == song.frames
    assert audio.probe(mp4).codec == "aac"


def test_of_several_streams_the_first_is_read(tmp_path) -> None:
    low, high = sounds.sine(200, 1.0), sounds.sine(3000, 1.0)
    both = Sound(np.concatenate([low.samples, high.samples]), low.rate_hz)
    split = "[0:a]pan=stereo|c0=c0|c1=c1[low];[0:a]pan=stereo|c0=c2|c1=c3[high]"
    path = encoded(both, tmp_path / "x.stem.mp4", "-filter_complex", split, "-map", "[low]", "-map", "[high]")
    spectrum = np.abs(np.fft.rfft(audio.read(path).samples[0]))
    assert abs(int(np.argmax(spectrum)) - 200) <= 2


def test_fragmented_and_streamed_files_promise_nothing_and_are_read(song, tmp_path) -> None:
    flags = ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]
    assert audio.read(encoded(song, tmp_path / "live.mp4", *flags)).duration_s == pytest.approx(2.0, abs=0.1)
    wav = bytearray(audio.write(tmp_path / "live.wav", song).read_bytes())
    for unknown in (0xFFFFFFFF, 0x7FFFF024):
        wav[40:44] = struct.pack("<I", unknown)
        (tmp_path / "live.wav").write_bytes(wav)
        assert audio.read(tmp_path / "live.wav").frames == song.frames


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_any_channel_count_and_rate_is_kept(tmp_path, channels, rate_hz) -> None:
    sound = sounds.noise(0.2, channels=channels, rate_hz=rate_hz)
    back = audio.read(audio.write(tmp_path / "a.wav", sound, "wav 32-float"))
    assert back.rate_hz == rate_hz
    assert np.array_equal(back.samples, sound.samples)


@pytest.mark.parametrize("format", ["m4a 256k", "ogg 256k", "opus 256k"])
def test_surround_keeps_the_order_of_its_channels(tmp_path, format) -> None:
    tones = [300, 500, 700, 60, 1100, 1300]
    rows = [sounds.sine(hz, 1.0, 0.2, channels=1, rate_hz=48_000).samples[0] for hz in tones]
    back = audio.read(audio.write(tmp_path / f"a.{format.split()[0]}", Sound(np.stack(rows), 48_000), format))
    heard = [int(np.argmax(np.abs(np.fft.rfft(row)))) for row in back.samples]
    assert heard == pytest.approx(tones, abs=3)


def test_values_over_full_scale_are_kept(tmp_path) -> None:
    loud = sounds.sine(level=4.5)
    soundfile.write(tmp_path / "a.wav", loud.samples.T.astype(np.float64), loud.rate_hz, subtype="DOUBLE")
    assert np.array_equal(audio.read(tmp_path / "a.wav").samples, loud.samples)


@pytest.mark.parametrize("samples", [np.zeros((2, 1000)), np.full((2, 1000), 0.25), np.full((1, 1), 0.5)])
def test_silence_dc_and_one_sample_are_sounds(tmp_path, samples) -> None:
    sound = Sound(samples.astype(np.float32), 44_100)
    for name in ("wav 24-bit", "flac 16-bit", "mp3 128k", "m4a 128k", "ogg 128k", "opus 96k"):
        format = audio.Format.parse(name)
        back = audio.read(audio.write(tmp_path / f"a{format.suffix}", sound, format))
        assert back.channels == sound.channels and back.frames >= 1
        if not format.lossy:
            assert np.array_equal(back.samples, sound.samples)


@pytest.mark.parametrize("kind", ["wav", "m4a"])
@pytest.mark.parametrize(
    "name", ["two\nlines", "-rf", "ünï 🎵", "a:b", "concat:a|b", "100%d", "quo'te\"", "file:x", "tab\t"]
)
def test_names_of_every_kind_are_read(tmp_path, monkeypatch, name, kind) -> None:
    monkeypatch.chdir(tmp_path)
    audio.write(f"{name}.{kind}", sounds.noise(0.1), kind)
    assert audio.read(f"{name}.{kind}").channels == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not text")
def test_names_that_are_not_utf8_are_read_and_shown(tmp_path) -> None:
    for kind in ("wav", "m4a"):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9." + kind.encode())
        audio.write(path, sounds.noise(0.1), kind)
        assert audio.read(path).channels == 2
    Path(path).write_bytes(b"")
    str(refusal(path)).encode("utf-8")


def test_a_name_with_a_line_break_is_one_readable_line(tmp_path) -> None:
    assert refusal(tmp_path / "two\nlines\x1b[31m.wav").where.endswith("two\\nlines\\x1b[31m.wav")


@pytest.mark.parametrize("name", ["wav 16-bit", "wav 24-bit", "wav 32-float", "flac 24-bit", "mp3 192k"])
@pytest.mark.parametrize("left", [0.97, 0.5, 0.1])
def test_a_file_cut_short_names_both_lengths(files, song, tmp_path, name, left) -> None:
    whole = files[name].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: int(len(whole) * left)])
    error = refusal(cut)
    assert "cut short" in error.what and f"0:02.0 ({song.frames} frames)" in error.what
    there = int(error.what.rpartition("(")[2].split()[0])
    assert (left - 0.15) * song.frames <= there < song.frames


@pytest.mark.parametrize("name", ["wav 24-bit", "flac 24-bit", "mp3 192k"])
def test_even_one_byte_missing_is_noticed(files, tmp_path, name) -> None:
    (tmp_path / "cut").write_bytes(files[name].read_bytes()[:-1])
    assert "cut short" in refusal(tmp_path / "cut").what


def test_aiff_and_rf64_and_mp4_cut_short_are_noticed(song, tmp_path) -> None:
    for container in ("AIFF", "RF64"):
        soundfile.write(tmp_path / "a", song.samples.T, song.rate_hz, format=container, subtype="PCM_16")
        (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-1000])
        assert "cut short" in refusal(tmp_path / "a").what
    early = encoded(song, tmp_path / "b.m4a", "-c:a", "aac", "-movflags", "+faststart").read_bytes()
    late = encoded(song, tmp_path / "c.m4a", "-c:a", "aac").read_bytes()
    (tmp_path / "b.m4a").write_bytes(early[: len(early) // 2])
    (tmp_path / "c.m4a").write_bytes(late[: len(late) // 2])
    assert "cut short: its header promises 0:02.0" in refusal(tmp_path / "b.m4a").what
    assert "cut short: its index" in refusal(tmp_path / "c.m4a").what


def test_an_mp3_without_a_xing_header_promises_nothing(song, tmp_path) -> None:
    plain = encoded(song, tmp_path / "a.mp3", "-c:a", "libmp3lame", "-write_xing", "0")
    with open(plain, "rb") as file:
        assert mpeg.walk(file).promised is None
    (tmp_path / "half.mp3").write_bytes(plain.read_bytes()[: plain.stat().st_size // 2])
    assert audio.read(tmp_path / "half.mp3").duration_s == pytest.approx(1.0, abs=0.1)


def test_tags_and_junk_around_an_mp3_do_not_matter(files, tmp_path) -> None:
    plain = files["mp3 192k"].read_bytes()
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 9, 0]) + bytes(9 * 128)
    for name, data in {
        "tagged": tag + plain + b"TAG" + bytes(125),
        "junk": plain + bytes(range(250)),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert audio.read(tmp_path / name).frames == audio.read(files["mp3 192k"]).frames


def test_one_mp3_hung_behind_another_is_read_to_its_end(song, tmp_path) -> None:
    first = audio.write(tmp_path / "a.mp3", song, "mp3 128k").read_bytes()
    second = audio.write(tmp_path / "b.mp3", sounds.sine(), "mp3 128k", tags={"title": "b"}).read_bytes()
    for name, data in {"plain.mp3": first + first, "tagged.mp3": first + second}.items():
        (tmp_path / name).write_bytes(data)
        wanted_s = 4.0 if name == "plain.mp3" else 3.0
        assert audio.read(tmp_path / name).duration_s == pytest.approx(wanted_s, abs=0.1)


def test_webm_cut_short_is_noticed(song, tmp_path) -> None:
    data = encoded(song, tmp_path / "a.webm", "-c:a", "libopus").read_bytes()
    (tmp_path / "a.webm").write_bytes(data[: len(data) // 2])
    assert "cut short: its header promises 0:02.0" in refusal(tmp_path / "a.webm").what


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (1e300, "infinite")])
def test_samples_that_are_no_numbers_are_counted_and_placed(tmp_path, value, word) -> None:
    samples = np.zeros((70 * 8_000, 2))
    samples[65 * 8_000, 1] = samples[66 * 8_000, 0] = value
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="DOUBLE")
    what = refusal(tmp_path / "a.wav").what
    assert what.startswith("2 samples") and word in what and "1:05.0" in what


def test_what_is_no_sound_is_told_apart(tmp_path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("just some words\n")
    (tmp_path / "page.mp3").write_text("<!DOCTYPE html><html><body>404</body></html>")
    (tmp_path / "notes.wav").write_text("words", encoding="utf-16")
    (tmp_path / "zip.flac").write_bytes(b"PK\x03\x04" + bytes(100))
    (tmp_path / "zeros.mp3").write_bytes(bytes(50_000))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    told = {path.name: refusal(path).what for path in tmp_path.iterdir()}
    assert told == {
        "empty.wav": "the file is empty",
        "text.wav": "is not a sound file: it looks like text",
        "page.mp3": "is not a sound file: it looks like a web page",
        "notes.wav": "is not a sound file: it looks like text",
        "zip.flac": "is not a sound file: it looks like a ZIP archive",
        "zeros.mp3": told["zeros.mp3"],
        "list.m3u8": "is not a sound file: it looks like text",
    }
    assert told["zeros.mp3"].startswith("is not a sound file that can be read")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_header_alone_is_refused(files, tmp_path, name) -> None:
    (tmp_path / "head").write_bytes(files[name].read_bytes()[: 44 if name == "wav 24-bit" else 100])
    refusal(tmp_path / "head")


def test_no_frames_at_all_are_refused(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 44_100)
    assert "no samples" in refusal(tmp_path / "a.wav").what


def test_a_folder_a_device_and_a_missing_file_are_refused(tmp_path) -> None:
    assert "is a folder" in refusal(tmp_path).what
    assert "no such file" in refusal(tmp_path / "nowhere.wav").what
    assert "device" in refusal(os.devnull).what
    assert "cannot be read" in refusal(f"{tmp_path}/a\0b").what


def test_an_unreadable_file_is_refused(files, tmp_path, monkeypatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    assert refusal(files["wav 24-bit"]).what == "cannot be read: Permission denied"


@pytest.mark.parametrize(("rate_hz", "fine"), [(4_000, False), (8_000, True), (384_000, False)])
def test_rates_outside_the_range_are_refused(tmp_path, rate_hz, fine) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((1000, 1)), rate_hz)
    if fine:
        assert audio.read(tmp_path / "a.wav").rate_hz == rate_hz
    else:
        assert str(rate_hz) in refusal(tmp_path / "a.wav").what


def test_a_header_that_lies_costs_no_memory(tmp_path, song) -> None:
    """A FLAC that promises 2**36 - 1 samples is refused for what is there, not for want of memory."""
    data = bytearray(audio.write(tmp_path / "a.flac", song, "flac 24-bit").read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(data)
    assert str(2**36 - 1) in refusal(tmp_path / "a.flac").what


@pytest.mark.real
def test_drafts_are_read_at_the_length_their_headers_promise(real) -> None:
    for path in sorted((real / "drafts").glob("*.mp3"))[:3]:
        with open(path, "rb") as file:
            promised = mpeg.walk(file).promised
        assert audio.read(path).frames == promised == audio.probe(path).frames


@pytest.mark.real
def test_a_stem_mp4_gives_its_mix(real) -> None:
    sound = audio.read(next((real / "stems").glob("*/*.stem.mp4")))
    assert (sound.channels, sound.rate_hz) == (2, 44_100) and sound.duration_s == pytest.approx(6.8, abs=0.1)
