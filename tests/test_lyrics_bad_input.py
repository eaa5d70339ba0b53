"""Lyrics and songs that are not as one would wish: a clear word, a right exit code, nothing invented.

All through the command line, on folders of stems, so that nothing need be separated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sounds
from spoken import recited
from typed import Said, Type

from polish import audio
from polish.audio import Sound

LINES = ("the moon is over the river", "every street is made of glass", "we never saw the morning",
         "shadows dancing by the fire")  # fmt: skip
OTHER = ("give me one more reason why", "I will call you after school", "nothing but a paper kite",
         "tell your brother and your cousin")  # fmt: skip

Align = Callable[[Sound, bytes], tuple[Said, dict[str, Any]]]


@pytest.fixture
def align(tmp_path: Path, type_: Type) -> Align:
    """``polish lyrics`` with a voice and a file of words; what was said, and the JSON."""

    def typed(voice: Sound, text: bytes) -> tuple[Said, dict[str, Any]]:
        audio.write(tmp_path / "song" / "vocals.wav", voice)
        (tmp_path / "words.txt").write_bytes(text)
        said = type_(
            "lyrics", tmp_path / "song", "--text", tmp_path / "words.txt", "--engine", "builtin", "--json"
        )
        return said, json.loads(said.out) if said.code == 0 else {}

    return typed


def written(lines: tuple[str, ...]) -> bytes:
    return "\n".join(lines).encode()


def texts(found: dict[str, Any]) -> tuple[str, ...]:
    return tuple(line["text"] for line in found["lines"])


@pytest.mark.parametrize("band", ["silence", "instruments"])
def test_no_voice_at_all_is_no_error(tmp_path: Path, type_: Type, band: str) -> None:
    """A whole mix without stems, and without words to look for."""
    parts = sounds.band(6.0)
    del parts["vocals"]
    mix = sounds.silence(3) if band == "silence" else sounds.total(parts)
    said = type_("lyrics", audio.write(tmp_path / "song.wav", mix), "--engine", "builtin", "--json")
    assert said.code == 0
    assert json.loads(said.out)["lines"] == []
    assert "no singing found" in said.err


def test_words_for_a_song_without_a_voice_are_unmatched(align: Align) -> None:
    said, found = align(sounds.silence(3), written(LINES))
    assert (texts(found), tuple(found["unmatched"]), found["gaps"]) == ((), LINES, [])
    assert "no singing found" in said.err


def test_the_lyrics_of_another_song_are_said_to_be(align: Align) -> None:
    said, found = align(recited(LINES)[0], written(OTHER))
    assert tuple(found["unmatched"]) == OTHER
    assert found["gaps"], "somebody sings, though not these words"
    assert "none of the lyrics were found in the song: are they those of another song?" in said.err


@pytest.mark.parametrize("text", ["", "\n \n", "[verse]\n\n[chorus]\n", "[00:01.00]\n[ar:Nobody]"])
def test_lyrics_without_words_are_said_to_be(align: Align, text: str) -> None:
    said, found = align(recited(LINES[:1])[0], text.encode())
    assert (found["lines"], found["unmatched"]) == ([], [])
    assert "the lyrics have no words in them" in said.err


def test_a_byte_order_mark_is_no_word(align: Align) -> None:
    _, found = align(recited(LINES)[0], "\n".join(LINES).encode("utf-8-sig"))
    assert texts(found) == LINES


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf_8_is_named(align: Align, encoding: str) -> None:
    said, _ = align(recited(LINES[:1])[0], "él cantó".encode(encoding))
    assert said.code == 3
    assert "not UTF-8" in said.err and "words.txt" in said.err and "save it as UTF-8" in said.err


@pytest.mark.parametrize("count", [400, 10_000])
def test_far_more_lines_than_the_song_has_room_for_are_unmatched(align: Align, count: int) -> None:
    said, found = align(recited(LINES)[0], b"this is one line of the many words\n" * count)
    assert len(found["lines"]) + len(found["unmatched"]) == count
    assert len(found["unmatched"]) > 0.95 * count
    assert "another song?" in said.err


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_a_very_short_song_has_lyrics_inside_it(align: Align, seconds: float) -> None:
    voice = recited(LINES)[0]
    first = round(1.1 * voice.rate_hz)
    short = voice.with_samples(voice.samples[:, first : first + round(seconds * voice.rate_hz)])
    said, found = align(short, b"the moon\n")
    assert said.code == 0, said.err
    for line in found["lines"]:
        assert 0 <= line["start_s"] <= line["end_s"] <= seconds + 0.021
