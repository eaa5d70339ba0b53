"""Labels: what goes out comes in again, from Audacity, CSV and JSON."""

from __future__ import annotations

import json

import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import write
from polish.deliver import label_text
from polish.deliver.label_text import Label
from polish.deliver.labels import Labels
from polish.errors import BadInput
from polish.song import Section, Song
from polish.stages.base import Context
from polish.stages.sections import Sections

MIX = sounds.noise(40, rate_hz=8000)
PARTS = [
    (0, 10.25, "A", "intro"),
    (10.25, 20.5, "B", "verse"),
    (20.5, 31, "C", "chorus"),
    (31, 40, "B", "verse"),
]
SONG = Song(
    mix=MIX,
    sections=tuple(
        Section(start_s=start, end_s=end, group=group, label=label) for start, end, group, label in PARTS
    ),
)


def read_in(text: str, mix=MIX) -> tuple[Section, ...]:
    context = Context(text=lambda _: text)
    return Sections(labels="labels.txt").run(Song(mix=mix), context).sections


def parts(sections: tuple[Section, ...]) -> list[tuple[float, float, str, str]]:
    return [(one.start_s, one.end_s, one.group, one.label) for one in sections]


@pytest.mark.parametrize(
    ("format", "name"), [("audacity", "sections.txt"), ("csv", "labels.csv"), ("json", "labels.json")]
)
def test_sections_come_back_as_they_went_out(tmp_path, format: str, name: str) -> None:
    Labels(formats=(format,)).write(SONG, tmp_path)
    sections = read_in((tmp_path / "labels" / name).read_text(encoding="utf-8"))
    assert parts(sections) == PARTS
    assert all(one.confidence == 1 and one.loudness_lufs is not None for one in sections)


def test_what_the_command_prints_is_read_again(type_, tmp_path) -> None:
    path = write(tmp_path / "a.wav", MIX)
    (tmp_path / "mine.txt").write_text("0\t12\tintro\n12\t12\tverse A\n25\t40\tchorus B\n", encoding="utf-8")
    said = type_("sections", path, "--labels", tmp_path / "mine.txt", "--json")
    assert said.code == 0
    (tmp_path / "again.json").write_text(said.out, encoding="utf-8")
    again = type_("sections", path, "--labels", tmp_path / "again.json", "--json")
    assert json.loads(again.out)["sections"] == json.loads(said.out)["sections"]
    found = [(one["start_s"], one["end_s"], one["label"]) for one in json.loads(said.out)["sections"]]
    assert found == [(0, 12, "intro"), (12, 25, "verse"), (25, 40, "chorus")]


def test_labels_without_groups_are_grouped_by_their_names() -> None:
    sections = read_in("0\t10\tVerse 1\n10\t20\tChorus\n20\t30\tVerse 2\n30\t50\tHook\n")
    assert [(one.group, one.label) for one in sections] == [
        ("A", "verse"), ("B", "chorus"), ("A", "verse"), ("B", "chorus"),
    ]  # fmt: skip
    assert sections[-1].end_s == MIX.duration_s


def test_labels_that_leave_gaps_cover_the_song() -> None:
    sections = read_in("5\t8\tverse\n\\\t100\t200\n20\t22\tchorus\n")
    assert [(one.start_s, one.end_s) for one in sections] == [(0, 20), (20, 40)]


@pytest.mark.parametrize(
    "text",
    ["", "one\ttwo\tthree", "5\t3\tverse", "-1\t3\tverse", "nan\t3\tverse", "{", "[1]", "50\t60\tverse",
     "kind,start_s,end_s,label\nsections,x,2,verse", '[{"kind": "beats", "start_s": 1, "label": "1"}]'],
)  # fmt: skip
def test_what_are_no_labels_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_in(text)
    assert str(refused.value).startswith("labels.txt")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 100), NAMES), max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_labels_come_back(rows) -> None:
    labels = sorted(
        (Label("sections", round(start, 6), round(start + length, 6), name) for start, length, name in rows),
        key=lambda label: label.start_s,
    )
    for written in (label_text.audacity, label_text.comma_separated, label_text.objects):
        assert label_text.read(written(labels), "x") == labels or not labels
