"""Known words get the times at which they are sung; words that are not sung get none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.dsp import voice
from polish.errors import StageFailed
from polish.models.alignment import BuiltinAligner
from polish.models.words import known_lines, split_words, syllables
from polish.song import Line, Lyrics, Song
from polish.stages.base import Context
from polish.stages.lyrics import Lyrics as Stage


def sung(spans_s: list[tuple[float, float]], seconds: float, rate_hz: int = 16_000) -> Sound:
    """A voice-like tone with syllables of 0.25 s during `spans_s`, and silence elsewhere."""
    t = sounds.times(seconds, rate_hz)
    tone = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 9))
    on = np.zeros(t.size)
    for start, end in spans_s:
        inside = (t >= start) & (t < end)
        on[inside] = 0.65 + 0.35 * np.cos(2 * np.pi * (t[inside] - start) / 0.25)
    return Sound((0.1 * tone * on).astype(np.float32)[None], rate_hz)


def align(sound: Sound, text: str) -> Lyrics:
    return BuiltinAligner("builtin").align(sound, text, language=None, progress=lambda _: None)


PHRASES = [(1.0, 2.5), (3.5, 4.5), (6.0, 8.5), (9.5, 10.5)]
TEXT = "la la la la la la\nla la la la\nla la la la la la la la la la\nla la la la"


def test_lines_begin_where_phrases_begin() -> None:
    found = align(sung(PHRASES, 12), TEXT)
    assert [line.start_s for line in found.lines] == pytest.approx([start for start, _ in PHRASES], abs=0.15)
    assert [line.end_s for line in found.lines] == pytest.approx([end for _, end in PHRASES], abs=0.15)


def test_words_follow_each_other_inside_their_line() -> None:
    for line in align(sung(PHRASES, 12), TEXT).lines:
        marks = [time for word in line.words for time in (word.start_s, word.end_s)]
        assert marks == sorted(marks)
        assert marks[0] == line.start_s
        assert marks[-1] == line.end_s


def test_singing_that_no_line_accounts_for_is_left_out() -> None:
    humming = [(1.0, 2.5), (3.5, 4.5), (5.5, 10.5), (12.0, 14.5), (15.5, 16.5)]
    found = align(sung(humming, 18), TEXT)
    starts = [line.start_s for line in found.lines]
    assert len(starts) == 4
    assert starts[0] == pytest.approx(1.0, abs=0.2)
    assert starts[-1] == pytest.approx(15.5, abs=0.2)


def test_lines_that_are_not_sung_are_unmatched() -> None:
    found = align(
        sung(PHRASES[:2], 12), TEXT + "\n" + "\n".join(["never sung at all in this short song"] * 8)
    )
    assert found.unmatched
    assert len(found.lines) + len(found.unmatched) == 12


def test_in_silence_every_line_is_unmatched() -> None:
    found = align(sounds.silence(5.0), TEXT)
    assert found.lines == ()
    assert len(found.unmatched) == 4


def test_tags_are_kept_and_cut_paragraphs_into_lines() -> None:
    lines = known_lines("[verse] One line. Another line of many more words than twelve, and so on it goes. "
                        "And on.\n[Chorus 2]\nLa la")  # fmt: skip
    assert [line.section for line in lines] == ["verse", "verse", "verse", "chorus"]
    assert lines[0].text == "One line."


def test_times_of_lrc_files_are_dropped() -> None:
    assert [line.text for line in known_lines("[ar:Someone]\n[00:10.00]Moonlight <00:11.2>spills")] == [
        "Moonlight spills"
    ]


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("moonlight", 2),
        ("made", 1),
        ("table", 2),
        ("même", 1),
        ("corazón", 3),
        ("夢", 1),
        ("hm", 1),
        ("été", 2),
    ],
)
def test_syllables_of_many_languages(word: str, count: int) -> None:
    assert syllables(word) == count


def test_scripts_without_spaces_have_a_word_a_character() -> None:
    assert split_words("夢を見た。") == ("夢", "を", "見", "た。")


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=200))
def test_any_text_can_be_read_as_lyrics(text: str) -> None:
    for line in known_lines(text):
        assert line.words
        assert len(line.words) == len(line.syllables)
        assert min(line.syllables) >= 1


@settings(deadline=None, max_examples=12)
@given(st.lists(st.floats(0.3, 2.0), min_size=2, max_size=8), st.integers(1, 12))
def test_lines_never_overlap_or_leave_the_song(lengths: list[float], count: int) -> None:
    spans = [(sum(lengths[:i]), sum(lengths[:i]) + lengths[i] * 0.7) for i in range(len(lengths))]
    sound = sung(spans, sum(lengths), rate_hz=8000)
    found = align(sound, "\n".join(["la la la"] * count))
    assert len(found.lines) + len(found.unmatched) == count
    ends = [0.0]
    for line in found.lines:
        assert ends[-1] <= line.start_s + 1e-9
        assert line.start_s <= line.end_s <= sound.duration_s + 0.021
        ends.append(line.end_s)


def test_a_voice_is_found_where_it_sounds() -> None:
    sound = sung(PHRASES, 12, rate_hz=44_100)
    found = voice.activity(sound.samples, sound.rate_hz).spans_s
    assert found == pytest.approx(np.array(PHRASES), abs=0.12)


@pytest.mark.parametrize("frames", [0, 1, 50, 1000])
def test_very_short_sounds_have_no_voice_and_no_error(frames: int) -> None:
    found = voice.activity(np.zeros((2, frames), np.float32), 44_100)
    assert found.spans_s.shape == (0, 2)


def test_the_stage_listens_to_the_vocal_stem(tmp_path: Path) -> None:
    words = tmp_path / "lyrics.txt"
    words.write_text(TEXT, encoding="utf-8")
    voice_stem, other = sung(PHRASES, 12), sounds.noise(12, rate_hz=16_000, channels=1)
    mix = other.with_samples(other.samples + voice_stem.samples)
    song = Song(mix=mix, stems={"vocals": voice_stem, "other": other})
    found = Stage(text=str(words)).run(song).lyrics
    assert found is not None
    assert [line.start_s for line in found.lines] == pytest.approx([s for s, _ in PHRASES], abs=0.15)


def test_without_words_the_built_in_engine_says_what_to_do() -> None:
    mix = sung(PHRASES, 12)
    with pytest.raises(StageFailed, match="polish models fetch"):
        Stage().run(Song(mix=mix, stems={"vocals": mix}))


def test_a_stem_that_is_not_there_is_named() -> None:
    mix = sung(PHRASES, 12)
    with pytest.raises(StageFailed, match="one of vocals"):
        Stage(**{"from": "choir"}).run(Song(mix=mix, stems={"vocals": mix}), Context(step="words"))


def test_silence_has_no_words() -> None:
    mix = sounds.silence(3)
    found = Stage().run(Song(mix=mix, stems={"vocals": mix})).lyrics
    assert found is not None
    assert found.lines == ()


def test_lines_survive_their_json() -> None:
    line = align(sung(PHRASES, 12), TEXT).lines[0]
    assert Line.model_validate_json(line.model_dump_json()) == line
