"""Every lyrics format, parsed back by a reader that is not ours; the video is looked at."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import mutagen
import numpy as np
import pytest
import sounds
from mutagen.id3 import ID3

from polish import audio
from polish.audio.ffmpeg import program
from polish.deliver.karaoke_text import ass, pieces
from polish.deliver.lyrics import Lyrics
from polish.deliver.master import Master
from polish.deliver.video import Video
from polish.errors import OutputError
from polish.song import Line, Song, Word
from polish.song import Lyrics as Words
from polish.song import Master as Made

TEXTS = ["Hé, {you} & <me>", "יוֹם טוֹב עוֹלָם", "夢を見た", "last line"]


def line(text: str, start_s: float, words: list[str], word_s: float = 0.5) -> Line:
    timed = (
        Word(start_s=start_s + at * word_s, end_s=start_s + (at + 1) * word_s, text=word)
        for at, word in enumerate(words)
    )
    return Line(start_s=start_s, end_s=start_s + len(words) * word_s, text=text, words=tuple(timed))


WORDS = Words(
    language="en",
    lines=(
        line(TEXTS[0], 1.0, ["Hé,", "{you} &", "<me>"]),
        line(TEXTS[1], 4.25, TEXTS[1].split()),
        line(TEXTS[2], 61.0, list(TEXTS[2])),
        Line(start_s=3605.5, end_s=3607.25, text=TEXTS[3]),
    ),
)
STARTS_S = [1.0, 4.25, 61.0, 3605.5]
ENDS_S = [2.5, 5.75, 63.0, 3607.25]
ALL = ("lrc", "elrc", "srt", "vtt", "ass", "ttml", "txt", "json", "audacity")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("lyrics")
    done = Lyrics(formats=ALL).write(Song(title="song", lyrics=WORDS), folder)
    return dict(zip(ALL, done.files, strict=True))


@pytest.mark.parametrize("format", ["srt", "vtt", "ass"])
def test_pysubs2_reads_the_subtitles(made: dict[str, Path], format: str) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    found = list(pysubs2.load(str(made[format]), encoding="utf-8"))
    texts = [event.plaintext for event in found]
    if format == "ass":
        assert texts == ["Hé, (you) & <me>", *TEXTS[1:]]
    else:
        assert [event.start / 1000 for event in found] == pytest.approx(STARTS_S)
        assert [event.end / 1000 for event in found] == pytest.approx(ENDS_S)
        assert texts[1:] == TEXTS[1:]


def test_karaoke_lengths_reach_each_word_when_it_is_sung(made: dict[str, Path]) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    for event, sung in zip(pysubs2.load(str(made["ass"])), WORDS.lines, strict=True):
        at_s = event.start / 1000
        marks = []
        for kind, hundredths in re.findall(r"\\(kf?)(\d+)", event.text):
            if kind == "kf":
                marks.append(at_s)
            at_s += int(hundredths) / 100
        assert marks == pytest.approx([word.start_s for word in sung.words] or [sung.start_s], abs=0.011)
        assert at_s == pytest.approx(sung.end_s, abs=0.011)


def test_webvtt_py_reads_the_captions(made: dict[str, Path]) -> None:
    webvtt = pytest.importorskip("webvtt")
    captions = list(webvtt.read(str(made["vtt"])))
    assert [caption.start_in_seconds for caption in captions] == [int(start_s) for start_s in STARTS_S]
    assert [caption.text for caption in captions][1:] == TEXTS[1:]


def test_pylrc_reads_the_lrc(made: dict[str, Path]) -> None:
    pylrc = pytest.importorskip("pylrc")
    found = [row for row in pylrc.parse(made["lrc"].read_text(encoding="utf-8")) if row.text]
    assert [row.text for row in found[:3]] == TEXTS[:3], "it knows no minutes above 59"
    assert [row.time for row in found[:3]] == pytest.approx(STARTS_S[:3], abs=0.01)


def test_enhanced_lrc_has_each_word_at_its_time(made: dict[str, Path]) -> None:
    rows = made["elrc"].read_text(encoding="utf-8").splitlines()[1:]
    for row, sung in zip(rows, WORDS.lines, strict=True):
        found = re.findall(r"<(\d+):(\d\d\.\d\d)>([^<\[]*)", row.replace("<me>", "(me)"))
        times = [int(minutes) * 60 + float(seconds) for minutes, seconds, _ in found]
        assert times[:-1] == pytest.approx([word.start_s for word in sung.words] or [sung.start_s], abs=0.006)
        assert "".join(text for *_, text in found).replace("(me)", "<me>") == sung.text


def test_ttml_is_xml_with_times_inside_times(made: dict[str, Path]) -> None:
    def seconds(clock: str) -> float:
        hours, minutes, rest = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    space = "{http://www.w3.org/ns/ttml}"
    rows = list(ElementTree.parse(made["ttml"]).iter(f"{space}p"))
    assert ["".join(row.itertext()) for row in rows] == TEXTS
    for row, sung in zip(rows, WORDS.lines, strict=True):
        start_s = seconds(row.attrib["begin"])
        spans = [start_s + seconds(span.attrib["begin"]) for span in row.iter(f"{space}span")]
        assert spans == pytest.approx([word.start_s for word in sung.words] or [sung.start_s], abs=0.001)


def test_audacity_gets_a_label_a_word(made: dict[str, Path]) -> None:
    rows = [row.split("\t") for row in made["audacity"].read_text(encoding="utf-8").splitlines()]
    words = [word for sung in WORDS.lines for word in sung.words]
    assert [float(start) for start, _, _ in rows[:-1]] == pytest.approx([word.start_s for word in words])
    assert rows[-1][2] == TEXTS[3]


@pytest.mark.parametrize("sung", WORDS.lines)
def test_pieces_spell_their_line(sung: Line) -> None:
    assert "".join(piece.text for piece in pieces(sung)) == sung.text


def test_words_that_are_not_in_their_line_are_shown_by_themselves() -> None:
    assert [piece.text for piece in pieces(line("one two", 0.0, ["eins", "zwei"]))] == ["eins ", "zwei "]


@pytest.fixture(scope="module")
def sung_song() -> Song:
    lyrics = Words(language="en", lines=(line("light it up", 0.4, ["light", "it", "up"]),))
    return Song(title="song", masters={"a": Made(sounds.sine(seconds=2.2, level=0.2))}, lyrics=lyrics)


@pytest.mark.parametrize("format", ["mp3 128k", "flac 16-bit", "m4a 128k"])
def test_lyrics_are_put_into_the_tags_on_request(sung_song: Song, tmp_path: Path, format: str) -> None:
    (path,) = Master(format=format).write(sung_song, tmp_path).files
    before = audio.read(path).samples
    plain = Lyrics(formats=["lrc"]).write(sung_song, tmp_path)
    assert "embedded_in" not in plain.facts
    done = Lyrics(formats=["lrc"], embed=True).write(sung_song, tmp_path)
    assert done.facts["embedded_in"] == [path.name]
    lrc = done.files[0].read_text(encoding="utf-8")
    if path.suffix == ".mp3":
        tags = ID3(path)
        assert tags.getall("SYLT")[0].text == [("light it up", 400)]
        assert tags.getall("USLT")[0].text == "light it up"
        assert tags.getall("USLT")[0].lang == "eng"
    else:
        assert lrc in (mutagen.File(path).get("LYRICS") or mutagen.File(path)["\xa9lyr"])
    assert np.array_equal(audio.read(path).samples, before)


def test_nothing_to_put_the_lyrics_into_is_said(sung_song: Song, tmp_path: Path) -> None:
    assert "no MP3" in Lyrics(embed=True).write(sung_song, tmp_path).notices[0]


def frame(video: Path, at_s: float) -> np.ndarray:
    """One picture of a video, ``(360, 640, 3)``."""
    command = [program(), "-loglevel", "error", "-ss", str(at_s), "-i", str(video), "-frames:v", "1"]
    command += ["-vf", "scale=640:360", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(360, 640, 3).astype(int)


def lit(picture: np.ndarray) -> int:
    """How many pixels have the colour of what has been sung."""
    return int(((picture[..., 0] > 180) & (picture[..., 2] < 120)).sum())


def test_words_of_the_video_are_lit_as_they_are_sung(sung_song: Song, tmp_path: Path) -> None:
    done = Video().write(sung_song, tmp_path)
    (path,) = done.files
    if done.notices:
        pytest.skip("this machine has no font")
    shown = [frame(path, at_s) for at_s in (0.2, 0.9, 1.85)]
    areas = [lit(picture) for picture in shown]
    assert areas[0] == 0 and 0 < areas[1] < areas[2]
    assert (shown[0].min(axis=-1) > 200).any(), "the words are there before they are sung"
    assert audio.probe(path).duration_s == pytest.approx(2.2, abs=0.1)


def test_a_cover_stands_behind_the_words(sung_song: Song, tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    green = ["-f", "lavfi", "-i", "color=green:size=300x300", "-frames:v", "1"]
    subprocess.run([program(), "-loglevel", "error", *green, cover], check=True)
    (path,) = Video(cover=str(cover)).write(sung_song, tmp_path).files
    picture = frame(path, 0.1)
    assert picture[30, 320, 1] > 40 > picture[30, 320, 0]
    assert picture[30, 10].max() < 30, "beside the picture it is black"
    with pytest.raises(OutputError, match="video was not made"):
        Video(cover=__file__).write(sung_song, tmp_path)


def test_without_words_there_is_no_video(sung_song: Song, tmp_path: Path) -> None:
    done = Video().write(sung_song.having(lyrics=Words()), tmp_path)
    assert not done.files and "no words" in done.notices[0]


def test_what_would_be_a_command_in_ass_is_text() -> None:
    text = ass(Words(lines=(Line(start_s=0, end_s=1, text=r"{\an8}a\Nb"),)))
    assert r"\an8" not in text and r"\N" not in text
