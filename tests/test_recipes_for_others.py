"""Recipes for people who put the song under something else: speech, or pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import soundfile

import polish
from polish import audio
from polish.dsp.measure import measure
from polish.models.composer import compose


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio.write(tmp_path_factory.mktemp("draft") / "draft.wav", compose(3, seconds=30.0).mix)


def test_a_podcast_gets_a_theme_as_loud_as_speech_and_a_bed_far_under_it(draft: Path, tmp_path: Path) -> None:
    done = polish.run("podcast", draft, out=tmp_path)
    for name, wanted_lufs in (("theme", -16.0), ("bed", -36.0)):
        made = audio.read(done.folder / f"draft ({name}).wav")
        found = measure(made.samples, made.rate_hz)
        assert found["integrated_lufs"] == pytest.approx(wanted_lufs, abs=0.1)
        assert found["true_peak_dbtp"] <= -1.0
    assert (done.folder / "labels" / "bars.txt").read_text(encoding="utf-8")


def test_pictures_get_times_that_are_those_of_the_file_and_stems_as_long(draft: Path, tmp_path: Path) -> None:
    done = polish.run("visuals", draft, out=tmp_path)
    length_s = soundfile.info(draft).duration
    sounds = [done.folder / "draft.wav", *(done.folder / "stems").glob("*.wav")]
    assert len(sounds) == 5
    assert {soundfile.info(path).duration for path in sounds} == {length_s}
    rows = list(csv.DictReader((done.folder / "labels" / "labels.csv").open(encoding="utf-8")))
    assert {"beats", "bars", "sections"} <= {row["kind"] for row in rows}
    assert all(0 <= float(row["start_s"]) <= float(row["end_s"]) <= length_s for row in rows)
    told = json.loads((done.folder / "labels" / "labels.json").read_text(encoding="utf-8"))
    assert [row["label"] for row in told] == [row["label"] for row in rows]
