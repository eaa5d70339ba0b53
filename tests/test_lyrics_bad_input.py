"""Lyrics and songs that are not as one would wish: a clear word, a right exit code, nothing invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sounds
from spoken import PHRASES, hummed, recited
from typed import Type

from polish import audio
from polish.audio import Sound
from polish.song import Song
from polish.stages.base import Context
from polish.stages.lyrics import Lyrics as Stage


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return tmp_path / "words.txt"


def told(words: Path, voice: Sound) -> tuple[Song, list[str]]:
    """The song with its lyrics, and the notices."""
    said: list[str] = []
    song = Song(mix=voice, stems={"vocals": voice})
    return Stage(engine="builtin", text=str(words)).run(song, Context(notice=said.append)), said


def test_no_voice_at_all_is_no_error(tmp_path: Path, type_: Type) -> None:
    file = audio.write(tmp_path / "song.wav", sounds.silence(3))
    said = type_("lyrics", file, "--json")
    assert said.code == 0
    assert json.loads(said.out)["lines"] == []
    assert "no singing found" in said.err


@pytest.mark.parametrize("text", ["", "\n \n", "[verse]\n\n[chorus]\n", "[00:01.00]\n[ar:Nobody]"])
def test_lyrics_without_words_are_said_to_be(words: Path, text: str) -> None:
    words.write_text(text, encoding="utf-8")
    song, said = told(words, hummed(PHRASES, 12))
    assert song.lyrics is not None and song.lyrics.lines == ()
    assert said == ["the lyrics have no words in them"]


def test_a_byte_order_mark_is_no_word(words: Path) -> None:
    lines = ("the moon is over the river", "every street is made of glass")
    words.write_text("\n".join(lines), encoding="utf-8-sig")
    song, _ = told(words, recited(lines)[0])
    assert song.lyrics is not None
    assert tuple(line.text for line in song.lyrics.lines) == lines


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, words: Path, type_: Type) -> None:
    words.write_bytes("él cantó".encode("latin-1"))
    file = audio.write(tmp_path / "song.wav", hummed(PHRASES[:1], 3))
    said = type_("lyrics", file, "--text", words)
    assert said.code == 3
    assert "not UTF-8" in said.err and "words.txt" in said.err and "save it as UTF-8" in said.err


def test_far_more_lines_than_the_song_has_room_for_are_mostly_unmatched(words: Path) -> None:
    words.write_text(
        "\n".join(f"this is line {number} of the words" for number in range(400)), encoding="utf-8"
    )
    song, said = told(words, hummed(PHRASES, 12))
    assert song.lyrics is not None
    assert len(song.lyrics.unmatched) > 390
    assert "another song?" in said[0]


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_a_very_short_song_has_lyrics_inside_it(words: Path, seconds: float) -> None:
    words.write_text("la la\n", encoding="utf-8")
    song, _ = told(words, hummed([(0.0, seconds)], seconds))
    assert song.lyrics is not None
    for line in song.lyrics.lines:
        assert 0 <= line.start_s <= line.end_s <= seconds + 0.021
