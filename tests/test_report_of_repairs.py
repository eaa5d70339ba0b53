"""The report's pictures of what was done to the sound."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sounds
import spoilt

from polish.report import page
from polish.report.repairs import worked
from polish.song import Song
from polish.stages.clean import Clean
from polish.stages.compress import Compress


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


def test_a_run_that_did_nothing_has_no_pictures():
    assert worked({"steps": [{"id": "clean", "measurements": {"stems": {"drums": []}, "curves": {}}}]}) == []
    assert worked({}) == []
