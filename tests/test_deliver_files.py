"""Deliveries: what leaves is whole, measured where it lies, and says what was changed on the way."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
import sounds

from polish import audio, deliver
from polish.audio import Format, Sound
from polish.deliver.base import Delivery, file_name
from polish.deliver.labels import Labels
from polish.deliver.lyrics import Lyrics
from polish.deliver.master import Master
from polish.deliver.report import Report
from polish.deliver.stems import Stems
from polish.dsp.loudness import integrated_lufs
from polish.dsp.measure import measure
from polish.errors import OutputError
from polish.song import Beats, Finding, Line, Section, Song, Word
from polish.song import Lyrics as Words
from polish.song import Master as Made


def squashed(sound: Sound, level: float) -> Sound:
    """Driven hard into a clip at `level`: what lossy codecs overshoot on."""
    return sound.with_samples(np.clip(sound.samples * 8, -level, level))


@pytest.fixture(scope="module")
def song() -> Song:
    band = sounds.band(6.0)
    mix = sounds.total(band)
    words = (Word(start_s=1.0, end_s=1.4, text="Hé"), Word(start_s=1.5, end_s=2.0, text="<you>"))
    lines = (
        Line(start_s=1.0, end_s=2.0, text="Hé --> <you>", words=words, section="verse"),
        Line(start_s=2.5, end_s=2.5, text="two\nrows", section="verse"),
        Line(start_s=59.996, end_s=3700.5, text="יוֹם 日本", section="chorus"),
    )
    return Song(
        title="A/C: ünï",
        draft=mix,
        mix=mix,
        stems=band,
        masters={"stream": Made(squashed(mix, 0.4))},
        tags={"title": "Tïtle", "artist": "Someone"},
        beats=Beats(
            tempo_bpm=120, beats_s=tuple(np.arange(0.5, 6, 0.5)), downbeats_s=(1.0, 3.0, 5.0), beats_per_bar=4
        ),
        sections=(Section(start_s=0, end_s=3, group="A", label="verse"),),
        lyrics=Words(language="en", lines=lines, unmatched=("lost",)),
        findings=(
            Finding(kind="mud", start_s=0, end_s=6, severity="warning", value=4.0, unit="dB",
                    message="too much\tlow middle", mend="clean"),
        ),
    )  # fmt: skip


def jsonable(facts: object) -> None:
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize("name", deliver.names())
def test_every_delivery_is_declared_and_explained(name) -> None:
    cls = deliver.find(name)
    assert issubclass(cls, Delivery) and cls.name == name
    assert cls.about().endswith(".") and all(setting.about for setting in cls.settings())
    jsonschema.validate(cls().resolved(), cls.model_json_schema())


def test_an_unknown_delivery_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        deliver.find("vinyl")


@pytest.mark.parametrize("name", deliver.names())
def test_delivering_twice_gives_the_same_files(song, tmp_path, name) -> None:
    one, two = (deliver.find(name)().write(song, tmp_path / folder) for folder in "ab")
    assert [p.relative_to(tmp_path / "a") for p in one.files] == [
        p.relative_to(tmp_path / "b") for p in two.files
    ]
    assert [p.read_bytes() for p in one.files] == [p.read_bytes() for p in two.files]
    assert one.facts == two.facts and one.notices == two.notices
    assert one.files
    jsonable(one.facts)


def test_a_master_is_measured_in_the_written_file(song, tmp_path) -> None:
    done = Master(format="wav 16-bit").write(song, tmp_path)
    (path,) = done.files
    back = audio.read(path)
    assert path.name == "A_C_ ünï (16-bit).wav"
    assert done.facts["measured"] == measure(back.samples, back.rate_hz)
    assert done.facts["of"] == "stream" and done.facts["gain_db"] == 0 and not done.notices
    assert audio.read_tags(path) == song.tags


def test_masters_are_told_apart_by_name_when_there_are_several(song, tmp_path) -> None:
    quiet = Made(song.mix.with_samples(song.mix.samples * np.float32(0.5)))
    two = song.having(masters={"stream": song.masters["stream"], "club": quiet})
    last = Master().write(two, tmp_path)
    first = Master(of="stream").write(two, tmp_path)
    assert [p.name for p in (*last.files, *first.files)] == ["A_C_ ünï (club).wav", "A_C_ ünï (stream).wav"]
    assert last.facts["of"] == "club"
    assert np.abs(audio.read(last.files[0]).samples - quiet.sound.samples).max() <= 1.5 * 2.0**-23


def test_a_lossy_master_with_headroom_keeps_its_level(song, tmp_path) -> None:
    done = Master(format="mp3 320k").write(song, tmp_path)
    wanted = integrated_lufs(song.masters["stream"].sound.samples, 44_100)
    assert done.facts["gain_db"] == 0 and not done.notices
    assert done.facts["measured"]["integrated_lufs"] == pytest.approx(wanted, abs=0.1)


def test_a_master_over_full_scale_is_lowered_to_fit_and_says_so(song, tmp_path) -> None:
    over = song.having(masters={"m": Made(sounds.sine(level=2.0))})
    done = Master().write(over, tmp_path)
    assert done.facts["gain_db"] == pytest.approx(-6.02, abs=0.01)
    assert "lower by 6.02 dB" in done.notices[0] and "full scale" in done.notices[0]
    kept = Master(format="wav 32-float").write(over, tmp_path)
    assert np.array_equal(audio.read(kept.files[0]).samples, over.masters["m"].sound.samples)


def test_a_silent_master_is_delivered_without_nan(song, tmp_path) -> None:
    silent = song.having(masters={"m": Made(sounds.silence())})
    for format in ("wav 16-bit", "mp3 128k"):
        facts = Master(format=format).write(silent, tmp_path).facts
        assert facts["measured"]["integrated_lufs"] is None and facts["gain_db"] == 0
        jsonable(facts)


def test_a_master_that_is_not_there_is_an_error(song, tmp_path) -> None:
    with pytest.raises(OutputError, match="no master 'vinyl'"):
        Master(of="vinyl").write(song, tmp_path)


@pytest.mark.parametrize("format", ["wav 24-bit", "wav 32-float", "flac 24-bit"])
def test_stems_sum_to_what_they_came_from(song, tmp_path, format) -> None:
    done = Stems(format=format).write(song, tmp_path)
    assert [p.name.split(".")[0] for p in done.files] == list(song.stems)
    read = audio.read_stems(tmp_path / "stems")
    error = audio.add(list(read.values())).samples - sounds.total(song.stems).samples
    assert np.abs(error).max() < 10 ** (-120 / 20)
    assert done.facts["sum_error_dbfs"] is None or done.facts["sum_error_dbfs"] <= -120
    assert done.facts["sum_to_mix_error_dbfs"] <= -120
    assert (done.facts["sum_error_dbfs"] is None) == (format == "wav 32-float")


def test_the_dithers_of_stems_do_not_add_up_as_one(song, tmp_path) -> None:
    """Four independent errors of variance 1/4 step² sum to one; one error four times would give four."""
    same = {name: sounds.noise(1.0, 0.01, seed=1) for name in "abcd"}
    Stems(format="wav 16-bit").write(song.having(stems=same, mix=None), tmp_path)
    error = sum(audio.read(p).samples.astype(float) for p in (tmp_path / "stems").iterdir())
    error = (error - 4 * same["a"].samples) * 2**15
    assert np.var(error) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("format", ["wav 24-bit", "flac 16-bit", "mp3 320k"])
def test_stems_over_full_scale_become_float_with_a_word(song, tmp_path, format) -> None:
    loud = {**song.stems, "drums": sounds.sine(level=3.0, seconds=6.0)}
    done = Stems(format=format).write(song.having(stems=loud), tmp_path)
    assert done.facts["format"] == "wav 32-float" and "drums is above full scale" in done.notices[0]
    assert np.array_equal(audio.read(tmp_path / "stems" / "drums.wav").samples, loud["drums"].samples)
    assert not Stems(format="wav 32-float").write(song.having(stems=loud), tmp_path).notices


def test_a_changed_mix_shows_in_the_sum(song, tmp_path) -> None:
    louder = song.having(mix=song.mix.with_samples(song.mix.samples * np.float32(1.1)))
    facts = Stems().write(louder, tmp_path).facts
    assert facts["sum_error_dbfs"] <= -120 and facts["sum_to_mix_error_dbfs"] > -40


@pytest.mark.parametrize("format", ["wav 24-bit", "wav 32-float", "flac 24-bit"])
def test_with_what_was_removed_the_stems_null_against_the_draft(song, tmp_path, format) -> None:
    cleaned = {**song.stems, "drums": sounds.silence(6.0), "bass": sounds.sine(seconds=6.0, level=0.1)}
    mended = song.having(stems=cleaned, draft=song.mix, mix=sounds.total(cleaned))
    done = Stems(format=format, removed=True).write(mended, tmp_path)
    assert [path.stem for path in done.files] == [*song.stems, "removed"]
    files = {path.stem: soundfile.read(path, always_2d=True)[0].T for path in done.files}
    left = song.mix.samples - sum(files.values())
    assert np.abs(left).max() <= 1e-6
    assert np.abs(sounds.total(cleaned).samples - (sum(files.values()) - files["removed"])).max() <= 1e-6
    assert done.facts["sum_to_draft_error_dbfs"] <= -120 and done.facts["sum_to_mix_error_dbfs"] <= -120
    assert "leave it out" in done.notices[0]


def test_nothing_removed_is_no_stem_and_another_length_is_told(song, tmp_path) -> None:
    kept = Stems(removed=True).write(song.having(draft=song.mix), tmp_path / "kept")
    assert [path.stem for path in kept.files] == list(song.stems) and not kept.notices
    for draft in (sounds.sine(seconds=2.0), None):
        other = Stems(removed=True).write(song.having(draft=draft), tmp_path / "other")
        assert [path.stem for path in other.files] == list(song.stems)
        assert "not as long as the draft" in other.notices[0]


def test_a_stem_called_removed_is_not_written_over(song, tmp_path) -> None:
    named = song.having(stems={"removed": song.stems["drums"]}, draft=song.mix)
    done = Stems(removed=True).write(named, tmp_path)
    assert [path.stem for path in done.files] == ["removed", "removed_2"]


def test_stems_in_a_codec_of_another_rate_say_so(song, tmp_path) -> None:
    done = Stems(format="opus 96k").write(song, tmp_path)
    assert "does not hold 44100 Hz" in done.notices[0] and done.facts["sum_error_dbfs"] is None


def times_of(text: str, point: str) -> list[float]:
    """Every ``h:m:s`` time of a subtitle file, in s."""
    spans = [line.split(" --> ") for line in text.splitlines() if " --> " in line]
    clocks = [clock.replace(point, ".").split(":") for span in spans for clock in span]
    assert all(len(clock) == 3 and int(clock[1]) < 60 and float(clock[2]) < 60 for clock in clocks)
    return [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in clocks]


def test_lyrics_formats_have_the_right_times(song, tmp_path) -> None:
    done = Lyrics(formats=["lrc", "srt", "vtt", "txt", "json"]).write(song, tmp_path)
    lrc, srt, vtt, txt, whole = (p.read_text(encoding="utf-8") for p in done.files)
    assert [p.name for p in done.files] == [f"A_C_ ünï.{f}" for f in ("lrc", "srt", "vtt", "txt", "json")]
    assert lrc == (
        "[ti:Tïtle]\n[ar:Someone]\n[00:01.00]Hé → <you>\n[00:02.50]two rows\n[00:02.50]\n"
        "[01:00.00]יוֹם 日本\n[61:40.50]\n"
    )
    assert srt.startswith("1\n00:00:01,000 --> 00:00:02,000\nHé → <you>\n\n2\n") and srt.endswith("日本\n")
    assert vtt.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHé → &lt;you&gt;\n\n")
    assert times_of(srt, ",") == times_of(vtt, ".") == [1.0, 2.0, 2.5, 2.501, 59.996, 3700.5]
    assert txt == "[verse]\nHé → <you>\ntwo rows\n\n[chorus]\nיוֹם 日本\n"
    assert Words.model_validate_json(whole) == song.lyrics
    assert done.facts == {"lines": 3, "words": 6, "unmatched_lines": 1, "doubtful_lines": 0, "language": "en"}


@pytest.mark.parametrize(
    ("seconds", "shown"), [(59.999, "[01:00.00]"), (0.004, "[00:00.00]"), (6000.0, "[100:00.00]")]
)
def test_rounding_never_shows_sixty_seconds(tmp_path, seconds, shown) -> None:
    song = Song(title="a", lyrics=Words(lines=(Line(start_s=seconds, end_s=seconds + 1, text="x"),)))
    assert shown + "x" in Lyrics(formats=["lrc"]).write(song, tmp_path).files[0].read_text()


def test_a_song_without_words_gets_no_lyrics_files(tmp_path) -> None:
    done = Lyrics().write(Song(title="a", lyrics=Words()), tmp_path)
    assert not done.files and "no words" in done.notices[0] and not list(tmp_path.iterdir())


def test_labels_are_read_by_editors(song, tmp_path) -> None:
    done = Labels(formats=["audacity", "csv", "json"]).write(song, tmp_path)
    assert sorted(p.name for p in done.files) == [
        "bars.txt", "beats.txt", "findings.txt", "labels.csv", "labels.json", "lyrics.txt", "sections.txt",
    ]  # fmt: skip
    for path in (tmp_path / "labels").glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            start, end, label = line.split("\t")
            assert 0 <= float(start) <= float(end) and label
    assert (tmp_path / "labels" / "beats.txt").read_text().splitlines()[:3] == [
        "0.500000\t0.500000\t0.1", "1.000000\t1.000000\t1.1", "1.500000\t1.500000\t1.2",
    ]  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "labels" / "labels.csv").open(encoding="utf-8")))
    whole = json.loads((tmp_path / "labels" / "labels.json").read_text(encoding="utf-8"))
    assert len(rows) == len(whole) == sum(done.facts.values()) == 11 + 3 + 1 + 3 + 1
    assert rows[-1]["label"] == whole[-1]["label"] == "mud: too much\tlow middle"
    assert math.isclose(float(rows[0]["start_s"]), whole[0]["start_s"])


def test_nothing_to_label_leaves_nothing(tmp_path) -> None:
    done = Labels().write(Song(title="a"), tmp_path)
    assert not done.files and done.notices and not list(tmp_path.iterdir())


def test_beats_without_bars_are_counted_through(tmp_path) -> None:
    Labels().write(Song(beats=Beats(beats_s=(0.5, 1.0))), tmp_path)
    assert [row.split("\t")[2] for row in (tmp_path / "labels/beats.txt").read_text().splitlines()] == [
        "1",
        "2",
    ]


def test_listening_copies_are_equally_loud_and_do_not_clip(song, tmp_path) -> None:
    done = Report().write(song, tmp_path)
    heard = [audio.read(path) for path in done.files]
    assert done.facts["listen"] == {"draft": "listen/draft.mp3", "master": "listen/master.mp3"}
    lufs = [integrated_lufs(sound.samples, sound.rate_hz) for sound in heard]
    assert lufs[0] == pytest.approx(lufs[1], abs=0.2)
    assert all(audio.peak(sound) <= 1.06 for sound in heard)
    assert all(sound.frames == song.mix.frames for sound in heard)


def test_listening_copies_are_made_of_what_there_is(song, tmp_path) -> None:
    silent = Song(draft=sounds.silence(), mix=sounds.silence(), masters={"a": Made(sounds.silence())})
    assert Report().write(silent, tmp_path).facts["listen_gain_db"] == {"draft": 0.0, "master": 0.0}
    unchanged = Report().write(Song(draft=song.draft, mix=song.mix), tmp_path)
    assert list(unchanged.facts["listen"]) == ["draft"]
    mixed = Song(draft=song.draft, mix=sounds.noise(6.0))
    assert list(Report().write(mixed, tmp_path).facts["listen"]) == ["draft", "mix"]
    several = Song(draft=song.draft, masters={"draft": Made(song.mix), "b": Made(song.mix)})
    assert list(Report().write(several, tmp_path).facts["listen"]) == ["draft", "master draft", "b"]
    assert not Report().write(Song(), tmp_path).files


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("AC/DC", "AC_DC"),
        ("..", "song"),
        (".hidden", "hidden"),
        ("a\nb\0", "a_b_"),
        ("", "song"),
        ("日本 ♫", "日本 ♫"),
    ],
)
def test_titles_become_names_that_file_systems_take(tmp_path: Path, text, name) -> None:
    assert file_name(text) == name
    (tmp_path / file_name(text)).write_text("x")


def test_a_format_is_a_setting_of_its_own() -> None:
    assert Master(format="mp3").format == Format("mp3", "320k")
