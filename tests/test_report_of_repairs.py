"""The report's pictures of what was done to the sound."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sounds
import spoilt

from polish.report import page
from polish.report.done import said
from polish.report.repairs import worked
from polish.song import Song
from polish.stages.clean import Clean
from polish.stages.compress import Compress
from polish.stages.master import Master


@pytest.fixture(scope="module")
def facts() -> dict:
    stems = spoilt.songs(7005, 8.0)
    _, faulty = spoilt.FAULTS["mud"].plant(stems, "all", np.random.default_rng(3))
    song = Clean().run(Song(mix=sounds.total(faulty), stems=faulty))
    song = Compress(stems=["drums"]).run(song)
    steps = [
        {"id": step, "status": "done", "measurements": known} for step, known in song.measurements.items()
    ]
    return {"title": "song", "recipe": {"name": "r", "about": "a"}, "before": {}, "steps": steps}


def test_every_stem_that_was_touched_has_a_picture(facts):
    touched = [name for name, entries in facts["steps"][0]["measurements"]["stems"].items() if entries]
    shown = worked(facts)
    assert [one.title for one in shown] == [*(f"clean: {name}" for name in touched), "compress: drums"]
    for one in shown[:-1]:
        assert one.spectrum.count("<polyline") == 3
        assert any(said.startswith("mud at") for said in one.words)
        assert "mud" in one.gains
        assert "to 0:08" in one.gains, "what is drawn over time says how much time"
    assert not shown[-1].spectrum
    assert shown[-1].gains.count("<polyline") == 1


def test_the_pictures_are_in_the_page_and_small(facts):
    made = page(facts)
    assert made.count('class="line applied"') == len(worked(facts)) - 1
    assert "nan" not in re.sub(r"<style.*?</style>", "", made, flags=re.S).lower()
    assert max(len(one.spectrum) + len(one.gains) for one in worked(facts)) < 20_000


def test_what_leaves_the_spectrum_alone_has_words_and_no_picture():
    curve = {"curve_hz": [100, 200], "curve_db": [0, 0.0], "before_db": [-30, -30], "after_db": [-30, -30]}
    known = {"stems": {"other": [{"repair": "joins", "count": 1}]}, "curves": {"other": curve}}
    (one,) = worked({"steps": [{"id": "clean", "measurements": known}]})
    assert one.words == ["joins, once"]
    assert not one.spectrum


def test_what_was_done_to_the_whole_song_is_drawn():
    """Rides up and down between their corners, the tone of the master, and what its limiter took."""
    ride = [{"at_s": 0.0, "gain_db": 0.0}, {"at_s": 10.0, "gain_db": 0.0}, {"at_s": 20.0, "gain_db": 1.5},
            {"at_s": 40.0, "gain_db": 1.5}]  # fmt: skip
    master = {
        "tone": {"bands_hz": [100, 200, 400], "gains_db": [0.0, -1.0, 0.0]},
        "limiting": {"max_reduction_db": 4.4, "history_db": [0.0, -4.4, 0.0], "hop_s": 10.0},
        "arc": None,
    }
    steps = [
        {"id": "level", "measurements": {"ride": ride, "tone": []}},
        {"id": "out", "measurements": master},
    ]
    level, out = worked({"steps": steps})
    assert (level.title, out.title) == ("level: the whole song", "out: the whole song")
    points = [tuple(map(float, at.split(","))) for at in re.search(r'points="(.*?)"', level.gains)[1].split()]
    heights = [y for _, y in points]
    assert heights[0] == heights[len(points) // 5] > heights[len(points) * 3 // 8] > heights[-1]
    assert ">2 dB<" in level.gains
    assert "to 0:40" in level.gains
    assert 'class="line applied"' in out.spectrum
    assert "limiter" in out.gains
    assert "−5" in out.gains


def test_a_limiter_leaves_its_course_in_the_facts():
    loud = sounds.total(sounds.band(4.0))
    done = Master(loudness=-9, tone=0, glue=0).run(Song(mix=loud)).masters["master"].facts["limiting"]
    assert min(done["history_db"]) == pytest.approx(-done["max_reduction_db"], abs=0.06)
    assert len(done["history_db"]) * done["hop_s"] == pytest.approx(4.0, rel=0.02)
    quiet = Master(loudness=-30).run(Song(mix=loud)).masters["master"].facts["limiting"]
    assert "history_db" not in quiet


def test_a_legend_has_something_to_explain(facts):
    curve = {"curve_hz": [100, 200], "curve_db": [0, 0.0], "before_db": [-30, -30], "after_db": [-30, -30]}
    known = {"stems": {"other": [{"repair": "joins", "count": 1}]}, "curves": {"other": curve}}
    assert "applied curve" in page(facts)
    assert "applied curve" not in page(facts | {"steps": [{"id": "clean", "measurements": known}]})


def test_a_run_that_did_nothing_has_no_pictures():
    assert worked({"steps": [{"id": "clean", "measurements": {"stems": {"drums": []}, "curves": {}}}]}) == []
    assert worked({}) == []


def test_a_step_says_in_a_line_what_it_did(facts):
    clean = {**facts["steps"][0], "stage": "clean"}
    touched = [name for name, entries in clean["measurements"]["stems"].items() if entries]
    assert f"mud in {', '.join(touched)}" in said(clean)
    mix = {
        "gains_db": {"vocals": 0.5, "bass": 0.0},
        "lead": {
            "stem": "vocals",
            "gain_db": 0.0,
            "presence": [{"where_hz": [1000, 2000], "change_db": -1.5}],
        },
        "kick": [{"bass": "bass", "kick": "drums", "change_db": -1.0}],
        "bus": {"glue": {"reduction_db": 0.0}},
        "tone": [{"fault": "harshness", "gain_db": -0.78}],
    }
    assert said({"stage": "mix", "measurements": mix}) == (
        "vocals +0.5 dB; the rest −1.5 dB at 1000–2000 Hz where it covers vocals; "
        "bass −1.0 dB where it covers the kick; −0.8 dB of harshness that this brought"
    )
    assert said({"stage": "mix", "measurements": {"gains_db": {"vocals": 0.0}}}) == "the sum of the stems"
    parts = [
        {"start_s": 0.0, "label": "intro", "gain_db": 0.0},
        {"start_s": 62.0, "label": "verse", "gain_db": -1},
    ]
    assert said({"stage": "level", "measurements": {"sections": parts}}) == "verse at 1:02.0 −1.0 dB"
    assert said({"stage": "master", "measurements": {"reached": True}}) == ""
