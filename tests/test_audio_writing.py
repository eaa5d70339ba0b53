"""Writing: whole files, exactly what was meant, the same bytes every time."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polish import audio
from polish.audio import Sound, ffmpeg, wav, writing
from polish.audio.tags import NAMES
from polish.errors import BadInput, OutputError

EVERY = (
    "wav 16-bit", "wav 24-bit", "wav 32-float", "flac 16-bit", "flac 24-bit", "mp3 320k", "m4a 256k",
    "ogg 192k", "opus 160k",
)  # fmt: skip
TAGS = {
    "title": "Hé “x”",
    "artist": "A & B",
    "tracknumber": "3/9",
    "isrc": "XX1",
    "comment": "c",
    "date": "2026",
}

small_sounds = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 300)),
    elements=st.floats(-1, 1, width=32),
)


def path_for(folder: Path, format: str) -> Path:
    return folder / f"a{audio.Format.parse(format).suffix}"


@given(samples=small_sounds, kind=st.sampled_from(["wav", "flac"]), rate_hz=st.sampled_from([8_000, 44_100]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_24_bits_come_back_within_half_a_step_without_dither(tmp_path, samples, kind, rate_hz) -> None:
    path = audio.write(tmp_path / f"a.{kind}", Sound(samples, rate_hz), f"{kind} 24-bit", dither="none")
    back = audio.read(path)
    assert back.samples.shape == samples.shape and back.rate_hz == rate_hz
    meant = np.clip(samples, -1, 1 - 2.0**-23)
    assert np.abs(back.samples - meant).max() <= 2.0**-24
    assert np.array_equal(audio.read(audio.write(path, back, f"{kind} 24-bit")).samples, back.samples)


@given(samples=small_sounds, gain=st.sampled_from([1.0, 37.5, 1e-30]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_floats_come_back_as_they_were(tmp_path, samples, gain) -> None:
    sound = Sound(samples * np.float32(gain), 48_000)
    back = audio.read(audio.write(tmp_path / "a.wav", sound, "wav 32-float"))
    assert np.array_equal(back.samples, sound.samples)


@given(frames=st.integers(1, 5000), channels=st.integers(1, 2), format=st.sampled_from(EVERY))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_length_is_kept(tmp_path, frames, channels, format) -> None:
    sound = sounds.noise(frames / 48_000, channels=channels, rate_hz=48_000)
    assert audio.read(audio.write(path_for(tmp_path, format), sound, format)).frames == sound.frames


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [22_050, 44_100])
def test_others_agree_on_the_length_of_an_mp3(tmp_path, channels, rate_hz) -> None:
    """ffmpeg alone would state 46 frames too many here."""
    sound = sounds.noise((9 * 1152 + 1) / rate_hz, channels=channels, rate_hz=rate_hz)
    path = audio.write(tmp_path / "a.mp3", sound, "mp3 128k")
    with ffmpeg.decoding(path) as stream:
        assert sum(len(block) for block in stream.blocks) == sound.frames
    assert soundfile.info(path).frames == sound.frames


@pytest.mark.parametrize("format", EVERY)
def test_the_same_sound_gives_the_same_bytes(tmp_path, format) -> None:
    sound = sounds.noise(0.5)
    first = audio.write(path_for(tmp_path, format), sound, format, tags=TAGS, seed=5).read_bytes()
    other = audio.write(
        path_for(tmp_path / "elsewhere", format), sound, format, tags=TAGS, seed=5
    ).read_bytes()
    assert first == other
    for word in (b"PEAK", b"libsndfile", b"LIBFLAC 20", b"bext", os.fsencode(tmp_path)):
        assert word not in first


@pytest.mark.parametrize("format", EVERY)
def test_tags_are_read_back(tmp_path, format) -> None:
    path = audio.write(
        path_for(tmp_path, format), sounds.noise(0.2), format, tags=TAGS | {"unknown": "x", "encodedby": "x"}
    )
    assert audio.read_tags(path) == TAGS
    assert audio.read_tags(audio.write(path, sounds.noise(0.2), format)) == {}


@pytest.mark.parametrize("format", EVERY)
@pytest.mark.parametrize(
    "text", ["next year", "99999999/-3", "日本 http://x", "a\0b\n\x1b[31m", "\ud800", "x" * 70_000]
)
def test_odd_tags_never_stop_a_delivery(tmp_path, format, text) -> None:
    path = audio.write(
        path_for(tmp_path, format), sounds.noise(0.05), format, tags=dict.fromkeys(NAMES, text)
    )
    assert audio.read(path).channels == 2
    assert audio.read_tags(path)["title"] in (text, " ".join(text.replace("\0", " ").split()), "?")


def test_tags_of_what_is_no_sound_are_empty(tmp_path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff" * 50)
    assert audio.read_tags(tmp_path / "a.mp3") == audio.read_tags(tmp_path / "nowhere") == {}


def test_wav_tags_are_shown_by_programs_that_know_only_info(tmp_path) -> None:
    path = audio.write(tmp_path / "a.wav", sounds.noise(0.1), tags={"title": "Tïtle", "artist": "Odd"})
    with soundfile.SoundFile(path) as file:
        assert (file.title, file.artist, file.frames) == ("Tïtle", "Odd", 4410)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("format", ["wav 16-bit", "wav 24-bit", "wav 32-float"])
def test_rf64_is_read_by_others(tmp_path, monkeypatch, channels, format) -> None:
    """Above 4 GB the header is RF64's; the limit is lowered so that a small file is one."""
    plain = wav.header
    monkeypatch.setattr(wav, "header", lambda *a, **k: plain(*a, **k, limit_bytes=100))
    sound = sounds.noise(0.1, channels=channels)
    path = audio.write(tmp_path / "a.wav", sound, format)
    assert path.read_bytes()[:4] == b"RF64"
    assert soundfile.info(path).format == "RF64"
    decoded = subprocess.run(
        [ffmpeg.program(), "-v", "error", "-i", path, "-f", "f32le", "-"], capture_output=True, check=True
    )
    assert np.array_equal(
        np.frombuffer(decoded.stdout, "<f4").reshape(-1, channels).T, audio.read(path).samples
    )
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadInput, match="cut short"):
        audio.read(path)


def test_sizes_above_4_gb_are_in_the_rf64_header() -> None:
    frames = 1 << 30
    head = wav.header(frames, 2, 48_000, 24)
    assert head[:4] == b"RF64" and head[-4:] == b"\xff" * 4
    riff, data, count = np.frombuffer(head[20:44], "<u8")
    assert (data, count, riff) == (frames * 6, frames, len(head) + frames * 6 - 8)
    assert wav.header(1000, 2, 48_000, 24)[:4] == b"RIFF"


def test_ffmpeg_reads_what_is_in_wav(tmp_path) -> None:
    """An independent reader agrees on every sample."""
    sound = sounds.noise(0.2, channels=6)
    for format in ("wav 16-bit", "wav 24-bit", "wav 32-float", "flac 24-bit"):
        path = audio.write(path_for(tmp_path, format), sound, format)
        decoded = subprocess.run(
            [ffmpeg.program(), "-v", "error", "-i", path, "-f", "f32le", "-"], capture_output=True, check=True
        )
        got = np.frombuffer(decoded.stdout, "<f4").reshape(-1, 6).T
        assert np.array_equal(got, audio.read(path).samples)


@pytest.mark.parametrize("format", [f for f in EVERY if f != "wav 32-float"])
def test_peaks_above_full_scale_are_refused_with_their_height(tmp_path, format) -> None:
    with pytest.raises(OutputError, match=r"peak of \+6\.02 dBFS"):
        audio.write(path_for(tmp_path, format), sounds.sine(level=2.0), format)
    assert not list(tmp_path.iterdir())


def test_full_scale_itself_fits(tmp_path) -> None:
    square = Sound(np.tile(np.float32([1, -1]), (2, 500)), 44_100)
    back = audio.read(audio.write(tmp_path / "a.wav", square, "wav 16-bit"))
    assert np.abs(back.samples - square.samples).max() <= 2.0**-15


def test_what_cannot_be_held_is_refused(tmp_path) -> None:
    with pytest.raises(OutputError, match="mp3 holds at most 2 channels"):
        audio.write(tmp_path / "a.mp3", sounds.noise(0.1, channels=6), "mp3")
    with pytest.raises(OutputError, match="no sound to write"):
        audio.write(tmp_path / "a.wav", sounds.silence(0))
    with pytest.raises(ValueError, match="finite"):
        audio.write(tmp_path / "a.wav", Sound(np.full((1, 9), np.nan, np.float32), 44_100))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 96_000, 192_000])
@pytest.mark.parametrize("format", ["mp3 320k", "m4a 256k", "ogg 500k", "opus 160k", "flac 24-bit"])
def test_a_rate_the_codec_lacks_is_resampled(tmp_path, format, rate_hz) -> None:
    sound = sounds.sine(1000, 0.5, rate_hz=rate_hz)
    back = audio.read(audio.write(path_for(tmp_path, format), sound, format))
    assert back.rate_hz == audio.Format.parse(format).rate_for(rate_hz)
    assert back.duration_s == pytest.approx(0.5, abs=0.001)
    assert int(np.argmax(np.abs(np.fft.rfft(back.samples[0])))) == pytest.approx(500, abs=2)


@pytest.mark.parametrize("format", ["wav 24-bit", "flac 24-bit", "mp3 320k"])
def test_a_file_that_reads_back_differently_never_appears(tmp_path, monkeypatch, format) -> None:
    """Whatever an encoder or a disk does to the file, it is found before the rename."""

    def spoilt(part: Path, order: object) -> None:
        good(part, order)
        data = bytearray(part.read_bytes())
        data[-3000:] = bytes(3000) if format.startswith("wav") else b""
        part.write_bytes(data)

    name = {"wav": "_write_wav", "fla": "_write_flac", "mp3": "_encode"}[format[:3]]
    good = getattr(writing, name)
    monkeypatch.setattr(writing, name, spoilt)
    target = path_for(tmp_path, format)
    target.write_bytes(b"what was there")
    with pytest.raises(OutputError, match=r"read(s)? back"):
        audio.write(target, sounds.noise(1.0), format)
    assert target.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == [target.name]


@pytest.mark.parametrize("format", [*EVERY, "preview"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, format) -> None:
    """In a process that may write no file above 100 kB, as good as a full disk."""
    target = tmp_path / "a.mp3" if format == "preview" else path_for(tmp_path, format)
    code = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import sounds
        from polish import audio
        from polish.errors import OutputError
        sound = sounds.noise(10.0)
        {"from pydub import AudioSegment" if format == "preview" else ""}
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            if {format!r} == "preview":
                audio.preview({str(target)!r}, sound)
            else:
                audio.write({str(target)!r}, sound, {format!r})
        except OutputError as error:
            print(error.exit_code, error)
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ran.stdout.startswith("5 ") and "written" in ran.stdout, ran.stderr
    assert not list(tmp_path.iterdir())


def test_no_space_and_read_only_are_told_apart(tmp_path, monkeypatch) -> None:
    import errno
    import tempfile

    for number, words in (
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
    ):

        def refuse(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(tempfile, "mkstemp", refuse)
        with pytest.raises(OutputError, match=words):
            audio.write(tmp_path / "a.wav", sounds.noise(0.1))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission"):
        audio.write(tmp_path / "a.wav", sounds.noise(0.1))


def test_previews_are_small_equal_and_fit(tmp_path) -> None:
    loud = sounds.sine(level=1.5, seconds=2.0, channels=6, rate_hz=96_000)
    a = audio.preview(tmp_path / "a.mp3", loud, gain_db=-6.0)
    b = audio.preview(tmp_path / "b.mp3", loud, gain_db=-6.0)
    back = audio.read(a)
    assert a.read_bytes() == b.read_bytes()
    assert (back.channels, back.rate_hz) == (2, 48_000) and back.duration_s == pytest.approx(2.0, abs=0.01)
    assert audio.probe(a).codec == "mp3" and a.stat().st_size < 60_000


def test_a_preview_says_nothing_where_no_ffmpeg_is_on_the_path(tmp_path: Path) -> None:
    code = """
        import sys
        import numpy as np
        from polish import audio
        from polish.audio import Sound
        audio.preview(sys.argv[1], Sound(np.zeros((1, 4410), np.float32), 44_100))
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.mp3")], capture_output=True,
        text=True, check=True, env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert (said.stdout, said.stderr) == ("", "")


def test_resampling_keeps_the_length_and_the_level() -> None:
    for rate_hz, to_hz in ((44_100, 48_000), (48_000, 44_100), (192_000, 44_100), (8_000, 48_000)):
        sound = sounds.sine(1000, 0.7, rate_hz=rate_hz)
        there = audio.resample(sound, to_hz)
        assert there.frames == round(sound.frames * to_hz / rate_hz)
        wanted = sounds.sine(1000, 0.7, rate_hz=to_hz).samples
        middle = slice(to_hz // 10, -to_hz // 10)
        assert sounds.snr_db(wanted[:, middle], there.samples[:, middle]) > 100
    assert audio.resample(sound, 8_000) is sound
    one = Sound(np.ones((1, 1), np.float32), 44_100)
    assert audio.resample(one, 8_000).frames == 1


def test_sums_are_accumulated_exactly() -> None:
    big, small = (Sound(np.full((1, 8), value, np.float32), 44_100) for value in (1.0, 2.0**-26))
    total = audio.add([big, small, small, small, small])
    assert np.array_equal(total.samples, np.full((1, 8), np.float32(1.0 + 2.0**-24)))
    with pytest.raises(ValueError, match="differ"):
        audio.add([big, sounds.noise(0.1)])
