"""The folder of a song: its name, its lock, its journal."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
import sounds
from hypothesis import given
from hypothesis import strategies as st

from polish.deliver.stems import Stems
from polish.errors import OutputError, UsageError
from polish.models import engines
from polish.recipe.plan import PlannedDelivery, Step
from polish.run import folder, room
from polish.run.journal import Journal
from polish.song import Song
from polish.stages.separate import Separate


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Plain song", "Plain song"),
        ("AC/DC: live.", "AC_DC_ live"),
        ("two\nlines\tand  more", "two lines and more"),
        ("..", "song"),
        (".hidden", "hidden"),
        ("", "song"),
        ("con", "_con"),
        ("LPT1.mp3", "_LPT1.mp3"),
        ("雪花舞动", "雪花舞动"),
        ("caf\u0065\u0301", "café"),
        ("bytes \udcff\udcfe", "bytes"),
        ("💥" * 60, "💥" * 30),
        ("a" * 300, "a" * 120),
    ],
)
def test_a_title_becomes_a_name_that_every_file_system_takes(name, wanted):
    assert folder.title(name) == wanted


@given(st.text(st.characters(), max_size=200))
def test_any_text_makes_a_safe_name(text):
    name = folder.title(text)
    assert 0 < len(name.encode("utf-8")) <= 121
    assert not set(name) & set('/\\:*?"<>|\n\r\0')
    assert name not in (".", "..")
    assert name[0] != "." and name[-1] not in ". "
    assert folder.title(name) == name


def test_a_folder_is_held_against_a_second_run(tmp_path):
    second = folder.held(tmp_path / "song")
    with folder.held(tmp_path / "song"), pytest.raises(UsageError, match="another run is at work"):
        second.__enter__()
    with folder.held(tmp_path / "song"):
        pass


def test_what_a_killed_run_left_half_written_is_swept_away(tmp_path):
    for name in ("song/.part-abc.wav", "song/stems/.part-x", "song/mine.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    with folder.held(tmp_path / "song"):
        assert sorted(p.name for p in (tmp_path / "song").rglob("*") if p.is_file()) == ["lock", "mine.wav"]


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="a part of the path is a file"),
        folder.held(tmp_path / "file/song"),
    ):
        pass
    if os.geteuid() != 0:
        (tmp_path / "shut").mkdir(mode=0o500)
        with pytest.raises(OutputError, match="no permission"), folder.held(tmp_path / "shut/song"):
            pass


def test_a_disk_without_room_is_seen_beforehand(tmp_path):
    folder.see_room(tmp_path, 1000)
    with pytest.raises(OutputError, match=r"the disk is full: \d+ MB free, about 1000000000 MB needed"):
        folder.see_room(tmp_path, 10**15)


def test_room_is_kept_for_as_many_stems_as_there_will_be():
    mix = sounds.silence(1.0)
    four = dict.fromkeys(("drums", "bass", "other", "vocals"), mix)

    def stems(separate: Separate | None, song: Song, **settings) -> float:
        """How many sounds as long as the mix there is room for, beyond what the texts take."""
        choice = engines.choose("separator", "builtin")
        steps = [Step("separate", separate, choice=choice)] if separate else []
        delivery = PlannedDelivery("stems", Stems(format="wav 32-float", **settings))
        none = room.needed_bytes(SimpleNamespace(steps=steps, deliveries=[]), song)
        plan = SimpleNamespace(steps=steps, deliveries=[delivery])
        return (room.needed_bytes(plan, song) - none) / mix.samples.nbytes

    new = Song(draft=mix, mix=mix)
    assert stems(Separate(model="builtin"), new) == 4
    assert stems(Separate(model="builtin", residual="keep"), new) == 5
    assert stems(Separate(model="builtin", stems=["vocals"]), new) == 2
    assert stems(Separate(model="builtin"), new, removed=True) == 5
    twelve = new.having(stems={str(number): mix for number in range(12)})
    assert stems(None, twelve) == stems(Separate(model="builtin"), twelve) == 12
    assert stems(Separate(model="builtin", replace=True), new.having(stems=four)) == 4


def test_results_are_not_written_over_their_draft(tmp_path):
    (tmp_path / "song").mkdir()
    for draft in (tmp_path / "song", tmp_path / "song/song.wav", tmp_path / "song/deep/song.wav"):
        with pytest.raises(UsageError, match="the draft lies in the folder"):
            folder.apart(tmp_path / "song", draft)
    folder.apart(tmp_path / "polished/song", tmp_path / "song.wav")
    folder.apart(tmp_path / "song/polished/song", tmp_path / "song")


def test_a_journal_is_only_added_to_and_survives_a_torn_line(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.records() == []
    journal.note("run", draft="né")
    with journal.path.open("a") as file:
        file.write('{"event": "step", "st')
    journal.note("step", step="mix")
    assert journal.records() == [{"event": "run", "draft": "né"}, {"event": "step", "step": "mix"}]
    lines = journal.path.read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0]) == {"event": "run", "draft": "né"}
