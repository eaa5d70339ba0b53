"""Known words get the times at which they are sung; words that are not sung get none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sounds
import spoken
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.dsp import voice
from polish.dsp.chains import Chain, best_path, best_stretch, worth
from polish.errors import EngineUnable, StageFailed, UsageError
from polish.models import acoustic, alignment
from polish.models.alignment import BuiltinAligner, place
from polish.models.phones import CLASSES, language_of, phones
from polish.models.words import known_lines, split_words, syllables
from polish.song import Line, Lyrics, Song
from polish.stages.base import Context
from polish.stages.lyrics import Lyrics as Stage

LINES = ("the moon is over the river", "every street is made of glass", "we never saw the morning",
         "shadows dancing by the fire")  # fmt: skip
TEXT = "\n".join(LINES)


def align(sound: Sound, text: str, language: str | None = "en") -> Lyrics:
    return BuiltinAligner("builtin").align(sound, text, language=language, progress=lambda _: None)


def word_starts_s(found: Lyrics) -> list[float]:
    return [word.start_s for line in found.lines for word in line.words]


@pytest.mark.parametrize(
    ("voice_name", "language", "lines"),
    [
        ("en-us+f2", None, LINES),
        ("es+m3", None, ("la luna sobre el camino", "siempre bailando en la noche", "quiero flores y agua")),
        ("fr+f4", None, ("la lune au dessus de la mer", "je danse toute la nuit", "toujours avec toi")),
        ("cmn+f1", None, ("月亮在河上面", "我们从来没有看见早上", "火边的影子跳舞")),
        ("cmn+f1", None, ("月亮在河上面", "shadows dancing by the fire", "火边的影子跳舞")),
    ],
)
def test_words_begin_where_they_are_said(
    voice_name: str, language: str | None, lines: tuple[str, ...]
) -> None:
    sound, starts_s = spoken.recited(lines, voice_name)
    found = align(sound, "\n".join(lines), language)
    assert found.unmatched == ()
    assert [line.start_s for line in found.lines] == pytest.approx([each[0] for each in starts_s], abs=0.25)
    if voice_name[:3] != "cmn":  # there the synthesiser tells words apart, not characters
        truth = [start_s for each in starts_s for start_s in each]
        assert np.mean(np.abs(np.array(word_starts_s(found)) - truth)) < 0.08


def test_a_voice_is_followed_under_music() -> None:
    sound, starts_s = spoken.recited(LINES)
    band = 0.3 * sounds.noise(sound.duration_s, rate_hz=sound.rate_hz, channels=1).samples[:, : sound.frames]
    found = align(sound.with_samples(sound.samples + 0.05 * band), TEXT)
    assert [line.start_s for line in found.lines] == pytest.approx([each[0] for each in starts_s], abs=0.3)


def test_words_follow_each_other_inside_their_line() -> None:
    for line in align(spoken.recited(LINES)[0], TEXT).lines:
        marks = [time for word in line.words for time in (word.start_s, word.end_s)]
        assert marks == sorted(marks)
        assert marks[0] == line.start_s
        assert marks[-1] == line.end_s


def test_singing_that_no_line_accounts_for_is_a_gap() -> None:
    sound, starts_s = spoken.recited(LINES)
    found = align(sound, "\n".join((LINES[0], *LINES[2:])))
    assert [line.start_s for line in found.lines] == pytest.approx(
        [starts_s[number][0] for number in (0, 2, 3)], abs=0.25
    )
    (gap,) = found.gaps
    assert gap.start_s == pytest.approx(starts_s[1][0], abs=0.5)
    assert gap.end_s < starts_s[2][0]
    assert align(sound, TEXT).gaps == ()


@pytest.mark.parametrize("place", [0, 2, 4])
def test_one_line_of_another_song_is_told_apart(place: int) -> None:
    other = "give me one more reason why"
    found = align(spoken.recited(LINES)[0], "\n".join((*LINES[:place], other, *LINES[place:])))
    assert found.unmatched == (other,)
    assert [line.text for line in found.lines] == list(LINES)


def test_a_few_lines_over_a_band_without_a_voice_get_no_times() -> None:
    """Too few to tell by their order whether they are of this song; each is judged by itself."""
    found = align(sounds.total(sounds.band(8.0)), "turn around and see\nhow we are here")
    assert found.lines == ()


@pytest.mark.parametrize("again", ["every street is made of glass", "Every street is made of glass!"])
def test_a_line_that_is_sure_elsewhere_need_not_be_sure_again(again: str) -> None:
    spelled = [
        [phones(word, "en") for word in line.split()] for line in (LINES[0], LINES[1], LINES[2], again)
    ]
    usual = np.array([90.0, 80.0, 5.0, 5.0])
    assert alignment._sung_here(spelled, usual) == [0, 1, 3]
    assert alignment._sung_here(spelled, np.array([90.0, 80.0, 60.0, -5.0])) == [0, 1, 2]
    assert alignment._sung_here(spelled, np.full(4, -20.0)) == []


def test_the_lyrics_of_another_song_are_unmatched() -> None:
    other = ("give me one more reason why", "I will call you after school", "nothing but a paper kite",
             "tell your brother and your cousin")  # fmt: skip
    found = align(spoken.recited(LINES)[0], "\n".join(other))
    assert found.lines == ()
    assert found.unmatched == other


def test_a_book_is_not_laid_over_a_song() -> None:
    book = "\n".join(["this is a line of a very long book"] * 10_000)
    found = align(spoken.recited(LINES)[0], book)
    assert found.lines == ()
    assert len(found.unmatched) == 10_000


def test_lines_for_which_there_is_no_time_are_unmatched() -> None:
    sound, _ = spoken.recited(LINES[:2])
    never = ["nobody ever sings any of this in such a short song"] * 12
    found = align(sound, "\n".join([*LINES[:2], *never]))
    assert len(found.unmatched) >= 10
    assert len(found.lines) + len(found.unmatched) == 14


def test_in_silence_every_line_is_unmatched() -> None:
    found = align(sounds.silence(5.0), TEXT)
    assert found.lines == ()
    assert len(found.unmatched) == len(LINES)


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


def test_sentences_of_scripts_without_spaces_are_lines() -> None:
    lines = known_lines("情深似海难言尽.泪珠儿滴滴映真心.为何君心似流水.此情此景何处寻.")
    assert [line.text for line in lines] == [
        "情深似海难言尽.", "泪珠儿滴滴映真心.", "为何君心似流水.", "此情此景何处寻.",
    ]  # fmt: skip


def test_scripts_without_spaces_have_a_word_a_character() -> None:
    assert split_words("夢を見た。") == ("夢", "を", "見", "た。")
    assert split_words("love你, don't走! 1990年") == ("love", "你,", "don't", "走!", "1990", "年")


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=200))
def test_any_text_can_be_read_as_lyrics(text: str) -> None:
    for line in known_lines(text):
        assert line.words
        assert len(line.words) == len(line.syllables)
        assert min(line.syllables) >= 1


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 12), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_lines_never_overlap_or_leave_the_song(count: int, frames: int, seed: int) -> None:
    heard = np.random.default_rng(seed).standard_normal((1, frames, len(CLASSES))).astype(np.float32) - 2
    placed = place(known_lines("\n".join(["la la la"] * count)), heard, "en")
    assert len(placed.spans_s) == count
    end_s = 0.0
    for words_s in placed.spans_s:
        if words_s is not None:
            assert end_s <= words_s[0, 0] + 1e-9
            assert (words_s[:, 0] < words_s[:, 1]).all()
            end_s = words_s[-1, 1]
    assert end_s <= frames * acoustic.HOP_S + 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 60), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_the_way_through_a_chain_is_the_best_there_is(frames: int, states: int, seed: int) -> None:
    """Against every way there is, tried one by one by dynamic programming over whole prefixes."""
    rng = np.random.default_rng(seed)
    frames = max(frames, states)
    scores = rng.standard_normal((frames, 3)).astype(np.float32)
    jumps = np.array(
        [int(rng.integers(state)) if state and rng.random() < 0.4 else -1 for state in range(states)]
    )
    chain = Chain(
        rng.integers(0, 3, states), -rng.random(states), -rng.random(states), jumps, -rng.random(states)
    )
    path = best_path(scores, chain)
    assert path[0] == 0
    assert path[-1] == states - 1
    best = {0: float(scores[0, chain.kind[0]])}
    for frame in range(1, frames):
        fresh: dict[int, float] = {}
        for state in range(states):
            ways = [best[state] + chain.stay[state]] if state in best else []
            ways += [best[state - 1] + chain.enter[state]] if state - 1 in best else []
            ways += [best[jumps[state]] + chain.jump[state]] if jumps[state] in best else []
            if ways:
                fresh[state] = max(ways) + float(scores[frame, chain.kind[state]])
        best = fresh
    assert _score(scores, chain, path) == pytest.approx(best[states - 1], abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_the_best_stretch_of_a_chain_is_the_best_way_between_two_of_its_ends(
    frames: int, states: int, seed: int
) -> None:
    """Against the best path of each part of the chain from one end to another."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((frames, 3)).astype(np.float32)
    chain = Chain(
        rng.integers(0, 3, states), -rng.random(states), -rng.random(states), np.full(states, -1),
        np.zeros(states),
    )  # fmt: skip
    ends = np.unique(rng.integers(0, states, 3))
    found = {}
    for first in ends:
        for last in ends[ends >= first]:
            if last - first < frames:
                part = Chain(*(array[first : last + 1] for array in vars(chain).values()))
                found[first, last] = _score(scores, part, best_path(scores, part))
    score, *between = best_stretch(scores, chain, ends)
    assert score == pytest.approx(max(found.values()), abs=1e-4)
    assert found[tuple(between)] == pytest.approx(score, abs=1e-4)


def _score(scores: np.ndarray, chain: Chain, path: np.ndarray) -> float:
    total = float(scores[0, chain.kind[path[0]]])
    for frame in range(1, len(path)):
        now, before = path[frame], path[frame - 1]
        steps = [chain.stay[now]] if now == before else []
        steps += [chain.enter[now]] if before == now - 1 else []
        steps += [chain.jump[now]] if before == chain.jump_from[now] else []
        total += max(steps) + float(scores[frame, chain.kind[now]])
    return total


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 7), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_what_a_part_of_a_chain_is_worth_is_told_by_trying_every_way(
    frames: int, parts: int, seed: int
) -> None:
    """Stations with one or two states between them, each part with a jump past it."""
    rng = np.random.default_rng(seed)
    kind, jump_from, stations = [0], [-1], [0]
    for _ in range(parts):
        between = int(rng.integers(1, 3))
        kind += [*rng.integers(1, 3, between), 0]
        jump_from += [*[-1] * between, stations[-1]]
        stations.append(len(kind) - 1)
    states = len(kind)
    chain = Chain(
        np.array(kind), -rng.random(states), -rng.random(states), np.array(jump_from), -rng.random(states)
    )
    scores = rng.standard_normal((frames, 3)).astype(np.float32)

    def best(frame: int, at: int, over: int | None) -> float:
        """The best way on from a state, or from the station after it if `over` says it may be left there."""
        ways = [best(frame, stations[over + 1], None)] if over is not None and at == stations[over] else []
        if frame == frames - 1:
            return max([0.0 if at == states - 1 else -np.inf, *ways])
        for to, cost in (
            (at, chain.stay[at]),
            *([(at + 1, chain.enter[at + 1])] if at + 1 < states else []),
            *((to, chain.jump[to]) for to in range(states) if jump_from[to] == at),
        ):
            if over is None or to < stations[over + 1]:
                ways.append(cost + scores[frame + 1, kind[to]] + best(frame + 1, to, over))
        return max(ways, default=-np.inf)

    if not np.isfinite(total := best(0, 0, None)):
        return
    expected = [total - best(0, 0, number) for number in range(parts)]
    assert worth(scores, chain, np.array(stations)) == pytest.approx(np.array(expected), abs=1e-4)


@pytest.mark.parametrize("way", [best_path, lambda scores, chain: worth(scores, chain, np.array([0, 4]))])
def test_too_few_frames_for_the_states_are_an_error(way: Callable[..., object]) -> None:
    chain = Chain(np.zeros(5, np.int64), *np.zeros((2, 5)), np.full(5, -1), np.zeros(5))
    with pytest.raises(ValueError, match="5 states cannot be passed through in 3 frames"):
        way(np.zeros((3, 1), np.float32), chain)


def test_what_hears_the_phones_is_small() -> None:
    assert Path(acoustic.__file__).with_name("sung_phones.safetensors").stat().st_size <= 5_000_000


@pytest.mark.parametrize(
    ("word", "language", "classes"),
    [
        ("moon", "en", "m u n"),
        ("corazón", "es", "p o r a s o n"),
        ("夢", "ja", "p a"),  # no rule reads it: a syllable
        ("!", "en", "p a"),
        ("你", "en", "n i"),  # letters of another script are read in a language that is written in it
        ("привет", "de", "p r i v e p"),
        ("love", "zh", "l a v"),
        ("café", "ja", "p æ f e i"),
        ("24", "zh", "ə r s i ə s i"),
    ],
)
def test_words_have_the_phones_they_are_spoken_with(word: str, language: str, classes: str) -> None:
    assert " ".join(phones(word, language)) == classes


@pytest.mark.parametrize(
    ("text", "language"),
    [("soy un fantasma que se asusta", "es"), ("même si mon réveil ne sonne pas", "fr"), ("我爱你月亮", "zh"),
     ("[verse]", "en"), ("", "en"), ("...", "en")],
)  # fmt: skip
def test_the_language_of_lyrics_is_told(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_language_without_rules_is_refused() -> None:
    with pytest.raises(UsageError, match="no pronunciation is known for the language 'xx'"):
        align(spoken.recited(LINES)[0], TEXT, "xx")


def test_a_voice_is_found_where_it_sounds() -> None:
    sound = spoken.hummed(spoken.PHRASES, 12, rate_hz=44_100)
    found = voice.activity(sound.samples, sound.rate_hz).spans_s
    assert found == pytest.approx(np.array(spoken.PHRASES), abs=0.12)


@pytest.mark.parametrize("frames", [0, 1, 50, 1000])
def test_very_short_sounds_have_no_voice_and_no_error(frames: int) -> None:
    found = voice.activity(np.zeros((2, frames), np.float32), 44_100)
    assert found.spans_s.shape == (0, 2)


def test_the_stage_listens_to_the_vocal_stem(tmp_path: Path) -> None:
    words = tmp_path / "lyrics.txt"
    words.write_text(TEXT, encoding="utf-8")
    voice_stem, starts_s = spoken.recited(LINES)
    noise = sounds.noise(voice_stem.duration_s, rate_hz=voice_stem.rate_hz, channels=1)
    other = voice_stem.with_samples(noise.samples[:, : voice_stem.frames])
    mix = other.with_samples(other.samples + voice_stem.samples)
    song = Song(mix=mix, stems={"vocals": voice_stem, "other": other})
    found = Stage(text=str(words), language="en").run(song).lyrics
    assert found is not None
    assert [line.start_s for line in found.lines] == pytest.approx([each[0] for each in starts_s], abs=0.25)


def test_without_words_the_built_in_engine_says_what_to_do() -> None:
    mix = spoken.recited(LINES)[0]
    with pytest.raises(EngineUnable, match="polish models fetch"):
        Stage().run(Song(mix=mix, stems={"vocals": mix}))


def test_a_stem_that_is_not_there_is_named() -> None:
    mix = spoken.recited(LINES)[0]
    with pytest.raises(StageFailed, match="one of vocals"):
        Stage(**{"from": "choir"}).run(Song(mix=mix, stems={"vocals": mix}), Context(step="words"))


def test_silence_has_no_words() -> None:
    mix = sounds.silence(3)
    found = Stage().run(Song(mix=mix, stems={"vocals": mix})).lyrics
    assert found is not None
    assert found.lines == ()


def test_lines_survive_their_json() -> None:
    line = align(spoken.recited(LINES)[0], TEXT).lines[0]
    assert Line.model_validate_json(line.model_dump_json()) == line
