"""The pieces between a recogniser and lines with times: windows, guards, matching, warping."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import sounds
from spoken import PHRASES, hummed

from polish.audio import Sound
from polish.models.attending import first_frames, warp
from polish.models.heard_words import segments, without_inventions
from polish.models.hearing import RATE_HZ, WINDOW_S, Heard, listen
from polish.models.matching import matched
from polish.models.recital import gaps, place
from polish.models.words import known_lines
from polish.song import Gap, Line, Word


def line(text: str, start_s: float, end_s: float) -> Line:
    marks = np.linspace(start_s, end_s, len(text.split()) + 1)
    words = (
        Word(start_s=a, end_s=b, text=t) for t, a, b in zip(text.split(), marks[:-1], marks[1:], strict=True)
    )
    return Line(start_s=start_s, end_s=end_s, text=text, words=tuple(words))


@pytest.fixture(scope="module")
def heard() -> Heard:
    return listen(hummed(PHRASES, 12))


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
def test_listening_keeps_time_at_any_rate(rate_hz: int) -> None:
    click = np.zeros((2, 3 * rate_hz), np.float32)
    click[:, 2 * rate_hz] = 1.0
    found = listen(Sound(click, rate_hz))
    assert found.mono.size == 3 * RATE_HZ
    assert int(np.argmax(np.abs(found.mono))) == pytest.approx(2 * RATE_HZ, abs=1)


def test_a_long_song_is_heard_without_copies_of_it() -> None:
    long = Sound(np.broadcast_to(sounds.noise(300, rate_hz=8000, channels=1).samples, (8, 2_400_000)), 8000)
    tracemalloc.start()
    kept = listen(long).mono.nbytes
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < kept + 30e6, "what is kept, and blocks"


@pytest.mark.parametrize("frames", [0, 1, 100])
def test_next_to_nothing_has_no_windows(frames: int) -> None:
    assert listen(Sound(np.zeros((1, frames), np.float32), 44_100)).windows() == []


def test_windows_hold_all_the_singing_and_none_is_too_long() -> None:
    phrases = [(1.0, 40.0), (41.0, 55.0), (70.0, 72.0)]
    windows = listen(hummed(phrases, 75, 8000)).windows()
    for start_s, end_s in windows:
        assert 0 < end_s - start_s <= WINDOW_S + 1e-9
    for start_s, end_s in phrases:
        inside = sum(max(0.0, min(b, end_s) - max(a, start_s)) for a, b in windows)
        assert inside == pytest.approx(end_s - start_s, abs=0.2)
    assert windows[-1][0] == pytest.approx(69.8, abs=0.1), "a long pause is not heard"


def test_words_where_nobody_sings_are_left_out(heard: Heard) -> None:
    lines = [line("la la la la", 1.0, 2.4), line("thanks for watching", 11.0, 11.9)]
    assert [each.text for each in without_inventions(lines, heard)] == ["la la la la"]


def test_a_word_begins_after_the_pause_before_it(heard: Heard) -> None:
    """Where attention has the end of one word and a pause begin the next."""
    (_, ended_s), (begun_s, end_s) = PHRASES[:2]
    assert heard.within(ended_s - 0.2, end_s, 0.0)[0] == pytest.approx(begun_s, abs=0.05)
    assert heard.within(ended_s - 0.8, end_s, 0.0)[0] == pytest.approx(ended_s - 0.8, abs=0.05), "a long note"


def test_a_line_nobody_has_time_to_sing_is_left_out(heard: Heard) -> None:
    lines = [line("and on and on", 1.0, 2.4), *(line("and on and on", 2.4, 2.45) for _ in range(5))]
    assert len(list(without_inventions(lines, heard))) == 1


def test_a_chorus_stays_as_often_as_it_is_sung(heard: Heard) -> None:
    lines = [line("and on", start_s, start_s + 0.8) for start_s in (1.0, 1.7, 3.5, 6.2, 7.2)]
    assert len(list(without_inventions(lines, heard))) == 5


def test_timestamps_part_segments() -> None:
    class Tokenizer:
        timestamp_begin, eot = 100, 90

    assert segments((100, 1, 2, 110, 110, 3, 120), Tokenizer()) == [[1, 2], [3]]
    assert segments((), Tokenizer()) == []


def test_warping_finds_where_rows_begin() -> None:
    starts = np.array([0, 7, 20, 33, 50])
    likeness = np.zeros((5, 60))
    for row, (first, last) in enumerate(zip(starts, [*starts[1:], 60], strict=True)):
        likeness[row, first:last] = 1.0
    assert warp(likeness).tolist() == starts.tolist()
    noisy = likeness + 0.3 * np.random.default_rng(0).standard_normal(likeness.shape)
    assert np.abs(warp(noisy) - starts).max() <= 2


def test_more_tokens_than_frames_still_rise() -> None:
    starts = first_frames(np.zeros((2, 12, 40), np.float32), 5, 3)
    assert starts.size == 8
    assert (np.diff(starts) >= 0).all()


def test_words_are_matched_in_order_and_by_likeness() -> None:
    ours = ["the", "moonlight", "spills", "over", "the", "water"]
    theirs = ["moonlights", "spill", "over", "water", "the"]
    assert matched(ours, theirs) == [(1, 0), (2, 1), (3, 2), (5, 3)]
    assert matched([], theirs) == matched(ours, []) == []


def test_lines_that_were_misheard_are_placed_between_their_neighbours(heard: Heard) -> None:
    known = known_lines("summer morning\nla la la\ngolden river\nfire window")
    said = [line("summer morning", 1.0, 2.6), line("golden river", 6.0, 8.6), line("fire window", 9.5, 10.5)]
    placed = place(known, said, heard)
    assert [each.number for each in placed] == [0, 1, 2, 3]
    assert [each.heard for each in placed] == [True, False, True, True]
    assert 3.4 <= placed[1].start_s < placed[1].end_s <= 4.7


def test_lines_of_another_song_are_not_placed(heard: Heard) -> None:
    known = known_lines("nothing here agrees\nwith what was heard\nnot a single golden word of it")
    said = [line("summer morning", 1.0, 2.4), line("golden river", 6.0, 8.4)]
    assert place(known, said, heard) == []


def test_what_is_heard_beside_the_lines_is_a_gap() -> None:
    said = [
        line("oh yeah", 1, 2),
        line("come on", 2.5, 3),
        line("the moon is low", 5, 8),
        line("la la", 9, 11),
    ]
    assert gaps(said, [line("moon is low", 5.5, 8)]) == (Gap(start_s=1, end_s=3), Gap(start_s=9, end_s=11))
    assert gaps(said, said) == ()
    assert gaps(said, []) == (Gap(start_s=1, end_s=11),)


def test_ten_thousand_lines_are_laid_over_a_song(heard: Heard) -> None:
    known = known_lines("\n".join(f"verse {number} of many more" for number in range(10_000)))
    said = [line("verse 77 of many more", 1.0, 2.4)]
    assert len(place(known, said, heard)) >= 1


def test_what_is_heard_of_stereo_is_its_middle() -> None:
    noise = sounds.noise(1.0)
    found = listen(noise)
    assert found.mono.dtype == np.float32
    assert found.duration_s == pytest.approx(1.0)
