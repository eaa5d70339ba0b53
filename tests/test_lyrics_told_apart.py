"""Which lines are sung, in a whole song and in a part of it, and for how long each can last."""

from __future__ import annotations

import numpy as np
import pytest
import spoken
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.models.acoustic import HOP_S, agreed, hearings
from polish.models.alignment import BuiltinAligner, fits
from polish.models.line_spans import bounded, relieved
from polish.models.own_words import evidence
from polish.models.phones import CLASSES, phones
from polish.models.sung_chain import ELSE, Spelled
from polish.models.words import known_lines
from polish.song import Lyrics

SONG = ("the moon is over the river", "every street is made of glass", "we never saw the morning",
        "shadows dancing by the fire", "nobody knows my second name", "a silver train is leaving town",
        "keep the candle in the window", "all the flowers turn to stone")  # fmt: skip
OTHER = ("give me one more reason why", "I will call you after school", "nothing but a paper kite",
         "tell your brother and your cousin", "purple monkeys eat bananas", "catch a fish for uncle Joe",
         "hold the ladder while I climb", "yesterday the soup was cold")  # fmt: skip


def align(sound: Sound, lines: tuple[str, ...]) -> Lyrics:
    return BuiltinAligner("builtin").align(sound, "\n".join(lines), language="en", progress=lambda _: None)


def texts(found: Lyrics) -> tuple[str, ...]:
    return tuple(line.text for line in found.lines)


@pytest.mark.parametrize("first", [0, 3, 5])
def test_of_a_part_of_a_song_the_lines_that_are_sung_in_it_get_times(first: int) -> None:
    sound, starts_s = spoken.recited(SONG[first : first + 3])
    found = align(sound, SONG)
    assert texts(found) == SONG[first : first + 3]
    assert set(found.unmatched) == set(SONG) - set(texts(found))
    assert [line.start_s for line in found.lines] == pytest.approx([each[0] for each in starts_s], abs=0.25)


@pytest.mark.parametrize("first", [0, 3, 5])
def test_a_part_of_a_song_has_no_lines_of_another_song(first: int) -> None:
    found = align(spoken.recited(SONG[first : first + 3])[0], OTHER)
    assert texts(found) == ()
    assert found.unmatched == OTHER


@pytest.mark.parametrize("line", OTHER[:4])
def test_one_line_of_another_song_never_costs_the_others_their_times(line: str) -> None:
    sound, _ = spoken.recited(SONG[:6])
    for place in (0, 3, 6):
        found = align(sound, (*SONG[:place], line, *SONG[place:6]))
        assert line in found.unmatched
        assert texts(found) == SONG[:6]


def test_a_songs_own_words_stand_out_from_nonsense_and_others_do_not() -> None:
    """On either side of what is asked for, its own far, whole or in part, with a line too many."""
    whole, part = (agreed(hearings(spoken.recited(lines)[0])) for lines in (SONG, SONG[3:6]))
    for lines, heard in ((SONG, whole), (SONG, part), ((*SONG[:5], OTHER[0], *SONG[5:]), whole)):
        assert evidence(_spelled(lines), fits(heard), 6) > 6
    for heard in (whole, part):
        assert evidence(_spelled(OTHER), fits(heard), 6) < 3


def _spelled(lines: tuple[str, ...]) -> Spelled:
    return [[phones(word, "en") for word in line.split()] for line in lines]


@pytest.mark.parametrize("cry", ["ah ah ah ah ah ah ah", "oh oh oh oh oh oh oh", "fire ire ire ire ire ire"])
def test_what_is_sung_between_lines_belongs_to_none_of_them(cry: str) -> None:
    """Vowels sung for many seconds sound like those of the line before or after them."""
    sound, starts_s = spoken.recited(SONG[:4])
    between = spoken.recited((cry,) * 3, first_s=0.0, pause_s=0.0)[0]
    cut = round(starts_s[2][0] * sound.rate_hz)
    parts = sound.samples[:, :cut], between.samples, sound.samples[:, cut:]
    found = align(sound.with_samples(np.concatenate(parts, axis=1)), SONG[:4])
    truth = [each[0] + between.duration_s * (number > 1) for number, each in enumerate(starts_s)]
    assert [line.start_s for line in found.lines] == pytest.approx(truth, abs=0.3)
    assert max(line.end_s - line.start_s for line in found.lines) < 5


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0.2, 14), min_size=3, max_size=8), st.integers(0, 2**32 - 1))
def test_no_line_lasts_much_longer_than_the_lines_of_its_song(lasts_s: list[float], seed: int) -> None:
    """Whatever is heard: one and a half times as long as is usual for its syllables, and two seconds."""
    lines = known_lines("\n".join(SONG[: len(lasts_s)]))
    spelled = [[phones(word, "en") for word in line.words] for line in lines]
    ends_s = np.cumsum(lasts_s) + 0.5 * np.arange(len(lasts_s))
    placed = [
        np.stack([edges[:-1], edges[1:]], axis=1)
        for line, end_s, s in zip(lines, ends_s, lasts_s, strict=True)
        for edges in [np.linspace(end_s - s, end_s, len(line.words) + 1)]
    ]
    usual_s = np.median([s / sum(line.syllables) for line, s in zip(lines, lasts_s, strict=True)])
    frames = round(ends_s[-1] / HOP_S) + 50
    likelihoods = np.random.default_rng(seed).standard_normal((frames, len(CLASSES) + 1)).astype(np.float32)
    end_s = 0.0
    for line, before, now in zip(lines, placed, bounded(lines, spelled, placed, likelihoods), strict=True):
        if now is None:
            continue
        assert now[-1, 1] - now[0, 0] <= 1.5 * usual_s * sum(line.syllables) + 2.0 + 1e-6
        assert end_s <= now[0, 0] + HOP_S
        end_s = now[-1, 1]
        if before[-1, 1] - before[0, 0] <= 1.5 * usual_s * sum(line.syllables):
            assert now is before


def test_a_word_sung_again_and_again_may_be_held() -> None:
    lines = known_lines("\n".join((*SONG[:3], "ooh ooh ooh")))
    spelled = [[phones(word, "en") for word in line.words] for line in lines]
    placed = [np.array([[4.0 * k + j / 2, 4.0 * k + j / 2 + 0.5] for j in range(len(line.words))])
              for k, line in enumerate(lines)]  # fmt: skip
    placed[3] = np.array([[20.0, 30.0], [30.0, 40.0], [40.0, 45.0]])
    likelihoods = np.zeros((2500, len(CLASSES) + 1), np.float32)
    assert bounded(lines, spelled, placed, likelihoods)[3] is placed[3]


def test_only_where_a_line_was_spread_does_it_win_little_by_being_spread() -> None:
    lines = known_lines("\n".join(SONG[:4]))
    spelled = [[phones(word, "en") for word in line.words] for line in lines]
    likelihoods = np.random.default_rng(0).standard_normal((2000, len(CLASSES) + 1)).astype(np.float32)
    spans_s = [np.linspace([4.0 * k, 4.0 * k + 0.4], [4.0 * k + 2, 4.0 * k + 2.4], 6) for k in range(4)]
    assert relieved(lines, spelled, spans_s, likelihoods) is None
    spans_s[3] = np.linspace([12.0, 14.0], [28.0, 30.0], 6)
    fresh = relieved(lines, spelled, spans_s, likelihoods)
    assert fresh is not None
    changed = np.flatnonzero((fresh != likelihoods).any(axis=1)) * HOP_S
    assert changed.min() >= 12 and changed.max() <= 30
    assert (fresh[:, :ELSE] == likelihoods[:, :ELSE]).all()
    less = fresh[600:1500, :ELSE].max(axis=1) - fresh[600:1500, ELSE]
    assert less.max() <= 0.66
