"""A line that may not be sung where it stands never looks as sure as the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import spoken
from numpy.typing import NDArray

from polish.deliver.lyrics import Lyrics as Delivery
from polish.models import alignment, engines
from polish.models.acoustic import Scores, agreed, hearings
from polish.models.alignment import BuiltinAligner, fits
from polish.models.line_spans import Spans
from polish.models.phones import CLASSES, phones
from polish.models.sung_chain import Spelled
from polish.models.sureness import DOUBTFUL, UNHEARD, clearness, sureness
from polish.models.words import known_lines
from polish.report.sung import sung
from polish.song import Line, Lyrics, Song, Word
from polish.stages.base import Context
from polish.stages.lyrics import Lyrics as Stage

SURE = Line(start_s=1.0, end_s=2.0, text="on the hill", confidence=0.9)
WORDS = (Word(start_s=3.0, end_s=4.0, text="by"), Word(start_s=4.0, end_s=5.0, text="night"))
UNSURE = Line(start_s=3.0, end_s=5.0, text="by night", words=WORDS, confidence=0.2, doubtful=True)
FOUND = Lyrics(language="en", lines=(SURE, UNSURE))
ALL = ("lrc", "elrc", "srt", "vtt", "ass", "ttml", "txt", "json", "audacity")


def written(folder: Path, **settings: object) -> dict[str, str]:
    done = Delivery(formats=ALL, **settings).write(Song(title="a", lyrics=FOUND), folder)
    assert done.facts["doubtful_lines"] == 1
    return {name: file.read_text(encoding="utf-8") for name, file in zip(ALL, done.files, strict=True)}


def test_doubt_is_in_every_format_that_can_say_it_off_the_screen(tmp_path: Path) -> None:
    texts = written(tmp_path)
    assert [line["doubtful"] for line in json.loads(texts["json"])["lines"]] == [False, True]
    assert "NOTE in doubt\n\n00:00:03.000 --> 00:00:05.000\nby night\n" in texts["vtt"]
    assert texts["vtt"].count("NOTE") == 1
    assert [row.split(",")[4] for row in texts["ass"].splitlines() if row.startswith("Dialogue")] == [
        "", "in doubt",
    ]  # fmt: skip
    for name in ALL:
        assert "night" in texts[name]


def test_other_programs_read_what_is_in_doubt_as_the_rest(tmp_path: Path) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    written(tmp_path)
    for name in ("vtt", "ass"):
        found = pysubs2.load(str(tmp_path / f"a.{name}"), encoding="utf-8")
        assert [event.plaintext for event in found] == ["on the hill", "by night"]


def test_what_is_in_doubt_can_be_left_out_of_every_format(tmp_path: Path) -> None:
    for text in written(tmp_path, doubtful="leave out").values():
        assert "hill" in text
        assert "night" not in text


def test_the_picture_marks_a_line_in_doubt_once() -> None:
    text = sung(spoken.hummed(spoken.PHRASES, 6), FOUND, "a")
    assert "? by" in text
    assert text.count("?") == 1 + text.count("<?xml") * 2


def ran(monkeypatch: pytest.MonkeyPatch, folder: Path, found: Lyrics) -> tuple[Song, list[str]]:
    """The song after the stage, and what the stage says, where an engine finds this."""
    (folder / "words.txt").write_text("on the hill\nby night", encoding="utf-8")
    monkeypatch.setattr(engines.find("transcriber", "builtin"), "align", lambda *_, **__: found)
    voice = spoken.hummed(spoken.PHRASES, 12)
    told: list[str] = []
    song = Stage(text=str(folder / "words.txt"), engine="builtin").run(
        Song(mix=voice, stems={"vocals": voice}), Context(step="lyrics", notice=told.append)
    )
    return song, told


def test_the_stage_says_where_to_listen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    song, (notice,) = ran(monkeypatch, tmp_path, FOUND)
    assert "«by night» at 0:03.0" in notice
    assert song.measurements["lyrics"]["doubtful"] == 1


def test_the_stage_names_lines_that_are_not_found_and_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unfound = tuple(f"nobody sings line {number}" for number in range(7))
    _, (told,) = ran(monkeypatch, tmp_path, Lyrics(language="en", lines=(SURE,) * 9, unmatched=unfound))
    assert told == "not found in the song: " + ", ".join(f"«{line}»" for line in unfound[:5]) + " and 2 more"


LINES = ("the moon is over the river", "every street is made of glass", "we never saw the morning",
         "shadows dancing by the fire")  # fmt: skip
OTHER = ("give me one more reason why", "purple monkeys eat bananas")


def sure(spelled: Spelled, placed: Sequence[Spans | None], heard: Scores) -> NDArray[np.float64]:
    clear = clearness(spelled, placed, heard, fits(heard))
    return sureness(clear, spelled, placed, heard, fits(heard))


def test_what_is_said_is_sure_and_what_is_not_is_in_doubt_where_it_is_laid() -> None:
    """Other lines are laid over where each of the song's own is said, in place of it."""
    sound, _ = spoken.recited(LINES)
    found = BuiltinAligner("builtin").align(sound, "\n".join(LINES), language="en", progress=lambda _: None)
    assert found.doubtful == ()
    assert min(line.confidence or 0 for line in found.lines) > 0.6
    heard = agreed(hearings(sound))
    doubted: list[bool] = []
    for other in OTHER:
        spelled = [[phones(word, "en") for word in other.split()] for _ in LINES]
        placed = [np.array([[line.start_s, line.end_s]]) for line in found.lines]
        doubted += list(sure(spelled, placed, heard) < DOUBTFUL)
    assert sum(doubted) >= 7


@pytest.mark.parametrize("place", range(len(LINES)))
def test_a_line_that_is_hardly_heard_where_another_is_sung_has_no_time(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Singing that no line accounts for would hold any other line."""
    each = hearings(spoken.recited(LINES)[0])
    lines = known_lines("\n".join((*LINES[:place], OTHER[1], *LINES[place + 1 :])))
    found = alignment.place(lines, each, "en").spans_s
    assert [at is None for at in found] == [number == place for number in range(len(LINES))]
    monkeypatch.setattr(alignment, "UNHEARD", 0.0)
    anyhow = alignment.place(lines, each, "en").spans_s
    assert (anyhow[place] is not None) == (place != 2)  # there it is not even worth anything


def test_a_line_that_is_hardly_heard_has_a_time_where_it_is_surely_sung_elsewhere_too() -> None:
    """A chorus comes again, a line of another song does not; but what is not even clear has none."""
    chorus, verse = [["p", "a"]], [["m", "i"]]
    sung_surely, clear = np.array([1, 0, 0, 0, 0], bool), np.array([1, 1, 1, 0, 0], bool)
    there = alignment._or_elsewhere([chorus, verse, chorus, verse, chorus], sung_surely, clear)
    assert list(there) == [True, False, True, False, False]


def test_a_line_is_as_sure_as_it_is_clearer_than_other_words_in_its_place() -> None:
    """Where everything is likely, nothing is sure."""
    rng = np.random.default_rng(0)
    words = [[str(rng.choice(CLASSES[1:9])), str(rng.choice(CLASSES[9:]))] for _ in range(40)]
    lines = [words[first : first + 4] for first in range(0, 40, 4)]
    said = np.full((200, len(CLASSES)), -9.0, np.float32)
    said[np.arange(80) + 2, np.repeat([CLASSES.index(phone) for word in lines[0] for phone in word], 10)] = -2
    anything = np.full_like(said, -2)
    placed = [np.array([[0.04, 1.64]]), *[None for _ in lines[1:]]]
    for heard in (said, anything):
        assert clearness(lines, placed, heard, fits(heard))[0] == pytest.approx(-2, abs=0.01)
    assert sure(lines, placed, said)[0] > 0.99
    assert sure(lines, placed, anything)[0] < UNHEARD


def test_only_where_most_networks_hear_phones_somebody_sings() -> None:
    rng = np.random.default_rng(0)
    phones_heard = np.full((4, 500, len(CLASSES)), -5.0, np.float32)
    phones_heard[:, np.arange(500), np.repeat(rng.integers(1, len(CLASSES), 50), 10)] = -0.1
    assert alignment.is_sung(phones_heard).mean() > 0.9
    phones_heard[:2, :, 0] = 0.0  # a pause is likelier
    assert not alignment.is_sung(phones_heard).any()


def test_a_vowel_that_is_held_hides_nothing() -> None:
    """A phone counts once, however long it lasts."""
    heard = np.full((120, len(CLASSES)), -4.0, np.float32)
    kind = {name: number for number, name in enumerate(CLASSES)}
    heard[10:110, kind["a"]] = -0.1
    line, ends_s = [["p", "a", "p"]], np.array([[0.18, 2.24]])
    assert clearness([line], [ends_s], heard, fits(heard))[0] == pytest.approx((-4 - 0.1 - 4) / 3, abs=0.2)
    assert np.isnan(clearness([line], [None], heard, fits(heard))[0])
